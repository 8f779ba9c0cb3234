"""Reading rows of a ``.npy`` file that may be larger than memory."""

import math
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

_READABLE = "float16, bfloat16, float32 or float64"


class UnusableFileError(Exception):
    """Why a file cannot be used, as one line that names the argument and what would do."""


class Rows:
    """The rows of a file along its last axis, as if all other axes were one.

    Parameters
    ----------
    path : pathlib.Path
        A ``.npy`` file.
    argument : str
        What the user calls it, for messages.

    Raises
    ------
    UnusableFileError
        If the file cannot be read or does not hold rows of floating-point numbers.
    """

    def __init__(self, path: Path, argument: str) -> None:
        self.path = path
        self.argument = argument
        array = self._mapped()
        kind = array.dtype.kind
        # numpy has no bfloat16 and saves it as two bytes without a meaning.
        self._is_bfloat16 = kind == "V" and array.dtype.itemsize == 2 and not array.dtype.names
        self.dtype = "bfloat16" if self._is_bfloat16 else array.dtype.name
        if not self._is_bfloat16 and self.dtype not in {"float16", "float32", "float64"}:
            self._refuse(f"has dtype {self.dtype}; expected {_READABLE}")
        if array.ndim == 0:
            self._refuse("holds a single number; expected an array of at least one axis")
        if array.size == 0:
            self._refuse(f"is empty, shape {array.shape}; expected at least one row")
        self.shape: tuple[int, ...] = array.shape
        self._array = array[np.newaxis] if array.ndim == 1 else array

    @property
    def count(self) -> int:
        """Number of rows."""
        return math.prod(self.shape[:-1])

    @property
    def vocabulary(self) -> int:
        """Length of a row."""
        return self.shape[-1]

    def block(self, start: int, stop: int) -> NDArray[np.floating[Any]]:
        """Rows `start` to `stop` as a C-ordered float32 or float64 array in memory.

        The 16-bit types are widened, which is exact, so that every pair of files promotes.
        """
        # One index per leading axis: a reshape would copy all of a Fortran-ordered file.
        index = np.unravel_index(np.arange(start, stop), self._array.shape[:-1])
        rows = np.ascontiguousarray(self._array[index])
        if self._is_bfloat16:
            return (rows.view("<u2").astype(np.uint32) << 16).view(np.float32)
        return rows.astype(np.float64 if self.dtype == "float64" else np.float32, copy=False)

    def must_match(self, other: "Rows") -> None:
        """Raise UnusableFileError unless `other` has the same shape."""
        if other.shape != self.shape:
            other._refuse(f"has shape {other.shape}, {self.argument} has {self.shape}")

    def _mapped(self) -> NDArray[Any]:
        try:
            with self.path.open("rb") as file:
                if file.read(6) != b"\x93NUMPY":
                    self._refuse("is not a .npy file; save one array with numpy.save")
            return np.asarray(np.lib.format.open_memmap(self.path, mode="r"))
        except OSError as error:
            self._refuse(f"cannot be read: {error.strerror or error}")
        except (ValueError, EOFError) as error:
            reason = " ".join(str(error).split())
            if "Python objects" in reason:
                reason = f"it holds Python objects; expected {_READABLE}"
            elif "length is greater" in reason:
                reason = "the file ends before its array does; copy it again"
            elif "empty file" in reason:
                reason = "it is empty; expected at least one row"
            self._refuse(f"cannot be read: {reason}")

    def _refuse(self, why: str) -> NoReturn:
        msg = f"{self.argument} {self.path} {why}"
        raise UnusableFileError(msg)
