"""From what stands on the command line to files in order."""

import glob
import re
from itertools import pairwise
from pathlib import Path

from relentropy.cli.inputs.damage import refuse, refused
from relentropy.cli.inputs.formats import reader_of
from relentropy.cli.inputs.rows import Rows

_WITH_MEMBERS = (".npz", ".safetensors")
_SUFFIXES = (".npy", *_WITH_MEMBERS, ".kld")


def open_rows(name: str, argument: str) -> Rows:
    """Open a file, a member of one, all shards in a folder, or those of a pattern.

    Parameters
    ----------
    name : str
        ``FILE``, ``FILE:MEMBER``, ``FOLDER`` or a pattern with ``*``, ``?`` or ``[]``, the last
        two also with ``:MEMBER``.
    argument : str
        What the user calls it, for messages.

    Raises
    ------
    UnusableFileError
        If a file cannot be read, or does not hold rows of floating-point numbers.
    """
    with refused(argument, name):
        place, member = _split(name)
        files = sorted(_files(place, argument, name), key=_in_order)
    for one, other in pairwise(files):
        if _in_order(one) == _in_order(other):
            why = f"holds {one.name} and {other.name}, in no order; rename one"
            raise refuse(argument, name, why)
    return Rows(name, argument, [reader_of(one, member, argument) for one in files])


def _files(place: str, argument: str, name: str) -> list[Path]:
    path = Path(place)
    if not place:
        raise refuse(argument, "''", "is no name of a file; is a variable of the shell empty?")
    if path.is_dir():
        files = [one for one in path.iterdir() if one.suffix in _SUFFIXES]
        files = [one for one in files if not one.name.startswith(".")]
        if not files:
            why = f"is a folder without {', '.join(_SUFFIXES[:-1])} or {_SUFFIXES[-1]} files"
            raise refuse(argument, name, why)
        return files
    if place.endswith("/"):
        raise refuse(argument, name, "is no folder; leave out the / at its end for a file")
    if not path.exists() and any(sign in place for sign in "*?["):
        # A folder that is there is meant, whatever signs its name has.
        folder = glob.escape(str(path.parent)) if path.parent.is_dir() else str(path.parent)
        files = [Path(one) for one in glob.glob(str(Path(folder) / path.name))]  # noqa: PTH207 (a pattern may be absolute)
        if not files:
            hint = "; a [ of a name is written [[]" if "[" in place else ""
            raise refuse(argument, name, f"matches no file{hint}")
        return files
    return [path]


def _split(name: str) -> tuple[str, str | None]:
    place, colon, member = name.rpartition(":")
    if Path(name).exists() or not colon:
        return name, None
    if place.endswith(_WITH_MEMBERS) or Path(place).exists():
        return place, member
    return name, None


def _in_order(path: Path) -> list[tuple[int, int, str]]:
    """Numbers by their size: 10 after 9, and both before letters."""
    parts = re.split(r"([0-9]+)", str(path))
    return [(0, int(one), "") if i % 2 else (1, 0, one) for i, one in enumerate(parts)]
