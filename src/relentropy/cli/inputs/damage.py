"""What may be wrong with the bytes of a file, whatever a parser makes of them."""

import errno
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from relentropy.cli.errors import UnusableFileError

_MOST_SHOWN = 60


class DamagedError(Exception):
    """What is wrong with a file, for whoever knows its name."""


@contextmanager
def understood(why: str) -> Iterator[None]:
    """Say `why`, whatever a parser of others raises of bytes that it was not made for.

    Python's own, which reads the headers of .npy files, raises a dozen kinds of errors, and
    warns. What the system says of a file passes, and so does its early end.

    Raises
    ------
    DamagedError
        With `why`.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except (DamagedError, UnusableFileError, EOFError):
        raise
    except OSError as error:
        # A place that no file has, or no error of the system at all, but of a decompressor.
        if error.errno in {None, errno.EINVAL}:
            raise DamagedError(why) from None
        raise
    except Exception:  # noqa: BLE001 (there is no list of them)
        raise DamagedError(why) from None


def exactly(file: IO[bytes], count: int) -> bytes:
    """Read so many bytes.

    Raises
    ------
    EOFError
        If there are fewer.
    """
    found = file.read(count)
    if len(found) < count:
        raise EOFError
    return found


def check_size(size: int, expected: int) -> None:
    """Raise EOFError if a file is too short, DamagedError if it is too long."""
    if size < expected:
        raise EOFError
    if size > expected:
        many = "a byte follows" if size == expected + 1 else f"{size - expected:,} bytes follow"
        raise DamagedError(f"{many} its array; is it still being written?")


def must_be_on_disk(path: Path) -> None:
    """Raise DamagedError for a pipe, of which nothing can be read twice, or a device."""
    if path.exists() and not path.is_file() and not path.is_dir():
        raise DamagedError("it is a pipe or a device; save it to a file first")


def refuse(argument: str, name: object, why: str) -> UnusableFileError:
    """The error that names an argument, its file and what is wrong with it."""
    return UnusableFileError(f"{argument} {name} {why}")


@contextmanager
def refused(argument: str, name: object) -> Iterator[None]:
    """Say in one line what is wrong with a file.

    Raises
    ------
    UnusableFileError
        For whatever a file can raise here.
    """
    try:
        yield
    except OSError as error:
        raise refuse(argument, name, f"cannot be read: {error.strerror or error}") from None
    except EOFError:
        why = "cannot be read: the file ends before its array does; copy it again"
        raise refuse(argument, name, why) from None
    except DamagedError as damage:
        raise refuse(argument, name, f"cannot be read: {damage}") from None


def shortened(text: str) -> str:
    """A name that a line has room for."""
    return text if len(text) <= _MOST_SHOWN else text[: _MOST_SHOWN - 3] + "..."
