"""Families of counts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from itertools import product

from .._arrays.array import Array
from .._arrays.namespace import Namespace
from .._arrays.protocols import Elementwise
from . import binary
from .elementwise import KL_DIV
from .expm1mx import expm1
from .exponentials import log1pexp
from .family import Domain, Family
from .kl_term import kl_div, power_of_two_scale
from .logarithms import signed_log_ratio
from .odds import Form
from .times import times

_INF, _NAN = float("inf"), float("nan")
_FORMS: tuple[Form, ...] = ("probability", "logit")

# A rate of 0 counts nothing, for certain, and is still of the family.
_RATE = Domain(0.0, _INF, 1.0, closed=True)


def _poisson_slopes(rate: Array, other: Array, /, *, xp: Namespace) -> list[Array]:
    return [slope(rate, other, xp=xp) for slope in KL_DIV.slopes]


POISSON = Family(kl_div, _poisson_slopes, (_RATE,))

# --- trials of two outcomes ---------------------------------------------------------------


def _trial(forms: tuple[Form, Form]) -> Elementwise:
    fills = tuple(0.0 if form == "logit" else 0.5 for form in forms)
    return replace(binary.kl_divergence(forms, None), fills=fills)


BERNOULLI = {forms: _trial(forms) for forms in product(_FORMS, _FORMS)}


def _trials(
    of: Callable[..., Array], count: Array, p: Array, q: Array, /, *, xp: Namespace
) -> Array:
    """``count*of(p, q)``; no trial makes no difference, also where one would make all of it."""
    value = of(p, q, xp=xp)
    known = (count >= 0) & (count < _INF)
    times_value = times(xp.where(known, count, 1.0), value, xp=xp)
    return xp.where(known, xp.where(xp.isnan(value), value, times_value), _NAN)


def _one_trial(
    of: Callable[..., Array], count: Array, p: Array, q: Array, /, *, xp: Namespace
) -> Array:
    known = (count >= 0) & (count < _INF)
    return xp.where(known, of(p, q, xp=xp), _NAN)


def _binomial(trial: Elementwise) -> Elementwise:
    by_p, by_q = (partial(_trials, slope) for slope in trial.slopes)
    by_count = partial(_one_trial, trial.value)
    fills = (1.0, *trial.fills)
    return Elementwise(partial(_trials, trial.value), (by_count, by_p, by_q), fills)


BINOMIAL = {forms: _binomial(trial) for forms, trial in BERNOULLI.items()}

# --- trials up to the first success: 1/p Bernoulli trials on average ------------------------


def _geometric(of: Callable[..., Array], p: Array, q: Array, /, *, xp: Namespace) -> Array:
    ever = p > 0
    value = of(p, xp.where(ever, q, _NAN), xp=xp)
    return value / xp.where(ever, p, 1.0)


def _geometric_divergence(
    of: Callable[..., Array], p: Array, q: Array, /, *, xp: Namespace
) -> Array:
    """The same, also where a Bernoulli trial's divergence is below the range, and this is not.

    Of probabilities that are so small the other outcome says nothing, and one scale is as good
    as another.
    """
    value = _geometric(of, p, q, xp=xp)
    if not xp.exact:  # what is widened is not so small
        return value
    rare = (xp.maximum(p, q) < 2.0**-60) & (p > 0)
    a, b = xp.where(rare, p, 0.5), xp.where(rare, q, 0.5)
    factor = power_of_two_scale(xp.maximum(a, b), xp=xp)
    return xp.where(rare, kl_div(a * factor, b * factor, xp=xp) / (a * factor), value)


def _geometric_by_p(p: Array, q: Array, /, *, xp: Namespace) -> Array:
    """``log((1 - q)/(1 - p))/p**2``."""
    inside = (p > 0) & (p <= 1) & (q >= 0) & (q <= 1)
    p, q = xp.where(inside, p, 0.5), xp.where(inside, q, 0.5)
    log = signed_log_ratio(1 - q, 1 - p, p - q, xp=xp)
    return xp.where(inside, log / p / p, _NAN)


def _geometric_of_logits(
    of: Callable[..., Array], a: Array, b: Array, /, *, xp: Namespace
) -> Array:
    ever = a > -_INF
    value = of(a, xp.where(ever, b, _NAN), xp=xp)
    return value * (1 + xp.exp(xp.where(ever, -a, 0.0)))


def _geometric_by_logit(a: Array, b: Array, /, *, xp: Namespace) -> Array:
    """``exp(-a)*log((1 + exp(a))/(1 + exp(b)))``."""
    inside = (xp.abs(a) < _INF) & (xp.abs(b) < _INF)
    a, b = xp.where(inside, a, 0.0), xp.where(inside, b, 0.0)
    below = a < b
    top, low = xp.where(below, b, a), xp.where(below, a, b)
    gap = top - low
    near = gap < 30
    grown = expm1(xp.where(near, gap, 0.0), xp=xp)
    close = xp.log1p(grown / (1 + xp.exp(-xp.maximum(low, -xp.limits.headroom * 2))))
    # Beyond, the smaller one is little of the other, or both are all but their logits.
    high = xp.where(low > 0, -low, low)
    apart = xp.where(low > 0, gap, log1pexp(xp.where(low > 0, 0.0, top), xp=xp))
    apart = apart + xp.where(
        low > 0, log1pexp(-top, xp=xp) - log1pexp(high, xp=xp), -log1pexp(high, xp=xp)
    )
    log = xp.where(near, close, apart)
    slope = xp.where(below, -log, log) * xp.exp(-a)
    return xp.where(inside, slope, _NAN)


def _made(form: Form) -> Elementwise:
    trial = BERNOULLI[form, form]
    of, by = (
        (_geometric_of_logits, _geometric_by_logit)
        if form == "logit"
        else (_geometric, _geometric_by_p)
    )
    by_q = partial(of, trial.slopes[1])
    value = _geometric_divergence if form == "probability" else of
    return Elementwise(partial(value, trial.value), (by, by_q), trial.fills)


GEOMETRIC = {form: _made(form) for form in _FORMS}
