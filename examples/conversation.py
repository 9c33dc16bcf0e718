"""A conversation that is kept in a file and goes on each time you run this.

::

    python examples/conversation.py "My name is Ann."
    python examples/conversation.py "What is my name?"
"""

import sys
from pathlib import Path

from chatgpt4online import Client

SAVED = Path("conversation.json")


def main(prompt: str) -> None:
    with Client() as client:
        if SAVED.exists():
            chat = client.load_conversation(SAVED.read_text(encoding="utf-8"))
        else:
            chat = client.conversation()
        print(chat.generate(prompt))
        SAVED.write_text(chat.to_json(), encoding="utf-8")
        print(f"({len(chat.messages)} messages in {SAVED})")


if __name__ == "__main__":
    main(" ".join(sys.argv[1:]))
