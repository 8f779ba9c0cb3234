"""Entropies and relative entropy of two outcomes, entry by entry.

Everything is said of odds, which take the outcomes in the order that suits a formula: of the
cross-entropy ``log1p(q1/q0) + p1*log(q0/q1)`` no term is negative where q1 is the smaller.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .._arrays.array import Array
from .._arrays.namespace import Namespace
from .._arrays.pairs import Pair, divide
from .._arrays.protocols import Elementwise
from .expectation import in_base
from .expm1mx import expm1
from .kl_term import kl_term
from .odds import Form, Odds, gap, odds

_INF, _NAN = float("inf"), float("nan")

# --- values -------------------------------------------------------------------------------


def _cross_entropy(p: Odds, q: Odds, forms: Any, *, xp: Namespace) -> Array:
    flip = q.logit > 0
    p, q = p.turned(flip, xp=xp), q.turned(flip, xp=xp)
    return xp.log1p(q.one.hi / q.other.hi) + p.share(-q.logit, xp=xp)


def _entropy(p: Odds, form: Any, *, xp: Namespace) -> Array:
    return _cross_entropy(p, p, form, xp=xp)


def _kl_divergence(p: Odds, q: Odds, forms: tuple[Form, Form], *, xp: Namespace) -> Array:
    """The terms of both outcomes, neither of which is negative, p's smaller one first.

    Where q has far less of it than p, the logarithm is that of the odds; where q is all but
    certain of it, p's entropy is small beside the cross-entropy.
    """
    against = _cross_entropy(p, q, forms, xp=xp) - _entropy(p, forms[0], xp=xp)
    flip = p.logit > 0
    p, q = p.turned(flip, xp=xp), q.turned(flip, xp=xp)
    excess, log = gap(p, q, forms, xp=xp)
    left, right = log < -4.0, q.logit > 20.0

    lift = xp.limits.lift
    one = p.lifted(xp=xp).hi
    other = p.other.map(lambda word: word * lift)
    bent = kl_term(other.hi, other - excess, excess, low=other.lo, xp=xp)
    # What is subnormal even when lifted has no digits, and adds nothing to q's weight.
    weight = Pair(one) + excess
    near = kl_term(xp.where(one < xp.limits.tiny, 0.0, one), weight, -excess, xp=xp)

    share = divide(q.other, q.total, xp=xp).value
    relative = expm1(xp.where(left, log, 0.0), xp=xp) * share
    lost = xp.log1p(xp.where(left, -excess.hi / other.hi, 0.0))
    factor = xp.where(left, relative - (log + lost), 0.0)
    total = xp.maximum(bent + xp.where(left, 0.0, near), 0.0)
    value = divide(Pair(total), p.total, xp=xp).value / lift
    value = value + xp.where(left, p.share(factor, xp=xp), 0.0)
    return xp.where(right, against, value)


# --- derivatives --------------------------------------------------------------------------


def _by_operands(side: Odds, form: Form, rate: Array, *, xp: Namespace) -> list[Array]:
    """By each operand that a side is made of, where by the probability it is ``rate``."""
    if form == "probability":
        return [rate]
    if form == "pair":
        other, one = (side.of_total(side.of_total(w.value)) for w in (side.other, side.one))
        # Not `times`, by which a subnormal weight of an infinite rate would be finite.
        rates = [xp.where(weight == 0, 0.0, rate) for weight in (other, one)]
        return [other * rates[0], -one * rates[1]]
    small = side.turned(side.logit > 0, xp=xp)
    below = rate < 0
    value = small.share(xp.where(below, -rate, rate), xp=xp)
    value = value * small.of_total(small.other.value)
    return [xp.where(xp.abs(side.logit) == _INF, 0.0, xp.where(below, -value, value))]


def _entropy_slopes(p: Odds, form: Form, *, xp: Namespace) -> list[Array]:
    return _by_operands(p, form, -p.logit, xp=xp)


def _cross_entropy_by_p(
    p: Odds, q: Odds, forms: tuple[Form, Form], *, xp: Namespace
) -> list[Array]:
    rate = xp.where(_alike(p, q, xp=xp), 0.0, -q.logit)
    return _by_operands(p, forms[0], rate, xp=xp)


def _kl_divergence_by_p(
    p: Odds, q: Odds, forms: tuple[Form, Form], *, xp: Namespace
) -> list[Array]:
    flip = p.logit > 0
    log = gap(p.turned(flip, xp=xp), q.turned(flip, xp=xp), forms, xp=xp).log
    return _by_operands(p, forms[0], xp.where(flip, log, 0 - log), xp=xp)


def _by_q(p: Odds, q: Odds, forms: tuple[Form, Form], *, xp: Namespace) -> list[Array]:
    """The same for both: by q's logit it is q - p."""
    flip = p.logit > 0
    less = p.turned(flip, xp=xp)
    excess = gap(less, q.turned(flip, xp=xp), forms, xp=xp).excess
    lift = xp.limits.lift
    rate = divide(excess, p.total, xp=xp).value
    rate = xp.where(flip, -rate, rate)
    if forms[1] == "logit":
        return [rate / lift]
    one, other, total = q.one.value, q.other.value, q.total.value
    never, always = q.logit == -_INF, q.logit == _INF
    # What q excludes: a slope of one over the total where p does so too, else infinite.
    below = xp.where(p.logit == -_INF, 1.0, -_INF) / total
    above = xp.where(p.logit == _INF, 1.0, -_INF) / total
    one, other = (xp.where(zero, 1.0, w) for zero, w in ((never, one), (always, other)))
    if forms[1] == "probability":
        value = rate / (lift * one) / other
        return [xp.where(never, below, xp.where(always, -above, value))]
    return [
        xp.where(never, below, rate / (lift * one)),
        xp.where(always, above, -rate / (lift * other)),
    ]


