"""The log-probabilities of tokens under a model."""

from __future__ import annotations

from typing import Any, Literal, overload

from .. import _arguments
from .._arrays.operands import Array, Operand
from .._call import reduce
from .._formulas.tempered import tempered
from .._formulas.token import TokenLogProb
from .._records import estimate


@overload
def token_log_probs(
    logits: Operand[Array], tokens: Any, *, temperature: float = 1.0, axis: int = -1,
    return_entropy: Literal[False] = False, where: Any = None, dtype: Any = None,
) -> Array: ...  # fmt: skip


@overload
def token_log_probs(
    logits: Operand[Array], tokens: Any, *, temperature: float = 1.0, axis: int = -1,
    return_entropy: Literal[True], where: Any = None, dtype: Any = None,
) -> tuple[Array, Array]: ...  # fmt: skip


@overload
def token_log_probs(
    logits: Operand[Array], tokens: Any, *, temperature: float = 1.0, axis: int = -1,
    return_entropy: bool, where: Any = None, dtype: Any = None,
) -> Array | tuple[Array, Array]: ...  # fmt: skip


@estimate(
    "gap from the largest entry, and log1p of what the others add to it",
    float64=4.0,
    float32=2.0,
    slopes=(6.0, 2.0),
    tiled=6.0,
)
def token_log_probs(
    logits: Operand[Array],
    tokens: Any,
    *,
    temperature: float = 1.0,
    axis: int = -1,
    return_entropy: bool = False,
    where: Any = None,
    dtype: Any = None,
) -> Array | tuple[Array, Array]:
    r"""Return the log-probabilities of chosen tokens, in one pass over the logits.

    .. math:: \log \operatorname{softmax}(a / T)_{t} = a_t / T - \log \sum_i \exp(a_i / T)

    Estimates of a model's divergence start from them. No array of the size of the logits is
    allocated, not even of lower precision (except for the gradient itself).

    Parameters
    ----------
    logits : array
        Logits, or log-probabilities; one row of the vocabulary for every token.
    tokens : array of int
        The chosen entries, of the shape of the logits without ``axis``.
    temperature : float, default 1.0
        Divisor of the logits, greater than 0. A logit that overflows by the division counts as
        infinite.
    return_entropy : bool, default False
        Return the rows' entropies as well, from the same pass.
    where : array of bool, optional
        Entries to include; broadcasts to the logits. A mask of tokens is
        ``where=mask[..., None]``, a mask of the vocabulary excludes entries from every row.
    dtype : dtype or str, optional
        Floating dtype of the results. By default that of the logits, but float32 for 16-bit
        logits: bfloat16 is too coarse for differences of log-probabilities.

    Returns
    -------
    array, or a pair of them
        Log-probabilities in nats, and with ``return_entropy`` entropies; both of the tokens'
        shape, of the logits' library and device.

    Raises
    ------
    TypeError
        If tokens are not integers.
    ValueError
        If tokens have another shape than the rows.

    See Also
    --------
    kl_estimate : estimates from the log-probabilities of two models.
    relentropy.special.log_softmax : all log-probabilities of a row.

    Notes
    -----
    Logits of float64 are rounded once by the division by a temperature.

    Values never raise: a token outside the vocabulary, such as -100, has a log-probability of
    nan, whose gradient is 0 if the loss does not select it; a token that is excluded, or has a
    logit of -inf, has -inf. A logit of nan or +inf makes its row nan. If nothing is selected,
    the result is 0 with a gradient of 0.

    The bounds of derivatives hold for both results; ``1 - p`` at a nearly certain token is
    summed from the other tokens.

    References
    ----------
    P. Blanchard, D. J. Higham and N. J. Higham, "Accurately computing the log-sum-exp and
    softmax functions", IMA Journal of Numerical Analysis 41 (2021).

    Examples
    --------
    >>> import numpy as np
    >>> from relentropy.estimators import token_log_probs
    >>> logits = np.array([[2.0, 0.0, 0.0], [40.0, 0.0, 0.0]])
    >>> print(token_log_probs(logits, np.array([1, 0])))
    [-2.23954477e+00 -8.49670851e-18]
    """
    temperature = _arguments.positive("temperature", temperature)
    with_entropy = _arguments.one_flag("return_entropy", return_entropy)
    tokens, axis = _arguments.labels("tokens", tokens, "logits", logits, axis)
    measure = tempered(TokenLogProb(with_entropy), temperature)
    found: Any = reduce(
        measure, {"logits": logits}, parameters={"tokens": tokens}, positions=True,
        axis=axis, where=where, dtype=dtype, widen=True,
    )  # fmt: skip
    return found if with_entropy else found[0]
