"""Divergences of the table from logits, whose first pass is that of kl_logits.

Both shares are exponentials relative to their own largest logit, y multiplied with the ratio of
the normalisers; u is the logarithm of x/y, which keeps its digits where the two agree.
"""

import triton
import triton.language as tl

from .arithmetic import (
    COARSE,
    INF,
    WIDE,
    exp,
    exp_coarse,
    exp_wide,
    expm1,
    js_log_tail,
    log,
    log1p,
    over,
)
from .kl_logits import about, share_of
from .layout import any_of
from .modes import apart, for_products, in_products, less, sum_of, words_of
from .places import residual_places
from .table import HELLINGER, JENSEN_SHANNON, finished

AT_LOG_MEAN, AT_MASS, AT_POSSIBLE = residual_places("js_logits", "log_mean mass possible", 1)


@triton.jit
def _log_ratio(a, b, known, MODE: tl.constexpr):
    """log(x/y) as a pair, 0 where a side has no mass."""
    kind: tl.constexpr = tl.float64 if MODE == WIDE else tl.float32
    live = (a > -INF) & (b > -INF)
    d, d_low = about(a, b, known, MODE)
    m_high, m_rest = words_of(known[AT_LOG_MEAN], kind)
    d, d_low = less(d, d_low, m_high, MODE)
    d, d_low = less(d, d_low, m_rest, MODE)
    return live, tl.where(live, -d, 0.0), tl.where(live, -d_low, 0.0)


@triton.jit
def _log_share(u, u_low, MODE: tl.constexpr):
    """log(2*x/(x + y)) for u = log(x/y), of which the leading part has all of u's digits."""
    size = tl.abs(u)
    whole = in_products(u, MODE)
    if MODE != COARSE:
        whole = whole + in_products(u_low, MODE)
    e = expm1(-size)
    t = over(-e, 2.0 + e)
    near = size < 1.0
    bent = log1p(tl.where(near, -t * t, 1.0 + e))
    close = 0.5 * (whole + in_products(bent, MODE))
    away = (tl.where(u > 0, 0.0, whole) - in_products(bent, MODE)) + 0.6931471805599453
    return tl.where(near, close, away)


@triton.jit
def _weighted(
    share, down, log_x, log_low, u, u_low, other_only, mean, MODE: tl.constexpr,
    KIND: tl.constexpr,
):  # fmt: skip
    """x*(df/dx - mean), of which x has been lifted."""
    if KIND == JENSEN_SHANNON:
        rate = 0.5 * _log_share(u, u_low, MODE)
        return share * (tl.where(other_only, 0.34657359027997264, rate) - mean)
    elif KIND == HELLINGER:
        near = u > -3.0
        rate = -0.5 * expm1(tl.where(near, -0.5 * u, 0.0))
        rate = tl.where(other_only, 0.5, in_products(rate, MODE))
        # The root of both shares, which is in the range where the ratio of roots is not.
        half = tl.where(near, 0.0, -0.5 * u)
        high = log_x + half
        if MODE == COARSE:
            both = exp_coarse(high)
        else:
            low = (log_x - high) + half
            low = low + (log_low - tl.where(near, 0.0, 0.5 * u_low))
            if MODE == WIDE:
                both = exp(high, low, tl.where(down < 1.0, 512.0, 0.0).to(tl.float64))
            else:
                both = exp_wide(high, low)
        away = 0.5 * (share - both) - share * mean
        return tl.where(near, share * (rate - mean), away)
    else:
        sign = tl.where(u > 0, 0.5, tl.where(u < 0, -0.5, 0.0))
        return share * (tl.where(other_only, 0.5, sign) - mean)


@triton.jit
def _sum(x, MODE: tl.constexpr):
    """Of products, in one word."""
    if MODE == WIDE:
        total, low = sum_of(x, MODE)
        return total + low
    else:
        return tl.sum(x, 1).to(tl.float64)


