"""Divergences that are a sum of one term for each entry: each with its definition and slopes.

A term is a function of two masses and their logarithms, homogeneous of degree one, and says
itself what it is where one of the masses is zero; entries that are zero on both sides
contribute nothing. The same sum is the divergence of normalised rows and, with
``normalize=False``, of measures as they stand. A new one is a `Term`, and its name in `SUMS`.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

from mpmath import mp

from .components import ONE
from .rows import ZERO, measures


@dataclass(frozen=True)
class Term:
    """A term f(x, y) and its derivatives, of which f_slopes.py makes those of a row.

    Attributes
    ----------
    value : callable
        From x, log(x), y and log(y) to the term.
    slopes : callable
        From d = log(x / y), which may be infinite, to ``(df/dx, df/dy)``.
    x_edge, y_edge : mpf
        In the limit x = 0 the product ``x * df/dx`` is ``x_edge * y``, in the limit y = 0
        the product ``y * df/dy`` is ``y_edge * x``: 0, -1 or -inf.
    power : mpf
        The largest power of x / y in the slopes, which multiplies an error of d.
    both_zero : pair of mpf
        The derivatives where both masses are zero: those at equality, or one-sided ones.
    steepness : float
        What a derivative that is infinite exceeds beside a mass of 1e-300.
    """

    value: Callable
    slopes: Callable
    x_edge: mp.mpf = ZERO
    y_edge: mp.mpf = ZERO
    power: mp.mpf = ZERO
    both_zero: tuple = (ZERO, ZERO)
    steepness: float = 50


# Definitions ----------------------------------------------------------------------------


def sum_of(name, p, q, from_logits=False, normalize=True, **options):
    """The definition that a name in `SUMS` stands for."""
    return _total(SUMS[name](**options).value, p, q, from_logits, normalize)


def js_distance(p, q, from_logits=False, normalize=True):
    """The square root of ``js_divergence`` at weight 1/2."""
    return _root(sum_of("js_divergence", p, q, from_logits, normalize))


def hellinger_distance(p, q, from_logits=False, normalize=True):
    """``sqrt(sum((sqrt(p) - sqrt(q))**2) / 2)``."""
    return _root(_total(SQUARED_HELLINGER.value, p, q, from_logits, normalize))


def generalized_js_divergence(*rows, weights=None, from_logits=False, normalize=True):
    """``sum_k w_k * KL(p_k || m)`` with ``m = sum_k w_k * p_k``, the w_k normalised."""
    weights = [mp.mpf(w) for w in weights or [1] * len(rows)]
    total = mp.fsum(weights)
    found = measures(rows, from_logits, normalize)
    if found is None:
        return mp.nan if rows[0] else ZERO
    terms = []
    for entries in zip(*found, strict=True):
        mixed = mp.fsum(w * x for w, (x, _) in zip(weights, entries, strict=True)) / total
        for w, (x, log_x) in zip(weights, entries, strict=True):
            if w:
                terms.append(w / total * _kl(x, log_x, mixed, mp.log(mixed)))
    return mp.fsum(terms)


def _total(term, p, q, from_logits, normalize):
    if len(p) == 0:
        return ZERO
    rows = measures((p, q), from_logits, normalize)
    if rows is None:
        return mp.nan
    terms = [term(*x, *y) for x, y in zip(*rows, strict=True) if x[0] or y[0]]
    return mp.inf if mp.inf in terms else mp.fsum(terms)


def _root(value):
    # What rounding leaves of a zero may have either sign.
    return mp.sqrt(value) if mp.isnan(value) or value > 0 else ZERO


# Terms ----------------------------------------------------------------------------------


def _kl(x, log_x, y, log_y):
    if x == 0:
        return y
    if y == 0:
        return mp.inf
    return x * (log_x - log_y) - x + y


def _reverse_kl(x, log_x, y, log_y):
    return _kl(y, log_y, x, log_x)


def _jeffreys(x, log_x, y, log_y):
    if x == 0 or y == 0:
        return mp.inf
    return (x - y) * (log_x - log_y)


def _squared_hellinger(x, log_x, y, log_y):
    return (mp.sqrt(x) - mp.sqrt(y)) ** 2 / 2


def _variation(x, log_x, y, log_y):
    return abs(x - y) / 2


def _pearson(x, log_x, y, log_y):
    return (x - y) ** 2 / y if y else mp.inf


def _neyman(x, log_x, y, log_y):
    return _pearson(y, log_y, x, log_x)


def _triangular(x, log_x, y, log_y):
    return (x - y) ** 2 / (x + y)


def _triangular_slopes(d):
    t = mp.tanh(d / 2)  # (x - y) / (x + y)
    return t * (2 - t), -t * (2 + t)


# Slopes are functions of d = log(x / y).
CONTRIBUTIONS = Term(_kl, lambda d: (d, 1 - mp.exp(d)), y_edge=-ONE, power=ONE)
# As of `kl_divergence`: without any p the term is q.
KL = replace(CONTRIBUTIONS, both_zero=(ZERO, ONE))
REVERSE_KL = Term(
    _reverse_kl, lambda d: (1 - mp.exp(-d), -d), x_edge=-ONE, power=ONE, both_zero=(ONE, ZERO)
)
JEFFREYS = Term(
    _jeffreys,
    lambda d: (1 + d - mp.exp(-d), 1 - d - mp.exp(d)),
    x_edge=-ONE,
    y_edge=-ONE,
    power=ONE,
)
SQUARED_HELLINGER = Term(
    _squared_hellinger,
    lambda d: ((1 - mp.exp(-d / 2)) / 2, (1 - mp.exp(d / 2)) / 2),
    power=ONE / 2,
)
VARIATION = Term(_variation, lambda d: (mp.sign(d) / 2, -mp.sign(d) / 2))
PEARSON = Term(
    _pearson, lambda d: (2 * (mp.exp(d) - 1), 1 - mp.exp(2 * d)), y_edge=-mp.inf, power=2
)
NEYMAN = Term(
    _neyman, lambda d: (1 - mp.exp(-2 * d), 2 * (mp.exp(-d) - 1)), x_edge=-mp.inf, power=2
)
TRIANGULAR = Term(_triangular, _triangular_slopes)
FLAT = Term(lambda x, log_x, y, log_y: ZERO, lambda d: (ZERO, ZERO))


def _skew(w):
    """``KL(x, m)`` with ``m = (1 - w) * x + w * y``."""
    if w in (0, 1):
        return KL if w else FLAT

    def value(x, log_x, y, log_y):
        mixed = (1 - w) * x + w * y
        return _kl(x, log_x, mixed, mp.log(mixed))

    def slopes(d):
        u, _ = _mixtures(w, d)
        return -mp.log(u) + (1 - w) * (1 - 1 / u), w * (1 - 1 / u)

    return Term(value, slopes)


def _js(w):
    """``(1 - w) * KL(x, m) + w * KL(y, m)`` with ``m = (1 - w) * x + w * y``."""
    if w in (0, 1):
        return FLAT

    def value(x, log_x, y, log_y):
        from_p = _skew(w).value(x, log_x, y, log_y)
        from_q = _skew(1 - w).value(y, log_y, x, log_x)
        return (1 - w) * from_p + w * from_q

    def slopes(d):
        u, v = _mixtures(w, d)
        return -(1 - w) * mp.log(u), -w * mp.log(v)

    return Term(value, slopes)


def _mixtures(w, d):
    """The mixture ``(1 - w) * x + w * y`` divided by x and by y."""
    return 1 - w + w * mp.exp(-d), (1 - w) * mp.exp(d) + w


def _alpha(a):
    """``(x**a * y**(1 - a) - a * x - (1 - a) * y) / (a * (a - 1))``, Amari's."""
    if a in (0, 1):
        return KL if a else REVERSE_KL

    def value(x, log_x, y, log_y):
        if x == 0:
            return y / a if a > 0 else mp.inf
        if y == 0:
            return x / (1 - a) if a < 1 else mp.inf
        power = mp.exp(a * log_x + (1 - a) * log_y)
        return (power - a * x - (1 - a) * y) / (a * (a - 1))

    def slopes(d):
        return (mp.exp((a - 1) * d) - 1) / (a - 1), (1 - mp.exp(a * d)) / a

    x_edge = ZERO if a > 0 else -mp.inf
    y_edge = ZERO if a < 1 else -mp.inf
    return Term(value, slopes, x_edge, y_edge, max(abs(a), abs(a - 1)))


