"""Divergences between language-model heads, without their logits.

A head's logits, ``hidden @ weight.T + bias``, are the largest arrays of a model's training.
Here they are made in tiles, each of which goes into the state of its rows and is forgotten;
gradients make the same tiles again.
"""

from __future__ import annotations

import math
from typing import Any, Literal

from . import _arguments
from ._arrays.dtypes import name_of
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

Array = Any


@head(
    "a centred log-ratio in a state that merges, tile by tile",
    float64=6.0,
    float32=2.0,
)
def linear_kl_divergence(
    hidden_p: Any,
    weight_p: Any,
    hidden_q: Any,
    weight_q: Any,
    *,
    bias_p: Any = None,
    bias_q: Any = None,
    indices_p: Any = None,
    rest: Literal["bucket", "renormalize", "drop"] = "bucket",
    temperature: float = 1.0,
    base: float | None = None,
    vocab_size: int | None = None,
    where: Any = None,
    gradient: Literal["q", "p", "both"] = "q",
    memory: int | None = None,
    dtype: Any = None,
) -> Any:
    r"""Relative entropy D(p‖q) of two heads, whose logits never exist.

    .. math:: D(p \| q), \quad
        p = \operatorname{softmax}((h_p W_p^\top + b_p) / T), \;
        q = \operatorname{softmax}((h_q W_q^\top + b_q) / T)

    Parameters
    ----------
    hidden_p : array of shape (..., size)
        Hidden states of the reference model (the teacher), one for every token. Without a
        ``weight_p`` its logits, of shape (..., vocabulary); with ``indices_p`` its largest
        log-probabilities, of shape (..., k).
    weight_p : array of shape (vocabulary, size), or None
        The reference's head, as a linear layer has it.
    hidden_q : array of shape (..., size)
        The same of the model (the student), for the same tokens; the hidden states' sizes may
        differ.
    weight_q : array of shape (vocabulary, size), or None
        The model's head. At least one side is a head.
    bias_p, bias_q : array of shape (vocabulary,), optional
        Biases of the heads; -inf excludes a word from a side.
    indices_p : array of int of shape (..., k), optional
        The words that ``hidden_p`` are the log-probabilities of, at this temperature and
        normalised over the whole vocabulary; different ones for every token.
    rest : {"bucket", "renormalize", "drop"}, default "bucket"
        With ``indices_p``, what becomes of all other words, as in
        `relentropy.estimators.partial_kl`.
    temperature : float, default 1.0
        What logits are divided by, greater than 0.
    base : float, optional
        Base of the logarithm, greater than 1. The default is e, for nats.
    vocab_size : int, optional
        How many words there are, where weights, biases or logits are padded: later rows and
        columns are not looked at, and have a gradient of zero.
    where : array of bool, optional
        The tokens to include, of the tokens' shape or broadcasting to it. What it excludes has
        a divergence of 0 and no part in gradients, whatever it holds.
    gradient : {"q", "p", "both"}, default "q"
        Which side derivatives are by. The other one is a constant, also where it is recorded.
    memory : int, optional
        What tiles of logits and of their gradients may take, in bytes: 64 MiB by default, and
        256 MiB on a device. Results depend on it as products do on their sizes.
    dtype : dtype or str, optional
        Floating dtype of the result; by default the operands', float32 for 16-bit ones.

    Returns
    -------
    array
        A divergence for every token, of the operands' library and on their device.

    Raises
    ------
    TypeError
        For arrays of two libraries, arrays that are not dense or not of floating-point
        numbers, and lazy ones.
    ValueError
        For shapes that do not fit each other, and impossible options.

    See Also
    --------
    relentropy.kl_divergence : from logits that exist.
    linear_js_divergence, linear_cross_entropy

    Notes
    -----
    Of logits as the products give them errors are at most 6 ulp in float64 and 2 in float32,
    and those of gradients by the logits 6 and 2 times the component's condition number. The
    products add rounding of their own: they are in the operands' dtype, but 16-bit ones are
    multiplied exactly, added up in float32 and never rounded to 16 bits. The gradients of
    hidden states, weights and biases are products again, added up in float32 at least and
    rounded once (on CUDA devices gradients by 16-bit heads' logits are rounded to 16 bits
    before, as a linear layer's are; in jax a weight's share of every tile is). What a library
    does with float32 products, such as TF32, is its own setting.

    For the same ``memory`` results have the same bits on any number of threads if the library's
    matrix product has.

    With gradients (torch, jax) a product more is made of every head, and no array of the size
    of the logits. Second derivatives make all of them at once; so do torch's forward mode and
    vmap, and jax has no forward mode of it.

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
    gradient = _arguments.chosen("gradient", gradient, ("q", "p", "both"))  # type: ignore[assignment]
    rest = _arguments.chosen("rest", rest, ("bucket", "renormalize", "drop"))  # type: ignore[assignment]
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
    hidden_p: Any,
    weight_p: Any,
    hidden_q: Any,
    weight_q: Any,
    *,
    bias_p: Any = None,
    bias_q: Any = None,
    mixture: float = 0.5,
    temperature: float = 1.0,
    base: float | None = None,
    vocab_size: int | None = None,
    where: Any = None,
    gradient: Literal["q", "p", "both"] = "q",
    memory: int | None = None,
    dtype: Any = None,
) -> Any:
    r"""Jensen-Shannon divergence of two heads, whose logits never exist.

    .. math:: (1 - w) D(p \| m) + w D(q \| m), \quad m = (1 - w) p + w q

    Parameters
    ----------
    hidden_p, weight_p, hidden_q, weight_q, bias_p, bias_q
        As in `linear_kl_divergence`; without a weight, a side is given by its logits.
    mixture : float, default 0.5
        The weight w of q in the mixture, from 0 to 1, which is ``weight`` in
        `relentropy.js_divergence`.
    temperature, base, vocab_size, where, gradient, memory, dtype
        As in `linear_kl_divergence`.

    Returns
    -------
    array
        A divergence for every token.

    Raises
    ------
    TypeError, ValueError
        As `linear_kl_divergence`.

    See Also
    --------
    relentropy.js_divergence : from logits that exist.
    relentropy.objectives.distillation_loss : whose ``js_weight`` is the teacher's.

    Notes
    -----
    Of logits as the products give them errors are at most 6 ulp in float64 and 2 in float32,
    and those of gradients by the logits 6 and 2 times the component's condition number;
    `linear_kl_divergence` says what products add. It is finite also where a side has words that
    the other has not; a row with a logit of nan or +inf has nan, and a token that ``where``
    excludes 0. A row is looked at three times, for which its logits are made once: forwards a
    tile has few rows and the whole vocabulary.

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
    gradient = _arguments.chosen("gradient", gradient, ("q", "p", "both"))  # type: ignore[assignment]
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
    hidden: Any,
    weight: Any,
    targets: Any,
    *,
    bias: Any = None,
    temperature: float = 1.0,
    ignore_index: int | None = -100,
    reduction: Literal["none", "sum", "mean"] = "none",
    vocab_size: int | None = None,
    where: Any = None,
    memory: int | None = None,
    dtype: Any = None,
) -> Any:
    r"""Cross-entropy of a head, whose logits never exist, from labels or soft targets.

    .. math:: -\sum_i p_i \log \operatorname{softmax}((h W^\top + b) / T)_i

    Parameters
    ----------
    hidden : array of shape (..., size)
        Hidden states, one for every token.
    weight : array of shape (vocabulary, size)
        The head, as a linear layer has it.
    targets : array of int of shape (...), or of floats of shape (..., vocabulary)
        The words that were to be predicted, or a distribution over all of them: non-negative
        weights, which are normalised, and constants in derivatives.
    bias : array of shape (vocabulary,), optional
        The head's bias.
    temperature : float, default 1.0
        What logits are divided by, greater than 0.
    ignore_index : int or None, default -100
        The label of tokens to leave out; None for no such label.
    reduction : {"none", "sum", "mean"}, default "none"
        Whether the result is one number for every token, their sum, or its mean over the tokens
        that are included.
    vocab_size, where, memory, dtype
        As in `linear_kl_divergence`.

    Returns
    -------
    array
        In nats; tokens that are left out have 0, and so has the mean of none.

    Raises
    ------
    TypeError, ValueError
        As `linear_kl_divergence`.

    See Also
    --------
    linear_token_log_probs : with another sign, and entropies.
    relentropy.cross_entropy : from logits that exist.

    Notes
    -----
    Of logits as the products give them errors are at most 6 ulp in float64 and 2 in float32,
    and those of gradients by the logits 6 and 2 times the component's condition number;
    `linear_kl_divergence` says what products add.

    Values never raise: a label that is neither in the vocabulary nor to be ignored has nan.
    Where nothing is included, the mean is 0; torch's own cross-entropy has nan.

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
    reduction = _arguments.chosen("reduction", reduction, ("none", "sum", "mean"))  # type: ignore[assignment]
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


@head(
    "gap from the largest entry, and log1p of what the others add to it, tile by tile",
    float64=6.0,
    float32=2.0,
)
def linear_token_log_probs(
    hidden: Any,
    weight: Any,
    tokens: Any,
    *,
    bias: Any = None,
    temperature: float = 1.0,
    return_entropy: bool = False,
    vocab_size: int | None = None,
    where: Any = None,
    memory: int | None = None,
    dtype: Any = None,
) -> Any:
    r"""Log-probabilities of chosen tokens under a head, whose logits never exist.

    .. math:: \log \operatorname{softmax}((h W^\top + b) / T)_t

    Parameters
    ----------
    hidden : array of shape (..., size)
        Hidden states, one for every token.
    weight : array of shape (vocabulary, size)
        The head, as a linear layer has it.
    tokens : array of int of shape (...) or (..., k)
        The chosen words, one for every hidden state, or k different ones.
    bias : array of shape (vocabulary,), optional
        The head's bias.
    temperature : float, default 1.0
        What logits are divided by, greater than 0.
    return_entropy : bool, default False
        Whether the rows' entropies are wanted as well, from the same tiles; for one token of
        every row.
    vocab_size, where, memory, dtype
        As in `linear_kl_divergence`.

    Returns
    -------
    array, or a pair of them
        Log-probabilities in nats, of the tokens' shape, and with ``return_entropy`` entropies.

    Raises
    ------
    TypeError, ValueError
        As `linear_kl_divergence`.

    See Also
    --------
    relentropy.estimators.token_log_probs : from logits that exist.
    relentropy.estimators.kl_estimate : what the log-probabilities of two models are for.

    Notes
    -----
    Of logits as the products give them errors are at most 6 ulp in float64 and 2 in float32,
    and those of gradients by the logits 6 and 2 times the component's condition number;
    `linear_kl_divergence` says what products add.

    Values never raise: a token that is not in the vocabulary, such as -100, has nan. Tokens
    that ``where`` excludes have 0.

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
) -> Array:  # fmt: skip
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
