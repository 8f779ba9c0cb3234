"""The table of divergences: one row each, written for an entry of any kind of input.

A row is the term ``f(x, y)`` that masses x and y add, homogeneous of degree one, never
negative and zero where x = y, and its derivatives by x and by y, zero there too. Where a mass
is zero the term is the limit: what one side has where the other has nothing counts as well.

Multiples of ``x - y`` may be added to a term, since they sum to nothing; that freedom is what
makes terms non-negative. The other freedom, of evaluation, is used to let nothing cancel:
terms are written in the difference of the masses, and in the logarithm of their ratio.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, Protocol

from .._arrays.array import Array
from .._arrays.namespace import Namespace
from .deformed import deformed
from .entries import Entry
from .expm1mx import expm1
from .log1pmx import log1pmx
from .power_gap import alpha_term

_INF, _NAN = float("inf"), float("nan")


class Row(Protocol):
    """One divergence."""

    parameters: int
    """How many operands follow p and q."""

    @property
    def term(self) -> Callable[..., Array]:
        """``term(entry, *parameters, xp=xp)``."""

    @property
    def by_x(self) -> Callable[..., Array]: ...

    @property
    def by_y(self) -> Callable[..., Array]: ...

    @property
    def x_by_x(self) -> Callable[..., Array]:
        """x times its slope, which is in the range where the slope may not be."""

    @property
    def y_by_y(self) -> Callable[..., Array]: ...


@dataclass(frozen=True)
class _Row:
    """The products of slopes and masses, for rows that need no care with them."""

    parameters = 0

    def x_by_x(self: Any, e: Entry, *parameters: Array, xp: Namespace) -> Array:
        return e.x_times(self.by_x(e, *parameters, xp=xp))

    def y_by_y(self: Any, e: Entry, *parameters: Array, xp: Namespace) -> Array:
        return e.swapped.x_times(self.by_y(e, *parameters, xp=xp))


@dataclass(frozen=True)
class _Symmetric(_Row):
    """The slopes by y of a symmetric row, where no shorter ones are written."""

    def by_y(self: Any, e: Entry, *parameters: Array, xp: Namespace) -> Array:
        slope: Array = self.by_x(e.swapped, *parameters, xp=xp)
        return slope

    def y_by_y(self: Any, e: Entry, *parameters: Array, xp: Namespace) -> Array:
        slope: Array = self.x_by_x(e.swapped, *parameters, xp=xp)
        return slope


@dataclass(frozen=True)
class Jeffreys(_Symmetric):
    """(x - y)*log(x/y): both directions of KL at once."""

    def term(self, e: Entry, *_: Array, xp: Namespace) -> Array:
        ends = xp.where(e.only_x | e.only_y, _INF, 0.0)
        return xp.where(e.live, e.gap_times(e.live_log_ratio), ends)

    def by_x(self, e: Entry, *_: Array, xp: Namespace) -> Array:
        return e.log_ratio - e.swapped.excess

    def by_y(self, e: Entry, *_: Array, xp: Namespace) -> Array:
        return -e.log_ratio - e.excess

    def x_by_x(self, e: Entry, *_: Array, xp: Namespace) -> Array:
        return e.x_times(e.log_ratio) + e.gap

    def y_by_y(self, e: Entry, *_: Array, xp: Namespace) -> Array:
        return e.swapped.x_times(-e.log_ratio) - e.gap


@dataclass(frozen=True)
class JensenShannon(_Symmetric):
    """(x*log(x/m) + y*log(y/m))/2 with m = (x + y)/2."""

    def term(self, e: Entry, *_: Array, xp: Namespace) -> Array:
        return e.jensen_shannon()

    def by_x(self, e: Entry, *_: Array, xp: Namespace) -> Array:
        return 0.5 * _log_share(e, xp=xp)


@dataclass(frozen=True)
class SkewJensenShannon(_Row):
    """(1 - w)*KL(x, m) + w*KL(y, m) with m = (1 - w)*x + w*y."""

    weight: float

    def term(self, e: Entry, *_: Array, xp: Namespace) -> Array:
        v, w = 1 - self.weight, self.weight
        return v * e.kl_to_mixture(v, w) + w * e.swapped.kl_to_mixture(w, v)

    def by_x(self, e: Entry, *_: Array, xp: Namespace) -> Array:
        v, w = 1 - self.weight, self.weight
        return v * _log_of_mixture(e, v, w, xp=xp)

    def by_y(self, e: Entry, *_: Array, xp: Namespace) -> Array:
        v, w = 1 - self.weight, self.weight
        return w * _log_of_mixture(e.swapped, w, v, xp=xp)


@dataclass(frozen=True)
class SkewKL(_Row):
    """KL(x, m) with m = (1 - w)*x + w*y."""

    weight: float

    def term(self, e: Entry, *_: Array, xp: Namespace) -> Array:
        return e.kl_to_mixture(1 - self.weight, self.weight)

    def by_x(self, e: Entry, *_: Array, xp: Namespace) -> Array:
        v, w = 1 - self.weight, self.weight
        excess = _from_mixture(e, v, w, xp=xp)
        # log(x/m) - v*excess: close ones nearly cancel
        near = (excess > -0.5) & (excess < 1.0)
        bent = log1pmx(xp.where(near, excess, 0.0), xp=xp)
        apart = _log_of_mixture(e, v, w, xp=xp) - v * excess
        return xp.where(near, w * excess + bent, apart)

    def by_y(self, e: Entry, *_: Array, xp: Namespace) -> Array:
        v, w = 1 - self.weight, self.weight
        return -w * _from_mixture(e, v, w, xp=xp)


@dataclass(frozen=True)
class SquaredHellinger(_Symmetric):
    """(sqrt(x) - sqrt(y))**2/2."""

    def term(self, e: Entry, *_: Array, xp: Namespace) -> Array:
        root = xp.sqrt(e.x) + xp.sqrt(e.y)
        gap = e.gap / xp.where(root > 0, root, 1.0)
        return 0.5 * (gap * gap)

    def by_x(self, e: Entry, *_: Array, xp: Namespace) -> Array:
        return -0.5 * expm1(-0.5 * e.log_ratio, xp=xp)

    def by_y(self, e: Entry, *_: Array, xp: Namespace) -> Array:
        return -0.5 * expm1(0.5 * e.log_ratio, xp=xp)

    def x_by_x(self, e: Entry, *_: Array, xp: Namespace) -> Array:
        return e.gap * (0.5 * _root_share(e, xp=xp))

    def y_by_y(self, e: Entry, *_: Array, xp: Namespace) -> Array:
        return -e.gap * (0.5 * _root_share(e.swapped, xp=xp))


@dataclass(frozen=True)
class TotalVariation(_Symmetric):
    """abs(x - y)/2."""

    def term(self, e: Entry, *_: Array, xp: Namespace) -> Array:
        return 0.5 * xp.abs(e.gap)

    def by_x(self, e: Entry, *_: Array, xp: Namespace) -> Array:
        return xp.where(e.gap > 0, 0.5, xp.where(e.gap < 0, -0.5, 0.0 * e.gap))

    def by_y(self, e: Entry, *_: Array, xp: Namespace) -> Array:
        return -self.by_x(e, xp=xp)


@dataclass(frozen=True)
class Pearson(_Row):
    """(x - y)**2/y."""

    def term(self, e: Entry, *_: Array, xp: Namespace) -> Array:
        return e.chi2()

    def by_x(self, e: Entry, *_: Array, xp: Namespace) -> Array:
        return 2 * e.excess

    def by_y(self, e: Entry, *_: Array, xp: Namespace) -> Array:
        return -e.excess * (2 + e.excess)

    def x_by_x(self, e: Entry, *_: Array, xp: Namespace) -> Array:
        above = e.gap > 0  # below, the two nearly cancel
        return 2 * xp.where(above, e.chi2() + e.gap, e.x_times(e.excess))

    def y_by_y(self, e: Entry, *_: Array, xp: Namespace) -> Array:
        return -(e.chi2() + 2 * e.gap)


@dataclass(frozen=True)
class Triangular(_Symmetric):
    """(x - y)**2/(x + y)."""

    def term(self, e: Entry, *_: Array, xp: Namespace) -> Array:
        return e.gap * e.spread[1]

    def by_x(self, e: Entry, *_: Array, xp: Namespace) -> Array:
        t = e.spread[1]
        return t * (2 - t)

    def by_y(self, e: Entry, *_: Array, xp: Namespace) -> Array:
        t = e.spread[1]
        return -t * (2 + t)


@dataclass(frozen=True)
class Alpha(_Row):
    """(x**a*y**(1 - a) - a*x - (1 - a)*y)/(a*(a - 1))."""

    parameters = 1

    def term(self, e: Entry, *order: Array, xp: Namespace) -> Array:
        (alpha,) = order
        return alpha_term(e, alpha, xp=xp) + 0.0 * alpha  # of nan there is none

    def by_x(self, e: Entry, *order: Array, xp: Namespace) -> Array:
        (alpha,) = order
        return deformed(e.log_ratio, alpha - 1, xp=xp)

    def by_y(self, e: Entry, *order: Array, xp: Namespace) -> Array:
        (alpha,) = order
        return -deformed(e.log_ratio, alpha, xp=xp)

    def x_by_x(self, e: Entry, *order: Array, xp: Namespace) -> Array:
        (alpha,) = order
        return _or_times(e, e.x_bent(alpha, alpha - 1), self.by_x(e, alpha, xp=xp), xp=xp)

    def y_by_y(self, e: Entry, *order: Array, xp: Namespace) -> Array:
        (alpha,) = order
        e, slope = e.swapped, self.by_y(e, alpha, xp=xp)
        return _or_times(e, e.x_bent(1 - alpha, -alpha), slope, xp=xp)


@dataclass(frozen=True)
class Tsallis(_Row):
    """(x**a*y**(1 - a) - a*x - (1 - a)*y)/(a - 1)."""

    parameters = 1

    def term(self, e: Entry, *order: Array, xp: Namespace) -> Array:
        (alpha,) = order
        term = xp.where(e.only_y, e.y, alpha * alpha_term(e, alpha, xp=xp))
        return xp.where(alpha >= 0, term, _NAN)

    def by_x(self, e: Entry, *order: Array, xp: Namespace) -> Array:
        (alpha,) = order
        slope = deformed(e.log_ratio, alpha - 1, xp=xp)
        return xp.where(alpha == 0, 0.0, alpha * slope)

    def by_y(self, e: Entry, *order: Array, xp: Namespace) -> Array:
        (alpha,) = order
        slope = -alpha * deformed(e.live_log_ratio, alpha, xp=xp)
        ends = xp.where(e.only_y, 1.0, xp.where(e.only_x & (alpha > 0), -_INF, 0.0))
        return xp.where(e.live, slope, ends)

    def x_by_x(self, e: Entry, *order: Array, xp: Namespace) -> Array:
        (alpha,) = order
        bent = alpha * e.x_bent(alpha, alpha - 1)
        return _or_times(e, bent, self.by_x(e, alpha, xp=xp), xp=xp)

    def y_by_y(self, e: Entry, *order: Array, xp: Namespace) -> Array:
        (alpha,) = order
        e, slope = e.swapped, self.by_y(e, alpha, xp=xp)
        return _or_times(e, alpha * e.x_bent(1 - alpha, -alpha), slope, xp=xp)


@dataclass(frozen=True)
class FromGenerator(_Row):
    """A user's row: x*g(d), with d = log(y/x), and what a mass alone is worth."""

    value: Callable[[Array], Array]
    derivative: Callable[[Array], Array]
    p_zero: float
    q_zero: float

    def term(self, e: Entry, *_: Array, xp: Namespace) -> Array:
        inside = e.x * self.value(-e.live_log_ratio)
        ends = _ends(e, _times(e.y, self.p_zero), _times(e.x, self.q_zero), xp=xp)
        return xp.where(e.live, inside, ends)

    def by_x(self, e: Entry, *_: Array, xp: Namespace) -> Array:
        d = -e.live_log_ratio
        inside = self.value(d) - self.derivative(d)
        return xp.where(e.live, inside, _ends(e, -_INF, self.q_zero, xp=xp))

    def by_y(self, e: Entry, *_: Array, xp: Namespace) -> Array:
        inside = self.derivative(-e.live_log_ratio) * xp.exp(e.live_log_ratio)
        return xp.where(e.live, inside, _ends(e, self.p_zero, -_INF, xp=xp))


