"""A distribution of two outcomes, however it was given.

By the probability of one outcome, by that and its complement, or by a logit, the logarithm of
their odds. What is written for `Odds` needs no second version for the other ways.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from .._arrays.array import Array
from .._arrays.namespace import Namespace
from .._arrays.pairs import (
    Pair,
    choose,
    divide,
    exp,
    fast_two_sum,
    scale,
    three_words,
    two_prod,
    two_sum,
)
from .._arrays.polynomials import exp_reach, exp_tail
from .expectation import difference
from .log_pair import log_odds
from .logarithms import signed_log_ratio

Form = Literal["probability", "pair", "logit"]
_INF = float("inf")


class Odds(NamedTuple):
    """Two weights; one that is not at least a half has no low word."""

    one: Pair
    other: Pair
    total: Pair
    logit: Array
    """log(one/other), infinite only where one of them is no mass at all."""
    root: Array | None
    """The square root of the smaller weight, which may have left the range; of logits only."""
    invalid: Array

    def turned(self, flip: Array, *, xp: Namespace) -> Odds:
        """The two outcomes in the other order where ``flip`` says so."""
        return self._replace(
            one=choose(flip, self.other, self.one, xp=xp),
            other=choose(flip, self.one, self.other, xp=xp),
            logit=xp.where(flip, -self.logit, self.logit),
        )

    def share(self, factor: Array, *, xp: Namespace) -> Array:
        """The first outcome's probability times a factor of at least 0, which may be inf."""
        value = self.of_total(self.times_one(factor, xp=xp))
        value = xp.where(factor == _INF, factor, value)
        return xp.where(self.logit == -_INF, 0.0, value)

    def of_total(self, x: Array) -> Array:
        """``x / total``; no remainders, which subnormal numbers have no digits for."""
        value = x / self.total.hi
        return (
            value if self.total.lo is None else value - value * (self.total.lo / self.total.hi)
        )

    def times_one(self, factor: Array, *, xp: Namespace) -> Array:
        """``one * factor``, with its digits where the weight alone is subnormal."""
        product = self.one.hi * factor
        if self.root is None or not xp.exact:
            return product
        low = self.one.hi < xp.limits.subnormal
        root = xp.where(low, self.root, 0.0)
        return xp.where(low, (root * factor) * root, product)

    def lifted(self, *, xp: Namespace) -> Pair:
        """``one`` times the limits' lift."""
        if self.root is None:
            return self.one.map(lambda word: word * xp.limits.lift)
        return Pair(self.times_one(xp.ones_like(self.root) * xp.limits.lift, xp=xp))


def odds(form: Form, operands: tuple[Array, ...], *, xp: Namespace) -> Odds:
    """The distribution that its operands stand for."""
    if form == "logit":
        return _from_logit(*operands, xp=xp)
    if form == "pair":
        return _from_pair(*operands, xp=xp)
    return _from_probability(*operands, xp=xp)


def _from_probability(p: Array, *, xp: Namespace) -> Odds:
    valid = (p >= 0) & (p <= 1)
    p = xp.where(valid, p, 0.5)
    high = xp.rounded(1 - p)  # a compiler would fold the sum with the next line away
    one, other = Pair(p), Pair(high, (1 - high) - p)
    return _of_weights(one, other, Pair(xp.ones_like(p)), valid, xp=xp)


def _from_pair(p: Array, complement: Array, *, xp: Namespace) -> Odds:
    valid = (p >= 0) & (p <= 1) & (complement >= 0) & (complement <= 1)
    valid = valid & ((p > 0) | (complement > 0))
    one, other = Pair(xp.where(valid, p, 0.5)), Pair(xp.where(valid, complement, 0.5))
    return _of_weights(one, other, one + other, valid, xp=xp)


def _of_weights(one: Pair, other: Pair, total: Pair, valid: Array, *, xp: Namespace) -> Odds:
    logit = signed_log_ratio(one.hi, other.hi, (one - other).value, xp=xp)
    return Odds(one, other, total, logit, None, ~valid)


def _from_logit(a: Array, *, xp: Namespace) -> Odds:
    invalid = xp.isnan(a)
    a = xp.where(invalid, 0.0, a)
    below = a < 0
    low = xp.where(below, a, -a)
    small = xp.exp(low)
    one, other = xp.where(below, small, 1.0), xp.where(below, 1.0, small)
    root = xp.exp(0.5 * low)
    return Odds(Pair(one), Pair(other), one_plus(small, xp=xp), a, root, invalid)


def one_plus(x: Array, *, xp: Namespace) -> Pair:
    """``1 + x`` for x from 0 to 1."""
    total = xp.rounded(1 + x)
    return Pair(total, x - (total - 1))


class Gap(NamedTuple):
    """How far q is from p, with the smaller outcome of p first."""

    excess: Pair
    """``lift*(q1*total - one)``, p's total and weight; lift is that of the limits."""
    log: Array
    """log of the ratio of q's odds to those of p; 0 where both have no mass in one outcome."""


