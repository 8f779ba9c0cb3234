"""Files of tensors, by https://huggingface.co/docs/safetensors.

The package gives no part of a bfloat16 tensor to numpy, so that it is read from here.
"""

import json
import math
import struct
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np

from relentropy.cli.inputs.damage import (
    DamagedError,
    check_size,
    exactly,
    refuse,
    shortened,
    understood,
)
from relentropy.cli.inputs.members import chosen
from relentropy.cli.inputs.readers import READABLE, Plain, Reader

_STORED_AS = {"F16": "<f2", "BF16": "<u2", "F32": "<f4", "F64": "<f8"}
# The limit of the safetensors library itself.
_LONGEST_HEADER = 100_000_000


class _Tensor(NamedTuple):
    dtype: str
    shape: tuple[int, ...]
    begin: int
    end: int


def safetensors(path: Path, member: str | None, file: IO[bytes], argument: str) -> Reader:
    """The tensor of that name."""
    # The header's length in 8 bytes, then its JSON.
    size = path.stat().st_size
    (length,) = struct.unpack("<Q", exactly(file, 8))
    if length > _LONGEST_HEADER:
        raise DamagedError("its header has no sensible length; is it a .safetensors file?")
    tensors = _tensors(exactly(file, length))
    member = chosen(path, member, list(tensors), "tensor", argument)
    check_size(size, 8 + length + _end(tensors))
    tensor = tensors[member]
    if tensor.dtype not in _STORED_AS:
        why = f"has dtype {shortened(tensor.dtype)}; expected {READABLE}"
        raise refuse(argument, f"{path}:{member}", why)
    storage = np.dtype(_STORED_AS[tensor.dtype])
    if tensor.end - tensor.begin != math.prod(tensor.shape) * storage.itemsize:
        why = f"its header gives '{shortened(member)}' another size than its shape has"
        raise DamagedError(f"{why}; write it again")
    dtype = "bfloat16" if tensor.dtype == "BF16" else storage.name
    return Plain(path, 8 + length + tensor.begin, tensor.shape, storage, dtype)


def _tensors(stored: bytes) -> dict[str, _Tensor]:
    with understood("its header is no JSON; is it a .safetensors file?"):
        header = json.loads(stored.decode("utf-8"), object_pairs_hook=_without_twins)
    if not isinstance(header, dict):
        raise DamagedError("its header is no JSON object; is it a .safetensors file?")
    return {name: _tensor(name, said) for name, said in header.items() if name != _NO_TENSOR}


def _without_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise DamagedError("its header says something twice; write it again")
    return found


def _tensor(name: str, said: object) -> _Tensor:
    match said:
        case {"dtype": str(dtype), "shape": [*shape], "data_offsets": [begin, end]} if all(
            type(one) is int and one >= 0 for one in (*shape, begin, end)
        ):
            return _Tensor(dtype, tuple(shape), begin, end)
    why = f"its header does not say dtype, shape and data_offsets of '{shortened(name)}'"
    raise DamagedError(f"{why}; write it again")


def _end(tensors: dict[str, _Tensor]) -> int:
    """Where the last tensor ends, if each begins where another ends, as it must be."""
    end = 0
    for _, tensor in sorted(tensors.items(), key=lambda item: (item[1].begin, item[1].end)):
        if tensor.begin != end or tensor.end < end:
            raise DamagedError("its tensors overlap, or leave gaps; write it again")
        end = tensor.end
    return end


_NO_TENSOR = "__metadata__"
