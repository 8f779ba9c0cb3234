"""Relative entropy from logits: the twin of _formulas/kl_logits.py, which says more.

The manifest names the numbers of a tile's state, each a float64 for every row; flags are 0 or
1. Where it is far, the excess is the student's own sum, relative to its own largest logit; 2
says that the whole row has to be far, as the student has nothing where the teacher has most.

The same state is the first pass of divergences that need both normalisers before they know a
term: no logarithm of a sum tells the two apart as well as the sum of expm1 does.
"""

import triton
import triton.language as tl

from .arithmetic import (
    COARSE,
    HEADROOM,
    INF,
    SUBNORMAL,
    WIDE,
    add,
    add_pairs,
    divide,
    exp,
    exp_coarse,
    exp_tail,
    exp_tail_brief,
    exp_wide,
    fast_two_sum,
    finite_or_zero,
    log,
    log1p,
    log1pmx,
    two_sum,
)
from .layout import any_of
from .modes import (
    apart,
    exp_of,
    for_products,
    in_products,
    less,
    scale_of,
    sum_of,
    words_of,
)
from .places import residual_places, state_places

TOP, Q_TOP, CENTRE, CENTRE_LO, MASS, MASS_LO, MEAN, EXCESS, EXCESS_LO, FAR, LOST, VALID = (
    state_places(
        "kl_logits",
        "top q_top centre centre_lo mass mass_lo mean excess excess_lo far lost valid",
    )
)
AT_CENTRE, AT_CENTRE_LO = residual_places("kl_logits", "centre centre_lo")


@triton.jit
def step(
    a, b, there, extra, known, MODE: tl.constexpr, KIND: tl.constexpr, KEEP: tl.constexpr
):  # fmt: skip
    """The state of a tile, and for every row whether it has to be done in float64.

    In COARSE and FINE whatever leaves float32's range, or is lost below it, says so.
    """
    top, q_top = tl.max(a, 1), tl.max(b, 1)
    no_p, no_q = a == -INF, b == -INF
    live = (a > -INF) & (b > -INF)
    invalid = any_of((a != a) | (a == INF) | (b != b) | (b == INF)) > 0
    lost = any_of((a > -INF) & no_q)
    anchor = finite_or_zero(top)[:, None]
    q_anchor = finite_or_zero(q_top)[:, None]
    at_top = live & (a == top[:, None])

    x = tl.where(no_p, anchor, a)
    y = tl.where(no_q, q_anchor, b)
    below, below_low = apart(x, anchor, MODE)
    d, d_low = apart(y, x, MODE)
    if MODE != WIDE:  # what has no mass is not heard; an overflowed difference has no error
        gone = no_p | (below < -800.0)
        d_low = tl.where(tl.abs(d) < 1e30, d_low, 0.0)
    else:
        gone = no_p
    weight = tl.where(gone, 0.0, exp_of(below, below_low, MODE))
    mass, mass_low = sum_of(weight, MODE)

    # The difference at the teacher's largest logit takes a common offset out exactly, so that
    # the mean is as small as the differences are and its rounding harmless.
    pivot = finite_or_zero(tl.max(tl.where(at_top, d, -INF), 1))
    if MODE == WIDE:  # of which no sum would be in the range
        pivot = tl.where(tl.abs(pivot) < 1e300, pivot, 0.0)
    student, student_low = apart(y, anchor, MODE)
    d, d_low = less(d, d_low, pivot[:, None], MODE)
    student, student_low = less(student, student_low, pivot[:, None], MODE)
    weighted, _ = sum_of(tl.where(live, weight * d, 0.0), MODE)
    mean = tl.where(mass > 0, weighted / tl.where(mass > 0, mass, 1.0), 0.0).to(a.dtype)
    d, d_low = less(d, d_low, mean[:, None], MODE)
    student, student_low = less(student, student_low, mean[:, None], MODE)
    d, d_low = tl.where(live, d, 0.0), tl.where(live, d_low, 0.0)

    # exp(student) is the student on the teacher's scale; on its own where it is far.
    height = tl.max(tl.where(no_q, -INF, student), 1)
    far = top == -INF
    if MODE == WIDE:
        far = far | (height > HEADROOM)
    alien = far & (lost > 1)
    if tl.max(lost, 0) > 0:
        shared, _ = sum_of(tl.where(live, weight, 0.0), MODE)
        alien = (lost > 0) & (shared < 0.5 * mass)
    far = far | alien
    alone, alone_low = apart(y, q_anchor, MODE)
    student = tl.where(far[:, None], alone, student)
    student_low = tl.where(far[:, None], alone_low, student_low)
    other = tl.where(no_q, 0.0, exp_of(student, student_low, MODE))
    spread = weight * d
    if MODE == WIDE:
        low = (weight < SUBNORMAL) & (a > -INF)
        if tl.max(any_of(low), 0) > 0:  # in halves, where the weight alone is subnormal
            part = tl.where(low, 0.5, 0.0)
            half = exp(part * below, part * below_low, 0.0)
            spread = tl.where(low, (half * d) * half, spread)

    reach: tl.constexpr = 0.25 if MODE == COARSE else 2.0
    near = live & (tl.abs(d) < reach)
    z = tl.where(near, d, 0.0)
    if MODE == COARSE:
        g = z * z * exp_tail_brief(z)
    else:
        g = z * z * exp_tail(z)
        g += tl.where(near, d_low, 0.0) * (z + g)
    term = tl.where(near, weight * g, other - (weight + spread))
    term = tl.where(no_p | far[:, None], other, term)
    mean_sum, _ = sum_of(spread, MODE)
    excess, excess_low = sum_of(term, MODE)
    if MODE == WIDE:
        redo = height != height
    else:
        # What float32 has lost below its range: weights of less than 2**-100, times d.
        faint = live & (weight < 7.9e-31) & ((below > -800.0) | (student > -800.0))
        risk = tl.max(tl.where(faint, tl.abs(d), 0.0), 1)
        wide = any_of(live & (weight > 0) & ~(tl.abs(d) < 1e12)) > 0  # maxima pass over nan
        redo = ~(height < 80.0) & (q_top > -INF) & ~far
        redo = redo | wide | (excess.to(tl.float32) < risk * 8.3e-25)
        redo = redo & ~invalid

    centre, centre_low = two_sum(pivot.to(tl.float64), mean.to(tl.float64))
    state = (
        top.to(tl.float64),
        q_top.to(tl.float64),
        centre,
        centre_low,
        mass,
        mass_low,
        mean_sum,
        excess,
        excess_low,
        far.to(tl.float64) + alien.to(tl.float64),
        lost.to(tl.float64),
        1.0 - invalid.to(tl.float64),
    )
    return state, redo


