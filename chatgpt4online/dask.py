"""Asking on a Dask cluster, with a limit for each site that all workers keep to.

It needs the extra ``dask``.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Mapping
from typing import Any

from .batches import BatchResult, Row, run
from .config import PASSWORD_VARIABLE, SITE_VARIABLE, TOKEN_VARIABLE
from .errors import UsageError
from .onecall import split_options
from .protocol.address import origin

ANSWER_COLUMNS = {"outcome": "object", "reply": "object", "error": "object"}
"""The columns that `ask_partition` adds to a dataframe, for Dask's ``meta``."""


def ask_partition(
    rows: Any,
    site: str | None = None,
    *,
    limit: int = 2,
    user: str | None = None,
    token: bool = False,
    **options: Any,
) -> Any:
    """Ask the prompts of one partition. It is for `map_partitions` of a bag or a dataframe.

    It runs on a worker of ``distributed``. A row of a bag is one that `batch` accepts. It becomes a
    dict: the row, and what `BatchResult.as_dict` returns. A dataframe needs a column ``prompt`` and
    gets three more, `ANSWER_COLUMNS`: pass ``meta={**frame.dtypes, **ANSWER_COLUMNS}`` to Dask.

    Passwords and tokens stay out of the graph: they come from the workers' environment.

    Args:
        rows: The partition.
        site: The URL of the site. Default: the environment variable CHATGPT4ONLINE_SITE of the
            workers.
        limit: The most calls to the site at the same time, of all workers together.
        user: Chat as this WordPress user; its application password is in CHATGPT4ONLINE_PASSWORD.
        token: Whether to use the public API; the token is in CHATGPT4ONLINE_TOKEN.
        options: Other arguments of `Client`, and parameters of the chatbot.

    Raises:
        UsageError: An argument is invalid, or this is not a worker.
    """
    site = site or os.environ.get(SITE_VARIABLE)
    if not site:
        raise UsageError(f"No site is given: pass site, or set {SITE_VARIABLE} on the workers.")
    if "auth" in options:
        raise UsageError(f"Pass user, and set {PASSWORD_VARIABLE} on the workers.")
    arguments, options = split_options(options)
    if user is not None:
        arguments["auth"] = (user, _secret(PASSWORD_VARIABLE))
    if token:
        arguments["token"] = _secret(TOKEN_VARIABLE)
    from .sync.client import Client

    is_frame = hasattr(rows, "columns")
    prompts: Iterable[Row] = rows["prompt"] if is_frame else rows
    with Client(site, **arguments) as client:
        slots = _semaphore(f"chatgpt4online {origin(site)}", limit)
        results = run(
            client, prompts, concurrency=limit, per_minute=None, ordered=True, slot=lambda: slots,
            **options,
        )  # fmt: skip
        with contextlib.closing(results):
            return _as_frame(rows, results) if is_frame else [_as_dict(item) for item in results]


def _semaphore(name: str, limit: int) -> Any:
    from distributed import Semaphore, get_worker

    try:
        get_worker()
    except ValueError:
        raise UsageError(
            "ask_partition runs on the workers of a distributed.Client. For a dataframe, pass meta "
            "to map_partitions, so that Dask does not call it to find out."
        ) from None
    semaphore = Semaphore(max_leases=limit, name=name)
    semaphore.register()
    return semaphore


def _secret(variable: str) -> str:
    secret = os.environ.get(variable)
    if not secret:
        raise UsageError(f"Set the environment variable {variable} on the workers.")
    return secret


def _as_dict(result: BatchResult) -> dict[str, Any]:
    row = dict(result.row) if isinstance(result.row, Mapping) else {"prompt": result.row}
    return {**row, **result.as_dict()}


def _as_frame(frame: Any, results: Iterable[BatchResult]) -> Any:
    import pandas

    answers = [
        (item.outcome, item.reply and item.reply.text, _in_words(item.error)) for item in results
    ]
    columns = pandas.DataFrame(answers, frame.index, list(ANSWER_COLUMNS), dtype="object")
    return frame.assign(**{name: columns[name] for name in ANSWER_COLUMNS})


def _in_words(error: Exception | None) -> str | None:
    return None if error is None else f"{type(error).__name__}: {error}"
