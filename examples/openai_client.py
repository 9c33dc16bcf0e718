"""The openai package with a chatbot of AI Engine, through ``chatgpt4online serve``.

``serve`` prints the address that this needs. Without ``--site`` it has a bot of its own. ::

    pip install "chatgpt4online[serve]"
    chatgpt4online serve --site https://example.com
    OPENAI_BASE_URL=http://127.0.0.1:8000/v1 OPENAI_API_KEY=none \\
        python examples/openai_client.py "Hello there"
"""

import sys

from openai import OpenAI


def main(prompt: str) -> None:
    with OpenAI() as client:
        chunks = client.chat.completions.create(
            model="default", messages=[{"role": "user", "content": prompt}], stream=True
        )
        for chunk in chunks:
            print(chunk.choices[0].delta.content or "", end="", flush=True)
        print()


if __name__ == "__main__":
    main(" ".join(sys.argv[1:]))