@triton.jit
def step(
    a, b, there, extra, known, MODE: tl.constexpr, KIND: tl.constexpr, KEEP: tl.constexpr
):  # fmt: skip
    """The sums of a tile; whether float32 was not enough."""
    anchor, _, _, _, _, q_anchor, grown, _ = known
    kind: tl.constexpr = tl.float64 if MODE == WIDE else tl.float32
    live, u, u_low = _log_ratio(a, b, known, MODE)
    p, p_down = share_of(a, anchor.to(kind)[:, None], MODE)
    q, q_down = share_of(b, q_anchor.to(kind)[:, None], MODE)
    p, q = p * p_down, q * q_down
    x, y = p.to(kind), (q * for_products(1.0 / grown, MODE)).to(kind)
    large = tl.where(u > 0, x, y)
    if KIND == JENSEN_SHANNON:
        near = live & (tl.abs(u) < 1.5)
        z = tl.where(near, u * u, 0.0)
        small = tl.where(near, 0.0, tl.minimum(x, y))
        large = tl.maximum(x, y)
        whole = large + small
        full = tl.where(whole > 0, whole, 1.0)
        share = tl.where(small > 0, over(2.0 * small, full), 1.0)
        away = 0.5 * (large * log1p(over(large - small, full)) + small * log(share))
        term = tl.where(near, (x + y) * z * js_log_tail(z), away)
    elif KIND == HELLINGER:
        gap = expm1(-0.5 * tl.abs(u))
        term = tl.where(live, 0.5 * large * (gap * gap), 0.5 * (x + y))
    else:
        term = tl.where(live, -0.5 * large * expm1(-tl.abs(u)), 0.5 * (x + y))
    total, low = sum_of(term, MODE)
    redo = total != total
    if MODE != WIDE:
        faint = ((a > -INF) & (x < 7.9e-31)) | ((b > -INF) & (y < 7.9e-31))
        redo = (any_of(faint | (u != 0.0)) > 0) & (total < 8.3e-25)
        # A log-ratio that is too large for float32 has been lost.
        redo = redo | (any_of(live & ~(tl.abs(b - a) < 1e30)) > 0)
        redo = redo | ~(tl.abs(known[AT_LOG_MEAN]) < 80.0)
    by_x, by_y = tl.zeros_like(total), tl.zeros_like(total)
    if KEEP:
        one = tl.full(p.shape, 1.0, p.dtype)
        mean = 0.0 * one
        log_x, low_x = apart(tl.where(a == -INF, 0.0, a), anchor.to(kind)[:, None], MODE)
        slope = _weighted(p, one, log_x, low_x, u, u_low, b == -INF, mean, MODE, KIND)
        by_x = _sum(tl.where(a == -INF, 0.0, slope), MODE)
        log_y, low_y = apart(tl.where(b == -INF, 0.0, b), q_anchor.to(kind)[:, None], MODE)
        slope = _weighted(q, one, log_y, low_y, -u, -u_low, a == -INF, mean, MODE, KIND)
        by_y = _sum(tl.where(b == -INF, 0.0, slope), MODE) / grown
    return (total, low, by_x, by_y), redo


@triton.jit
def finish(sums, known, extra, KIND: tl.constexpr):
    """The value, and what the rows' gradients need."""
    return finished(sums, known, known[AT_MASS], known[AT_POSSIBLE])


@triton.jit
def slopes(
    a, b, there, extra, known, factor, MODE: tl.constexpr, KIND: tl.constexpr,
    VALUE: tl.constexpr, BY_A: tl.constexpr, BY_B: tl.constexpr,
):  # fmt: skip
    """A share times its slope, less the mean of all."""
    anchor, mass, _, _, _, q_anchor, grown, _, p_mean, q_mean = known
    kind: tl.constexpr = tl.float64 if MODE == WIDE else tl.float32
    live, u, u_low = _log_ratio(a, b, known, MODE)
    by_a = u
    by_b = u
    redo = factor != factor
    if MODE != WIDE:
        redo = (any_of(live & ~(tl.abs(b - a) < 1e30)) > 0) | ~(
            tl.abs(known[AT_LOG_MEAN]) < 80.0
        )
        for_p, for_q = tl.abs(p_mean), tl.abs(q_mean)
        redo = redo | (for_p < 1e-25) & (for_p > 0.0) | (for_q < 1e-25) & (for_q > 0.0)
    if BY_A:
        top = anchor.to(kind)[:, None]
        x, down = share_of(a, top, MODE)
        log_x, low = apart(tl.where(a == -INF, 0.0, a), top, MODE)
        mean = for_products(p_mean, MODE)
        by_a = _weighted(x, down, log_x, low, u, u_low, b == -INF, mean, MODE, KIND)
        by_a = (by_a * for_products(factor / mass, MODE)) * down
        by_a = tl.where(a == -INF, 0.0, by_a)
    if BY_B:
        top = q_anchor.to(kind)[:, None]
        y, down = share_of(b, top, MODE)
        log_y, low = apart(tl.where(b == -INF, 0.0, b), top, MODE)
        mean = for_products(q_mean, MODE)
        by_b = _weighted(y, down, log_y, low, -u, -u_low, a == -INF, mean, MODE, KIND)
        by_b = (by_b * for_products(factor / (mass * grown), MODE)) * down
        by_b = tl.where(b == -INF, 0.0, by_b)
    return by_a, by_b, redo
