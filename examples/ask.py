"""Ask one question, and tell why there is no reply if there is none.

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
