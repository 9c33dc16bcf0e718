"""``python -m chatgpt4online``: the same as the command ``chatgpt4online``."""

import sys

from .cli import main

sys.exit(main())