@dataclass(frozen=True)
class KL:
    """x*log(x/y) - x + y, whose measures are its own: `measures.kl_measure`."""

    parameters = 0


@dataclass(frozen=True)
class Scaled:
    """A multiple of a generator."""

    generator: Row
    factor: float
    """Exact where it is a power of two."""


@dataclass(frozen=True)
class Swapped:
    """A generator with x and y exchanged: its divergence of the exchanged operands."""

    generator: Row | KL | Scaled


def is_symmetric(generator: Variant) -> bool:
    """Return whether a divergence is the same of exchanged operands."""
    generator = generator.generator if isinstance(generator, Scaled) else generator
    return isinstance(generator, _Symmetric)


Variant = Row | KL | Scaled | Swapped
"""What a name or an order stands for."""


class Named(NamedTuple):
    """A divergence that `relentropy.f_divergence` takes by name."""

    generator: Variant
    function: str
    """The public function on whose page the name stands."""
    title: str = ""
    """The literature's name for it, and what it is of the function's value."""


GeneratorName = Literal[
    "kl", "reverse-kl", "jeffreys", "jensen-shannon", "topsoe", "k-divergence",
    "squared-hellinger", "total-variation", "pearson", "neyman", "triangular",
    "vincze-le-cam", "le-cam",
]  # fmt: skip
NAMES: dict[GeneratorName, Named] = {
    "kl": Named(KL(), "kl_divergence", "the Kullback-Leibler divergence"),
    "reverse-kl": Named(Swapped(KL()), "kl_divergence", "D(q‖p)"),
    "jeffreys": Named(Jeffreys(), "jeffreys_divergence"),
    "jensen-shannon": Named(JensenShannon(), "js_divergence"),
    "topsoe": Named(
        Scaled(JensenShannon(), 2.0), "js_divergence",
        "its double: the Topsøe distance, Lin's L divergence, capacitory discrimination",
    ),
    "k-divergence": Named(
        SkewKL(0.5), "skew_kl_divergence", "for weight 1/2: Lin's K divergence"
    ),
    "squared-hellinger": Named(SquaredHellinger(), "hellinger_distance", "its square"),
    "total-variation": Named(TotalVariation(), "total_variation"),
    "pearson": Named(Pearson(), "chi2_divergence"),
    "neyman": Named(Swapped(Pearson()), "chi2_divergence", 'for ``kind="neyman"``'),
    "triangular": Named(Triangular(), "triangular_discrimination"),
    "vincze-le-cam": Named(
        Triangular(), "triangular_discrimination", "the Vincze-Le Cam distance"
    ),
    "le-cam": Named(
        Scaled(Triangular(), 0.5), "triangular_discrimination",
        "its half: the Le Cam distance or divergence",
    ),
}  # fmt: skip
"""Every name, and the order in which messages and documentation have them."""