def _tsallis(a):
    """``a`` times Amari's, for a >= 0; q's mass where p is zero in the limit a = 0."""
    alpha = _alpha(a)

    def value(x, log_x, y, log_y):
        if x == 0:
            return y
        if y == 0:
            return a * x / (1 - a) if a < 1 else mp.inf
        return a * alpha.value(x, log_x, y, log_y)

    if a == 0:  # no mass of p moves it
        return Term(value, lambda d: (ZERO, ONE if d == -mp.inf else ZERO))
    return replace(alpha, value=value, slopes=lambda d: tuple(a * v for v in alpha.slopes(d)))


NAMED = {
    "kl": KL,
    "reverse-kl": REVERSE_KL,
    "jeffreys": JEFFREYS,
    "jensen-shannon": _js(mp.mpf(0.5)),
    "squared-hellinger": SQUARED_HELLINGER,
    "total-variation": VARIATION,
    "pearson": PEARSON,
    "neyman": NEYMAN,
    "triangular": TRIANGULAR,
}
"""By the names that `f_divergence` is tested with; the others are bits of these."""
SUMS = {
    "jeffreys_divergence": lambda: JEFFREYS,
    "js_divergence": lambda weight=0.5: _js(mp.mpf(weight)),
    "total_variation": lambda: VARIATION,
    "chi2_divergence": lambda kind="pearson": {"pearson": PEARSON, "neyman": NEYMAN}[kind],
    "triangular_discrimination": lambda: TRIANGULAR,
    "alpha_divergence": lambda alpha: _alpha(mp.mpf(alpha)),
    "tsallis_divergence": lambda alpha: _tsallis(mp.mpf(alpha)),
    "skew_kl_divergence": lambda weight=0.5: _skew(mp.mpf(weight)),
    "f_divergence": lambda generator: NAMED[generator],
}
"""By function the term of its parameters."""
F_DIVERGENCES = {name: partial(sum_of, name) for name in SUMS} | {
    "js_distance": js_distance,
    "hellinger_distance": hellinger_distance,
    "generalized_js_divergence": generalized_js_divergence,
}
