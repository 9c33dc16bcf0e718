"""The plugin in a test run of its own: what it reports, and that it stays out of the way."""

from __future__ import annotations

import configparser
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import chatgpt4online.testing.site  # noqa: F401 - pytester forgets what is first imported there

from . import INI

PLUGIN = "chatgpt4online.testing.plugin"
SETUP = Path(__file__).parents[2] / "setup.cfg"
START = "import pytest\nfrom chatgpt4online import ChatError, Client\n"
ASK = """
def ask(site):
    with Client(site.url) as client:
        return client.generate("Hi").text

def try_to_ask(site):
    try:
        ask(site)
    except ChatError:
        pass
"""


def run(pytester: pytest.Pytester, code: str, *options: str) -> pytest.RunResult:
    """Run a test file with the plugin."""
    pytester.makeini(INI)
    pytester.makepyfile(START + ASK + textwrap.dedent(code))
    return pytester.runpytest("-p", PLUGIN, *options)


def test_replies_that_nothing_asks_for(pytester: pytest.Pytester) -> None:
    result = run(
        pytester,
        """
        def test_it(ai_engine_site):
            ai_engine_site.reply("One")
            ai_engine_site.reply("Two", "!")
            ai_engine_site.fail("cut", after="T")
            ai_engine_site.reply(raw=b"x" * 1000)
            ask(ai_engine_site)
        """,
    )
    result.assert_outcomes(failed=1)
    text = result.stdout.str()
    assert (
        "The site received 1 prompt, and nothing asked for reply('Two', '!'), "
        "fail('cut', after='T'), reply(raw=b'xxx"
    ) in text
    assert "x" * 100 not in text
    assert "Traceback" not in text
    assert "hidden" not in text


def test_a_test_that_fails_or_ends_early_is_not_blamed_for_replies(
    pytester: pytest.Pytester,
) -> None:
    result = run(
        pytester,
        """
        def test_failed(ai_engine_site):
            ai_engine_site.reply("One")
            assert ask(ai_engine_site) == "Another"

        def test_failed_before(ai_engine_site):
            ai_engine_site.reply("One")
            pytest.fail("My own reason.")

        def test_skipped(ai_engine_site):
            ai_engine_site.reply("One")
            pytest.skip("Not today.")

        @pytest.mark.xfail(raises=ZeroDivisionError)
        def test_expected_to_fail(ai_engine_site):
            ai_engine_site.reply("One")
            1 / 0
        """,
    )
    result.assert_outcomes(failed=2, skipped=1, xfailed=1)
    text = result.stdout.str()
    assert "My own reason." in text
    assert "nothing asked for" not in text


@pytest.mark.parametrize("define", ["def", "async def"])
@pytest.mark.parametrize("call", ["ask", "try_to_ask"])
def test_a_bot_that_raises(call: str, define: str, pytester: pytest.Pytester) -> None:
    result = run(
        pytester,
        f"""
        {define} bot(messages):
            yield "One"
            assert messages[-1].content == "Hello"

        def test_it(make_ai_engine_site):
            {call}(make_ai_engine_site(bot=bot))
        """,
    )
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([
        '>*assert messages?-1?.content == "Hello"',
        "E*AssertionError: assert 'Hi' == 'Hello'",
        "E*The bot of the scripted site raised this.",
        "FAILED *::test_it - AssertionError: assert 'Hi' ==*",
    ])  # fmt: skip
    text = result.stdout.str()
    assert ("IncompleteReply" in text) == (call == "ask")
    for name in ("aiohttp", "concurrent", "server/"):
        assert name not in text  # neither frames of the server nor its log


@pytest.mark.parametrize("define", ["def", "async def"])
def test_a_bot_that_fails_the_test(define: str, pytester: pytest.Pytester) -> None:
    result = run(
        pytester,
        f"""
        {define} bot(messages):
            yield "One"
            pytest.fail("My own reason.")

        def test_it(make_ai_engine_site):
            try_to_ask(make_ai_engine_site(bot=bot))
        """,
    )
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(['>*pytest.fail("My own reason.")', "E*Failed: My own reason."])


