"""The files of a batch, for its tests."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from chatgpt4online.cli import main
from chatgpt4online.server import LocalSite


class Batch:
    """The files of a batch, and the command on them."""

    def __init__(self, folder: Path) -> None:
        self.input = folder / "prompts.txt"
        self.output = folder / "replies.jsonl"
        self.side = folder / "replies.jsonl.started"

    def arguments(self, url: str, *options: str) -> list[str]:
        return ["batch", str(self.input), "-o", str(self.output), "--site", url, *options]

    def run(self, url: str, *options: str) -> int:
        return main(self.arguments(url, *options))

    def rows(self) -> list[dict[str, Any]]:
        lines = self.output.read_text(encoding="utf-8").splitlines()
        return [json.loads(line) for line in lines]

    def outcomes(self) -> dict[int, str]:
        rows = self.rows()
        assert len({row["row"] for row in rows}) == len(rows)
        return {row["row"]: row["outcome"] for row in sorted(rows, key=lambda row: row["row"])}


def prompts_of(site: LocalSite) -> list[str]:
    return sorted(item["newMessage"] for item in site.app.submissions)
