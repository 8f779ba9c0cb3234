"""Drop-in replacements for functions of SciPy, for arrays of any library.

The names from `scipy.special` are those of `relentropy.special`, which has SciPy's signatures.
"""

from __future__ import annotations

import math
from typing import Any, Literal

import numpy as np

from .. import _arguments, _call
from .._arrays.operands import Array, Operand
from .._arrays.prepared import Prepared
from .._arrays.protocols import Measure
from .._formulas.cross_entropy import CrossEntropy
from .._formulas.kl_weights import KLFromWeights
from ..mixtures import js_distance
from ..special import (
    entr,
    kl_div,
    log_softmax,
    logsumexp,
    rel_entr,
    softmax,
    xlog1py,
    xlogy,
)

__all__ = [
    "entr",
    "entropy",
    "jensenshannon",
    "kl_div",
    "log_softmax",
    "logsumexp",
    "rel_entr",
    "softmax",
    "xlog1py",
    "xlogy",
]

_POLICIES = ("propagate", "omit", "raise")


def entropy(
    pk: Operand[Array],
    qk: Operand[Array] | None = None,
    base: float | None = None,
    axis: int | tuple[int, ...] | None = 0,
    *,
    nan_policy: Literal["propagate", "omit", "raise"] = "propagate",
    keepdims: bool = False,
) -> Array:
    r"""Return the entropy or relative entropy, a drop-in replacement for `scipy.stats.entropy`.

    .. math:: -\sum_i p_i \log p_i \quad \text{or} \quad \sum_i p_i \log \frac{p_i}{q_i}

    Both sides are normalized. The relative entropy is never negative, and is accurate to a few
    ulp if the two nearly agree.

    Parameters
    ----------
    pk : array
        Non-negative weights, such as probabilities or counts.
    qk : array, optional
        Weights to compare with, for the relative entropy. Broadcasts with pk, also along
        ``axis``: one number there stands for a uniform distribution.
    base : float, optional
        Base of the logarithm, a positive number. The default is e, for nats.
    axis : int, tuple of ints or None, default 0
        The axes that hold one distribution, of the operands' common shape; None for all of
        them, and then two arrays of one size are paired in their order whatever their shapes.
    nan_policy : str, default 'propagate'
        What to do about nan: ``"propagate"`` it, ``"omit"`` every pair that has one, or
        ``"raise"``.
    keepdims : bool, default False
        Keep reduced axes with size one.

    Returns
    -------
    array
        Entropies, of the same library and on the same device as the operands.

    Raises
    ------
    TypeError
        For arrays of two libraries, for arrays that are not dense (SciPy omits what is masked),
        and for boolean and complex dtypes.
    ValueError
        For shapes that do not broadcast, an axis out of bounds, a base that is not positive, an
        unknown policy, and for nan where it is to be raised.
    NotImplementedError
        For ``nan_policy="raise"`` with lazy arrays, which are not computed to be looked at.

    See Also
    --------
    relentropy.entropy, relentropy.kl_divergence

    Notes
    -----
    Error bounds, limits, dtypes and gradients are those of `relentropy.entropy` and
    `relentropy.kl_divergence`, with one more ulp for a base of at most 1. A negative weight
    gives nan (SciPy: -inf without qk, inf with it), and integers take the dtype of a float
    array beside them.

    Examples
    --------
    >>> import numpy as np
    >>> from relentropy.interop.scipy_stats import entropy
    >>> print(entropy(np.array([0.5, 0.5]), base=2))
    1.0
    >>> pk = np.array([0.1, 0.2, 0.7])
    >>> print(f"{entropy(pk, pk + np.array([1e-9, -1e-9, 0.0])):.6e}")
    7.500000e-18
    """
    if base is not None and base <= 0:
        raise ValueError(f"`base` must be a positive number or `None`, not {base!r}")
    if nan_policy not in _POLICIES:
        raise ValueError(
            f"nan_policy must be one of {', '.join(_POLICIES)}, not {nan_policy!r}"
        )
    operands, raw, lazy = _with_axes({"pk": pk} if qk is None else {"pk": pk, "qk": qk})
    if axis is None and qk is not None:
        operands = _paired(operands, raw)
    where = None if nan_policy == "propagate" else _known(operands)
    if nan_policy == "raise":
        if lazy:
            raise NotImplementedError("nan_policy='raise' would have to compute a lazy array")
        if not bool(raw.all(where)):
            raise ValueError("The input contains nan values")
        where = None
    usual, divisor = _base(base)
    measure: Measure = KLFromWeights(usual)
    if qk is None:
        measure = CrossEntropy((False, False), usual, same=True)
    (value,) = _call.reduce(
        measure, operands, axis=axis, where=where, keepdims=keepdims, stretch=True
    )
    return _divided(value, divisor)


