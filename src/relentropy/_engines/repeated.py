"""Calls like one before: what was found out for that one need not be found out again.

For ten numbers, sorting arguments costs more than the mathematics. Which kernel serves, and
what it is told, depends on the measure, the keywords and how the arrays lie; that is kept for
the calls of late, and only addresses are new.
"""

from __future__ import annotations

import sys
from collections import OrderedDict
from typing import Any, NamedTuple

import numpy as np

from .._arrays.plan import are_plain
from .config import engine, threads_for

Array = Any
_KEPT = 256


class Known(NamedTuple):
    """A call that needs nothing but addresses and room for its result."""

    module: Any
    number: int
    reduced: tuple[int, ...]
    batch: tuple[int, ...]
    inputs: tuple[tuple[int, tuple[int, ...]], ...]
    """Dtype and strides of each operand."""
    dtype: Any
    output: tuple[int, tuple[int, ...]]
    options: tuple[float, ...]
    kept: tuple[int, ...]
    """The result's shape."""


_known: OrderedDict[Any, Known] = OrderedDict()


def key_of(
    measure: Any, operands: tuple[Any, ...], axis: Any, keepdims: bool
) -> tuple[Any, ...] | None:
    """What the call is known by; None for one that has to be looked at."""
    if not (axis is None or type(axis) is int) or type(keepdims) is not bool:
        return None
    first = type(operands[0])
    if first is np.ndarray:
        if not all(type(one) is np.ndarray for one in operands):
            return None
        lies = tuple((one.dtype, one.shape, one.strides) for one in operands)
        return measure, axis, keepdims, lies
    torch = sys.modules.get("torch")
    if torch is None or first is not torch.Tensor:
        return None
    if torch.compiler.is_compiling() or not all(type(one) is first for one in operands):
        return None
    if torch.autograd.forward_ad._current_level >= 0 or any(one.is_nested for one in operands):
        return None
    if any(one.layout is not torch.strided or one.device.type != "cpu" for one in operands):
        return None
    if not are_plain(operands) or any(one.is_neg() for one in operands):
        return None
    lies = tuple((one.dtype, tuple(one.shape), one.stride()) for one in operands)
    return measure, axis, keepdims, lies


def again(key: tuple[Any, ...], operands: tuple[Array, ...]) -> Array | None:
    """The result of a call that is known; None if it is not."""
    known, module = _known.get(key), engine()
    if known is None or module is None or known.module is not module:
        return None
    on_torch = type(operands[0]) is not np.ndarray
    if on_torch:
        place = operands[0].device  # torch's default may be another one
        result = sys.modules["torch"].empty(known.batch, dtype=known.dtype, device=place)
    else:
        result = np.empty(known.batch, dtype=known.dtype)
    at = address if on_torch else module.address
    module.run(
        known.number, known.reduced, known.batch,
        tuple((at(one), *lies) for one, lies in zip(operands, known.inputs, strict=True)),
        ((at(result), *known.output),),
        known.options, threads_for("torch" if on_torch else "numpy"),
    )  # fmt: skip
    result = result.reshape(known.kept) if known.kept != known.batch else result
    return result if on_torch or known.kept else result[()]


def remember(key: tuple[Any, ...], known: Known) -> None:
    """Keep what a call has found out, and forget the oldest."""
    _known[key] = known
    while len(_known) > _KEPT:
        try:
            _known.popitem(last=False)
        except KeyError:  # another thread was faster
            break


def forget() -> None:
    """Have every call looked at again, as if it were the first."""
    _known.clear()


def address(array: Array) -> int:
    """Where the first entry of an array of numpy's or CuPy's, or of a torch tensor, is."""
    if isinstance(array, np.ndarray):
        return array.__array_interface__["data"][0]  # type: ignore[no-any-return]
    if hasattr(array, "data_ptr"):
        return array.data_ptr()  # type: ignore[no-any-return]
    return array.data.ptr  # type: ignore[no-any-return]
