"""Divergences between language-model heads, without their logits.

A head's logits, ``hidden @ weight.T + bias``, are the largest arrays of a model's training. Here
they are made in tiles, each of which goes into the state of its rows and is forgotten; gradients
make the same tiles again.
"""

from __future__ import annotations

import math
from typing import Any, Literal, NamedTuple

import numpy as np

from . import _arguments
from ._arrays.dtypes import kind_of, name_of
from ._arrays.library import from_loose, quiet
from ._arrays.plain import Plain
from ._arrays.prepared import Prepared
from ._arrays.protocols import Measure
from ._autodiff.heads import HeadJob, Side
from ._formulas.cross_entropy import CrossEntropy
from ._formulas.f_divergence import FDivergence
from ._formulas.generators import JensenShannon, SkewJensenShannon
from ._formulas.kl_logits import KLFromLogits
from ._formulas.logsumexp import LogSumExp
from ._formulas.token import TokenLogProb
from ._records import head
from .estimators.rows import partial_kl

__all__ = [
    "linear_cross_entropy",
    "linear_js_divergence",
    "linear_kl_divergence",
    "linear_token_log_probs",
]

Array = Any
_HOST, _DEVICE = 1 << 26, 1 << 28


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
    multiplied exactly, added up in float32 and never rounded to 16 bits. The gradients of hidden
    states, weights and biases are products again, added up in float32 at least and rounded once
    (on CUDA devices gradients by 16-bit heads' logits are rounded to 16 bits before, as a linear
    layer's are; in jax a weight's share of every tile is). What a library does with float32
    products, such as TF32, is its own setting.

    For the same ``memory`` results have the same bits on any number of threads if the library's
    matrix product has.

    With gradients (torch, jax) there are three products where there was one, and no array of the
    size of the logits. A second derivative makes all of them at once. In jax there is no
    forward mode.

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
    """
    temperature = _arguments.positive("temperature", temperature)
    base = _arguments.checked_base(base)
    gradient = _arguments.chosen("gradient", gradient, ("q", "p", "both"))  # type: ignore[assignment]
    rest = _arguments.chosen("rest", rest, ("bucket", "renormalize", "drop"))  # type: ignore[assignment]
    p, q = _two(hidden_p, weight_p, bias_p, hidden_q, weight_q, bias_q, gradient)
    options = {
        "temperature": temperature, "vocab_size": vocab_size, "where": where, "memory": memory,
        "dtype": dtype,
    }  # fmt: skip
    if indices_p is not None:
        return _from_largest(p, indices_p, q, rest, base, gradient, options)
    _require_a_head(p, q)
    (value,) = _done(KLFromLogits((True, True), True, base), [p, q], **options)
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
    `linear_kl_divergence` says what products add. A row is looked at three times, for
    which its logits are made once: forwards a tile has few rows and the whole vocabulary.

    Examples
    --------
    >>> import numpy as np
    >>> from relentropy.heads import linear_js_divergence
    >>> hidden, weight = np.eye(2, 3), np.array([[1.0, 0, 0], [0, 1.0, 0]])
    >>> print(linear_js_divergence(hidden, weight, hidden, 2 * weight).round(6))
    """
    base = _arguments.checked_base(base)
    share = _arguments.checked_share("mixture", mixture)
    gradient = _arguments.chosen("gradient", gradient, ("q", "p", "both"))  # type: ignore[assignment]
    sides = _two(hidden_p, weight_p, bias_p, hidden_q, weight_q, bias_q, gradient)
    _require_a_head(*sides)
    row = JensenShannon() if share == 0.5 else SkewJensenShannon(share)
    (value,) = _done(
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

    Examples
    --------
    >>> import numpy as np
    >>> from relentropy.heads import linear_cross_entropy
    >>> hidden, weight = np.array([[2.0, 0], [0, 1], [5, 5]]), np.array([[1.0, 0], [0, 1], [0, 0]])
    >>> print(linear_cross_entropy(hidden, weight, np.array([0, 2, -100])).round(6))
    >>> print(linear_cross_entropy(hidden, weight, [0, 2, -100], reduction="mean").round(6))
    """
    reduction = _arguments.chosen("reduction", reduction, ("none", "sum", "mean"))  # type: ignore[assignment]
    side = _Given("", hidden, weight, bias)
    _require_weight(side)
    options = {
        "temperature": temperature, "vocab_size": vocab_size, "memory": memory, "dtype": dtype,
    }  # fmt: skip
    if targets is None:
        raise TypeError("targets must be an array, not None")
    targets = from_loose("targets", targets) if isinstance(targets, list | tuple) else targets
    if not name_of(getattr(targets, "dtype", "")).startswith(("int", "uint")):
        soft = _Given("", targets, label="targets", moves=False, log=False)
        (value,) = _done(CrossEntropy((False, True), None), [soft, side], where=where, **options)
    else:
        tokens, where = _labels(targets, ignore_index, where, side)
        (value,) = _done(
            TokenLogProb(with_entropy=False), [side], tokens=tokens, where=where, **options
        )
        value = 0 - value  # not -0 for what is left out
    return value if reduction == "none" else _reduced(value, where, reduction)


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

    Values never raise: a token that is not in the vocabulary, such as -100, has nan. Tokens that
    ``where`` excludes have 0.

    Examples
    --------
    >>> import numpy as np
    >>> from relentropy.heads import linear_token_log_probs
    >>> hidden, weight = np.array([[2.0, 0], [0, 1]]), np.array([[1.0, 0], [0, 1], [0, 0]])
    >>> print(linear_token_log_probs(hidden, weight, np.array([0, 2])).round(6))
    >>> print(linear_token_log_probs(hidden, weight, np.array([[0, 1], [2, 0]])).round(6))
    """
    with_entropy = _arguments.one_flag("return_entropy", return_entropy)
    side = _Given("", hidden, weight, bias)
    _require_weight(side)
    rows, _ = _shapes(side)
    tokens = _whole_numbers("tokens", tokens)
    shape = tuple(tokens.shape)
    several = len(shape) == len(rows) + 1
    if shape[: len(rows)] != rows or len(shape) > len(rows) + 1:
        raise ValueError(f"tokens must have the shape {rows} or {(*rows, 'k')}, not {shape}")
    if several and with_entropy:
        raise ValueError("return_entropy is for one token of every row")
    measure: Measure = LogSumExp() if several else TokenLogProb(with_entropy)
    found = _done(
        measure, [side], tokens=tokens, several=several, temperature=temperature,
        vocab_size=vocab_size, where=where, memory=memory, dtype=dtype,
    )  # fmt: skip
    return found if with_entropy else found[0]


class _Given(NamedTuple):
    """One side of a call, as its user gave it; without a weight, ``hidden`` are the entries."""

    suffix: str
    """What its arguments' names end in."""
    hidden: Any
    weight: Any = None
    bias: Any = None
    label: str = "hidden"
    """What the argument ``hidden`` is called."""
    moves: bool = True
    """Whether derivatives are wanted."""
    log: bool = True
    """Whether entries are logits, or weights."""

    @property
    def names(self) -> tuple[str, str, str]:
        first = self.label if self.label != "hidden" else f"hidden{self.suffix}"
        return first, f"weight{self.suffix}", f"bias{self.suffix}"

    @property
    def operands(self) -> dict[str, Any]:
        given = zip(self.names, (self.hidden, self.weight, self.bias), strict=True)
        return {name: one for name, one in given if one is not None}


def _shapes(side: _Given) -> tuple[tuple[int, ...], int]:
    """The shape of the rows, and the size of the vocabulary."""
    hidden, weight, bias = side.names
    if side.hidden is None:
        raise TypeError(f"{hidden} must be an array, not None")
    own = _arguments.shape_of(hidden, side.hidden)
    if not own:
        raise ValueError(f"{hidden} must have at least one axis, that of the hidden states")
    if side.weight is None:
        if side.bias is not None:
            raise ValueError(f"{bias} is part of a head, and there is no {weight}")
        return own[:-1], own[-1]
    shape = _arguments.shape_of(weight, side.weight)
    if len(shape) != 2 or shape[1] != own[-1]:
        raise ValueError(
            f"{weight} must have the shape (vocabulary, {own[-1]}) for {hidden} of shape {own}, "
            f"not {shape}"
        )
    if side.bias is not None and _arguments.shape_of(bias, side.bias) != shape[:1]:
        raise ValueError(
            f"{bias} must have the shape {shape[:1]}, not {_arguments.shape_of(bias, side.bias)}"
        )
    return own[:-1], shape[0]


def _common(sides: list[_Given], vocab_size: Any) -> tuple[tuple[int, ...], int]:
    """The shape of all sides' rows, and how many columns count."""
    found = {side.names[0]: _shapes(side) for side in sides}
    rows, sizes = {one for one, _ in found.values()}, [size for _, size in found.values()]
    if len(rows) > 1:
        listed = " and ".join(f"{one} of {name}" for name, (one, _) in found.items())
        raise ValueError(f"all sides must have the same rows, not {listed}")
    if vocab_size is None:
        if len(set(sizes)) > 1:
            raise ValueError(
                f"vocabularies of {' and '.join(map(str, sizes))}; if the last columns are "
                f"padding, pass vocab_size={min(sizes)}"
            )
        return rows.pop(), sizes[0]
    size = _arguments.integer("vocab_size", vocab_size, 0)
    if size > min(sizes):
        raise ValueError(f"vocab_size={size} is more than the {min(sizes)} columns that there are")
    return rows.pop(), size


def _done(
    measure: Measure,
    sides: list[_Given],
    *,
    tokens: Any = None,
    several: bool = False,
    temperature: float,
    vocab_size: Any,
    where: Any,
    memory: Any,
    dtype: Any,
) -> tuple[Array, ...]:
    """The measure of every row; see the public functions."""
    temperature = _arguments.positive("temperature", temperature)
    rows, vocabulary = _common(sides, vocab_size)
    operands = {name: one for side in sides for name, one in side.operands.items()}
    parameters = {} if tokens is None else {"tokens": tokens}
    call = Prepared(operands, where, dtype, parameters, widen=True)
    if call.library == "dask":
        raise TypeError(
            "heads are not lazy: apply the function to blocks of rows with dask.array.map_blocks"
        )
    for name in operands:
        if kind_of(name, call.arrays[name].dtype) == "integer":
            raise TypeError(f"{name} must be floating-point numbers, not integers")
    raw, count = call.raw, math.prod(rows)
    arrays: list[Array] = []
    for side in sides:
        own = [call.arrays[name] for name in side.operands]
        arrays += [raw.reshape(own[0], (count, own[0].shape[-1])), *own[1:]]
    if tokens is not None:
        wide = raw.int32 if call.library == "jax" else raw.int64
        given = raw.astype(call.arrays["tokens"], wide)
        each = given.shape[-1] if several else 1
        arrays.append(raw.reshape(given, (count, each)))
    if call.mask is not None:
        _require_rows(tuple(call.mask.shape), rows)
        arrays.append(raw.reshape(raw.broadcast_to(call.mask, rows), (count,)))
    job = HeadJob(
        measure=measure,
        sides=tuple(
            Side(side.weight is not None, side.bias is not None, side.moves, side.log)
            for side in sides
        ),
        rows=count,
        vocabulary=vocabulary,
        tokens=tokens is not None,
        several=several,
        masked=call.mask is not None,
        temperature=temperature,
        memory=_budget(memory, arrays[0], call.library),
        widened=sum(_widened(side, call) for side in sides),
        dtype=call.result_dtype,
        xp=call.xp,
    )
    outputs = _evaluated(job, tuple(arrays))
    shape = tuple(_arguments.shape_of("tokens", tokens)) if several else rows
    return tuple(call.like_the_library(raw.reshape(one, shape)) for one in outputs)


def _evaluated(job: HeadJob, arrays: tuple[Array, ...]) -> tuple[Array, ...]:
    if job.xp.library == "torch":
        from ._autodiff.torch_heads import evaluate

        return evaluate(job, arrays)
    if job.xp.library == "jax":
        from ._autodiff.jax_heads import evaluate

        return evaluate(job, arrays)
    with quiet(job.xp.library):
        return job.value(arrays)


def _widened(side: _Given, call: Prepared) -> int:
    """The bytes of a row of a side's weight in float32, if it is narrower."""
    if side.weight is None:
        return 0
    weight = call.arrays[side.names[1]]
    return 0 if name_of(weight.dtype) in {"float32", "float64"} else 4 * int(weight.shape[1])


def _budget(memory: Any, array: Array, library: str) -> int:
    """What tiles may take."""
    if memory is not None:
        return _arguments.integer("memory", memory, 1)
    on_host = library in {"numpy", "strict"} or "cpu" in str(getattr(array, "device", "cpu"))
    return _HOST if on_host else _DEVICE


def _require_rows(mask: tuple[int, ...], rows: tuple[int, ...]) -> None:
    if len(mask) > len(rows) or any(
        m not in (1, n) for m, n in zip(mask[::-1], rows[::-1], strict=False)
    ):
        raise ValueError(f"where of shape {mask} does not broadcast to the rows' shape {rows}")


def _two(
    hidden_p: Any, weight_p: Any, bias_p: Any, hidden_q: Any, weight_q: Any, bias_q: Any,
    gradient: str,
) -> tuple[_Given, _Given]:  # fmt: skip
    """Both sides of a divergence."""
    return (
        _Given("_p", hidden_p, weight_p, bias_p, moves=gradient != "q"),
        _Given("_q", hidden_q, weight_q, bias_q, moves=gradient != "p"),
    )


def _require_a_head(p: _Given, q: _Given) -> None:
    if p.weight is None and q.weight is None:
        raise ValueError(
            "weight_p or weight_q must be given; of logits on both sides there are "
            "relentropy.kl_divergence and js_divergence with from_logits=True"
        )


def _require_weight(side: _Given) -> None:
    if side.weight is None:
        raise TypeError("weight must be an array, not None")


def _whole_numbers(name: str, given: Any) -> Any:
    """Labels, as an array."""
    if isinstance(given, list | tuple):
        found = from_loose(name, given)
        given = found.astype(np.int64) if found.size == 0 else found
    kind = name_of(getattr(given, "dtype", ""))
    if not kind.startswith(("int", "uint")):
        raise TypeError(f"{name} must be integers, not {kind or type(given).__name__}")
    return given


def _labels(targets: Any, ignored: Any, where: Any, side: _Given) -> tuple[Any, Any]:
    """Class labels, and which of them count."""
    rows, _ = _shapes(side)
    if tuple(targets.shape) != rows:
        raise ValueError(
            f"targets must have the shape of hidden without its last axis, {rows}, or "
            f"{(*rows, 'vocabulary')} and a floating dtype, not {tuple(targets.shape)}"
        )
    if ignored is None:
        return targets, where
    counted = targets != _arguments.integer("ignore_index", ignored, -(2**63))
    if where is None:
        return targets, counted
    if isinstance(where, list | tuple):
        where = from_loose("where", where)
    _require_rows(_arguments.shape_of("where", where), rows)
    if name_of(where.dtype) != "bool":
        raise TypeError(f"where must be boolean, not {name_of(where.dtype)}")
    return targets, counted & where


def _reduced(losses: Array, where: Any, reduction: str) -> Array:
    """Their sum, or its mean over those that are included."""
    plain = Plain({"losses": losses}, where)
    total = plain.raw.sum(plain.kept(plain.arrays["losses"]))
    if reduction == "mean":
        count = plain.raw.sum(plain.counted(tuple(losses.shape)))
        total = total / plain.raw.where(count > 0, count, plain.full(1.0, count))
    return plain.like_the_library(total)


def _from_largest(
    p: _Given, indices: Any, q: _Given, rest: str, base: float | None, gradient: str,
    options: dict[str, Any],
) -> Array:  # fmt: skip
    """D(p‖q) of some log-probabilities of p."""
    if p.weight is not None or p.bias is not None:
        raise ValueError("with indices_p, hidden_p are log-probabilities and there is no weight_p")
    if q.weight is None:
        raise ValueError("with indices_p, q must be a head: weight_q must be given")
    if p.hidden is None:
        raise TypeError("hidden_p must be an array, not None")
    rows, _ = _shapes(q)
    indices = _whole_numbers("indices_p", indices)
    shape, known = _arguments.shape_of("hidden_p", p.hidden), tuple(indices.shape)
    if shape != known or len(known) != len(rows) + 1 or known[:-1] != rows:
        raise ValueError(
            f"hidden_p and indices_p must have the shape {(*rows, 'k')}, not {shape} and {known}"
        )
    (log_probs,) = _done(LogSumExp(), [q], tokens=indices, several=True, **options)
    given = Plain({"teacher": p.hidden, "student": log_probs})
    teacher, student = given.arrays["teacher"], given.arrays["student"]
    if not p.moves:
        teacher = given.constant(teacher)
    where = options["where"]
    found = partial_kl(teacher, student, rest=rest, where=where, dtype=options["dtype"]).kl
    return found if base is None else found / math.log(base)
