"""``python -m tests.dask_script URL``: what `ask_partition` does on a cluster, as JSON.

A process of its own, because a cluster leaves threads behind.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from typing import Any

import cloudpickle
import dask
import dask.bag
import dask.dataframe
import distributed
import pandas

from chatgpt4online.dask import ANSWER_COLUMNS, ask_partition

LIMIT = 3
PASSWORD = "abcd EFGH 1234"


def main(url: str) -> dict[str, Any]:
    dask.config.set({"distributed.scheduler.locks.lease-timeout": "1s"})
    dask.config.set({"distributed.scheduler.locks.lease-validation-interval": "100ms"})
    os.environ["CHATGPT4ONLINE_PASSWORD"] = PASSWORD
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=2, processes=True, dashboard_address=":0"
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        return {
            # First, because the killed worker is started anew while the others go on.
            "killed": ask_and_kill(client, url),
            "bag": ask_bag(url),
            "frame": ask_frame(url),
            "without meta": without_meta(url),
        }


def ask_bag(url: str) -> Any:
    rows = [f"Prompt {number}" for number in range(18)]
    bag = dask.bag.from_sequence([*rows, {"prompt": " ", "id": 7}], npartitions=6)
    asked = bag.map_partitions(ask_partition, url, limit=LIMIT, user="ann", instructions="Brief.")
    pickled = cloudpickle.dumps(dict(asked.dask))
    assert PASSWORD.encode() not in pickled
    assert b"ann" in pickled
    return asked.compute()


def ask_frame(url: str) -> Any:
    table = pandas.DataFrame({"prompt": ["One", None, "Three"], "n": [1, 2, 3]}, index=[5, 5, 6])
    frame = dask.dataframe.from_pandas(table, npartitions=2)
    meta = {**frame.dtypes, **ANSWER_COLUMNS}
    asked = frame.map_partitions(ask_partition, url, limit=LIMIT, meta=meta).compute()
    assert asked.index.tolist() == [5, 5, 6]
    return asked.to_dict("list")


def without_meta(url: str) -> str:
    frame = dask.dataframe.from_pandas(pandas.DataFrame({"prompt": ["Never"]}), npartitions=1)
    try:
        frame.map_partitions(ask_partition, url)
    except ValueError as error:
        return str(error)
    return ""


def ask_and_kill(client: distributed.Client, url: str) -> Any:
    """Kill one of the workers once the first partition has its replies."""
    worker = next(iter(client.run(os.getpid).values()))
    rows = [f"Row {number}" for number in range(40)]
    bag = dask.bag.from_sequence(rows, partition_size=2)
    asked = bag.map_partitions(ask_partition, url, limit=LIMIT)
    found = []
    parts = client.compute([*asked.to_delayed()])
    for count, (_, part) in enumerate(distributed.as_completed(parts, with_results=True)):
        found += [row["reply"] for row in part]
        if count == 0:
            os.kill(worker, signal.SIGKILL)
    return found


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1])))
