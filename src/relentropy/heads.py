"""Divergences between language-model heads, without materializing their logits.

A head's logits, ``hidden @ weight.T + bias``, are the largest arrays of a model's training.
These functions compute them in tiles, each of which is merged into the state of its rows and
discarded; gradients compute the same tiles again.
"""

from __future__ import annotations

import math
from typing import Any, Literal, overload

from . import _arguments
from ._arrays.dtypes import name_of
from ._arrays.operands import Array, Operand
from ._arrays.plain import Plain
from ._arrays.protocols import Measure
from ._formulas.cross_entropy import CrossEntropy
from ._formulas.f_divergence import FDivergence
from ._formulas.generators import JensenShannon, SkewJensenShannon
from ._formulas.kl_logits import KLFromLogits
from ._formulas.logsumexp import LogSumExp
from ._formulas.token import TokenLogProb
from ._heads import (
    Given,
    class_labels,
    labels,
    reduced,
    require_a_head,
    require_weight,
    rows_of,
    shapes_of,
    two_sides,
    whole_numbers,
)
from ._records import head
from .estimators.rows import of_some, rounding_of

__all__ = [
    "linear_cross_entropy",
    "linear_js_divergence",
    "linear_kl_divergence",
    "linear_token_log_probs",
]


@head(
    "a centred log-ratio in a state that merges, tile by tile",
    float64=6.0,
    float32=2.0,
)
def linear_kl_divergence(
    hidden_p: Operand[Array],
    weight_p: Operand[Array] | None,
    hidden_q: Operand[Array],
    weight_q: Operand[Array] | None,
    *,
    bias_p: Operand[Array] | None = None,
    bias_q: Operand[Array] | None = None,
    indices_p: Any = None,
    rest: Literal["bucket", "renormalize", "drop"] = "bucket",
    temperature: float = 1.0,
    base: float | None = None,
    vocab_size: int | None = None,
    where: Any = None,
    gradient: Literal["q", "p", "both"] = "q",
    memory: int | None = None,
    dtype: Any = None,
) -> Array:
    r"""Return the relative entropy D(p‖q) of two heads, without materializing their logits.

    .. math:: D(p \| q), \quad
        p = \operatorname{softmax}((h_p W_p^\top + b_p) / T), \;
        q = \operatorname{softmax}((h_q W_q^\top + b_q) / T)

    Parameters
    ----------
    hidden_p : array of shape (..., size)
        Hidden states of the reference model (the teacher), one for every token. Without a
        ``weight_p``, its logits of shape (..., vocabulary); with ``indices_p``, its largest
        log-probabilities, of shape (..., k).
    indices_p : array of int of shape (..., k), optional
        The words whose log-probabilities are ``hidden_p``, at this temperature and normalized
        over the whole vocabulary; different words for every token.
    rest : {"bucket", "renormalize", "drop"}, default "bucket"
        With ``indices_p``, the treatment of all other words, as in
        `relentropy.estimators.partial_kl`.

    See Also
    --------
    relentropy.kl_divergence : from materialized logits.
    linear_js_divergence, linear_cross_entropy

    References
    ----------
    E. Wijmans et al., "Cut your losses in large-vocabulary language models",
    arXiv:2411.09009 (2024). P.-L. Hsu et al., "Liger kernel: efficient Triton kernels for LLM
    training", arXiv:2410.10989 (2024).

    Examples
    --------
    >>> import numpy as np
    >>> from relentropy.heads import linear_kl_divergence
    >>> rng = np.random.default_rng(0)
    >>> teacher, student = rng.normal(size=(3, 8)), rng.normal(size=(3, 4))  # three tokens
    >>> of_teacher, of_student = rng.normal(size=(1000, 8)), rng.normal(size=(1000, 4))
    >>> kl = linear_kl_divergence(teacher, of_teacher, student, of_student)
    >>> print(kl.round(4))
    [2.2143 4.4066 1.7886]
    """
    temperature = _arguments.positive("temperature", temperature)
    base = _arguments.checked_base(base)
    gradient = _arguments.chosen("gradient", gradient, ("q", "p", "both"))
    rest = _arguments.chosen("rest", rest, ("bucket", "renormalize", "drop"))
    p, q = two_sides(hidden_p, weight_p, bias_p, hidden_q, weight_q, bias_q, gradient)
    options = {
        "temperature": temperature, "vocab_size": vocab_size, "where": where, "memory": memory,
        "dtype": dtype,
    }  # fmt: skip
    if indices_p is not None:
        return _from_largest(p, indices_p, q, rest, base, gradient, options)
    require_a_head(p, q)
    (value,) = rows_of(KLFromLogits((True, True), True, base), [p, q], **options)
    return value


