"""Families with shapes: gamma and beta distributions.

A gamma distribution's shape and mean are orthogonal coordinates: with ``m = mean_p/mean_q`` and
f of `log_gamma`,

    D = B_f(shape_q; shape_p) + shape_q*(m - 1 - log(m)),

two terms that are not negative; ``m - 1`` comes from the exact difference of two products.

For a beta distribution with shapes (x, s) from one with (y, t), of sums X and Y, it is

    y*B(x*Y/(y*X)) + t*B(s*Y/(t*X)) + B_f(t; s) + [B_f(y; x) - B_f(Y; X)]

with ``B(r) = r - 1 - log(r)``. The bracket is evaluated as a `Change`, with x the larger of the
two shapes: it may be negative, but is then no more than a part of what precedes it.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from .._arrays.array import Array
from .._arrays.changes import Change
from .._arrays.namespace import Namespace
from .._arrays.pairs import two_prod, two_sum
from .bregman import less_log
from .family import PROPER, Family
from .kl_term import product_scale
from .log_gamma import shape_bregman, shape_curvature, shape_slope_gap
from .logarithms import signed_log_ratio

_INF = float("inf")


class Products(NamedTuple):
    """Two products on one scale, and their difference with all its digits."""

    one: Array
    other: Array
    gap: Array


def products(a: Array, b: Array, c: Array, d: Array, /, *, xp: Namespace) -> Products:
    """``a*b`` and ``c*d`` of positive numbers, up to a common factor.

    The factor is a power of two, so that neither product is lost to the ends of the range where
    the other is of any size.
    """
    if not xp.exact:
        return Products(a * b, c * d, a * b - c * d)
    outer = product_scale(xp.maximum(a, c), xp=xp)
    inner = product_scale(xp.maximum(b, d), xp=xp)
    one, left = two_prod(a * outer, b * inner, xp=xp)
    other, right = two_prod(c * outer, d * inner, xp=xp)
    high, lost = two_sum(one, -other)
    low, least = two_sum(left, -right)
    return Products(one, other, (high + low) + (lost + least))


def ratio_excess(w: Array, one: Array, other: Array, /, *, xp: Namespace) -> Array:
    """``r - 1 - log(r)`` for ``r = one/other``, given ``w = r - 1``."""
    inside = (one > 0) & (other > 0)
    value = less_log(
        xp.where(inside, w, 0.0),
        xp.where(inside, one, 1.0),
        xp.where(inside, other, 1.0),
        xp=xp,
    )
    return xp.where(inside, value, _INF)


# --- gamma --------------------------------------------------------------------------------


def _gamma(a: Array, b: Array, c: Array, d: Array, /, *, xp: Namespace) -> Array:
    means = products(a, d, c, b, xp=xp)
    by_mean = c * ratio_excess(means.gap / means.other, means.one, means.other, xp=xp)
    return by_mean + shape_bregman(c, a, c - a, xp=xp)


def _gamma_slopes(a: Array, b: Array, c: Array, d: Array, /, *, xp: Namespace) -> list[Array]:
    means = products(a, d, c, b, xp=xp)
    excess = c * (means.gap / means.other)
    log_mean = signed_log_ratio(means.one, means.other, means.gap, xp=xp)
    return [
        excess / a - shape_curvature(a, xp=xp) * (c - a),
        -excess / b,
        shape_slope_gap(c, a, c - a, xp=xp) - log_mean,
        excess / d,
    ]


def _by_scale(function: Any) -> Any:
    """The same function of scales: only a ratio of rates counts."""

    def of_scales(a: Array, b: Array, c: Array, d: Array, /, *, xp: Namespace) -> Any:
        return function(a, d, c, b, xp=xp)

    return of_scales


def _gamma_slopes_by_scale(
    a: Array, b: Array, c: Array, d: Array, /, *, xp: Namespace
) -> list[Array]:
    by_a, by_d, by_c, by_b = _gamma_slopes(a, d, c, b, xp=xp)
    return [by_a, by_b, by_c, by_d]


GAMMA = {
    "rate": Family(_gamma, _gamma_slopes, (PROPER, PROPER)),
    "scale": Family(_by_scale(_gamma), _gamma_slopes_by_scale, (PROPER, PROPER)),
}

# --- beta ---------------------------------------------------------------------------------


class Pairs(NamedTuple):
    """Shapes (x, s) of p and (y, t) of q, p's larger one first, and their shares of sums.

    ``1 + by_x = (x/X)/(y/Y)`` and ``1 + by_s = (s/X)/(t/Y)``.
    """

    x: Array
    s: Array
    y: Array
    t: Array
    shares: tuple[Array, Array, Array, Array]
    by_x: Array
    by_s: Array
    turned: Array
    """Where p's second shape is the larger one."""

    @property
    def changes(self) -> tuple[Change, Change, Change]:
        """y, x and y - x, and the same of the sums, Y and X."""
        small = self.t - self.s
        return (
            Change(self.y, self.y + self.t, 0 - self.t),
            Change(self.x, self.x + self.s, 0 - self.s),
            Change(self.y - self.x, (self.y - self.x) + small, 0 - small),
        )


def _pairs(a: Array, b: Array, c: Array, d: Array, *, xp: Namespace) -> Pairs:
    turned = b > a
    x, s = xp.where(turned, b, a), xp.where(turned, a, b)
    y, t = xp.where(turned, d, c), xp.where(turned, c, d)
    p, q = x + s, y + t
    shares = (x / p, s / p, y / q, t / q)
    cross = products(y, s, t, x, xp=xp)
    by_x, by_s = 0 - cross.gap / cross.one * shares[1], cross.gap / cross.other * shares[0]
    return Pairs(x, s, y, t, shares, by_x, by_s, turned)


def _beta(a: Array, b: Array, c: Array, d: Array, /, *, xp: Namespace) -> Array:
    _, s, y, t, shares, by_x, by_s, _ = pairs = _pairs(a, b, c, d, xp=xp)
    value = y * ratio_excess(by_x, shares[0], shares[2], xp=xp)
    value = value + t * ratio_excess(by_s, shares[1], shares[3], xp=xp)
    value = value + shape_bregman(t, s, t - s, xp=xp)
    return xp.maximum(value + shape_bregman(*pairs.changes, xp=xp).gap, 0.0)


def _beta_slopes(a: Array, b: Array, c: Array, d: Array, /, *, xp: Namespace) -> list[Array]:
    x, s, y, t, shares, by_x, by_s, turned = pairs = _pairs(a, b, c, d, xp=xp)
    *_, move = changes = pairs.changes
    curved = move * shape_curvature(changes[1], xp=xp)
    sloped = shape_slope_gap(*changes, xp=xp)
    larger = by_x * y / x - curved.difference(xp=xp)
    smaller = by_s * t / s - (shape_curvature(s, xp=xp) * (t - s) - curved.there)
    of_larger = sloped.difference(xp=xp) - signed_log_ratio(
        shares[0], shares[2], by_x * shares[2], xp=xp
    )
    of_smaller = (shape_slope_gap(t, s, t - s, xp=xp) - sloped.there) - signed_log_ratio(
        shares[1], shares[3], by_s * shares[3], xp=xp
    )
    return [
        xp.where(turned, smaller, larger),
        xp.where(turned, larger, smaller),
        xp.where(turned, of_smaller, of_larger),
        xp.where(turned, of_larger, of_smaller),
    ]


BETA = Family(_beta, _beta_slopes, (PROPER, PROPER))
