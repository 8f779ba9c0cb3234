"""Triton's interpreter, which has to be asked for before anything imports Triton."""

import os

os.environ.setdefault("TRITON_INTERPRET", "1")
