"""Drop-in replacement for a function of `torch.nn.functional`, for arrays of any library."""

from __future__ import annotations

import warnings
from math import prod
from typing import Any, Literal

from .. import _arguments, _call
from .._arrays import dtypes
from .._arrays.axes import common_shape
from .._arrays.library import gather
from .._arrays.operands import Array, Operand
from .._formulas.plain_kl import FROM_LOGS, FROM_WEIGHTS, PlainSum

__all__ = ["kl_div"]


def kl_div(
    input: Operand[Array],  # noqa: A002
    target: Operand[Array],
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: Literal["none", "batchmean", "mean", "sum"] = "mean",
    log_target: bool = False,
) -> Array:
    r"""Return the KL divergence loss, a drop-in replacement for `torch.nn.functional.kl_div`.

    .. math:: t_i (\log t_i - x_i) \quad \text{or} \quad e^{t_i} (t_i - x_i)

    The target is the reference distribution p of `relentropy.kl_divergence` and comes second;
    the input are log-probabilities of the model q. Neither is normalized: this is the plain
    sum of what is given, and can be negative where the masses differ by no more than rounding.

    Parameters
    ----------
    input : array
        Log-probabilities x.
    target : array
        Probabilities t, or their logarithms with ``log_target``. Broadcasts with input.
    size_average : bool, optional
        Deprecated in torch in favour of ``reduction``, which it overrides: False stands for
        a sum.
    reduce : bool, optional
        Deprecated in torch in favour of ``reduction``, which it overrides: False stands for
        no reduction at all.
    reduction : str, default 'mean'
        ``"none"`` for the terms, ``"sum"``, ``"mean"`` for the sum over the number of all
        elements, ``"batchmean"`` for the sum over the length of the input's first axis, which
        is the mean divergence of the rows.
    log_target : bool, default False
        Whether the target is given by its logarithms.

    Returns
    -------
    array
        A 0-d result as the library's own reductions return it; with ``"none"`` an array of the
        operands' common shape.

    Raises
    ------
    TypeError
        For integer, boolean and complex dtypes (torch raises RuntimeError), for arrays of two
        libraries and arrays that are not dense.
    ValueError
        For shapes that do not broadcast, and for an unknown reduction.

    Warns
    -----
    UserWarning
        For ``reduction="mean"``, which is the default and no divergence, and for the
        deprecated arguments.

    See Also
    --------
    relentropy.kl_divergence : the divergence of normalized rows, from logits as they are.

    Notes
    -----
    The error of a term is at most 3 ulp in float64 and 1 in float32, float16 and bfloat16.
    Where a weight's logarithm and x all but cancel, that holds in float64 until they agree to
    58 bits, and below float64 ``2**-28*abs(x)/abs(log(t) - x)`` is added to it. The error of a
    sum is at most 4 ulp in float64, 2 in float32 and 1 in float16 and bfloat16, times
    ``sum(abs(terms))`` over the sum's absolute value.

    Where the target is zero (its logarithm -inf) a term is 0, also at an input of -inf: torch
    gives nan there. It is inf where the input alone is -inf, also if the target's mass
    underflows, and nan for a negative target. An input of inf gives -inf, and nan where
    the target is zero.

    Derivatives (torch, jax) are ``-t`` by the input, and by the target ``log(t) + 1 - x``,
    which at t = 0 is -inf, or 0 where the input is -inf too (torch has nan for both). By a
    target's logarithm it is ``exp(t)*(t + 1 - x)``, and 0 at -inf. They are at most 4 ulp off
    in float64 and 1 in float32, float16 and bfloat16, cancellation apart as for the terms.

    Combined with one of the deprecated arguments, ``"batchmean"`` still divides by the length
    of the first axis, as it does in torch.

    Examples
    --------
    >>> import numpy as np
    >>> from relentropy.interop.torch_functional import kl_div
    >>> target = np.array([[0.5, 0.5, 0.0]])
    >>> log_probs = np.log(np.array([[0.4, 0.6, 0.0]]), where=target > 0, out=target - np.inf)
    >>> print(round(kl_div(log_probs, target, reduction="batchmean"), 12))
    0.02041099726
    """
    operands = {"input": input, "target": target}
    shapes = _shapes_of_floats(operands)
    target_is_log = _arguments.one_flag("log_target", log_target)
    how = _reduction(size_average, reduce, reduction)
    divisor = prod(shapes["input"][:1]) if reduction == "batchmean" else 1
    if how == "none":
        terms = FROM_LOGS if target_is_log else FROM_WEIGHTS
        values: Any = _call.elementwise(terms, operands)
        return values / divisor if reduction == "batchmean" else values
    if how == "mean":
        divisor *= prod(common_shape(shapes))
    measure = PlainSum(target_is_log, float(divisor))
    (value,) = _call.reduce(measure, operands, axis=None, stretch=True)
    return value


def _shapes_of_floats(operands: dict[str, Any]) -> dict[str, tuple[int, ...]]:
    found = gather(operands)
    given = {**found.loose, **found.arrays}
    for name, value in given.items():
        if dtypes.kind_of(name, value.dtype) == "integer":
            raise TypeError(
                f"{name} has dtype {dtypes.name_of(value.dtype)}; probabilities and their "
                "logarithms are no integers, convert them to a float dtype"
            )
    return {name: tuple(given[name].shape) for name in operands}


def _reduction(size_average: bool | None, reduce: bool | None, reduction: str) -> str:
    """What to do with the terms, and the warnings that torch gives."""
    if size_average is not None or reduce is not None:
        how = "none"
        if reduce or reduce is None:
            how = "mean" if size_average or size_average is None else "sum"
        _warn(
            "size_average and reduce args will be deprecated, please use "
            f"reduction={how!r} instead."
        )
        return how
    if reduction == "mean":
        _warn(
            "reduction: 'mean' divides the total loss by both the batch size and the support "
            "size. 'batchmean' divides by the batch size alone, which gives the mean "
            "divergence of the rows."
        )
    elif reduction == "elementwise_mean":
        _warn(
            "reduction='elementwise_mean' is deprecated. Please use reduction='mean' instead."
        )
        return "mean"
    elif reduction == "batchmean":
        return "sum"
    elif reduction not in ("none", "sum"):
        raise ValueError(
            f"{reduction} is not a valid value for reduction: none, mean, batchmean or sum"
        )
    return reduction


def _warn(message: str) -> None:
    warnings.warn(message, stacklevel=4)