@head(
    "an even function of the log-ratio or of the relative difference, on rows of tiles",
    float64=6.0,
    float32=2.0,
)
def linear_js_divergence(
    hidden_p: Operand[Array],
    weight_p: Operand[Array] | None,
    hidden_q: Operand[Array],
    weight_q: Operand[Array] | None,
    *,
    bias_p: Operand[Array] | None = None,
    bias_q: Operand[Array] | None = None,
    mixture: float = 0.5,
    temperature: float = 1.0,
    base: float | None = None,
    vocab_size: int | None = None,
    where: Any = None,
    gradient: Literal["q", "p", "both"] = "q",
    memory: int | None = None,
    dtype: Any = None,
) -> Array:
    r"""Return the Jensen-Shannon divergence of two heads, without materializing their logits.

    .. math:: (1 - w) D(p \| m) + w D(q \| m), \quad m = (1 - w) p + w q

    Parameters
    ----------
    mixture : float, default 0.5
        The weight w of q in the mixture, from 0 to 1, which is ``weight`` in
        `relentropy.js_divergence`.

    See Also
    --------
    relentropy.js_divergence : from materialized logits.
    relentropy.objectives.distillation_loss : whose ``js_weight`` is the teacher's.

    Notes
    -----
    The divergence is finite even if a side has words that the other has not; a row with a logit
    of nan or +inf has nan, and a token that ``where`` excludes 0. A row's logits are read three
    times and computed once: forwards a tile has few rows and the whole vocabulary.

    References
    ----------
    J. Lin, "Divergence measures based on the Shannon entropy", IEEE Transactions on Information
    Theory 37 (1991).

    Examples
    --------
    >>> import numpy as np
    >>> from relentropy.heads import linear_js_divergence
    >>> hidden, weight = np.eye(2, 3), np.array([[1.0, 0, 0], [0, 1.0, 0]])
    >>> print(linear_js_divergence(hidden, weight, hidden, 2 * weight).round(6))
    [0.018306 0.018306]
    """
    base = _arguments.checked_base(base)
    share = _arguments.checked_share("mixture", mixture)
    gradient = _arguments.chosen("gradient", gradient, ("q", "p", "both"))
    sides = two_sides(hidden_p, weight_p, bias_p, hidden_q, weight_q, bias_q, gradient)
    require_a_head(*sides)
    row = JensenShannon() if share == 0.5 else SkewJensenShannon(share)
    (value,) = rows_of(
        FDivergence(row, (True, True), True, base), list(sides), temperature=temperature,
        vocab_size=vocab_size, where=where, memory=memory, dtype=dtype,
    )  # fmt: skip
    return value