@triton.jit
def _height(top, q_top, centre, centre_low):
    """The student's largest logit on the teacher's scale."""
    high, low = two_sum(finite_or_zero(q_top), -finite_or_zero(top))
    return add_pairs(high, low, -centre, -centre_low)


@triton.jit
def _part(state, top, q_top, centre, centre_low, far):
    """One part of a merge, about the centre and on the scale of the whole."""
    scale = scale_of(state[TOP], top)
    mass, mean = scale * (state[MASS] + state[MASS_LO]), scale * state[MEAN]
    move, move_low = add_pairs(state[CENTRE], state[CENTRE_LO], -centre, -centre_low)
    own_far = state[FAR] > 0.0
    own = finite_or_zero(tl.where(own_far, state[Q_TOP], state[TOP]))
    new = finite_or_zero(tl.where(far, q_top, top))
    moved, moved_low = add_pairs(
        tl.where(own_far, 0.0, state[CENTRE]),
        tl.where(own_far, 0.0, state[CENTRE_LO]),
        tl.where(far, 0.0, -centre),
        tl.where(far, 0.0, -centre_low),
    )
    exponent, exponent_low = two_sum(own, -new)
    exponent, exponent_low = add_pairs(exponent, exponent_low, moved, moved_low)
    grown = tl.where(state[Q_TOP] > -INF, exp(exponent, exponent_low, 0.0), 0.0)

    near = ~own_far & (tl.abs(move) < 2.0)
    z = tl.where(near, move, 0.0)
    g = z * z * exp_tail(z)
    inside = state[EXCESS] + state[EXCESS_LO]
    lifted = mass * g + mean * (z + g)
    close = grown * inside + (lifted + mass * tl.where(near, move_low, 0.0) * (z + g))
    student = grown * (
        inside + tl.where(own_far, 0.0, (state[MASS] + state[MASS_LO]) + state[MEAN])
    )
    away = student - (mass + mass * move) - mean
    excess = tl.where(far, student, tl.where(near, close, away))
    return mean + mass * (move + move_low), excess


