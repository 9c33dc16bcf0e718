"""Ask the questions of a text file, one on each line, and write a line of JSON for each.

Four are asked at a time. One that fails does not end the others. ::

    python examples/batch.py questions.txt > answers.jsonl
"""

import json
import sys

from chatgpt4online import Client, batch


def main(path: str) -> None:
    with open(path, encoding="utf-8") as lines, Client() as client:
        questions = (line.strip() for line in lines)
        for result in batch(client, questions, concurrency=4, ordered=True):
            print(json.dumps({"question": result.row, **result.as_dict()}, ensure_ascii=False))


if __name__ == "__main__":
    main(sys.argv[1])
