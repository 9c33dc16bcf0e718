"""What every exchange has in common."""

from __future__ import annotations

from chatgpt4online.protocol.exchanges import Request
from chatgpt4online.protocol.limits import Limits
from chatgpt4online.protocol.opening import SessionOpening

from .scripted import OPENED, Script, new_site


def test_the_nonce_is_among_the_headers_of_one_request_alone() -> None:
    shared = {"Accept": "text/html"}
    request = Request("GET", "http://a.b/", shared, nonce="n1")
    assert request.headers == {"Accept": "text/html", "X-WP-Nonce": "n1"}
    assert Request("GET", "http://a.b/", shared).headers == {"Accept": "text/html"}
    assert shared == {"Accept": "text/html"}


def test_opening_a_session_takes_no_other_opening_and_leaves_its_result_to_the_site() -> None:
    site = new_site()
    opening = SessionOpening(site, Limits())
    assert not opening.needs_opening
    assert opening.opening() is None
    assert not opening.accepted
    Script(OPENED).run(opening)
    assert opening.finished
    assert opening.next_request() is None
    assert opening.result() is None
    assert site.session is not None
