"""Files of `numpy.save`."""

import math
import struct
from io import BytesIO
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
from relentropy.cli.inputs.readers import READABLE, Fortran, Plain, Reader

MAGIC = b"\x93NUMPY"
# Lengths of headers in bytes; the third version is of arrays with named fields.
_LENGTHS = {(1, 0): "<H", (2, 0): "<I"}
_LONGEST_HEADER = 1 << 16


class Header(NamedTuple):
    """What stands before the array."""

    shape: tuple[int, ...]
    fortran: bool
    storage: np.dtype[Any]

    @property
    def nbytes(self) -> int:
        """Bytes of the array."""
        return math.prod(self.shape) * self.storage.itemsize


def npy(path: Path, file: IO[bytes], argument: str) -> Reader:
    """The array of a file."""
    header = npy_header(file)
    dtype = dtype_of(header, path, argument)
    offset = file.tell()
    check_size(path.stat().st_size, offset + header.nbytes)
    kind = Fortran if header.fortran else Plain
    return kind(path, offset, header.shape, stored_as(header), dtype)


def npy_header(file: IO[bytes]) -> Header:
    """Read the header; the array follows.

    Raises
    ------
    DamagedError, EOFError
        If there is none.
    """
    start = exactly(file, 8)
    if not start.startswith(MAGIC):
        raise DamagedError("it does not begin as arrays of numpy.save do")
    major, minor = start[6:]
    form = _LENGTHS.get((major, minor))
    if form is None:
        why = f"its format version {major}.{minor} is unknown; save it with numpy.save"
        raise DamagedError(why)
    stored = exactly(file, struct.calcsize(form))
    (length,) = struct.unpack(form, stored)
    if length > _LONGEST_HEADER:
        raise DamagedError("its header has no sensible length; copy it again")
    stored += exactly(file, length)
    parse = getattr(np.lib.format, f"read_array_header_{major}_{minor}")
    with understood("its header makes no sense; copy it again, or save it with numpy.save"):
        shape, fortran, storage = parse(BytesIO(stored))
    if any(type(one) is not int or one < 0 for one in shape):
        why = f"its header says shape {shortened(str(shape))}"
        raise DamagedError(f"{why}; copy it again, or save it with numpy.save")
    return Header(shape, fortran and len(shape) > 1, storage)


def dtype_of(header: Header, name: object, argument: str) -> str:
    """Name the type of the numbers.

    Raises
    ------
    DamagedError, UnusableFileError
        If they are none that can be compared.
    """
    storage = header.storage
    if storage.hasobject:
        raise DamagedError(f"it holds Python objects; expected {READABLE}")
    # numpy has no bfloat16 and saves it as two bytes without a meaning.
    if storage == np.dtype("V2"):
        return "bfloat16"
    if storage.name not in {"float16", "float32", "float64"}:
        raise refuse(argument, name, f"has dtype {storage.name}; expected {READABLE}")
    return storage.name


def stored_as(header: Header) -> np.dtype[Any]:
    """The type under which the numbers are read."""
    return np.dtype("<u2") if header.storage.kind == "V" else header.storage