@head(
    "gap from the largest entry, and log1p of what the others add to it, tile by tile",
    float64=6.0,
    float32=2.0,
)
def linear_cross_entropy(
    hidden: Operand[Array],
    weight: Operand[Array],
    targets: Any,
    *,
    bias: Operand[Array] | None = None,
    temperature: float = 1.0,
    ignore_index: int | None = -100,
    reduction: Literal["none", "sum", "mean"] = "none",
    vocab_size: int | None = None,
    where: Any = None,
    memory: int | None = None,
    dtype: Any = None,
) -> Array:
    r"""Return the cross-entropy of labels or soft targets under a head, without its logits.

    .. math:: -\sum_i p_i \log \operatorname{softmax}((h W^\top + b) / T)_i

    Parameters
    ----------
    targets : array of int of shape (...), or of floats of shape (..., vocabulary)
        The words to be predicted, or a distribution over all of them: non-negative weights,
        which are normalized, and constants in derivatives.

    Returns
    -------
    array
        Cross-entropies in nats; tokens that are left out have 0, and so has the mean of none.

    See Also
    --------
    linear_token_log_probs : with the opposite sign, and entropies.
    relentropy.cross_entropy : from materialized logits.

    Notes
    -----
    A label that is neither in the vocabulary nor ignored gives nan. If nothing is included, the
    mean is 0; that of torch's own cross-entropy is nan.

    References
    ----------
    E. Wijmans et al., "Cut your losses in large-vocabulary language models",
    arXiv:2411.09009 (2024).

    Examples
    --------
    >>> import numpy as np
    >>> from relentropy.heads import linear_cross_entropy
    >>> hidden, weight = (
    ...     np.array([[2.0, 0], [0, 1], [5, 5]]),
    ...     np.array([[1.0, 0], [0, 1], [0, 0]]),
    ... )
    >>> print(linear_cross_entropy(hidden, weight, np.array([0, 2, -100])).round(6))
    [0.239545 1.551445 0.      ]
    >>> print(linear_cross_entropy(hidden, weight, [0, 2, -100], reduction="mean").round(6))
    0.895495
    """
    reduction = _arguments.chosen("reduction", reduction, ("none", "sum", "mean"))
    side = Given("", hidden, weight, bias)
    require_weight(side)
    options = {
        "temperature": temperature, "vocab_size": vocab_size, "memory": memory, "dtype": dtype,
    }  # fmt: skip
    if targets is None:
        raise TypeError("targets must be an array, not None")
    if isinstance(targets, list | tuple):
        targets = labels("targets", targets, hidden)
    if not name_of(getattr(targets, "dtype", "")).startswith(("int", "uint")):
        if _arguments.shape_of("targets", targets) == shapes_of(side)[0]:
            raise TypeError(
                "targets must be integers, one label for every row of hidden, or soft targets "
                "with an axis of the vocabulary more"
            )
        soft = Given("", targets, label="targets", moves=False, log=False)
        (value,) = rows_of(
            CrossEntropy((False, True), None), [soft, side], where=where, **options
        )
    else:
        tokens, where = class_labels(targets, ignore_index, where, side)
        (value,) = rows_of(
            TokenLogProb(with_entropy=False), [side], tokens=tokens, where=where, **options
        )
        value = 0 - value  # not -0 for what is left out
    return value if reduction == "none" else reduced(value, where, reduction)


@overload
def linear_token_log_probs(
    hidden: Operand[Array], weight: Operand[Array], tokens: Any, *, bias: Operand[Array] |
    None = None, temperature: float = 1.0, return_entropy: Literal[False] = False,
    vocab_size: int | None = None, where: Any = None, memory: int | None = None, dtype: Any
    = None,
) -> Array: ...  # fmt: skip


@overload
def linear_token_log_probs(
    hidden: Operand[Array], weight: Operand[Array], tokens: Any, *, bias: Operand[Array] |
    None = None, temperature: float = 1.0, return_entropy: Literal[True], vocab_size: int |
    None = None, where: Any = None, memory: int | None = None, dtype: Any = None,
) -> tuple[Array, Array]: ...  # fmt: skip


@overload
def linear_token_log_probs(
    hidden: Operand[Array], weight: Operand[Array], tokens: Any, *, bias: Operand[Array] |
    None = None, temperature: float = 1.0, return_entropy: bool, vocab_size: int | None =
    None, where: Any = None, memory: int | None = None, dtype: Any = None,
) -> Array | tuple[Array, Array]: ...  # fmt: skip


