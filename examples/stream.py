"""Show a reply while it arrives, and on stderr what else the site reports.

::

    python examples/stream.py "Tell me a story."
"""

import sys

from chatgpt4online import ActivityEvent, Client, TextEvent


def main(prompt: str) -> None:
    with Client() as client, client.stream(prompt) as stream:
        for event in stream.events():
            match event:
                case TextEvent(text):
                    print(text, end="", flush=True)
                case ActivityEvent(kind, text):
                    print(f"[{kind}] {text}", file=sys.stderr)
        print()


if __name__ == "__main__":
    main(" ".join(sys.argv[1:]))
