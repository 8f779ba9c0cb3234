"""Averages of losses over tokens and sequences, whole or in shares that add up."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple, overload

from .. import _arguments
from .._arrays.axes import reduced_axes
from .._arrays.operands import Array, Generic, Operand
from .._arrays.plain import Plain
from ._checks import checked_denominator, checked_length, require_given, require_tokens

Mode = Literal[
    "token-mean", "seq-mean-token-mean", "seq-mean-token-sum", "seq-mean-token-sum-norm"
]
MODES = (
    "token-mean",
    "seq-mean-token-mean",
    "seq-mean-token-sum",
    "seq-mean-token-sum-norm",
)


class Parts(NamedTuple, Generic[Array]):
    """A mean as the two numbers that micro-batches and ranks add up before they divide.

    Attributes
    ----------
    total : 0-d array
        The sum of what is averaged; it has the derivative.
    denominator : 0-d array
        What it is divided by: how many tokens or sequences were selected, 0 where none is, in
        which case the mean is 0 and not 0/0. Where ``denominator`` was given, it is that one,
        the full one, in the parts of every micro-batch: add up the totals alone.

    Examples
    --------
    Two micro-batches, of three tokens and of one, have the mean of four:

    >>> import numpy as np
    >>> from relentropy.objectives import aggregate
    >>> batches = [[1.0, 2.0, 3.0]], [[10.0]]
    >>> parts = [aggregate(np.array(one), return_parts=True) for one in batches]
    >>> float(sum(one.total for one in parts) / sum(one.denominator for one in parts))
    4.0
    """

    total: Array
    denominator: Array


def masked_mean(
    x: Operand[Array],
    where: Any = None,
    *,
    axis: int | tuple[int, ...] | None = None,
    denominator: Any = None,
    keepdims: bool = False,
) -> Array:
    r"""Return the mean of the selected entries, 0 if none is selected.

    .. math:: \frac1n \sum_{i:\, w_i} x_i, \quad n = \#\{i : w_i\}

    Parameters
    ----------
    x : array
        The entries; 16-bit floats are summed and returned as float32.
    where : array of bool, optional
        Entries to include; broadcasts to ``x``. What it excludes is replaced before any
        arithmetic, so that also an infinity or a nan there is gone, and its gradient is 0.
    axis : int, tuple of ints or None, default None
        The axes to average over; None for all.
    denominator : number or 0-d array, optional
        What to divide the sum by, instead of the number n of entries selected here. An array
        may be traced; its value is not looked at.
    keepdims : bool, default False
        Keep reduced axes with size one.

    Returns
    -------
    array
        Means, of the same library and on the same device as ``x``.

    Raises
    ------
    TypeError
        For arrays of two libraries, arrays that are not dense, and a mask that is not boolean.
    ValueError
        For a mask that does not broadcast to ``x``, and for a denominator that is no single
        number, or a plain number that is negative, infinite or nan.

    See Also
    --------
    aggregate : the averages in use of losses of shape (batch, time).

    Examples
    --------
    >>> import numpy as np
    >>> from relentropy.objectives import masked_mean
    >>> x = np.array([[1.0, 2.0, np.inf], [np.nan, 0.0, 0.0]])
    >>> mask = np.array([[True, True, False], [False, False, False]])
    >>> float(masked_mean(x, mask))
    1.5
    >>> masked_mean(x, mask, axis=-1)
    array([1.5, 0. ])
    """
    keepdims = _arguments.one_flag("keepdims", keepdims)
    require_given(x=x)
    plain = Plain({"x": x}, where, {"denominator": checked_denominator(denominator)})
    shape = plain.shape("x")
    axes = reduced_axes(axis, len(shape))
    with plain.quiet():
        kept = plain.kept(plain.arrays["x"])
        total = plain.raw.sum(kept, axis=axes, keepdims=keepdims)
        count = _given(plain)
        if count is None:
            count = plain.raw.sum(plain.counted(shape), axis=axes, keepdims=keepdims)
        return plain.like_the_library(quotient(total, count, plain))


@overload
def aggregate(
    losses: Operand[Array], where: Any = None, *, mode: Mode = "token-mean", denominator:
    Any = None, max_length: int | None = None, return_parts: Literal[False] = False,
) -> Array: ...  # fmt: skip


@overload
def aggregate(
    losses: Operand[Array], where: Any = None, *, mode: Mode = "token-mean", denominator:
    Any = None, max_length: int | None = None, return_parts: Literal[True],
) -> Parts[Array]: ...  # fmt: skip


@overload
def aggregate(
    losses: Operand[Array], where: Any = None, *, mode: Mode = "token-mean", denominator:
    Any = None, max_length: int | None = None, return_parts: bool,
) -> Array | Parts[Array]: ...  # fmt: skip


def aggregate(
    losses: Operand[Array],
    where: Any = None,
    *,
    mode: Mode = "token-mean",
    denominator: Any = None,
    max_length: int | None = None,
    return_parts: bool = False,
) -> Array | Parts[Array]:
    r"""Return an average of the losses of tokens, in one of the ways in use.

    With :math:`\ell_{it}` the loss of token t of sequence i, :math:`|o_i|` its selected tokens
    and N the sequences that have any:

    ============================= ======================================================
    ``"token-mean"``              :math:`\sum_{it} \ell_{it} / \sum_i |o_i|` (DAPO)
    ``"seq-mean-token-mean"``     :math:`\frac1N \sum_i \frac{1}{|o_i|} \sum_t \ell_{it}`
                                  (GRPO)
    ``"seq-mean-token-sum"``      :math:`\frac1N \sum_i \sum_t \ell_{it}`
    ``"seq-mean-token-sum-norm"`` :math:`\frac1N \sum_i \frac1L \sum_t \ell_{it}` (Dr. GRPO),
                                  with a constant L
    ============================= ======================================================

    Parameters
    ----------
    losses : array of shape (batch, time)
        Losses of tokens; 16-bit floats give a result of float32.
    where : array of bool, optional
        Tokens to include, of that shape or broadcasting to it. What it excludes is replaced
        before any arithmetic.
    mode : str, default "token-mean"
        One of the four above.
    denominator : number or 0-d array, optional
        What the last division is by: the tokens ("token-mean") or the sequences (the others) of
        the full batch. The results of its micro-batches, or of the ranks that share it, then
        add up to the result of the full batch, and so do their gradients. By default what is
        selected here is counted. An array may be traced, and its value is not looked at; all
        other options are settled before.
    max_length : int, optional
        The constant L of "seq-mean-token-sum-norm", which should be the longest length that can
        be generated. By default the size of the time axis, which is only constant if the
        padding is.
    return_parts : bool, default False
        Return `Parts`, the numerator and the denominator, of which the result is the quotient.

    Returns
    -------
    array, or Parts
        A 0-d array of the losses' library, on their device; 0 where nothing is selected. Its
        dtype is the losses', float32 for 16-bit ones, whatever the denominator's.

    Raises
    ------
    TypeError
        For arrays of two libraries, arrays that are not dense, and a mask that is not boolean.
    ValueError
        For losses that are not of shape (batch, time), for a mask that does not broadcast to
        it, for an unknown mode, for a denominator that is no single number, or a plain number
        that is negative, infinite or nan, and for a length that is none, or that the mode has
        no use for.

    See Also
    --------
    masked_mean, grpo_loss

    Notes
    -----
    A sequence without selected tokens is not counted. TRL's GRPO and Dr. GRPO losses count it,
    as a 0: pass the batch's size as ``denominator`` for that. Some versions of verl's
    ``seq-mean-token-sum-norm`` divide by L alone (``denominator=1``); the paper's and TRL's
    divide by the number of sequences as well.

    Where several ranks average gradients, each wants ``denominator`` divided by their number.

    References
    ----------
    Z. Shao et al., "DeepSeekMath" (GRPO), arXiv:2402.03300 (2024). Q. Yu et al., "DAPO",
    arXiv:2503.14476 (2025). Z. Liu et al., "Understanding R1-Zero-like training" (Dr. GRPO),
    arXiv:2503.20783 (2025).

    Examples
    --------
    >>> import numpy as np
    >>> from relentropy.objectives import aggregate
    >>> losses = np.array([[1.0, 2.0, 3.0, 4.0], [6.0, np.nan, np.nan, np.nan]])
    >>> tokens = np.array([[True] * 4, [True, False, False, False]])
    >>> float(aggregate(losses, tokens))
    3.2
    >>> float(aggregate(losses, tokens, mode="seq-mean-token-mean"))
    4.25

    The first sequence and the second in turn, as shares of the batch of both:

    >>> shares = [
    ...     aggregate(losses[i : i + 1], tokens[i : i + 1], denominator=5) for i in (0, 1)
    ... ]
    >>> float(sum(shares))
    3.2
    """
    mode = _arguments.chosen("mode", mode, MODES)
    return_parts = _arguments.one_flag("return_parts", return_parts)
    max_length = checked_length(max_length, mode)
    require_given(losses=losses)
    plain = Plain({"losses": losses}, where, {"denominator": checked_denominator(denominator)})
    require_tokens("losses", plain.shape("losses"))
    with plain.quiet():
        parts = _parts(plain, mode, max_length)
        if return_parts:
            return Parts(*(plain.like_the_library(one) for one in parts))
        return plain.like_the_library(quotient(*parts, plain))


def _parts(plain: Plain, mode: str, max_length: int | None) -> Parts[Any]:
    raw, shape = plain.raw, plain.shape("losses")
    kept, ones = plain.kept(plain.arrays["losses"]), plain.counted(shape)
    given = _given(plain)
    if mode == "token-mean":
        return Parts(raw.sum(kept), raw.sum(ones) if given is None else given)
    totals, lengths = raw.sum(kept, axis=-1), raw.sum(ones, axis=-1)
    if mode == "seq-mean-token-mean":
        totals = quotient(totals, lengths, plain)
    elif mode == "seq-mean-token-sum-norm":
        totals = totals / max(1, max_length or shape[-1])
    if given is None:
        given = raw.sum(raw.astype(lengths > 0, plain.dtype))
    return Parts(raw.sum(totals), given)


def quotient(total: Any, count: Any, plain: Plain) -> Any:
    """``total/count``, and 0 where a count of 0, of either sign, divides a total of 0."""
    none = plain.raw.where(total == 0, plain.full(1.0, total), plain.full(0.0, total))
    return total / plain.raw.where(count == 0, none, count)


def _given(plain: Plain) -> Any:
    return plain.arrays["denominator"]