@pytest.mark.parametrize(
    ("bot", "message"),
    [
        ("'Hello'", "A bot is a function that takes the messages and yields text, not a str."),
        ("pause", "A bot returns or yields text; this one returned None."),
        ("lambda messages: respond(messages)", "this one returned a coroutine."),
        ("lambda messages: generate(messages)", "this one returned an async generator."),
        ("lambda messages: None", "A bot returns or yields text; this one returned None."),
        ("lambda messages: ['a', 5]", "A bot yields text; this one yielded an int."),
        ("lambda: 'Hello'", "<lambda>() takes 0 positional arguments but 1 was given"),
    ],
)
def test_a_bot_that_is_none(bot: str, message: str, pytester: pytest.Pytester) -> None:
    result = run(
        pytester,
        f"""
        async def respond(messages):
            return "Hello"

        async def generate(messages):
            yield "Hello"

        async def pause(messages):
            pass

        def test_it(make_ai_engine_site):
            try_to_ask(make_ai_engine_site(bot={bot}))
        """,
    )
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([f"E  *{message}*"])


def test_an_argument_that_is_none(pytester: pytest.Pytester) -> None:
    result = run(
        pytester,
        """
        def test_it(make_ai_engine_site):
            make_ai_engine_site(bots="shop", password="secret")
        """,
    )
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["E *TypeError: *unexpected keyword argument*"])


def test_other_runners_of_tests(pytester: pytest.Pytester) -> None:
    result = run(
        pytester,
        """
        import unittest

        @pytest.fixture
        def anyio_backend():
            return "asyncio"

        @pytest.mark.anyio
        async def test_async(ai_engine_site):
            ai_engine_site.reply("One")

        @pytest.mark.usefixtures("site_of_class")
        class TestClass(unittest.TestCase):
            @pytest.fixture
            def site_of_class(self, ai_engine_site):
                self.site = ai_engine_site

            def test_method(self):
                self.site.reply("Two")
        """,
    )
    result.assert_outcomes(failed=2)
    result.stdout.fnmatch_lines(["*nothing asked for reply('One').", "*for reply('Two')."])


def test_the_fixtures_have_help(pytester: pytest.Pytester) -> None:
    result = run(pytester, "", "--fixtures")
    result.stdout.fnmatch_lines(["*ai_engine_site*plugin.py*", "    A scripted site*"])


def entry_point() -> str:
    """Return the entry point of the plugin as setup.cfg declares it."""
    settings = configparser.ConfigParser()
    settings.read(SETUP, encoding="utf-8")
    lines = settings["options.entry_points"]["pytest11"].split("\n")
    return "\n".join(line for line in lines if line and not line.startswith("#"))


def install(pytester: pytest.Pytester) -> None:
    """Make a distribution that has the entry point."""
    folder = pytester.mkdir("plugin_of_ours-1.0.dist-info")
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: plugin-of-ours\nVersion: 1.0\n")
    (folder / "entry_points.txt").write_text(f"[pytest11]\n{entry_point()}\n")


TWICE = f"pytest_plugins = ['{PLUGIN}']\n"


@pytest.mark.parametrize("conftest", ["", TWICE], ids=["installed", "installed and named"])
def test_pytest_loads_the_plugin_by_itself(conftest: str, pytester: pytest.Pytester) -> None:
    install(pytester)
    pytester.syspathinsert()
    pytester.makeini(INI)
    pytester.makeconftest(conftest)
    pytester.makepyfile("def test_it(ai_engine_site):\n    assert ai_engine_site.url\n")
    pytester.runpytest().assert_outcomes(passed=1)
    disabled = pytester.runpytest("-p", f"no:{PLUGIN}")
    disabled.assert_outcomes(errors=1)
    disabled.stdout.fnmatch_lines(["E *fixture 'ai_engine_site' not found"])


def test_the_plugin_loads_nothing_before_it_is_used() -> None:
    code = f"import sys, pytest; before = set(sys.modules); import {PLUGIN};"
    code += "print(*sorted(set(sys.modules) - before))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.split() == ["chatgpt4online", "chatgpt4online.testing", PLUGIN]


def test_a_test_that_runs_again_begins_anew(pytester: pytest.Pytester) -> None:
    pytester.makeconftest(
        """
        from _pytest.runner import runtestprotocol

        def pytest_runtest_protocol(item, nextitem):
            for _ in range(2):
                reports = runtestprotocol(item, nextitem=nextitem, log=False)
            for report in reports:
                item.ihook.pytest_runtest_logreport(report=report)
            return True
        """
    )
    result = run(
        pytester,
        """
        runs = []

        def test_it(ai_engine_site):
            runs.append(1)
            ai_engine_site.reply("One")
            assert len(runs) == 2
            ask(ai_engine_site)
        """,
    )
    result.assert_outcomes(passed=1)
