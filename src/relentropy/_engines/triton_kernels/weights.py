"""Divergences of the table from weights: the twin of _formulas/weight_shares.py.

q is brought to p's mass by one rounded ratio r; products with it are exact, and what r is off
by is found from the residuals: delta = q*r - p, eps = sum(delta)/sum(p), and p - q' is
p*eps - delta.

The manifest names the numbers of a tile's state. They are of weights that a power of two,
which the largest tells, has brought into the middle of float64's range. r has so few digits
that its product with a float32 is exact.

Entries of at most 32 bits are compared in float64, which is a product and some sums; what
follows from their difference is worked in float32, on a scale of which p's mass is near 1.
"""

import triton
import triton.language as tl

from .arithmetic import (
    INF,
    SHORTENER,
    WIDE,
    add,
    add_pairs,
    atanh_tail,
    divide,
    exp,
    exp_tail,
    expm1,
    fast_two_sum,
    js_tail,
    log,
    log1p,
    over,
    power_of_two,
    root,
    sum_words,
    two_prod,
    weight_scale,
)
from .layout import any_of
from .places import residual_places, state_places
from .table import HELLINGER, JENSEN_SHANNON, KL, TOTAL_VARIATION, finished

P_TOP, Q_TOP, P_MASS, P_MASS_LO, Q_MASS, RATIO, REST, REST_LO, VALID = state_places(
    "kl_weights", "p_top q_top p_mass p_mass_lo q_mass ratio rest rest_lo valid"
)
(
    AT_P_SCALE,
    AT_Q_SCALE,
    AT_RATIO,
    AT_UNIT,
    AT_P_MASS,
    AT_Q_MASS,
    AT_POSSIBLE,
    AT_P_MEAN,
    AT_Q_MEAN,
) = residual_places(
    "kl_weights", "p_scale q_scale ratio unit p_mass q_mass possible p_mean q_mean", 1
)


@triton.jit
def _ratio(p, q):
    """p/q in 29 bits; 0 where one has no mass."""
    known = (p > 0) & (q > 0)
    ratio = tl.where(known, p, 0.0) / tl.where(known, q, 1.0)
    c = SHORTENER * ratio
    return c - (c - ratio)


@triton.jit
def step(
    a, b, there, extra, known, MODE: tl.constexpr, KIND: tl.constexpr, KEEP: tl.constexpr
):  # fmt: skip
    """The state of a tile, which float64 is enough for."""
    invalid = any_of(~((a >= 0) & (b >= 0) & (a < INF) & (b < INF))) > 0
    p_top, q_top = tl.max(a, 1).to(tl.float64), tl.max(b, 1).to(tl.float64)
    p_scale, q_scale = weight_scale(p_top), weight_scale(q_top)
    if MODE == WIDE:
        p, q = a * p_scale[:, None], b * q_scale[:, None]
        p_mass, p_low = sum_words(p)
        q_mass, _ = sum_words(q)
        ratio = _ratio(p_mass, q_mass)
        product, error = two_prod(q, ratio[:, None])
        delta, delta_low = add(product, error, -p)
        rest, rest_low = sum_words(delta)
        rest, rest_low = add(rest, rest_low, tl.sum(delta_low, 1))
    else:  # powers of two may as well be multiplied with the sums
        p, q = a.to(tl.float64), b.to(tl.float64)
        p_mass, q_mass = tl.sum(p, 1) * p_scale, tl.sum(q, 1) * q_scale
        ratio = _ratio(p_mass, q_mass)
        rest = tl.sum(q * (ratio * (q_scale / p_scale))[:, None] - p, 1) * p_scale
        p_low, rest_low = p_mass * 0.0, p_mass * 0.0
    valid = 1.0 - invalid.to(tl.float64)
    redo = p_mass != p_mass
    state = (p_top, q_top, p_mass, p_low, q_mass, ratio, rest, rest_low, valid)
    return state, redo & (valid > 0)