def _root_share(e: Entry, *, xp: Namespace) -> Array:
    """sqrt(x)/(sqrt(x) + sqrt(y)); 0 where there is no mass."""
    root, total = e.root_x, e.root_x + e.swapped.root_x
    return root / xp.where(total > 0, total, 1.0)


def _or_times(e: Entry, inside: Array, slope: Array, *, xp: Namespace) -> Array:
    """A product where both have mass, and x times the slope elsewhere."""
    return xp.where(e.live, inside, e.x_times(xp.where(e.live, 0.0, slope)))


def _ends(e: Entry, only_y: Any, only_x: Any, *, xp: Namespace) -> Array:
    none = xp.zeros_like(e.x)
    return xp.where(e.only_y, only_y, xp.where(e.only_x, only_x, none))


def _times(x: Array, slope: float) -> Array | float:
    return slope if slope == _INF else x * slope


def _log_share(e: Entry, *, xp: Namespace) -> Array:
    """log(x/m) with m = (x + y)/2; -inf where only y is, 0 where none is."""
    total, _ = e.spread
    value = log_ratio_of(2 * e.x, total, e.gap, xp=xp)
    return _or_from_ratio(value, e, 0.5, xp=xp)


def _from_mixture(e: Entry, v: float, w: float, *, xp: Namespace) -> Array:
    """(x - m)/m with m = v*x + w*y."""
    m = v * e.x + w * e.y
    known = m > 0
    excess = w * e.gap / xp.where(known, m, 1.0)
    # Where y is none, also of what is too small to be seen; only for v = 0 that is infinite.
    return xp.where(known, excess, xp.where(e.only_x, w / v if v > 0 else _INF, 0.0))


def _log_of_mixture(e: Entry, v: float, w: float, *, xp: Namespace) -> Array:
    """log(x/m) with m = v*x + w*y."""
    m = v * e.x + w * e.y
    return _or_from_ratio(log_ratio_of(e.x, m, w * e.gap, xp=xp), e, w, xp=xp)


def log_ratio_of(x: Array, m: Array, gap: Array, *, xp: Namespace) -> Array:
    """log(x/m), given x - m; -inf where only m is, 0 where none is."""
    known = m > 0
    divisor = xp.where(known, m, 1.0)
    excess = gap / divisor
    below = excess < -0.5
    far = xp.log(xp.where(below, x / divisor, 1.0))
    value = xp.where(below, far, xp.log1p(xp.where(below, 0.0, excess)))
    return xp.where(known, value, 0.0)


def _or_from_ratio(value: Array, e: Entry, w: float, *, xp: Namespace) -> Array:
    """Where x is too small to be seen beside y, log(x/(w*y)) as far as it is known."""
    hidden = e.live & (value == -_INF)
    return xp.where(hidden, e.live_log_ratio - math.log(w), value) if w > 0 else value
