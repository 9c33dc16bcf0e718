"""``python -m fuzz``: fuzz each target for a while, in a process of its own."""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from .corpus import CASES, ROOT, dictionary, seeds
from .targets import TARGETS

# libFuzzer never returns from its loop, so each target runs in a child process.
CHILD = """
import sys, atheris
with atheris.instrument_imports(include=["chatgpt4online"]):
    from fuzz.targets import TARGETS
atheris.Setup([sys.argv[0], *sys.argv[2:]], TARGETS[sys.argv[1]])
atheris.Fuzz()
"""


def main() -> int:
    """Fuzz the protocol core with atheris. Exits with 1 if a target failed."""
    parser = argparse.ArgumentParser(prog="python -m fuzz", description=main.__doc__)
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=", ".join(TARGETS))
    parser.add_argument(
        "--seconds", type=int, default=60, help="time for each target (default: 60)"
    )
    parser.add_argument("--corpus", type=Path, help="folder that keeps the corpus between runs")
    options = parser.parse_args()
    unknown = set(options.targets) - set(TARGETS)
    if unknown:
        parser.error(f"no such target: {', '.join(sorted(unknown))}")
    found = 0
    with tempfile.TemporaryDirectory() as scratch:
        corpus = options.corpus or Path(scratch)
        (Path(scratch) / "tokens").write_text(dictionary())
        for target in options.targets or TARGETS:
            found += fuzz(target, options.seconds, corpus / target, Path(scratch) / "tokens")
    return 1 if found else 0


def fuzz(target: str, seconds: int, corpus: Path, tokens: Path) -> int:
    """Fuzz one target and print a summary; return 1 if it failed, else 0."""
    corpus.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(seeds(target)):
        (corpus / f"seed{number}").write_bytes(seed)
    cases = CASES / target
    cases.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(
        [
            sys.executable, "-c", CHILD, target, str(corpus), f"-max_total_time={seconds}",
            f"-dict={tokens}", f"-artifact_prefix={cases}/", "-timeout=10", "-rss_limit_mb=2048",
            "-print_final_stats=1", "-max_len=65536",
        ],
        cwd=ROOT, capture_output=True, encoding="utf-8", errors="replace", check=False,
    )  # fmt: skip
    output = done.stdout + done.stderr
    runs = re.search(r"number_of_executed_units: (\d+)", output)
    covered = re.findall(r"cov: (\d+)", output)
    print(
        f"{target:10} {runs[1] if runs else '?':>9} executions, "
        f"{covered[-1] if covered else '?':>5} edges, {'FAILED' if done.returncode else 'ok'}",
        flush=True,
    )
    if done.returncode:
        print(output[-4000:])
    elif not any(cases.iterdir()):
        cases.rmdir()
    return 1 if done.returncode else 0


if __name__ == "__main__":
    sys.exit(main())