@triton.jit
def _scaled(state, p_top, q_top):
    """One part of a merge, on the scales of the whole: masses, its ratio and its residual."""
    p_change = weight_scale(p_top) / weight_scale(state[P_TOP])
    q_change = weight_scale(q_top) / weight_scale(state[Q_TOP])
    return (
        state[P_MASS] * p_change,
        state[P_MASS_LO] * p_change,
        state[Q_MASS] * q_change,
        (state[RATIO] * p_change) / q_change,
        state[REST] * p_change,
        state[REST_LO] * p_change,
    )


@triton.jit
def _residual(part, ratio):
    """What a part's residuals sum to with another ratio."""
    p_mass, p_low, q_mass, own, rest, rest_low = part
    seen = (own > 0) & (own < INF)
    own = tl.where(seen, own, 1.0)
    move, move_low = divide(ratio - own, own * 0.0, own, own * 0.0)
    close = seen & (tl.abs(move) < 0.5)
    # About its own ratio a part's residuals are small, and the rest is in proportion.
    student, student_low = add_pairs(p_mass, p_low, rest, rest_low)
    more, more_low = two_prod(tl.where(close, move, 0.0), student)
    more_low += move * student_low + move_low * student
    near, near_low = add_pairs(rest, rest_low, more, tl.where(close, more_low, 0.0))
    product, error = two_prod(ratio, q_mass)
    away, away_low = add_pairs(product, error, -p_mass, -p_low)
    return tl.where(close, near, away), tl.where(close, near_low, away_low)


@triton.jit
def merge(one, other, extra):
    p_top, q_top = tl.maximum(one[P_TOP], other[P_TOP]), tl.maximum(one[Q_TOP], other[Q_TOP])
    left, right = _scaled(one, p_top, q_top), _scaled(other, p_top, q_top)
    p_mass, p_low = add_pairs(left[0], left[1], right[0], right[1])
    q_mass = left[2] + right[2]
    ratio = _ratio(p_mass, q_mass)
    rest, rest_low = _residual(left, ratio)
    more, more_low = _residual(right, ratio)
    rest, rest_low = add_pairs(rest, rest_low, more, more_low)
    valid = tl.minimum(one[VALID], other[VALID])
    return p_top, q_top, p_mass, p_low, q_mass, ratio, rest, rest_low, valid


@triton.jit
def settle(state, known, extra, KIND: tl.constexpr):
    """What entries need of their row: see `_entry`."""
    p_top, q_top, p_mass, p_low, q_mass, ratio, rest, rest_low, valid = state
    possible = (valid > 0) & (p_mass > 0) & (q_mass > 0)
    p_mass, p_low = tl.where(possible, p_mass, 1.0), tl.where(possible, p_low, 0.0)
    eps, eps_low = divide(rest, rest_low, p_mass, p_low)
    exponent = ((p_mass.to(tl.int64, bitcast=True) >> 52) & 0x7FF) - 1023
    unit = power_of_two((-exponent).to(tl.float64))
    return (), (
        weight_scale(p_top), weight_scale(q_top), ratio, eps, eps_low, eps / (1.0 + eps), unit,
        p_mass * unit, tl.where(possible, q_mass, 1.0), possible.to(tl.float64),
    )  # fmt: skip


@triton.jit
def _entry(a, b, known, MODE: tl.constexpr):
    """x, y and x - y in float64 on the scale of p's mass, the last two as pairs.

    Of float64 on that of the scaled weights, where remainders of products are in the range.
    """
    p_scale, q_scale, ratio, eps, eps_low, shrink, unit = known[:7]
    if MODE == WIDE:
        x, q = a * p_scale[:, None], b * q_scale[:, None]
        y, y_low = two_prod(q, ratio[:, None])
        delta, delta_low = add(y, y_low, -x)
        d, d_low = two_prod(x, eps[:, None])
        d, d_low = add_pairs(d, d_low + x * eps_low[:, None], -delta, -delta_low)
        y, y_low = fast_two_sum(y, y_low - y * shrink[:, None])
        d, d_low = fast_two_sum(d, d_low - d * shrink[:, None])
        seen = tl.abs(d) > x * 2.0**-120
        return x, y, y_low, tl.where(seen, d, 0.0), tl.where(seen, d_low, 0.0)
    else:
        p, q = a.to(tl.float64), b.to(tl.float64)
        y = q * (ratio * (q_scale / p_scale))[:, None]
        less = (1.0 - shrink)[:, None]
        d = (p * eps[:, None] - (y - p)) * less
        # What rounding eps leaves must not show where the sides are proportional.
        d = tl.where(tl.abs(d) > p * 2.0**-75, d, 0.0)
        scale = (p_scale * unit)[:, None]
        return p * scale, (y * less) * scale, y * 0.0, d * scale, d * 0.0


