"""Files that llama.cpp writes for `--kl-divergence-base`.

By its tools/perplexity/perplexity.cpp: after the magic word the context's length, the
vocabulary and the number of chunks; then all tokens. A chunk has rows of its second half, but
for the last token, which nothing follows.
"""

import struct
from pathlib import Path
from typing import IO, Any

import numpy as np

from relentropy.cli.inputs.damage import DamagedError, check_size, exactly
from relentropy.cli.inputs.readers import Quantised, Reader

MAGIC = b"_logits_"


def llama(path: Path, file: IO[bytes]) -> Reader:
    """The log-probabilities."""
    return _read(path, file)[1]


def llama_tokens(path: Path, file: IO[bytes]) -> np.ndarray[Any, Any]:
    """The tokens that the rows predict."""
    return _read(path, file)[0]


def _read(path: Path, file: IO[bytes]) -> tuple[np.ndarray[Any, Any], Reader]:
    exactly(file, len(MAGIC))
    context, vocabulary, chunks = struct.unpack("<3i", exactly(file, 12))
    if min(context, vocabulary, chunks) < 1:
        raise DamagedError("its header makes no sense; write it again with llama-perplexity")
    first, offset = context // 2, 20 + 4 * chunks * context
    reader = Quantised(path, offset, (chunks, context - 1 - first, vocabulary))
    check_size(path.stat().st_size, offset + reader.nbytes)  # before room is made for it
    reader.text = exactly(file, 4 * chunks * context)
    tokens = np.frombuffer(reader.text, "<i4")
    return tokens.reshape(chunks, context)[:, first + 1 :], reader
