"""Files that other programs write, for tests."""

import json
import struct

import numpy as np

_NAMES = {"float16": "F16", "float32": "F32", "float64": "F64", "void16": "BF16"}


def write_safetensors(path, tensors):
    """By https://huggingface.co/docs/safetensors, without the package."""
    header, data = {"__metadata__": {"made": "by hand"}}, b""
    for name, array in tensors.items():
        raw = np.ascontiguousarray(array).tobytes()
        header[name] = {
            "dtype": _NAMES.get(array.dtype.name, "I64"),
            "shape": list(array.shape),
            "data_offsets": [len(data), len(data) + len(raw)],
        }
        data += raw
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)
    return path


def write_llama(path, logits, tokens):
    """A base of llama.cpp, row by row as its perplexity tool quantises logits.

    ``logits`` are of shape (chunks, rows, vocabulary), ``tokens`` of (chunks, context).
    """
    chunks, context = tokens.shape
    assert logits.shape[:2] == (chunks, context - 1 - context // 2)
    vocabulary = logits.shape[-1]
    out = b"_logits_" + struct.pack("<3i", context, vocabulary, chunks)
    out += tokens.astype("<i4").tobytes()
    for row in logits.reshape(-1, vocabulary).astype(np.float32):
        largest = row.max()
        least = max(row.min(), largest - np.float32(16))
        total = np.float32(np.log(np.exp(row - largest).sum(dtype=np.float64)))
        scale = np.float32((largest - least) / np.float32(65535))
        levels = np.where(row > least, np.rint((row - least) / scale), 0).astype("<u2")
        out += struct.pack("<2f", scale, least - largest - total) + levels.tobytes()
        out += b"\0\0" * (vocabulary % 2)
    path.write_bytes(out)
    return path