@triton.jit
def _expm1(x, MODE: tl.constexpr):
    """exp(x) - 1; what is not x in the precision of the mode."""
    if MODE == WIDE:
        return expm1(x)
    else:
        z = x.to(tl.float32)
        near = tl.abs(z) < 1.0
        w = tl.where(near, z, 0.0)
        low = (x - z.to(tl.float64)).to(tl.float32)
        low = tl.where(tl.abs(z) < INF, low, 0.0)
        close = x + (w * w * exp_tail(w)).to(tl.float64)
        return tl.where(near, close, exp(z, low, 0.0).to(tl.float64) - 1.0)


@triton.jit
def _raw_log_ratio(a, b, known):
    """log(x/y) where scaling has left nothing of a weight, in float64."""
    more = (log(known[AT_P_SCALE]) - log(known[AT_Q_SCALE])) - log(
        tl.where(known[AT_RATIO] > 0, known[AT_RATIO], 1.0)
    )
    return (log(a) - log(b)) + more[:, None]


@triton.jit
def _twice_atanh(s, MODE: tl.constexpr):
    """2*atanh(s) for abs(s) <= 1/2; what is not 2*s in the precision of the mode."""
    z = s if MODE == WIDE else s.to(tl.float32)
    return 2.0 * s + (2.0 * (z * (z * z)) * atanh_tail(z * z)).to(tl.float64)


@triton.jit
def _log(x, MODE: tl.constexpr):
    """log(x) in the precision of the mode."""
    return log(x if MODE == WIDE else x.to(tl.float32)).to(tl.float64)


@triton.jit
def _log_ratio(a, b, x, y, d, known, MODE: tl.constexpr):
    """log(x/y); infinite where one side has no mass, 0 where none has."""
    seen = (x > 0) & (y > 0)
    one, two = tl.where(seen, x, 1.0), tl.where(seen, y, 1.0)
    near = seen & (tl.abs(d) <= 0.5 * (x + y))
    value = _twice_atanh(tl.where(near, d, 0.0) / (one + two), MODE)
    ratio = one / two
    inside = (ratio > 1e-30) & (ratio < 1e30)
    far = _log(tl.where(inside, ratio, 1.0), MODE)
    far = tl.where(inside, far, _log(one, MODE) - _log(two, MODE))
    value = tl.where(near, value, far)
    if MODE == WIDE:
        hidden = (a > 0) & (b > 0) & ~seen
        if tl.max(any_of(hidden), 0) > 0:
            p, q = tl.where(hidden, a, 1.0), tl.where(hidden, b, 1.0)
            value = tl.where(hidden, _raw_log_ratio(p, q, known), value)
    value = tl.where((a > 0) & (b == 0), INF, value)
    return tl.where((a == 0) & (b > 0), -INF, value)


