"""What an error means for the owner of a site."""

from __future__ import annotations

from collections.abc import Mapping

from ...errors import (
    ApprovalRequired,
    AuthenticationError,
    Blocked,
    ChatError,
    ChatTimeout,
    ConnectError,
    IncompleteReply,
    LimitReached,
    NonceRejected,
    PromptTooLong,
    ProtocolError,
    QueryRejected,
    RateLimited,
    ReplyError,
    RouteNotFound,
    StatusError,
    TransportError,
)
from ...settings import USER_AGENT
from .findings import Finding

ROUTES = "/wp-json/mwai/ and /wp-json/mwai-ui/"
"""The paths of the plugin, as owners write them into their settings."""

_AGENT = USER_AGENT.partition("/")[0]
_LET_IN = f"Let requests to {ROUTES} through, or those whose User-Agent begins with {_AGENT}/."
_HEADER = (
    "If it is right, the server removes the Authorization header: save Settings > Permalinks once, "
    "which renews .htaccess, or with Apache set CGIPassAuth On."
)
_TOKEN = (
    "The token must be the one in the plugin's settings, and the public API must be switched on "
    f"there. {_HEADER}"
)

# The first match counts, so each class comes before its base class.
_EXPLANATIONS: tuple[tuple[type[ChatError], str, str], ...] = (
    (
        AuthenticationError,
        "The credentials are refused",
        "A user needs an application password, not the one of the login page: Users > Profile > "
        f"Application Passwords. {_HEADER} Security plugins can switch application passwords off.",
    ),
    (
        NonceRejected,
        "The nonce is refused",
        f"Exclude {ROUTES} and the pages that show the chatbot from every cache, and empty the "
        "caches. A nonce is valid for 12 to 24 hours.",
    ),
    (
        RouteNotFound,
        "AI Engine is not there",
        "Check the address. In WordPress, activate AI Engine and switch its chatbots on. Save "
        "Settings > Permalinks once. Security plugins can hide the REST API.",
    ),
    (
        RateLimited,
        "Too many requests",
        f"Wait, or raise the limit of what is in front of the site for {ROUTES}.",
    ),
    (Blocked, "The client is blocked", _LET_IN),
    (
        ConnectError,
        "No connection",
        "Check the name, the port, the certificate and the firewall. If other machines can "
        "connect, check the proxy of this one.",
    ),
    (
        ChatTimeout,
        "No answer in time",
        "See whether PHP has a free worker and whether the model's provider answers: the plugin's "
        "log has the queries.",
    ),
    (
        TransportError,
        "The connection broke",
        "Look into the error logs of the server and of the proxies in front of it.",
    ),
    (
        ProtocolError,
        "This is not an answer of AI Engine",
        "Look for a plugin that changes the answers of the REST API, and switch plugins off one "
        "by one.",
    ),
    (
        PromptTooLong,
        "The prompt is too long",
        "Raise the chatbot's Input Max Length, or ask a shorter question.",
    ),
    (
        QueryRejected,
        "The prompt is rejected",
        "Check the id of the chatbot, and the banned words and the moderation in the plugin's "
        "settings.",
    ),
    (LimitReached, "The usage limit is reached", "Raise it in the plugin's settings."),
    (
        ApprovalRequired,
        "The chatbot waits for an approval",
        "Guests cannot approve a tool: remove it from the chatbot, or let it run without asking.",
    ),
    (
        ReplyError,
        "The reply failed",
        "Look into the plugin's log. Most often the model's provider has refused: check the API "
        "key, the credit and the name of the model.",
    ),
    (
        IncompleteReply,
        "The reply broke off",
        "PHP or a proxy has stopped it: raise max_execution_time of PHP and the proxies' timeouts "
        "(nginx: proxy_read_timeout or fastcgi_read_timeout), and look into PHP's error log.",
    ),
)

# What to do about the bot wall that has set a header.
_WALLS: tuple[tuple[str, str, str], ...] = (
    (
        "cf-mitigated",
        "",
        "Cloudflare: under Security, a custom rule that skips the challenges. Bot Fight Mode "
        "cannot be skipped: switch it off.",
    ),
    ("sg-captcha", "", "SiteGround: ask its support to exclude these paths from the captcha."),
    (
        "server",
        "cloudflare",
        "If Cloudflare has blocked it, Security > Events names the rule.",
    ),
)


def explain(error: ChatError, headers: Mapping[str, str], *, uses_token: bool = False) -> Finding:
    """Return the finding for an error.

    Args:
        error: The error.
        headers: Those of the last response, by lower-case names.
        uses_token: Whether the credentials are a token, rather than those of a user.
    """
    if type(error) is StatusError:
        title, advice = _explain_status(error.status)
    else:
        title, advice = next(
            (text, help_text) for kind, text, help_text in _EXPLANATIONS if isinstance(error, kind)
        )
    if isinstance(error, AuthenticationError):
        if not error.status:
            title, advice = "This version lets only guests chat", "Update the plugin."
        elif uses_token:
            advice = _TOKEN
    if isinstance(error, Blocked):
        if error.code is not None:
            title, advice = "WordPress is in maintenance", "Wait until its updates are done."
        else:
            advice = " ".join([advice, *_wall_advice(headers)])
    return Finding("problem", title, str(error), advice)


def _wall_advice(headers: Mapping[str, str]) -> list[str]:
    return [
        text for name, value, text in _WALLS if name in headers and value in headers[name].lower()
    ][:1]


def _explain_status(status: int) -> tuple[str, str]:
    if status in (405, 501):
        return "This does not look like WordPress", "Check the address."
    if 300 <= status < 400:
        return "The site redirects", "Use the address that it redirects to."
    if status in (401, 403):
        return (
            "The REST API is closed to guests",
            "A security plugin or a setting closes it. Allow the namespaces mwai/v1 and "
            "mwai-ui/v1 there.",
        )
    if status >= 500:
        return (
            "The site has an error of its own",
            "Look into PHP's error log, or wp-content/debug.log if WP_DEBUG_LOG is on.",
        )
    return "The site gave an unexpected answer", "Look into the logs of the server."
