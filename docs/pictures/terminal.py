"""``python -m docs.pictures.terminal``: take the pictures of the command in a terminal."""

from __future__ import annotations

import re
import tempfile
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

from rich.console import Console
from rich.text import Text

from chatgpt4online import Message
from chatgpt4online.server import LocalSite
from tests.commands import TerminalProcess

FOLDER = Path(__file__).parent
CTRL_C = "\x03"
RIVERS = """Three **long rivers**:

| River | Length |
|---|---|
| Nile | 6,650 km |
| Amazon | 6,400 km |
| Yangtze | 6,300 km |

```python
longest = max(rivers, key=lambda river: river.length)
```
"""


def main() -> None:
    """Take all pictures."""
    go_on = threading.Event()

    def bot(messages: Sequence[Message]) -> Iterator[str]:
        prompt = messages[-1].content
        if "story" in prompt and not go_on.is_set():
            yield "Once upon a time there was "
            go_on.wait()
        yield from (
            RIVERS.splitlines(keepends=True)
            if "rivers" in prompt
            else [f"You sent {len(prompt.splitlines())} line(s)."]
        )

    with tempfile.TemporaryDirectory() as folder, LocalSite(bot=bot) as site:
        environment = {"CHATGPT4ONLINE_DATA": folder, "CHATGPT4ONLINE_SITE": site.url}
        with TerminalProcess("ask", "Name three rivers", environment=environment) as terminal:
            terminal.end()
            save(terminal, "ask", '$ chatgpt4online "Name three rivers"\n')
        with TerminalProcess("chat", environment=environment) as terminal:
            terminal.send("Tell me a story")
            terminal.expect("Once upon a time")
            terminal.type(CTRL_C)
            terminal.expect("Stopped.")
            go_on.set()
            terminal.send("/retry")
            terminal.expect("You sent 1 line")
            terminal.send("\x1b[200~first line\nsecond line\nthird line\x1b[201~")
            terminal.expect("You sent 3 line")
            terminal.expect_prompt()
            save(terminal, "chat", "$ chatgpt4online chat\n")


def save(terminal: TerminalProcess, name: str, command: str) -> None:
    """Write what a terminal shows as an SVG picture."""
    with open("/dev/null", "w") as nowhere:
        console = Console(record=True, width=80, file=nowhere, force_terminal=True)
        console.print(Text(command, end=""))
        console.print(terminal.picture())
        picture = console.export_svg(title="chatgpt4online")
    # Without fonts from elsewhere.
    picture = re.sub(r"@font-face \{.*?\}\s*", "", picture, flags=re.DOTALL)
    (FOLDER / f"{name}.svg").write_text(picture, encoding="utf-8")


if __name__ == "__main__":
    main()
