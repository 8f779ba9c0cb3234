"""From what stands on the command line to files in order."""

import glob
import re
from pathlib import Path

from relentropy.cli.inputs.formats import reader_of
from relentropy.cli.inputs.readers import refuse
from relentropy.cli.inputs.rows import Rows

_WITH_MEMBERS = (".npz", ".safetensors")
_SUFFIXES = (".npy", *_WITH_MEMBERS)


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
    place, member = _split(name)
    path = Path(place)
    if path.is_dir():
        files = [one for one in path.iterdir() if one.suffix in _SUFFIXES]
        files = [one for one in files if not one.name.startswith(".")]
        if not files:
            raise refuse(argument, name, "is a folder without .npy, .npz or .safetensors files")
    elif not path.exists() and any(sign in place for sign in "*?["):
        files = [Path(one) for one in glob.glob(place)]  # noqa: PTH207 (a pattern may be absolute)
        if not files:
            raise refuse(argument, name, "matches no file")
    else:
        files = [path]
    files.sort(key=_in_order)
    return Rows(name, argument, [reader_of(one, member, argument) for one in files])


def _split(name: str) -> tuple[str, str | None]:
    place, colon, member = name.rpartition(":")
    if Path(name).exists() or not colon:
        return name, None
    if place.endswith(_WITH_MEMBERS) or Path(place).exists():
        return place, member
    return name, None


def _in_order(path: Path) -> list[tuple[int, int, str]]:
    """Numbers by their size: 10 after 9, and both before letters."""
    parts = re.split(r"(\d+)", str(path))
    return [(0, int(one), one) if one.isdigit() else (1, 0, one) for one in parts]
