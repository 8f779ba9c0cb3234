"""Blocks of rows, by how an array lies in its file."""

import math
import mmap
import zipfile
from pathlib import Path
from typing import IO, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from relentropy.cli.errors import UnusableFileError

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
        with self.path.open("rb") as file:
            mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        with mapped:
            end = self.offset + math.prod(self.shape) * self.storage.itemsize
            if len(mapped) < end:
                raise EOFError
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
        """See `Reader`; blocks in order cost one pass."""
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

    @property
    def stride(self) -> int:
        """Integers of 16 bits in a row."""
        return 4 + 2 * ((self.shape[-1] + 1) // 2)

    def read(self, start: int, stop: int) -> Block:
        """See `Reader`."""
        rows = math.prod(self.shape[:-1])
        stored = Plain(self.path, self.offset, (rows, self.stride), np.dtype("<u2"), "uint16")
        raw = stored.read(start, stop)
        scale, least = np.ascontiguousarray(raw[:, :4]).view("<f4").T[:, :, np.newaxis]
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


def refuse(argument: str, name: object, why: str) -> UnusableFileError:
    """The error that names an argument, its file and what is wrong with it."""
    return UnusableFileError(f"{argument} {name} {why}")