@triton.jit
def merge(one, other, extra):
    """Chan's update: both parts are recentred on the mean of their centres.

    Moving a centre by e adds expm1mx(e) for every unit of teacher mass, so that the excess
    stays a sum of terms none of which is negative, however parts are merged.
    """
    top = tl.where(one[TOP] > other[TOP], one[TOP], other[TOP])
    q_top = tl.where(one[Q_TOP] > other[Q_TOP], one[Q_TOP], other[Q_TOP])
    mass = scale_of(one[TOP], top) * (one[MASS] + one[MASS_LO])
    mass_other = scale_of(other[TOP], top) * (other[MASS] + other[MASS_LO])
    whole = mass + mass_other
    # The heavier part's centre moves a little: no overflow, and no inf - inf.
    first = mass >= mass_other
    share = tl.where(first, mass_other, mass) / tl.where(whole > 0, whole, 1.0)
    gap, gap_low = add_pairs(other[CENTRE], other[CENTRE_LO], -one[CENTRE], -one[CENTRE_LO])
    shift = (gap + gap_low) * share
    centre, centre_low = add(
        tl.where(first, one[CENTRE], other[CENTRE]),
        tl.where(first, one[CENTRE_LO], other[CENTRE_LO]),
        tl.where(first, shift, -shift),
    )
    height, _ = _height(top, q_top, centre, centre_low)
    alien = (one[FAR] > 1.0) | (other[FAR] > 1.0)
    far = (q_top > -INF) & (height > HEADROOM) | (top == -INF) | alien
    mean, excess = _part(one, top, q_top, centre, centre_low, far)
    mean_other, excess_other = _part(other, top, q_top, centre, centre_low, far)
    none = tl.zeros_like(excess)
    return (
        top,
        q_top,
        centre,
        centre_low,
        whole,
        none,
        mean + mean_other,
        excess + excess_other,
        none,
        far.to(tl.float64) + alien.to(tl.float64),
        tl.maximum(one[LOST], other[LOST]),
        tl.minimum(one[VALID], other[VALID]),
    )


@triton.jit
def _means(state):
    """Excess and mean for a unit of the teacher's mass, and the mass; 1 where there is none."""
    known = state[MASS] > 0
    mass, mass_low = tl.where(known, state[MASS], 1.0), tl.where(known, state[MASS_LO], 0.0)
    f, f_low = divide(state[EXCESS], state[EXCESS_LO], mass, mass_low)
    return f, f_low, state[MEAN] / mass, mass + mass_low


@triton.jit
def _possible(state):
    return (state[VALID] > 0) & (state[TOP] > -INF) & (state[Q_TOP] > -INF)


@triton.jit
def normalisers(state):
    """What tells the log-ratio of shares from that of logits, and the shares; see `slopes`.

    The mean of log-ratios is a good centre of what is close. A logit that stands for a mask
    takes it along, and leaves the others' digits behind: of rows that are apart the centre is
    the difference of the largest logits, about which the log-mean is a logarithm of sums.
    """
    top, q_top = state[TOP], state[Q_TOP]
    centre, centre_low = state[CENTRE], state[CENTRE_LO]
    far = state[FAR] > 0
    f, f_low, eta, mass = _means(state)
    w = tl.where(far, 0.0, f + eta)
    apart = far | (w > 1.7)
    height, height_low = _height(top, q_top, centre, centre_low)
    tops, tops_low = two_sum(finite_or_zero(q_top), -finite_or_zero(top))
    none = far | (q_top == -INF)
    lower = exp(tl.where(none, 0.0, -height), tl.where(none, 0.0, -height_low), 0.0)
    grown = tl.where(far, f + f_low, (1.0 + w) * lower)
    return (
        finite_or_zero(top),
        mass,
        tl.where(apart, tops, centre),
        tl.where(apart, tops_low, centre_low),
        tl.where(apart, log(tl.where(grown > 0, grown, 1.0)), log1p(w)),
        finite_or_zero(q_top),
        grown,
        tl.where(apart, eta - (height + height_low), eta),
    )


@triton.jit
def finish(state, known, extra, KIND: tl.constexpr):
    """The divergence, and what the rows' gradients need."""
    top, q_top = state[TOP], state[Q_TOP]
    centre, centre_low = state[CENTRE], state[CENTRE_LO]
    far = state[FAR] > 0
    f, f_low, eta, _ = _means(state)
    w = tl.where(far, 0.0, f + eta)
    small = w < 0.5
    value = f + (log1pmx(tl.where(small, w, 0.0)) + f_low)
    value = tl.where(small, value, log1p(tl.where(small, 1.0, w)) - eta)
    height, height_low = _height(top, q_top, centre, centre_low)
    distant = (height + height_low) + log(tl.where(far & (f > 0), f, 1.0))
    value = tl.where(far, distant - eta, value)
    value = tl.where(state[LOST] > 0, INF, value)
    value = tl.where(_possible(state), value, float("nan"))
    return (value,), normalisers(state) + (state[LOST],)


@triton.jit
def settle(state, known, extra, KIND: tl.constexpr):
    """What the terms of other divergences need, and whether the rows have one."""
    return (), normalisers(state)[:7] + (_possible(state).to(tl.float64),)