def gap(p: Odds, q: Odds, forms: tuple[Form, Form], *, xp: Namespace) -> Gap:
    """The gap between two distributions, p's smaller outcome first in both, in all digits.

    Two determinants of exact products where both are weights. A logit's exponential is rounded:
    the difference of logits is exact instead, and its exponential less one used while that is
    not lost in the exponentials' errors.
    """
    direct = determinant(p, q, xp=xp)
    if "logit" not in forms:
        log = _log_of_ratio(p, q, direct, xp=xp)
        if forms == ("probability", "probability"):
            return Gap(q.lifted(xp=xp) - p.lifted(xp=xp), log)
        return Gap(divide(direct, q.total, xp=xp), log)
    gap = _log_gap(p, q, forms, xp=xp)
    # Beyond, q.other is little of what is left of p.other, and has an exponential of its own.
    close = (gap.hi > -4.0) & ((gap.hi < 1.0) | (gap.hi < 2.0) & (q.logit < 0))
    grown = _expm1(gap.map(lambda word: xp.where(close, word, 0.0)), xp=xp)
    one = xp.where(close, p.lifted(xp=xp).hi, 0.0)
    weight = q.other.map(lambda word: xp.where(close, word, 0.0))
    rest = divide(q.total, Pair(xp.where(close, weight.hi, 1.0), weight.lo), xp=xp)
    near = divide(scale(one, grown, xp=xp), rest, xp=xp)
    far = divide(direct, q.total, xp=xp)
    return Gap(choose(close, near, far, xp=xp), gap.value)


def determinant(p: Odds, q: Odds, *, xp: Namespace) -> Pair:
    """``lift * (q.one*p.other - p.one*q.other)``."""
    first = _product(q.lifted(xp=xp), p.other, xp=xp)
    second = _product(p.lifted(xp=xp), q.other, xp=xp)
    high, low, tail = three_words(
        [first[0], -second[0], *first[1:], *(-word for word in second[1:])]
    )
    return Pair(*fast_two_sum(high, low + tail))


def _product(a: Pair, b: Pair, *, xp: Namespace) -> list[Array]:
    """a*b as words, without error but for the product of low words."""
    words = [*two_prod(a.hi, b.hi, xp=xp)]
    for low, high in ((a.lo, b.hi), (b.lo, a.hi)):
        if low is not None:
            words += two_prod(low, high, xp=xp)
    if a.lo is not None and b.lo is not None:
        words.append(a.lo * b.lo)
    return words


def _log_of_ratio(p: Odds, q: Odds, direct: Pair, *, xp: Namespace) -> Array:
    """log((q.one*p.other)/(q.other*p.one)) of weights, given the determinant."""
    none = (q.logit == p.logit) & (xp.abs(p.logit) == _INF)
    plain = difference(q.logit, p.logit, none, xp=xp).hi
    # Products leave the range only where the ratio is huge, and its logarithm a plain sum.
    far = (xp.abs(plain) > 2 * xp.limits.headroom) | none
    below = direct.hi < 0
    one = choose(below, q.lifted(xp=xp), p.lifted(xp=xp), xp=xp)
    other = choose(below, p.other, q.other, xp=xp)
    high, *low = _product(one, other, xp=xp)
    smaller = Pair(xp.where(far, 1.0, high), xp.where(far, 0.0, sum(low[1:], low[0])))
    excess = direct.map(lambda word: xp.where(far, 0.0, xp.where(below, -word, word)))
    log = xp.log1p(divide(excess, smaller, xp=xp).value)
    return xp.where(far, plain, xp.where(below, -log, log))


def _log_gap(p: Odds, q: Odds, forms: tuple[Form, Form], *, xp: Namespace) -> Pair:
    """The difference of logits as a pair, weights' logarithms to more than that."""
    none = (q.logit == p.logit) & (xp.abs(p.logit) == _INF)
    plain = difference(q.logit, p.logit, none, xp=xp)
    if forms == ("logit", "logit"):
        return plain
    weights, logit = (p, q.logit) if forms[1] == "logit" else (q, p.logit)
    known = xp.isfinite(weights.logit) & xp.isfinite(logit)
    one, other = (
        Pair(xp.where(known, w.hi, 1.0), None if w.lo is None else xp.where(known, w.lo, 0.0))
        for w in (weights.one, weights.other)
    )
    words = [-word for word in log_odds(one, other, xp=xp)]
    high, low, tail = three_words([xp.where(known, logit, 0.0), *words])
    found = Pair(*fast_two_sum(high, low + tail))
    found = found if forms[1] == "logit" else -found
    return choose(known, found, plain, xp=xp)


def _expm1(x: Pair, *, xp: Namespace) -> Pair:
    """``exp(x) - 1`` as a pair for x of moderate size."""
    # Towards -1 what is left of 1 counts, of which the polynomial would know too few digits.
    near = (x.hi < exp_reach(xp=xp)) & (x.hi > -0.5 * exp_reach(xp=xp))
    z = xp.where(near, x.hi, 0.0)
    close = Pair(*fast_two_sum(z, z * z * exp_tail(z, xp=xp)))
    if x.lo is not None:
        close = Pair(close.hi, close.lo + x.lo * (1 + close.hi))
    far = Pair(*two_sum(exp(x, xp=xp), -xp.ones_like(x.hi)))
    return choose(near, close, far, xp=xp)
