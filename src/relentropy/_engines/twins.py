"""Which measures have a compiled twin, and what it is told."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from .._arrays.pairs import Pair
from .._formulas import cross_entropy, elementwise, kl_logits, logsumexp, token
from .._formulas import generators as rows
from .._formulas.cross_entropy import CrossEntropy
from .._formulas.expectation import reciprocal_log
from .._formulas.f_divergence import FDivergence
from .._formulas.kl_logits import KLFromLogits
from .._formulas.kl_weights import KLFromWeights
from .._formulas.logsumexp import LogSoftmax, LogSumExp, Softmax
from .._formulas.tempered import Tempered
from .._formulas.token import TokenLogProb

_SPLITTER = 2.0**27 + 1  # float64's, in which kernels work


class Twin(NamedTuple):
    """The kernels of one measure."""

    kernel: str
    options: tuple[float, ...] = ()
    numbers: int = 0
    """How many numbers of a row follow the outputs that are kept; those of the formula."""
    slopes: str | None = None
    """The kernel of its derivatives, if there is one."""
    entries: int | None = None
    """How many operands have entries, where not all have: the next one is a number of the row,
    and what follows, such as the entries' own numbers, is not read."""


class StateTwin(NamedTuple):
    """The kernel of one pass, and how its outputs are a state's words."""

    kernel: str
    options: tuple[float, ...]
    words: int
    made: Callable[..., Any]
    entries: int | None = None
    """As a twin's."""


def state_twin_of(fold: Any) -> StateTwin | None:
    """The twin of a fold; None where there is none."""
    make = _STATES.get(type(fold))
    return None if make is None else make(fold)


def twin_of(function: Any) -> Twin | None:
    """The twin of a measure, a map or an elementwise function; None where there is none."""
    value = getattr(function, "value", None)  # an elementwise function is known by its value
    make = _TWINS.get(type(function)) or _ENTRIES.get(value)
    return None if make is None else make(function)


def base_of(function: Any) -> tuple[float, float]:
    """Return the hi and lo components of a measure's factor over its base's logarithm."""
    base, factor = getattr(function, "base", None), getattr(function, "factor", 1.0)
    high, low = (1.0, 0.0) if base is None else reciprocal_log(base, _SPLITTER)
    return factor * high, factor * low


def _kl_logits(measure: KLFromLogits) -> Twin | None:
    if not all(measure.from_logits):
        return None
    slopes = "kl_logits_slopes" if measure.normalize else None
    return Twin("kl_logits", (float(measure.normalize),), 8, slopes)


def _kl_weights(measure: KLFromWeights) -> Twin:
    return Twin("kl_weights", (), 8, "kl_weights_slopes")


_ROWS = {
    rows.Jeffreys: "jeffreys",
    rows.JensenShannon: "jensen_shannon",
    rows.SkewJensenShannon: "skew_jensen_shannon",
    rows.SkewKL: "skew_kl",
    rows.SquaredHellinger: "hellinger",
    rows.TotalVariation: "total_variation",
    rows.Pearson: "pearson",
    rows.Triangular: "triangular",
    rows.Alpha: "alpha",
    rows.Tsallis: "tsallis",
}


def _f_divergence(measure: FDivergence) -> Twin | None:
    row = measure.row
    name = _ROWS.get(type(row))
    if name is None or not measure.normalize or len(set(measure.from_logits)) > 1:
        return None
    kernel = name + ("_logits" if all(measure.from_logits) else "_weights")
    options = (getattr(row, "weight", 0.0), float(measure.root))
    entries = 2 if row.parameters else None
    return Twin(kernel, options, measure.source.count + 3, kernel + "_slopes", entries)


def _cross_entropy(measure: CrossEntropy) -> Twin | None:
    of_p, of_q = measure.from_logits
    if of_p is not of_q:
        return None
    name = "entropy" if measure.same else "cross_entropy"
    kernel = name + ("_logits" if of_p else "_weights")
    return Twin(kernel, numbers=5, slopes=kernel + "_slopes")