@triton.jit
def _kl(a, b, x, y, y_low, d, d_low, known, MODE: tl.constexpr):
    """x*log(x/y) - x + y; see _formulas/kl_term.py."""
    t = x + y
    near = (tl.abs(d) <= 0.5 * t) & (t > 0)
    z = tl.where(near, d, 0.0)
    s = over(z, tl.where(near, t, 1.0))
    close = z * s
    close = close + (close * (s * (1.0 + s) * atanh_tail(s * s)) + 2.0 * s * d_low)
    known_y = (y > 0) & ~near
    absent = (x == 0) | near
    one, two = tl.where(absent, 1.0, x), tl.where(known_y, y, 1.0)
    ratio = over(one, two)
    inside = (ratio > 1e-30) & (ratio < 1e30)
    r = tl.where(inside, ratio, 2.0)
    logarithm = tl.where(inside, log(r), log(one) - log(two))
    if MODE == WIDE:
        h = tl.where(inside, two, 0.5 * one)
        product, error = two_prod(r, h)
        e = ((one - product) - error) + tl.where(inside, y_low - r * y_low, 0.0)
        difference = h - one
        lost = (-one) - (difference - h)
        above = (one * (logarithm - 1.0) + h) + e
        below = (difference + one * logarithm) + (e + lost)
        far = tl.where(r > 1.0, above, below)
        far = tl.where(inside, far, one * (logarithm - 1.0) + two)
    else:
        far = one * logarithm - d
    far = tl.where(x == 0, y, tl.where(known_y, far, INF))
    if MODE == WIDE:
        hidden = (a > 0) & (b > 0) & (y == 0)
        if tl.max(any_of(hidden), 0) > 0:
            p, q = tl.where(hidden, a, 1.0), tl.where(hidden, b, 1.0)
            far = tl.where(hidden, x * _raw_log_ratio(p, q, known) - d, far)
    return tl.where(near, close, tl.where(t == 0, 0.0, far))


@triton.jit
def _jensen_shannon(x, y, d):
    whole = x + y
    full = tl.where(whole > 0, whole, 1.0)
    t = over(d, full)
    near = tl.abs(t) < 0.6
    s = tl.where(near, t, 0.0)
    large, small = tl.maximum(x, y), tl.minimum(x, y)
    small = tl.where(near, 0.0, small)
    share = tl.where(small > 0, over(2.0 * small, full), 1.0)
    away = 0.5 * (large * log1p(tl.abs(t)) + small * log(share))
    return tl.where(near, whole * (s * s) * js_tail(s * s), away)


@triton.jit
def _half_log_share(x, y, d):
    """log(2*x/(x + y))/2 of what has mass."""
    whole = x + y
    full = tl.where(whole > 0, whole, 1.0)
    t = over(d, full)
    below = t < -0.5
    far = log(tl.where(below & (x > 0), over(2.0 * x, full), 1.0))
    return 0.5 * tl.where(below, far, log1p(tl.where(below, 0.0, t)))


@triton.jit
def _rate(
    a, b, x, y, d, known, MODE: tl.constexpr, KIND: tl.constexpr, OF_P: tl.constexpr
):  # fmt: skip
    """How fast the term changes with x, which is p's or q's."""
    if KIND == TOTAL_VARIATION:
        return tl.where(d > 0, 0.5, tl.where(d < 0, -0.5, 0.0 * d))
    if OF_P:
        ratio = _log_ratio(a, b, x, y, d, known, MODE)
    else:
        ratio = -_log_ratio(b, a, y, x, -d, known, MODE)
    if KIND == KL:
        if OF_P:
            return ratio
        else:
            rate = d / tl.where(x > 0, x, 1.0)
            return tl.where(x > 0, rate, tl.where(b > 0, -INF, 1.0))
    elif KIND == HELLINGER:
        close = tl.abs(d) <= 0.5 * (x + y)
        far = tl.sqrt(tl.where(close, 1.0, y / tl.where(x > 0, x, 1.0)))
        far = tl.where((x > 0) & (far < INF), 1.0 - far, -_expm1(-0.5 * ratio, MODE))
        return 0.5 * tl.where(close, -_expm1(-0.5 * tl.where(close, ratio, 0.0), MODE), far)
    else:
        whole = x + y
        below = d < -0.5 * whole
        close = _twice_atanh(
            tl.where(below, 0.0, d) / tl.where(whole > 0, 2.0 * whole + d, 1.0), MODE
        )  # fmt: skip
        share = tl.where(below & (x > 0), 2.0 * x / tl.where(whole > 0, whole, 1.0), 1.0)
        far = tl.where(x > 0, _log(share, MODE), ratio + 0.6931471805599453)
        return 0.5 * tl.where(below, far, close)


