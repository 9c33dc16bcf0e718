"""Ask one question, and say why if there is no reply.

::

    python examples/ask.py "What is AI Engine?"
"""

import sys

from chatgpt4online import ChatError, Client


def main(question: str) -> None:
    try:
        with Client(timeout=60) as client:
            print(client.generate(question))
    except ChatError as error:
        sys.exit(f"No reply: {error}")


if __name__ == "__main__":
    main(" ".join(sys.argv[1:]))
