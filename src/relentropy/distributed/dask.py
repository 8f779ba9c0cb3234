"""States of dask arrays, on whatever computes dask's graphs.

Measures themselves need nothing from here: `relentropy.kl_divergence` and every other measure
of dask arrays makes a state of each chunk, merges states in a tree and never brings a row
together, in as many passes as the measure has. What this module adds are the states as such,
lazily: to be merged with those of data that are elsewhere, or to come.
"""

from __future__ import annotations

from typing import Any, TypeVar

import dask

from .. import _arguments
from .._arrays.library import is_dask
from .._call import lazy_part
from ..streaming import State

__all__ = ["update"]

Array = Any
S = TypeVar("S", bound=State)


def update(state: S, *blocks: Array, where: Any = None) -> Any:
    """Return a delayed state with the data of dask arrays.

    `State.update` computes dask arrays at once; this function delays it.

    Parameters
    ----------
    state : KLState, EntropyState, CrossEntropyState or LogSumExpState
        What to add to.
    *blocks : dask array
        What the state's ``update`` takes, chunked in any way along any axis.
    where : dask array of bool, optional
        Entries to include; broadcasts to the blocks.

    Returns
    -------
    dask.delayed.Delayed
        Of the new state, whose arrays are of the library that the chunks are of.

    Raises
    ------
    TypeError
        For what is no state, for another number of blocks than the state takes, and for blocks
        that are not dask's.
    ValueError
        For shapes that do not match. That rows differ from those of the state is known, and
        raised, when it is computed.

    See Also
    --------
    relentropy.kl_divergence : of dask arrays, if no state is wanted.

    Notes
    -----
    Between workers go the states of chunks, a dozen float64 numbers for each row; of a row with
    entries in n chunks n states, or fewer where a worker has several.

    Examples
    --------
    >>> import dask.array as da
    >>> import numpy as np
    >>> from relentropy.distributed.dask import update
    >>> from relentropy.streaming import EntropyState
    >>> counts = da.ones(1_000_000, chunks=100_000)
    >>> state = update(EntropyState(base=2), counts).compute()
    >>> print(f"{state.finish():.6f}")
    19.931569
    """
    if not isinstance(state, State):
        raise TypeError(f"state must be one of relentropy.streaming's, not {type(state)}")
    names = state._operands
    if len(blocks) != len(names):
        raise TypeError(f"{type(state).__name__} takes {', '.join(names)}: got {len(blocks)}")
    for name, block in zip(names, blocks, strict=True):
        if not is_dask(block):
            raise TypeError(f"{name} must be a dask array; state.update takes all others")
    if len(blocks) > 1 and names[0] == "p":
        _arguments.refuse_labels(*blocks)
    found, result = lazy_part(
        state._measure, dict(zip(names, blocks, strict=True)), axis=state.axis, where=where,
        dtype=state.dtype, stretch=state._stretches,
    )  # fmt: skip
    return dask.delayed(_with, pure=True)(state, found, result)


def _with(state: S, found: Any, result: str) -> S:
    return state._and(found, result)
