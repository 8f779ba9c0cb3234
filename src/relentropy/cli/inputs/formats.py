"""The four kinds of files, by what they begin with."""

from pathlib import Path
from typing import IO

from relentropy.cli.inputs import llama, npy, npz
from relentropy.cli.inputs.damage import DamagedError, must_be_on_disk, refuse, refused
from relentropy.cli.inputs.members import without_member
from relentropy.cli.inputs.readers import Reader
from relentropy.cli.inputs.safetensors import safetensors

_MOST_AXES = 32


def reader_of(path: Path, member: str | None, argument: str) -> Reader:
    """Find the array of a file, or of its member.

    Raises
    ------
    UnusableFileError
        If there is none, or none of floating-point numbers.
    """
    name = path if member is None else f"{path}:{member}"
    with refused(argument, name):
        must_be_on_disk(path)
        with path.open("rb") as file:
            reader = _found(path, member, file, argument)
        if len(reader.shape) > _MOST_AXES:
            raise DamagedError(f"it has {len(reader.shape):,} axes; 3 are usual")
    if not reader.shape:
        raise refuse(
            argument, name, "holds a single number; expected an array of at least one axis"
        )
    if 0 in reader.shape:
        why = f"is empty, shape {reader.shape}; expected a row of at least one entry"
        raise refuse(argument, name, why)
    if len(reader.shape) == 1:
        reader.shape = (1, *reader.shape)
    return reader


def _found(path: Path, member: str | None, file: IO[bytes], argument: str) -> Reader:
    start = file.read(8)
    file.seek(0)
    if start.startswith(npy.MAGIC):
        without_member(path, member, argument)
        return npy.npy(path, file, argument)
    if start.startswith(npz.MAGIC):
        return npz.npz(path, member, file, argument)
    if start == llama.MAGIC:
        without_member(path, member, argument)
        return llama.llama(path, file)
    if path.suffix == ".safetensors":
        return safetensors(path, member, file, argument)
    why = (
        "is not a .npy file, nor .npz, .safetensors or a base of llama.cpp; save one array "
        "with numpy.save"
    )
    raise refuse(argument, path, why)
