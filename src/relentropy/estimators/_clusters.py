"""Means over sequences whose tokens depend on one another: the ratio estimator.

With S_i the weighted sum of sequence i's values and N_i that of its weights, the mean is
sum(S)/sum(N). Both are random, and what a sequence adds to the error is, to first order, its
residual S_i - mean*N_i (Cochran 1977, chapter 6; Liang and Zeger 1986).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

from .. import _arguments
from .._arrays import dtypes
from .._arrays.axes import reduced_axes
from .._arrays.plain import Plain

Array = Any
T = TypeVar("T")

PER = ("token", "sequence")

# Values that sums of may leave the range are divided by it: enough for 2**38 of them.
_ROOM = 2.0**40


class Clusters(NamedTuple):
    """What errors of a mean are made of, in the widest dtype that the device has."""

    plain: Plain
    count: Array
    """How many sequences have a selected entry."""
    total: Array
    """The sum of all weights."""
    mean: Array
    """0 where nothing is selected, nan where all that is has a weight of zero; by the scale."""
    weights: Array
    """N_i, of the sequences' shape."""
    residuals: Array
    """S_i - mean*N_i, which add up to zero; by the scale."""
    scale: Array
    """What all values have been divided by, a power of two that is 1 for all but huge ones."""
    log_scale: Array
    """The logarithm of what all weights have been divided by."""


def of_sequences(
    operands: dict[str, Any], where: Any, per: Any, axis: Any, then: Callable[[Clusters], T]
) -> T:
    """What ``then`` makes of the totals and residuals of ``values`` and their ``log_weights``.

    The entries of one sequence lie along ``axis``.
    """
    per = _arguments.chosen("per", per, PER)
    plain = Plain(operands, where)
    with plain.quiet():
        return then(_clusters(plain, per, axis))


def _clusters(plain: Plain, per: str, axis: Any) -> Clusters:
    shape = plain.shape("values", "log_weights")
    axes = reduced_axes(axis, len(shape))
    raw = plain.raw
    x = plain.kept(_widened(plain, "values", shape))
    scale = _scale(plain, x)
    x = x / scale
    selected = plain.kept(raw.ones_like(x))
    logs = (
        None if plain.arrays["log_weights"] is None else _widened(plain, "log_weights", shape)
    )
    if per == "sequence":  # an entry is then the sum of a sequence, and a cluster by itself
        x, selected = _sum(plain, x, axes), _sum(plain, selected, axes)
        selected = plain.raw.astype(selected > 0, x.dtype)
        if logs is not None:
            logs = raw.reshape(_one_each(plain, axes, len(shape)), tuple(x.shape))
        axes = ()
    w, log_scale = _weights(plain, selected, logs)
    if logs is not None:  # no weight, no value: 0*inf is not nan here, and nan is still nan
        x = raw.where((w == 0) & (x == x), raw.zeros_like(x), x)
    total = raw.sum(w)
    count = raw.sum(raw.astype(_sum(plain, selected, axes) > 0, x.dtype))
    none = total == 0
    mean = raw.sum(w * x) / raw.where(none, raw.ones_like(total), total)
    mean = raw.where(none & (count > 0), plain.full(math.nan, mean), mean)
    weights = _sum(plain, w, axes)
    residuals = _sum(plain, w * (x - mean), axes)
    return Clusters(plain, count, total, mean, weights, residuals, scale, log_scale)


def scaled_root(plain: Plain, x: Array) -> Array:
    """``sqrt(sum(x**2))`` that no square leaves the range of, with a slope of 0 at zeros."""
    raw = plain.raw
    if math.prod(x.shape) == 0:
        return raw.sum(x)
    scale = plain.constant(raw.max(raw.abs(x)))
    usual = (scale > 0) & (scale < math.inf)
    scale = raw.where(usual, scale, raw.ones_like(scale))
    squares = raw.sum((x / scale) ** 2)
    zero = squares == 0
    root = raw.sqrt(raw.where(zero, raw.ones_like(squares), squares)) * scale
    return raw.where(zero, raw.zeros_like(root), root)


def shifted(plain: Plain, logs: Array, axes: tuple[int, ...]) -> tuple[Array, Array]:
    """Weights divided by the largest along the axes, and the logarithm of that one.

    The shift is a constant: what is made of the weights must not depend on their scale.
    """
    raw = plain.raw
    if math.prod(logs.shape) == 0:
        return logs, raw.sum(logs, axis=axes, keepdims=True)
    largest = plain.constant(raw.max(logs, axis=axes, keepdims=True))
    shift = raw.where(largest == -math.inf, raw.zeros_like(largest), largest)
    return raw.exp(logs - shift), shift


def _scale(plain: Plain, x: Array) -> Array:
    """A constant that sums of entries divided by stay in the range.

    No larger than it has to be: derivatives are multiplied by it on their way.
    """
    raw = plain.raw
    if math.prod(x.shape) == 0:
        return raw.ones_like(raw.sum(x))
    size = raw.abs(plain.constant(x))
    largest = raw.max(raw.where(size < math.inf, size, raw.zeros_like(size)))
    one = raw.ones_like(largest)
    bound = float(raw.finfo(x.dtype).max) / _ROOM / 16
    return raw.where(largest > bound, plain.full(_ROOM, one), one)


def result(plain: Plain, x: Array) -> Array:
    """In the dtype of results, and a scalar where the library has such."""
    return plain.like_the_library(plain.raw.astype(x, plain.dtype, copy=False))


def widest(plain: Plain) -> Any:
    """The dtype that sums are made in."""
    wide = dtypes.has_float64(plain.library, plain.device)
    return dtypes.dtype_object(plain.library, plain.raw, "float64" if wide else "float32")


def _widened(plain: Plain, name: str, shape: tuple[int, ...]) -> Array:
    array = plain.raw.astype(plain.arrays[name], widest(plain), copy=False)
    return plain.raw.broadcast_to(array, shape)


def _sum(plain: Plain, x: Array, axes: tuple[int, ...]) -> Array:
    return plain.raw.sum(x, axis=axes) if axes else x


def _one_each(plain: Plain, axes: tuple[int, ...], ndim: int) -> Array:
    """Log-weights of sequences, which have no other size than one along their tokens."""
    logs = plain.raw.astype(plain.arrays["log_weights"], widest(plain), copy=False)
    own = (1,) * (ndim - logs.ndim) + tuple(logs.shape)
    if any(own[axis] != 1 for axis in axes):
        raise ValueError(
            f"log_weights of shape {tuple(logs.shape)} have several for each sequence; "
            'with per="sequence" give one, of size one along axis'
        )
    shape = plain.shape("values", "log_weights")
    kept = tuple(1 if i in axes else n for i, n in enumerate(shape))
    return plain.raw.broadcast_to(plain.raw.reshape(logs, own), kept)


def _weights(plain: Plain, selected: Array, logs: Array | None) -> tuple[Array, Array]:
    raw = plain.raw
    if logs is None:
        return selected, raw.zeros_like(raw.sum(selected))
    logs = raw.where(selected > 0, logs, plain.full(-math.inf, logs))
    weights, shift = shifted(plain, logs, tuple(range(logs.ndim)))
    return weights, raw.reshape(shift, ())
