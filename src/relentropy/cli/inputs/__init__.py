"""Rows of numbers in files that may be larger than memory.

A file is one of four kinds, each with a module that finds where its array lies; `readers` read
blocks of rows there, and `Rows` is what the rest of the command sees: one array, of one file or
of many.
"""

from relentropy.cli.inputs.companions import mask_of, tokens_of
from relentropy.cli.inputs.rows import Rows
from relentropy.cli.inputs.shards import open_rows

__all__ = ["Rows", "mask_of", "open_rows", "tokens_of"]