def _alike(p: Odds, q: Odds, *, xp: Namespace) -> Array:
    """Where both sides are certain of the same outcome."""
    return (p.logit == q.logit) & (xp.abs(p.logit) == _INF)


# --- as functions of operands -------------------------------------------------------------


@dataclass(frozen=True)
class _Value:
    """A function of one or two distributions as one of their operands."""

    function: Callable[..., Any]
    forms: tuple[Form, ...]
    base: float | None

    def __call__(self, *operands: Array, xp: Namespace) -> Array:
        return in_base(self._called(operands, xp=xp), self.base, xp=xp)

    def _called(self, operands: tuple[Array, ...], *, xp: Namespace) -> Array:
        sides, invalid = _sides(self.forms, operands, xp=xp)
        return xp.where(invalid, _NAN, self.function(*sides, *_said(self.forms), xp=xp))


@dataclass(frozen=True)
class _Slope(_Value):
    """The derivative by one operand, of all that ``function`` gives at once."""

    index: int

    def _called(self, operands: tuple[Array, ...], *, xp: Namespace) -> Array:
        sides, invalid = _sides(self.forms, operands, xp=xp)
        found = self.function(*sides, *_said(self.forms), xp=xp)
        return xp.where(invalid, _NAN, found[self.index])


def _sides(
    forms: tuple[Form, ...], operands: tuple[Array, ...], *, xp: Namespace
) -> tuple[list[Odds], Array]:
    left, sides = list(operands), []
    for form in forms:
        count = 1 + (form == "pair")
        sides.append(odds(form, tuple(left[:count]), xp=xp))
        left = left[count:]
    invalid = sides[0].invalid
    for side in sides[1:]:
        invalid = invalid | side.invalid
    return sides, invalid


def _said(forms: tuple[Form, ...]) -> tuple[Any, ...]:
    """One form as it is, two as a pair."""
    return forms if len(forms) == 1 else (forms,)


def _elementwise(
    value: Callable[..., Array],
    slopes: tuple[Callable[..., list[Array]], ...],
    forms: tuple[Form, ...],
    base: float | None,
) -> Elementwise:
    found = [
        _Slope(slope, forms, base, index)
        for slope, form in zip(slopes, forms, strict=True)
        for index in range(1 + (form == "pair"))
    ]
    return Elementwise(_Value(value, forms, base), tuple(found))


def entropy(form: Form, base: float | None) -> Elementwise:
    """The entropy of one distribution."""
    return _elementwise(_entropy, (_entropy_slopes,), (form,), base)


def cross_entropy(forms: tuple[Form, Form], base: float | None) -> Elementwise:
    """The cross-entropy of q under p."""
    return _elementwise(_cross_entropy, (_cross_entropy_by_p, _by_q), forms, base)


def kl_divergence(forms: tuple[Form, Form], base: float | None) -> Elementwise:
    """The relative entropy of p from q."""
    return _elementwise(_kl_divergence, (_kl_divergence_by_p, _by_q), forms, base)