@triton.jit
def terms(
    a, b, there, extra, known, MODE: tl.constexpr, KIND: tl.constexpr, KEEP: tl.constexpr
):  # fmt: skip
    """The sums of a tile; whether float32 was not enough."""
    x, y, y_low, d, d_low = _entry(a, b, known, MODE)
    if MODE != WIDE:
        x, y, d = x.to(tl.float32), y.to(tl.float32), d.to(tl.float32)
        y_low, d_low = y_low.to(tl.float32), d_low.to(tl.float32)
    gap = d + d_low
    if KIND == KL:
        term = _kl(a, b, x, y, y_low, d, d_low, known, MODE)
    elif KIND == JENSEN_SHANNON:
        term = _jensen_shannon(x, y, gap)
    elif KIND == HELLINGER:
        both = root(x) + root(y)
        part = over(gap, tl.where(both > 0, both, 1.0))
        term = 0.5 * (part * part)
    else:
        term = 0.5 * tl.abs(gap)
    total, low = sum_words(term)
    by_x, by_y = tl.zeros_like(total), tl.zeros_like(total)
    if KEEP:
        if KIND == KL:
            by_x = total + low
        elif KIND == JENSEN_SHANNON:
            by_x, _ = sum_words(x * _half_log_share(x, y, gap))
            by_y, _ = sum_words(y * _half_log_share(y, x, -gap))
        elif KIND == HELLINGER:
            share = over(0.5 * gap, tl.where(both > 0, both, 1.0))
            by_x, _ = sum_words(share * root(x))
            by_y, _ = sum_words(-share * root(y))
        else:
            by_x, _ = sum_words(tl.where(gap > 0, 0.5 * x, tl.where(gap < 0, -0.5 * x, 0.0)))
            by_y, _ = sum_words(tl.where(gap < 0, 0.5 * y, tl.where(gap > 0, -0.5 * y, 0.0)))
    if MODE == WIDE:
        unit = known[AT_UNIT]
        redo = total != total
        return (total * unit, low * unit, by_x * unit, by_y * unit), redo
    else:
        # What float32 has lost below its range matters where all the rest is nearly equal.
        faint = any_of(((a > 0) & (x < 1e-30)) | ((b > 0) & (y < 1e-30))) > 0
        hidden = any_of((a > 0) & (b > 0) & (x > 1e-30) & (y < 1e-30)) > 0
        redo = (faint | (any_of(d != 0.0) > 0)) & (total < 1e-20)
        if KIND == KL:
            redo = redo | hidden
        return (total, low, by_x, by_y), redo


@triton.jit
def finish(sums, known, extra, KIND: tl.constexpr):
    """The value, and what the rows' gradients need."""
    return finished(sums, known, known[AT_P_MASS], known[AT_POSSIBLE])


@triton.jit
def _less_mean(rate, mean):
    """As it is where it is infinite."""
    return tl.where(tl.abs(rate) == INF, rate, rate - mean[:, None])


@triton.jit
def slopes(
    a, b, there, extra, known, factor, MODE: tl.constexpr, KIND: tl.constexpr,
    VALUE: tl.constexpr, BY_A: tl.constexpr, BY_B: tl.constexpr,
):  # fmt: skip
    """A share's slope less the mean of all, over what the row sums to."""
    x, y, _, d, d_low = _entry(a, b, known, MODE)
    gap = d + d_low
    by_a = x
    by_b = x
    redo = factor != factor
    if MODE != WIDE:
        redo = any_of((a > 0) & (b > 0) & ((x < 1e-36) | (y < 1e-36))) > 0
    if BY_A:
        rate = _rate(a, b, x, y, gap, known, MODE, KIND, True)
        unit = factor * (known[AT_P_SCALE] * known[AT_UNIT]) / known[AT_P_MASS]
        by_a = _less_mean(rate, known[AT_P_MEAN]) * unit[:, None]
    if BY_B:
        rate = _rate(b, a, y, x, -gap, known, MODE, KIND, False)
        by_b = (
            _less_mean(rate, known[AT_Q_MEAN])
            * (factor * (known[AT_Q_SCALE] / known[AT_Q_MASS]))[:, None]
        )
    return by_a, by_b, redo