@head(
    "gap from the largest entry, and log1p of what the others add to it, tile by tile",
    float64=6.0,
    float32=2.0,
)
def linear_token_log_probs(
    hidden: Operand[Array],
    weight: Operand[Array],
    tokens: Any,
    *,
    bias: Operand[Array] | None = None,
    temperature: float = 1.0,
    return_entropy: bool = False,
    vocab_size: int | None = None,
    where: Any = None,
    memory: int | None = None,
    dtype: Any = None,
) -> Array | tuple[Array, Array]:
    r"""Return the log-probabilities of tokens under a head, without materializing its logits.

    .. math:: \log \operatorname{softmax}((h W^\top + b) / T)_t

    Parameters
    ----------
    tokens : array of int of shape (...) or (..., k)
        The chosen words, one for every hidden state, or k different ones.
    return_entropy : bool, default False
        Return the rows' entropies as well, from the same tiles; only for one token of every
        row.

    Returns
    -------
    array, or a pair of them
        Log-probabilities in nats, of the tokens' shape, and with ``return_entropy`` entropies.

    See Also
    --------
    relentropy.estimators.token_log_probs : from materialized logits.
    relentropy.estimators.kl_estimate : estimates from the log-probabilities of two models.

    Notes
    -----
    A token that is not in the vocabulary, such as -100, gives nan. Tokens that ``where``
    excludes have 0.

    References
    ----------
    E. Wijmans et al., "Cut your losses in large-vocabulary language models",
    arXiv:2411.09009 (2024).

    Examples
    --------
    >>> import numpy as np
    >>> from relentropy.heads import linear_token_log_probs
    >>> hidden, weight = np.array([[2.0, 0], [0, 1]]), np.array([[1.0, 0], [0, 1], [0, 0]])
    >>> print(linear_token_log_probs(hidden, weight, np.array([0, 2])).round(6))
    [-0.239545 -1.551445]
    >>> print(linear_token_log_probs(hidden, weight, np.array([[0, 1], [2, 0]])).round(6))
    [[-0.239545 -2.239545]
     [-1.551445 -1.551445]]
    """
    with_entropy = _arguments.one_flag("return_entropy", return_entropy)
    side = Given("", hidden, weight, bias)
    require_weight(side)
    rows, _ = shapes_of(side)
    tokens = whole_numbers("tokens", tokens, hidden)
    shape = tuple(tokens.shape)
    several = len(shape) == len(rows) + 1
    if shape[: len(rows)] != rows or len(shape) > len(rows) + 1:
        raise ValueError(f"tokens must have the shape {rows} or {(*rows, 'k')}, not {shape}")
    if several and with_entropy:
        raise ValueError("return_entropy is for one token of every row")
    measure: Measure = LogSumExp() if several else TokenLogProb(with_entropy)
    found = rows_of(
        measure, [side], tokens=tokens, several=several, temperature=temperature,
        vocab_size=vocab_size, where=where, memory=memory, dtype=dtype,
    )  # fmt: skip
    return found if with_entropy else found[0]


def _from_largest(
    p: Given, indices: Any, q: Given, rest: str, base: float | None, gradient: str,
    options: dict[str, Any],
) -> Any:  # fmt: skip
    """D(p‖q) of some log-probabilities of p."""
    if p.weight is not None or p.bias is not None:
        raise ValueError(
            "with indices_p, hidden_p are log-probabilities and there is no weight_p"
        )
    if q.weight is None:
        raise ValueError("with indices_p, q must be a head: weight_q must be given")
    if p.hidden is None:
        raise TypeError("hidden_p must be an array, not None")
    rows, _ = shapes_of(q)
    indices = whole_numbers("indices_p", indices, q.hidden)
    shape, known = _arguments.shape_of("hidden_p", p.hidden), tuple(indices.shape)
    if shape != known or len(known) != len(rows) + 1 or known[:-1] != rows:
        raise ValueError(
            f"hidden_p and indices_p must have the shape {(*rows, 'k')}, not {shape} and "
            f"{known}"
        )
    (log_probs,) = rows_of(LogSumExp(), [q], tokens=indices, several=True, **options)
    given = Plain({"teacher": p.hidden, "student": log_probs})
    teacher, student = given.arrays["teacher"], given.arrays["student"]
    if not p.moves:
        teacher = given.constant(teacher)
    where = options["where"]
    eps = rounding_of(p.hidden, student)
    found = of_some(teacher, student, rest, -1, where, options["dtype"], eps).kl
    return found if base is None else found / math.log(base)
