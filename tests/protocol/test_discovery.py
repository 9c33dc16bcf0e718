"""What a site and its page tell of themselves."""

from __future__ import annotations

import pytest

from chatgpt4online.protocol.discovery import (
    PageReading,
    PluginQuestion,
    SiteInfo,
    plugin_is_known,
    site_info,
)
from chatgpt4online.protocol.limits import Limits
from chatgpt4online.protocol.nonce import Session
from chatgpt4online.protocol.site import Era, Site

from .scripted import Script, new_site, recorded
from .test_json_calls import LIMITS, ROOT, answer


def opened_site(era: Era = Era.NO_NONCE) -> Site:
    site = new_site()
    site.session, site.era = Session(), era
    return site


def test_a_page_is_read_for_what_it_tells() -> None:
    site, script = opened_site(), Script(recorded("3.6.2/chunked/page-chat"))
    assert not plugin_is_known(site)
    session = site.session
    script.run(PageReading(site, Limits()))
    assert script.asked == ["GET http://a.b/"]
    assert site.session is session
    assert plugin_is_known(site)
    info = site_info(site, has_plugin=True)
    assert info == SiteInfo(ROOT, Era.NO_NONCE, True, site.page.bots if site.page else ())
    assert len(info.bots) == 1
    assert plugin_is_known(opened_site(Era.START_SESSION))
    assert site_info(opened_site(), has_plugin=False).bots == ()


@pytest.mark.parametrize(
    ("root", "asked"),
    [
        (ROOT, f"GET {ROOT}?_fields=namespaces"),
        ("http://a.b/?rest_route=/", "GET http://a.b/?rest_route=/&_fields=namespaces"),
    ],
)
@pytest.mark.parametrize("has_plugin", [True, False])
def test_whether_there_is_a_plugin(root: str, asked: str, has_plugin: bool) -> None:
    site = opened_site()
    site.root = root
    question = PluginQuestion(site, LIMITS)
    spaces = ["wp/v2", *(["mwai-ui/v1"] if has_plugin else [])]
    script = Script(answer(namespaces=spaces))
    script.run(question)
    assert question.result() is has_plugin
    assert script.asked == [asked]
    assert question.next_request() is None
