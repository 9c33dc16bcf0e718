"""The pytest plugin: fixtures for a scripted site. It loads the site's libraries when used."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from .site import ScriptedSite

_SITES = pytest.StashKey["list[ScriptedSite]"]()


@pytest.fixture
def make_ai_engine_site(request: pytest.FixtureRequest) -> Iterator[Callable[..., ScriptedSite]]:
    """Return a function that starts a scripted site and takes the options of `ScriptedSite`."""
    from contextlib import ExitStack

    from .site import ScriptedSite

    sites = request.node.stash[_SITES] = []  # anew each time, for plugins that run a test again
    with ExitStack() as stack:

        def make(**options: Any) -> ScriptedSite:
            site = stack.enter_context(ScriptedSite(**options))
            sites.append(site)
            return site

        yield make


@pytest.fixture
def ai_engine_site(make_ai_engine_site: Callable[..., ScriptedSite]) -> ScriptedSite:
    """A scripted site, on which the test fails if its bot does or if replies are left."""
    return make_ai_engine_site()


def _is_of_a_bot(error: pytest.ExceptionInfo[BaseException]) -> bool:
    """Return whether a report shows the bot's own code, and none of the plugin's."""
    return not isinstance(error.value, pytest.fail.Exception)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Fail the test if a bot has failed, or if it passes and scripted replies are left."""
    __tracebackhide__ = _is_of_a_bot
    try:
        result = yield
    except (Exception, pytest.fail.Exception):
        for site in item.stash.get(_SITES, ()):
            site.check_bot()  # rather than what comes of it
        raise
    for site in item.stash.get(_SITES, ()):
        site.check_bot()
        if site.unused:
            pytest.fail(site.unused, pytrace=False)
    return result
