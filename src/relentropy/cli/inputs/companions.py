"""A mask of rows, and the tokens that rows predict."""

import math
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from relentropy.cli.inputs.formats import llama_tokens
from relentropy.cli.inputs.readers import refuse
from relentropy.cli.inputs.rows import Rows


def mask_of(path: Path, rows: Rows) -> NDArray[np.bool_]:
    """Whether each row is selected, from a file of flags of the rows' shape.

    Raises
    ------
    UnusableFileError
        If the file cannot be read, has another shape, selects no row, or holds no flags.
    """
    flags = _integers(path, "--mask", rows)
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
    try:
        tokens = llama_tokens(path)
    except (OSError, ValueError, EOFError) as error:
        raise refuse("--tokens", path, f"cannot be read: {error}") from None
    if tokens is None:
        tokens = _integers(path, "--tokens", rows, bools=False)
    else:
        _must_fit(tokens, path, "--tokens", rows)
    tokens = tokens.reshape(-1).astype(np.int64)
    worst = int(tokens.max())
    if worst >= rows.vocabulary:
        why = f"holds the token {worst}; the vocabulary has {rows.vocabulary:,}"
        raise refuse("--tokens", path, why)
    least: NDArray[np.int64] = np.maximum(tokens, -1)
    return least


def _integers(path: Path, option: str, rows: Rows, *, bools: bool = True) -> NDArray[Any]:
    try:
        found = np.load(path, allow_pickle=False)
    except OSError as error:
        raise refuse(option, path, f"cannot be read: {error.strerror or error}") from None
    except (ValueError, EOFError) as error:
        reason = " ".join(str(error).split()).partition(". ")[0]
        raise refuse(option, path, f"is not a usable .npy file: {reason}") from None
    if not isinstance(found, np.ndarray):
        found.close()
        raise refuse(option, path, "is not a .npy file; save one array with numpy.save")
    if found.dtype.kind not in ("biu" if bools else "iu"):
        wanted = "bools or integers" if bools else "integers"
        raise refuse(option, path, f"has dtype {found.dtype.name}; expected {wanted}")
    _must_fit(found, path, option, rows)
    return found.reshape(-1)


def _must_fit(found: NDArray[Any], path: Path, option: str, rows: Rows) -> None:
    expected = rows.shape[:-1]
    if found.shape not in {expected, (math.prod(expected),)}:
        why = f"has shape {found.shape}; expected {expected}, a number for each row"
        raise refuse(option, path, why)
