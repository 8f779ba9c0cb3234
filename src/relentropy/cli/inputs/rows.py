"""One array of rows, of one file or of several."""

import math
from bisect import bisect_right
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from relentropy.cli.inputs.damage import DamagedError, refuse
from relentropy.cli.inputs.readers import Deflated, Quantised, Reader, Stored


class Rows:
    """The rows of an array along its last axis, as if all other axes were one.

    Parameters
    ----------
    name : str
        What was asked for on the command line.
    argument : str
        What the user calls it, for messages.
    readers : list of Reader
        The files in order; they follow each other along the first axis.

    Raises
    ------
    UnusableFileError
        If the files do not fit together.
    """

    def __init__(self, name: str, argument: str, readers: list[Reader]) -> None:
        self.name, self.argument = name, argument
        self._readers = readers
        first = readers[0]
        for one in readers:
            if one.shape[1:] != first.shape[1:]:
                why = (
                    f"has shape {one.shape}, {first.path.name} has {first.shape}; shards may "
                    "differ along the first axis only"
                )
                raise refuse(argument, one.path, why)
        self.dtype = "/".join(dict.fromkeys(one.dtype for one in readers))
        self.shape = (sum(one.shape[0] for one in readers), *first.shape[1:])
        self._ends = list(accumulate(math.prod(one.shape[:-1]) for one in readers))
        self._vocabulary = self.shape[-1]
        self._stamps = self._stamped()

    @property
    def count(self) -> int:
        """Number of rows."""
        return self._ends[-1]

    @property
    def paths(self) -> list[Path]:
        """The files, in order."""
        return list(dict.fromkeys(one.path for one in self._readers))

    @property
    def vocabulary(self) -> int:
        """Entries of a row that are read."""
        return self._vocabulary

    @property
    def stamps(self) -> list[tuple[str, int, int]]:
        """Name, size and time of every file when it was opened."""
        return self._stamps

    def limit(self, vocabulary: int) -> None:
        """Read only the first entries of every row."""
        if vocabulary > self.shape[-1]:
            why = f"has a vocabulary of {self.shape[-1]:,}; --vocab {vocabulary} is more"
            raise refuse(self.argument, self.name, why)
        self._vocabulary = vocabulary

    def must_match(self, other: "Rows") -> None:
        """Raise UnusableFileError unless `other` has the same rows, text and vocabulary."""
        ours, theirs = self.shape[:-1], other.shape[:-1]
        if ours != theirs:
            why = f"has shape {other.shape}, {self.argument} has {self.shape}"
            raise refuse(other.argument, other.name, why)
        if self.vocabulary != other.vocabulary:
            least = min(self.vocabulary, other.vocabulary)
            why = (
                f"has shape {other.shape}, {self.argument} has {self.shape}; if one vocabulary "
                f"is padded, --vocab {least} compares the entries that both have"
            )
            raise refuse(other.argument, other.name, why)
        if None not in (self._text, other._text) and self._text != other._text:
            why = f"is of another text than {self.argument}; both must be made of one"
            raise refuse(other.argument, other.name, why)

    def must_be_weights(self) -> None:
        """Raise UnusableFileError if a file says that it holds logarithms."""
        for one in self._readers:
            if isinstance(one, Quantised):
                why = "holds log-probabilities; leave out --probs"
                raise refuse(self.argument, one.path, why)

    @property
    def _text(self) -> bytes | None:
        """The tokens of all files, if all have some."""
        found = [one.text for one in self._readers if isinstance(one, Quantised)]
        return b"".join(found) if len(found) == len(self._readers) else None

    def must_be_unchanged(self) -> None:
        """Raise UnusableFileError if a file is not what it was when it was opened."""
        for old, new in zip(self._stamps, self._stamped(), strict=True):
            if old != new:
                raise refuse(self.argument, old[0], _CHANGED)

    @property
    def checked(self) -> bool:
        """Whether a file has a check sum, for which every row must be read."""
        return any(isinstance(one, Stored | Deflated) for one in self._readers)

    def must_be_sound(self, sums: NDArray[Any]) -> None:
        """Raise UnusableFileError if the rows' check sums are not those of what was written."""
        begin = 0
        for one, end in zip(self._readers, self._ends, strict=True):
            if isinstance(one, Stored) and not one.is_sound(sums[begin:end].astype(np.uint32)):
                raise refuse(self.argument, one.path, _OTHER_SUM)
            begin = end

    def block(self, start: int, stop: int) -> NDArray[np.floating[Any]]:
        """Rows `start` to `stop` as a C-ordered float32 or float64 array in memory.

        The 16-bit types are widened, which is exact, so that every pair of files promotes.
        """
        return self.block_and_sums(start, stop)[0]

    def block_and_sums(
        self, start: int, stop: int
    ) -> tuple[NDArray[np.floating[Any]], list[int]]:
        """Such a block, and its rows' check sums for `must_be_sound`, where there are some."""
        parts: list[NDArray[np.floating[Any]]] = []
        sums: list[int] = []
        while start < stop:
            one = bisect_right(self._ends, start)
            begin = self._ends[one - 1] if one else 0
            end = min(stop, self._ends[one])
            part, more = self._read(self._readers[one], start - begin, end - begin)
            parts.append(part)
            sums += more
            start = end
        return parts[0] if len(parts) == 1 else np.concatenate(parts), sums

    def _read(
        self, reader: Reader, start: int, stop: int
    ) -> tuple[NDArray[np.floating[Any]], list[int]]:
        try:
            raw = reader.read(start, stop)
        except (EOFError, DamagedError):
            why = "ends before its array does, or is damaged; copy it again"
            raise refuse(self.argument, reader.path, why) from None
        except OSError as error:
            why = f"cannot be read: {error.strerror or error}"
            raise refuse(self.argument, reader.path, why) from None
        sums = reader.sums(start, raw) if isinstance(reader, Stored) else [0] * len(raw)
        raw = raw[:, : self._vocabulary]
        if reader.dtype == "bfloat16":
            return (raw.astype(np.uint32) << 16).view(np.float32), sums
        wide = np.float64 if raw.dtype.itemsize == 8 else np.float32
        return np.ascontiguousarray(raw, dtype=wide), sums

    def _stamped(self) -> list[tuple[str, int, int]]:
        found = []
        for path in self.paths:
            try:
                stat = path.stat()
            except OSError:
                raise refuse(self.argument, path, _CHANGED) from None
            found.append((str(path), stat.st_size, stat.st_mtime_ns))
        return found


_CHANGED = "changed while it was read; wait until it is written and run again"
_OTHER_SUM = "is damaged: its bytes have another check sum than was written; copy it again"
