"""Ask many questions on a Dask cluster, here of two processes on this machine.

All of them together send at most four prompts at a time. ::

    pip install "chatgpt4online[dask]"
    python examples/dask_bag.py
"""

import os

import dask.bag
from distributed import Client

from chatgpt4online.dask import ask_partition


def main() -> None:
    site = os.environ["CHATGPT4ONLINE_SITE"]
    questions = [f"What is {number} times {number}?" for number in range(1, 9)]
    with Client(n_workers=2, threads_per_worker=1, dashboard_address=None):
        bag = dask.bag.from_sequence(questions, partition_size=2)
        for answer in bag.map_partitions(ask_partition, site=site, limit=4).compute():
            print(answer["prompt"], "->", answer["reply"])


if __name__ == "__main__":
    main()
