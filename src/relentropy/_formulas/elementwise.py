"""The elementwise functions with their derivatives, none of which cancels.

An entry with no mass on both sides (x = 0 where y = 0) contributes nothing, also not to
derivatives by x: ``0*log(0/0)`` is taken as gone, not as a limit.
"""

from __future__ import annotations

from typing import Any

from .._arrays.array import Array
from .._arrays.namespace import Namespace
from .._arrays.pairs import Pair, exp, two_prod
from .._arrays.protocols import Elementwise, flat
from .expectation import difference
from .expm1mx import expm1, expm1mx
from .exponentials import log1mexp, log1pexp, logaddexp, logsubexp
from .kl_term import kl_div, power_of_two_scale
from .log1pmx import log1pmx
from .logarithms import entr, log_ratio, rel_entr, xlog1py, xlogy
from .logsumexp import sign_of_sum

_INF, _NAN = float("inf"), float("nan")

# --- products with logarithms -------------------------------------------------------------


def _xlogy_by_x(x: Array, y: Array, /, *, xp: Namespace) -> Array:
    absent = (x == 0) & (y == 0)
    value = xp.where(absent, 0.0, xp.log(xp.where(absent, 1.0, y)))
    return xp.where(xp.isnan(x), x, value)


def _xlogy_by_y(x: Array, y: Array, /, *, xp: Namespace) -> Array:
    return _quotient(x, y, xp=xp)


def _xlog1py_by_x(x: Array, y: Array, /, *, xp: Namespace) -> Array:
    absent = (x == 0) & (y == -1)
    value = xp.where(absent, 0.0, xp.log1p(xp.where(absent, 0.0, y)))
    return xp.where(xp.isnan(x), x, value)


def _xlog1py_by_y(x: Array, y: Array, /, *, xp: Namespace) -> Array:
    return _quotient(x, 1 + y, xp=xp)


def _quotient(x: Array, y: Array, *, xp: Namespace) -> Array:
    """x/y for y >= 0 (a zero of either sign counts as +0), and 0 where x is."""
    absent = (x == 0) & ~xp.isnan(y)
    divisor = xp.where(absent, 1.0, xp.where(y == 0, 0.0, xp.where(y > 0, y, _NAN)))
    return xp.where(absent, 0.0, x / divisor)


# --- relative entropies -------------------------------------------------------------------


def _entr(x: Array, /, *, xp: Namespace) -> Array:
    return -_log_quotient(x, xp.ones_like(x), _one_plus_log_ratio, xp=xp)


def _rel_entr_by_x(x: Array, y: Array, /, *, xp: Namespace) -> Array:
    return _log_quotient(x, y, _one_plus_log_ratio, xp=xp)


def _rel_entr_by_y(x: Array, y: Array, /, *, xp: Namespace) -> Array:
    return xp.where((x < 0) | (y < 0), _NAN, -_quotient(x, y, xp=xp))


def _kl_div_by_x(x: Array, y: Array, /, *, xp: Namespace) -> Array:
    return _log_quotient(x, y, log_ratio, xp=xp)


def _kl_div_by_y(x: Array, y: Array, /, *, xp: Namespace) -> Array:
    known = ((x > 0) | (y > 0)) & (y < _INF)
    divisor = xp.where(known, xp.where(y == 0, 0.0, y), 1.0)  # no -0
    value = xp.where(known, (divisor - x) / divisor, 1.0)
    outside = (x < 0) | (y < 0) | (x == _INF) & (y == _INF)
    value = xp.where(outside, _NAN, value)
    return xp.where(xp.isnan(x) | xp.isnan(y), x + y, value)


def _log_quotient(x: Array, y: Array, near: Any, *, xp: Namespace) -> Array:
    """``near(x, y)`` of positive finite numbers; elsewhere log(x) - log(y), in the limit."""
    live = (x > 0) & (y > 0) & (x < _INF) & (y < _INF)
    value = near(xp.where(live, x, 1.0), xp.where(live, y, 1.0), xp=xp)
    absent = live | (x == 0) & (y == 0)
    limit = xp.log(xp.where(absent, 1.0, x)) - xp.log(xp.where(absent, 1.0, y))
    return xp.where(live, value, limit)


# e in two words of working precision, by mpmath at 40 digits: float(e), float(e - float(e)).
_E_FLOAT64 = (2.718281828459045, 1.4456468917292502e-16)
_E_FLOAT32 = (2.7182817459106445, 8.254840070411029e-08)


