"""Every step that an exchange with a site can take, in one table.

An exchange starts at a step, what the site answers is an outcome, and the table says what comes
next. A pair that is not in the table ends the exchange with an error.
"""

from __future__ import annotations

from enum import Enum


class Step(Enum):
    """What is asked of the site."""

    SESSION = "ask start_session; the page is unread"
    PAGE = "read the page to find the REST root or a nonce"
    NONCE_PAGE = "start_session does not exist: read the page for a nonce"
    LAST_SESSION = "ask start_session; the page is read and has no nonce"
    OPEN = "the session is open"
    CALL = "send the call itself"
    SECOND_CALL = "send it again, with the nonce of a new session"
    RENEW = "open a new session in place of the refused one"
    ANSWER = "read the answer to the call"


class Outcome(Enum):
    """What an answer says."""

    OPENED = "here is a nonce"
    NO_ROUTE = "the REST API answers, but has no such route"
    ANNOUNCED = "no REST API here, but it is announced elsewhere"
    FOREIGN = "no REST API here, and no word of where it is"
    MOVED = "a redirect that may be followed"
    ROOT = "a page without a nonce that tells where the REST root is"
    NOTHING = "a page that tells nothing"
    RENEWED = "the new session is open"
    ACCEPTED = "the call was accepted"
    REFUSED = "the nonce was refused, so the call was not carried out"


NEXT_STEP: dict[tuple[Step, Outcome], Step] = {
    (Step.SESSION, Outcome.OPENED): Step.OPEN,
    (Step.SESSION, Outcome.NO_ROUTE): Step.NONCE_PAGE,
    (Step.SESSION, Outcome.ANNOUNCED): Step.SESSION,
    (Step.SESSION, Outcome.FOREIGN): Step.PAGE,
    (Step.SESSION, Outcome.MOVED): Step.SESSION,
    (Step.PAGE, Outcome.OPENED): Step.OPEN,
    (Step.PAGE, Outcome.MOVED): Step.PAGE,
    (Step.PAGE, Outcome.ROOT): Step.LAST_SESSION,
    (Step.NONCE_PAGE, Outcome.OPENED): Step.OPEN,
    (Step.NONCE_PAGE, Outcome.MOVED): Step.NONCE_PAGE,
    (Step.NONCE_PAGE, Outcome.ROOT): Step.OPEN,
    (Step.NONCE_PAGE, Outcome.NOTHING): Step.OPEN,
    (Step.LAST_SESSION, Outcome.OPENED): Step.OPEN,
    (Step.LAST_SESSION, Outcome.MOVED): Step.LAST_SESSION,
    (Step.LAST_SESSION, Outcome.NO_ROUTE): Step.OPEN,
    (Step.CALL, Outcome.ACCEPTED): Step.ANSWER,
    (Step.CALL, Outcome.REFUSED): Step.RENEW,
    (Step.RENEW, Outcome.RENEWED): Step.SECOND_CALL,
    (Step.SECOND_CALL, Outcome.ACCEPTED): Step.ANSWER,
}