@triton.jit
def about(a, b, numbers, MODE: tl.constexpr):
    """b - a about the row's centre, as a pair: the log-ratio q/p but for the log-mean.

    Both -inf, or one: whatever is finite.
    """
    kind: tl.constexpr = tl.float64 if MODE == WIDE else tl.float32
    c, c_low = fast_two_sum(numbers[AT_CENTRE], numbers[AT_CENTRE_LO])
    c_high, c_rest = words_of(c, kind)
    if MODE == WIDE:
        c_last = c_low
    else:  # two words of float32 are shorter than one of float64
        rest = c - c.to(kind).to(tl.float64)
        c_last = ((rest - rest.to(kind).to(tl.float64)) + c_low).to(kind)
    u, u_low = apart(tl.where(b == -INF, 0.0, b), tl.where(a == -INF, 0.0, a), MODE)
    u, u_low = less(u, u_low, c_high, MODE)
    u, u_low = less(u, u_low, c_rest, MODE)
    u, u_low = less(u, u_low, c_last[:, None], MODE)
    if MODE != WIDE:
        u = tl.where(tl.abs(u) < 1e30, u, 0.0)
        u_low = tl.where(tl.abs(u) < 1e30, u_low, 0.0)
    return u, u_low


@triton.jit
def share_of(x, anchor, MODE: tl.constexpr):
    """exp(x - anchor), and the power of two that it has to be multiplied with.

    That is 1 or, where it is faint, one that brings it back below the range's end.
    """
    none = x == -INF
    below, low = apart(tl.where(none, anchor, x), anchor, MODE)
    if MODE == COARSE:
        return tl.where(none, 0.0, exp_coarse(below)), tl.full(x.shape, 1.0, tl.float32)
    elif MODE == WIDE:
        faint = below < -600.0
        share = exp(below, low, tl.where(faint, 512.0, 0.0).to(tl.float64))
        return tl.where(none, 0.0, share), tl.where(faint, 2.0**-512, 1.0).to(tl.float64)
    else:
        return tl.where(none, 0.0, exp_wide(below, low)), tl.full(x.shape, 1.0, tl.float64)


@triton.jit
def slopes(
    a, b, there, extra, known, factor, MODE: tl.constexpr, KIND: tl.constexpr,
    VALUE: tl.constexpr, BY_A: tl.constexpr, BY_B: tl.constexpr,
):  # fmt: skip
    """By q's logits p*expm1(d), by p's -p*(d + KL), d the normalised log-ratio.

    q - p has no digit where the two agree; p*expm1(d) has all of them. With u the difference
    about the centre, ``d = u - log_mean`` and ``d + KL = u - eta``; p is ``exp(a -
    anchor)/mass`` and q ``exp(b - q_anchor)/(mass*grown)``.
    """
    anchor, mass, _, _, log_mean, q_anchor, grown, eta, lost = known
    kind: tl.constexpr = tl.float64 if MODE == WIDE else tl.float32
    no_p, no_q = a == -INF, b == -INF
    live = (a > -INF) & (b > -INF)
    f = for_products(factor / mass, MODE)
    u, u_low = about(a, b, known, MODE)
    weight, down = share_of(a, anchor.to(kind)[:, None], MODE)
    by_a = weight
    by_b = weight
    redo = factor != factor
    if MODE != WIDE:
        heavy = live & (a - anchor.to(kind)[:, None] > -800.0)
        redo = any_of(heavy & ~(tl.abs(b - a) < 1e12)) > 0
        redo = redo | ~(tl.abs(log_mean) < 80.0) | ~(tl.abs(eta) < 1e12)
        redo = redo | (tl.abs(log_mean) < 1e-30) & (log_mean != 0.0)
    if BY_A:
        e_high, e_rest = words_of(eta, kind)
        if MODE == COARSE:
            rate = e_high - u
        else:
            rate, rate_low = add(-u, -u_low, e_high)
            rate = rate + (rate_low + e_rest)
        by_a = ((weight * in_products(rate, MODE)) * f) * down
        end = tl.where(f > 0, INF, -INF)
        by_a = tl.where((lost > 0)[:, None], -end, by_a)
        by_a = tl.where(no_q, end, by_a)
        by_a = tl.where(no_p, 0.0, by_a)
    if BY_B:
        m_high, m_rest = words_of(log_mean, kind)
        d, d_low = less(u, u_low, m_high, MODE)
        d, d_low = less(d, d_low, m_rest, MODE)
        near = live & (tl.abs(d) < 1.0)
        z = tl.where(near, d, 0.0)
        g = tl.fma(z * z, exp_tail(z), z)
        if MODE != COARSE:
            g += tl.where(near, d_low, 0.0) * (1.0 + g)
        q, q_down = share_of(b, q_anchor.to(kind)[:, None], MODE)
        q = (q * for_products(factor / (mass * grown), MODE)) * q_down
        close = ((weight * in_products(g, MODE)) * f) * down
        by_b = tl.where(near, close, q - (weight * f) * down)
    return by_a, by_b, redo