def jensenshannon(
    p: Operand[Array],
    q: Operand[Array],
    base: float | None = None,
    *,
    axis: int | tuple[int, ...] | None = 0,
    keepdims: bool = False,
) -> Array:
    r"""Return the Jensen-Shannon distance, as `scipy.spatial.distance.jensenshannon` does.

    .. math:: \sqrt{\frac{D(p \| m) + D(q \| m)}{2}}, \quad m = \frac{p + q}{2}

    Both sides are normalized. It is a distance, the square root of the Jensen-Shannon
    divergence, zero exactly if the two are equal and never nan for two distributions.

    Parameters
    ----------
    p : array
        Non-negative weights, such as probabilities or counts.
    q : array
        Weights of the same size along ``axis``; the other axes broadcast.
    base : float, optional
        Base of the logarithm in the divergence, a positive number. The default is e.
    axis : int, tuple of ints or None, default 0
        The axes that hold one distribution, of the operands' common shape; None for all of
        them.
    keepdims : bool, default False
        Keep reduced axes with size one.

    Returns
    -------
    array
        Distances, of the same library and on the same device as the operands.

    Raises
    ------
    TypeError
        For arrays of two libraries, arrays that are not dense, boolean or complex dtypes.
    ValueError
        For sizes that differ along ``axis`` (SciPy broadcasts there what it has normalized
        before, and compares with something that is no distribution), for shapes that do not
        broadcast elsewhere, an axis out of bounds, a base that is not positive.

    See Also
    --------
    relentropy.js_distance

    Notes
    -----
    Errors, limits, dtypes and gradients are those of `relentropy.js_distance`. For a base below
    1 the divergence is negative, and its root nan.

    Examples
    --------
    >>> import numpy as np
    >>> from relentropy.interop.scipy_stats import jensenshannon
    >>> print(jensenshannon(np.array([1.0, 0.0, 0.0]), np.array([0.0, 1.0, 0.0]), 2.0))
    1.0
    >>> p = np.array([0.1, 0.2, 0.7])
    >>> print(f"{jensenshannon(p, p + np.array([1e-9, -1e-9, 0.0])):.6e}")
    1.369306e-09
    """
    if base is not None and base <= 0:
        raise ValueError(f"base must be a positive number or None, not {base!r}")
    operands, _, _ = _with_axes({"p": p, "q": q})
    usual, divisor = _base(base)
    value = js_distance(**operands, axis=axis, base=usual, keepdims=keepdims)
    if divisor is not None:
        divisor = math.sqrt(divisor) if divisor >= 0 else math.nan
    return _divided(value, divisor)


def _with_axes(operands: dict[str, Any]) -> tuple[dict[str, Any], Any, bool]:
    """The operands as arrays of at least one axis, their namespace, and if it is lazy."""
    call = Prepared(operands, None, None)
    arrays = {
        name: array if array.ndim else call.raw.reshape(array, (1,))
        for name, array in call.arrays.items()
    }
    return arrays, call.raw, call.library == "dask"


def _paired(operands: dict[str, Any], raw: Any) -> dict[str, Any]:
    """Arrays of one size as arrays of one shape; another size than that or 1 does not fit."""
    shapes = {name: tuple(array.shape) for name, array in operands.items()}
    sizes = {math.prod(shape) for shape in shapes.values()}
    if 1 in sizes:
        return operands
    if len(sizes) > 1:
        listed = ", ".join(f"{name} has shape {shape}" for name, shape in shapes.items())
        raise ValueError(f"sizes must be equal: {listed}")
    shape = max(shapes.values(), key=len)
    return {name: raw.reshape(array, shape) for name, array in operands.items()}


def _known(operands: dict[str, Any]) -> Any:
    """Where no operand is nan."""
    one, *others = (array == array for array in operands.values())
    for other in others:
        one = one & other
    return one


def _base(base: float | None) -> tuple[float | None, float | None]:
    """A base that the library has, or none and what to divide nats by."""
    if base is None or 1 < base < math.inf:
        return _arguments.checked_base(base), None
    return None, math.log(base)


def _divided(value: Any, divisor: float | None) -> Any:
    """Nats in units in which SciPy would give them, 0 and nan included."""
    if divisor is None:
        return value
    with np.errstate(all="ignore"):
        return value / divisor
