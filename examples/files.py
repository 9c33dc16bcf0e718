"""Upload a file, watch its progress, and ask two questions about it.

The chatbot has to accept files; that of ``own_site.py`` does. ::

    python examples/files.py README.rst
"""

import sys

from chatgpt4online import Client


def show(sent: int, total: int | None) -> None:
    print(f"{sent} of {total} bytes", file=sys.stderr)


def main(path: str) -> None:
    with Client() as client:
        stored = client.upload(path, progress=show)
        for question in ("What is this?", "Who is it for?"):
            print(client.generate(question, files=[stored]))


if __name__ == "__main__":
    main(sys.argv[1])