def _token(measure: TokenLogProb, temperature: float = 1.0) -> Twin:
    options = (float(measure.with_entropy), temperature)
    numbers = 7 if measure.with_entropy else 2
    return Twin("token_log_probs", options, numbers, "token_log_probs_slopes", entries=1)


def _tempered(measure: Tempered) -> Twin | None:
    of = measure.measure
    return _token(of, measure.temperature) if isinstance(of, TokenLogProb) else None


def _always(twin: Twin) -> Callable[[Any], Twin]:
    return lambda function: twin


_TWINS: dict[type, Callable[[Any], Twin | None]] = {
    FDivergence: _f_divergence,
    KLFromLogits: _kl_logits,
    KLFromWeights: _kl_weights,
    CrossEntropy: _cross_entropy,
    TokenLogProb: _token,
    Tempered: _tempered,
    LogSumExp: _always(Twin("logsumexp", numbers=2, slopes="logsumexp_slopes")),
    Softmax: _always(Twin("softmax", slopes="softmax_slopes")),
    LogSoftmax: _always(Twin("log_softmax", slopes="log_softmax_slopes")),
}


def _kl_state(fold: kl_logits.KLFold) -> StateTwin | None:
    if not all(fold.from_logits):
        return None
    return StateTwin("kl_logits_state", (float(fold.normalize),), 12, _kl_state_of)


def _kl_state_of(*words: Any) -> kl_logits.State:
    top, c, c_low, s, s_low, mean, f, f_low, far, q_top, lost, valid = words
    return kl_logits.State(
        top, Pair(c, c_low), Pair(s, s_low), mean, Pair(f, f_low), far != 0, q_top, lost != 0,
        valid != 0,
    )  # fmt: skip


def _surprise_state(fold: cross_entropy.CrossEntropyFold) -> StateTwin | None:
    of_p, of_q = fold.from_logits
    if of_p is not of_q:
        return None
    name = "entropy" if fold.same else "cross_entropy"
    kernel = name + ("_logits_state" if of_p else "_weights_state")
    return StateTwin(kernel, (), 7, _surprise_state_of)


def _surprise_state_of(*words: Any) -> cross_entropy.State:
    p_top, mass, surprise, q_top, others, lost, valid = words
    return cross_entropy.State(p_top, mass, surprise, q_top, others, lost != 0, valid != 0)


def _token_state(fold: token.TokenFold) -> StateTwin | None:
    with_entropy = isinstance(fold.of, cross_entropy.CrossEntropyFold)
    made = _surprise_state_of if with_entropy else logsumexp.Peak

    def state_of(*words: Any) -> token.State:
        *row, chosen, found = words
        return token.State(made(*row), chosen, found != 0)

    options = (float(with_entropy), 1.0)
    words = 9 if with_entropy else 4
    return StateTwin("token_log_probs_state", options, words, state_of, entries=1)


_PEAK_STATE = StateTwin("logsumexp_state", (), 2, logsumexp.Peak)
_STATES: dict[type, Callable[[Any], StateTwin | None]] = {
    kl_logits.KLFold: _kl_state,
    logsumexp.PeakFold: lambda fold: _PEAK_STATE,
    cross_entropy.CrossEntropyFold: _surprise_state,
    token.TokenFold: _token_state,
}


def _entries(name: str) -> Callable[[Any], Twin]:
    return _always(Twin(name, slopes=name + "_slopes"))


_ENTRIES: dict[Any, Callable[[Any], Twin | None]] = {
    elementwise.KL_DIV.value: _entries("kl_div"),
    elementwise.REL_ENTR.value: _entries("rel_entr"),
    elementwise.ENTR.value: _entries("entr"),
    elementwise.XLOGY.value: _entries("xlogy"),
    elementwise.XLOG1PY.value: _entries("xlog1py"),
    elementwise.EXPM1MX.value: _entries("expm1mx"),
    elementwise.LOG1PMX.value: _entries("log1pmx"),
    elementwise.LOG1MEXP.value: _entries("log1mexp"),
    elementwise.LOG1PEXP.value: _entries("log1pexp"),
    elementwise.LOGADDEXP.value: _entries("logaddexp"),
    elementwise.LOGSUBEXP.value: _entries("logsubexp"),
}