def _one_plus_log_ratio(x: Array, y: Array, /, *, xp: Namespace) -> Array:
    """``1 + log(x/y)`` of positive numbers with all its digits, also near x = y/e.

    There it is log1p of ``(e*x - y)/y``, with e*x in two words.
    """
    ratio = x / y
    near = (ratio > 0.092) & (ratio < 0.75)  # above, 1 and the logarithm hardly cancel
    one, two = xp.where(near, x, 1.0), xp.where(near, y, 1.0)
    scale = power_of_two_scale(two, xp=xp)
    one, two = one * scale, two * scale
    high, low = _E_FLOAT64 if xp.limits.splitter > 2**20 else _E_FLOAT32
    product, error = two_prod(one, high * xp.ones_like(one), xp=xp)
    excess = ((product - two) + (error + low * one)) / two
    far = 1 + log_ratio(xp.where(near, 1.0, x), xp.where(near, 1.0, y), xp=xp)
    return xp.where(near, xp.log1p(xp.where(near, excess, 0.0)), far)


# --- generators and logarithms of sums ----------------------------------------------------


def _log1pmx(x: Array, /, *, xp: Namespace) -> Array:
    known = (x >= -1) & (x < _INF)
    z = xp.where(known, x, 0.0)
    value = xp.where(known, -z / (1 + z), -1.0)
    return xp.where(x < -1, _NAN, xp.where(xp.isnan(x), x, value))


def _log1mexp(x: Array, /, *, xp: Namespace) -> Array:
    below = xp.where(x <= 0, x, _NAN)
    return -xp.exp(below) / (0 - expm1(below, xp=xp))


def _log1pexp(x: Array, /, *, xp: Namespace) -> Array:
    return _sigmoid(Pair(x), xp=xp)


def _logaddexp_by_x(x: Array, y: Array, /, *, xp: Namespace) -> Array:
    none = (x == -_INF) & (y == -_INF)
    share = _sigmoid(difference(x, y, none, xp=xp), xp=xp)
    share = xp.where(none, 0.0, share)
    return xp.where((x == _INF) | (y == _INF), _NAN, share)


def _logaddexp_by_y(x: Array, y: Array, /, *, xp: Namespace) -> Array:
    return _logaddexp_by_x(y, x, xp=xp)


def _logsubexp_by_x(x: Array, y: Array, /, *, xp: Namespace) -> Array:
    return _logsubexp_parts(x, y, xp=xp)[0]


def _logsubexp_by_y(x: Array, y: Array, /, *, xp: Namespace) -> Array:
    return _logsubexp_parts(x, y, xp=xp)[1]


def _logsubexp_parts(x: Array, y: Array, *, xp: Namespace) -> list[Array]:
    none = (x == -_INF) & (y == -_INF)
    gap = difference(y, x, none, xp=xp)
    grown = exp(gap, xp=xp)
    rest = 0 - expm1(gap.hi, xp=xp)
    rest = rest if gap.lo is None else rest - xp.exp(gap.hi) * gap.lo
    inside = (y <= x) & (x < _INF)
    return [
        xp.where(inside, xp.where(none, 0.0, part / xp.where(none, 1.0, rest)), _NAN)
        for part in (xp.ones_like(rest), -grown)
    ]


def _sigmoid(x: Pair, *, xp: Namespace) -> Array:
    """``1/(1 + exp(-x))``; a choice instead of abs, whose derivative at 0 is wrong here."""
    below = x.hi < 0
    low = exp(x.map(lambda word: xp.where(below, word, -word)), xp=xp)
    return xp.where(below, low, 1.0) / (1 + low)


XLOGY = Elementwise(xlogy, (_xlogy_by_x, _xlogy_by_y))
XLOG1PY = Elementwise(xlog1py, (_xlog1py_by_x, _xlog1py_by_y))
ENTR = Elementwise(entr, (_entr,))
REL_ENTR = Elementwise(rel_entr, (_rel_entr_by_x, _rel_entr_by_y))
KL_DIV = Elementwise(kl_div, (_kl_div_by_x, _kl_div_by_y))
LOG1PMX = Elementwise(log1pmx, (_log1pmx,))
EXPM1MX = Elementwise(expm1mx, (expm1,))
LOG1MEXP = Elementwise(log1mexp, (_log1mexp,))
LOG1PEXP = Elementwise(log1pexp, (_log1pexp,))
LOGADDEXP = Elementwise(logaddexp, (_logaddexp_by_x, _logaddexp_by_y))
LOGSUBEXP = Elementwise(logsubexp, (_logsubexp_by_x, _logsubexp_by_y))
SIGN_OF_SUM = Elementwise(sign_of_sum, (flat,))
