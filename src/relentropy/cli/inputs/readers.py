"""Blocks of rows, by how an array lies in its file."""

import math
import mmap
import os
import zipfile
import zlib
from pathlib import Path
from typing import IO, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from relentropy.cli.inputs.check_sums import Sums, combined
from relentropy.cli.inputs.damage import understood

READABLE = "float16, bfloat16, float32 or float64"

Block = NDArray[Any]
Shape = tuple[int, ...]

_SKIPPED_AT_ONCE = 1 << 20


class Reader(Protocol):
    """An array in a file, as rows along its last axis."""

    path: Path
    shape: Shape
    dtype: str
    """Of the numbers, as a person calls it."""

    def read(self, start: int, stop: int) -> Block:
        """Rows `start` to `stop`, as they are stored or as float32.

        Raises
        ------
        EOFError
            If the file is shorter than it was.
        DamagedError
            If it is not what was written.
        """


class Plain:
    """C-ordered numbers from an offset on."""

    def __init__(
        self, path: Path, offset: int, shape: Shape, storage: np.dtype[Any], dtype: str
    ) -> None:
        self.path, self.offset, self.shape = path, offset, shape
        self.storage, self.dtype = storage, dtype

    def read(self, start: int, stop: int) -> Block:
        """See `Reader`."""
        # Not mapped: pages of a map count as memory of the process until others need them.
        block = np.empty((stop - start, self.shape[-1]), self.storage)
        with self.path.open("rb", buffering=0) as file:
            file.seek(self.offset + start * self.shape[-1] * self.storage.itemsize)
            _fill(file, block)
        return block


class Stored(Plain):
    """Such numbers in a member of a zip file, which has a check sum but is not compressed.

    Its sum is put together from those of its rows, whoever read them.
    """

    def __init__(
        self, path: Path, offset: int, shape: Shape, storage: np.dtype[Any], dtype: str,
        sum_before: int, sum_of_all: int,
    ) -> None:  # fmt: skip
        super().__init__(path, offset, shape, storage, dtype)
        self._sum_before, self._sum_of_all = sum_before, sum_of_all

    def sums(self, start: int, block: Block) -> list[int]:
        """Check sums of the rows from `start` on; the first row goes on from the header's."""
        before = self._sum_before if start == 0 else 0
        rows = block.view(np.uint8)
        return [zlib.crc32(rows[0], before), *map(zlib.crc32, rows[1:])]

    def is_sound(self, sums: Sums) -> bool:
        """Whether the sums of all rows are those of what was written."""
        return combined(sums, self.shape[-1] * self.storage.itemsize) == self._sum_of_all


class Fortran:
    """Numbers of which the first axis is the fastest: a row is scattered over the file."""

    def __init__(
        self, path: Path, offset: int, shape: Shape, storage: np.dtype[Any], dtype: str
    ) -> None:
        self.path, self.offset, self.shape = path, offset, shape
        self.storage, self.dtype = storage, dtype

    def read(self, start: int, stop: int) -> Block:
        """See `Reader`."""
        # Mapped anew for each block, so that the pages of others are given back.
        end = self.offset + math.prod(self.shape) * self.storage.itemsize
        with self.path.open("rb") as file:
            if os.fstat(file.fileno()).st_size < end:
                raise EOFError
            mapped = mmap.mmap(file.fileno(), end, access=mmap.ACCESS_READ)
        with mapped:
            array: Block = np.ndarray(
                self.shape, self.storage, buffer=mapped, offset=self.offset, order="F"
            )
            # One index per leading axis: a reshape would copy all of the array.
            index = np.unravel_index(np.arange(start, stop), self.shape[:-1])
            block = np.ascontiguousarray(array[index])
            del array  # what is looked at cannot be closed
        return block


class Deflated:
    """C-ordered numbers in a compressed member of a zip file, read from its start."""

    def __init__(
        self, path: Path, member: str, offset: int, shape: Shape, storage: np.dtype[Any],
        dtype: str,
    ) -> None:  # fmt: skip
        self.path, self.member, self.offset, self.shape = path, member, offset, shape
        self.storage, self.dtype = storage, dtype
        self._stream: IO[bytes] | None = None

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_stream": None}  # every process has its own

    def read(self, start: int, stop: int) -> Block:
        """See `Reader`; blocks in order cost one pass, whose end compares the check sum."""
        with understood("the member is damaged"):
            return self._read(start, stop)

    def _read(self, start: int, stop: int) -> Block:
        block = np.empty((stop - start, self.shape[-1]), self.storage)
        at = self.offset + start * self.shape[-1] * self.storage.itemsize
        stream = self._stream
        if stream is None or stream.tell() > at:
            archive = zipfile.ZipFile(self.path)
            stream = self._stream = archive.open(self.member)
        while stream.tell() < at:
            if not stream.read(min(_SKIPPED_AT_ONCE, at - stream.tell())):
                raise EOFError
        _fill(stream, block)
        return block


class Quantised:
    """Log-probabilities in 16 bits, each row with a scale and a smallest value of its own.

    What llama.cpp writes: two float32 numbers, then as many integers of 16 bits as the
    vocabulary has entries, and one more where that is odd.
    """

    dtype = "16-bit log-probabilities"

    def __init__(self, path: Path, offset: int, shape: Shape) -> None:
        self.path, self.offset, self.shape = path, offset, shape
        self.text = b""
        """The tokens that the rows predict, as they are stored."""

    @property
    def stride(self) -> int:
        """Integers of 16 bits in a row."""
        return 4 + 2 * ((self.shape[-1] + 1) // 2)

    @property
    def nbytes(self) -> int:
        """Bytes of all rows."""
        return 2 * self.stride * math.prod(self.shape[:-1])

    def read(self, start: int, stop: int) -> Block:
        """See `Reader`."""
        rows = math.prod(self.shape[:-1])
        stored = Plain(self.path, self.offset, (rows, self.stride), np.dtype("<u2"), "uint16")
        raw = stored.read(start, stop)
        scale, least = np.ascontiguousarray(raw[:, :4]).view("<f4").T[:, :, np.newaxis]
        with np.errstate(all="ignore"):  # infinities are counted where they come out
            block: Block = raw[:, 4 : 4 + self.shape[-1]] * scale + least
        return block


def _fill(file: Any, block: Block) -> None:
    """Read a whole block."""
    wanted = block.reshape(-1).view(np.uint8).data
    done = 0
    while done < len(wanted):
        count = file.readinto(wanted[done:])
        if not count:
            raise EOFError
        done += count
