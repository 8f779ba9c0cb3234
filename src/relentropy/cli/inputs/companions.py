"""A mask of rows, and the tokens that rows predict."""

import math
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from relentropy.cli.inputs import llama, npy
from relentropy.cli.inputs.damage import (
    check_size,
    exactly,
    must_be_on_disk,
    refuse,
    refused,
    shortened,
)
from relentropy.cli.inputs.rows import Rows


def mask_of(path: Path, rows: Rows) -> NDArray[np.bool_]:
    """Whether each row is selected, from a file of flags of the rows' shape.

    Raises
    ------
    UnusableFileError
        If the file cannot be read, has another shape, selects no row, or holds no flags.
    """
    flags = _integers(path, "--mask", rows).reshape(-1)
    if not np.isin(flags, (0, 1)).all():
        raise refuse("--mask", path, "holds other numbers than 0 and 1")
    if not flags.any():
        raise refuse("--mask", path, "selects no row")
    return flags.astype(bool)


def tokens_of(path: Path, rows: Rows) -> NDArray[np.int64]:
    """The token that each row predicts; -1 where there is none, which is any negative number.

    Raises
    ------
    UnusableFileError
        If the file cannot be read, has another shape, or a token is not in the vocabulary.
    """
    tokens = _integers(path, "--tokens", rows).reshape(-1)
    # As they are: unsigned ones would turn negative among signed ones.
    worst = int(tokens.max())
    if worst >= rows.vocabulary:
        why = f"holds the token {worst}; the vocabulary has {rows.vocabulary:,}"
        raise refuse("--tokens", path, why)
    least: NDArray[np.int64] = np.maximum(tokens.astype(np.int64), -1)
    return least


def _integers(path: Path, option: str, rows: Rows) -> NDArray[Any]:
    tokens = option == "--tokens"
    with refused(option, path):
        must_be_on_disk(path)
        with path.open("rb") as file:
            start = file.read(8)
            file.seek(0)
            if tokens and start == llama.MAGIC:
                found = llama.llama_tokens(path, file)
                _must_fit(found.shape, path, option, rows)
                return found
            if not start.startswith(npy.MAGIC):
                why = "is not a .npy file; save one array with numpy.save"
                raise refuse(option, path, why)
            header = npy.npy_header(file)
            if header.storage.kind not in ("iu" if tokens else "biu"):
                wanted = "integers" if tokens else "bools or integers"
                why = f"has dtype {header.storage.name}; expected {wanted}"
                raise refuse(option, path, why)
            _must_fit(header.shape, path, option, rows)
            check_size(path.stat().st_size, file.tell() + header.nbytes)
            flat = np.frombuffer(exactly(file, header.nbytes), header.storage)
    return flat.reshape(header.shape, order="F" if header.fortran else "C")


def _must_fit(shape: tuple[int, ...], path: Path, option: str, rows: Rows) -> None:
    expected = rows.shape[:-1]
    if shape not in {expected, (math.prod(expected),)}:
        why = f"has shape {shortened(str(shape))}; expected {expected}, a number for each row"
        raise refuse(option, path, why)
