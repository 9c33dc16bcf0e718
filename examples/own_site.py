"""A site on your own machine whose chatbot is a function, for the other examples.

It prints its address and runs until you press Enter. Its home page is a chat page. ::

    python examples/own_site.py
"""

from collections.abc import Iterator, Sequence

from chatgpt4online import Message
from chatgpt4online.server import LocalSite


def bot(messages: Sequence[Message]) -> Iterator[str]:
    yield "You shouted: "
    yield messages[-1].content.upper()


def main() -> None:
    with LocalSite(bot=bot) as site:
        print(f"export CHATGPT4ONLINE_SITE={site.url}", flush=True)
        input()


if __name__ == "__main__":
    main()
