"""Relative entropy from logits: the twin of _formulas/kl_logits.py, which says more.

A tile's state is (top, q_top, centre, its low word, mass, its low word, mean, excess, its low
word, shift, lost, valid, chosen), each a float64 for every row; flags are 0 or 1.
"""

import triton
import triton.language as tl

from .arithmetic import (
    COARSE,
    HEADROOM,
    INF,
    NAN,
    WIDE,
    add,
    add_pairs,
    divide,
    exp,
    exp_coarse,
    exp_tail,
    exp_tail_brief,
    fast_two_sum,
    finite_or_zero,
    log1p,
    log1pmx,
    sum_words,
    two_sum,
)
from .layout import any_of, offsets, places, read, write

FIELDS = tl.constexpr(13)
NUMBERS = tl.constexpr(9)


@triton.jit
def _apart(x, y, MODE: tl.constexpr):
    """x - y as a pair; rounded, and without a low word to speak of, where digits are few."""
    if MODE == COARSE:
        d = x - y
        return d, d
    else:
        return two_sum(x, -y)


@triton.jit
def _less(high, low, y, MODE: tl.constexpr):
    if MODE == COARSE:
        d = high - y
        return d, d
    else:
        return add(high, low, -y)


@triton.jit
def _exp(high, low, MODE: tl.constexpr):
    if MODE == COARSE:
        return exp_coarse(high)
    else:
        return exp(high, low, 0.0)


@triton.jit
def _sum(x, MODE: tl.constexpr):
    """In two words of float64; what has few digits is summed in float32."""
    if MODE == COARSE:
        total = tl.sum(x, 1).to(tl.float64)
        return total, total * 0.0
    else:
        return sum_words(x)


@triton.jit
def tile_state(a, b, there, MODE: tl.constexpr):
    """The state of a tile, and for every row whether it has to be done in float64.

    In COARSE and FINE whatever leaves float32's range, or is lost below it, says so.
    """
    top, q_top = tl.max(a, 1), tl.max(b, 1)
    no_p, no_q = a == -INF, b == -INF
    live = (a > -INF) & (b > -INF)
    invalid = any_of((a != a) | (a == INF) | (b != b) | (b == INF)) > 0
    lost = any_of((a > -INF) & no_q)
    anchor = finite_or_zero(top)[:, None]
    at_top = live & (a == top[:, None])

    x = tl.where(no_p, anchor, a)
    y = tl.where(no_q, 0.0, b)
    below, below_low = _apart(x, anchor, MODE)
    d, d_low = _apart(y, x, MODE)
    if MODE != WIDE:  # what has no mass is not heard; an overflowed difference has no error
        gone = no_p | (below < -800.0)
        below_low = tl.where(below < -800.0, 0.0, below_low)
        d_low = tl.where(tl.abs(d) < 1e30, d_low, 0.0)
    else:
        gone = no_p
    weight = tl.where(gone, 0.0, _exp(below, below_low, MODE))
    mass, mass_low = _sum(weight, MODE)

    # The difference at the teacher's largest logit takes a common offset out exactly, so that
    # the mean is as small as the differences are and its rounding harmless.
    pivot = finite_or_zero(tl.max(tl.where(at_top, d, -INF), 1))
    student, student_low = _apart(y, anchor, MODE)
    d, d_low = _less(d, d_low, pivot[:, None], MODE)
    student, student_low = _less(student, student_low, pivot[:, None], MODE)
    weighted, _ = _sum(tl.where(live, weight * d, 0.0), MODE)
    mean = tl.where(mass > 0, weighted / tl.where(mass > 0, mass, 1.0), 0.0).to(a.dtype)
    d, d_low = _less(d, d_low, mean[:, None], MODE)
    student, student_low = _less(student, student_low, mean[:, None], MODE)
    d, d_low = tl.where(live, d, 0.0), tl.where(live, d_low, 0.0)

    # exp(student) is the student on the teacher's scale; shifted where it would overflow.
    height = tl.max(tl.where(no_q, -INF, student), 1)
    if MODE == WIDE:
        above = (height > HEADROOM) | (top == -INF)
        shift = tl.where(above, finite_or_zero(height), 0.0)
        exponent, exponent_low = _less(student, student_low, shift[:, None], MODE)
        # Past 1/eps the low words of exponents are larger than 1, and noise.
        wild = (shift > 7.29e14)[:, None]
        exponent = tl.where(wild, student - shift[:, None], exponent)
        exponent_low = tl.where(wild, 0.0, exponent_low)
        other = tl.where(no_q, 0.0, exp(exponent, exponent_low, 0.0))
        spread = weight * d
        low = (weight < 1e-290) & (x > -INF) & (a > -INF)
        if tl.max(any_of(low), 0) > 0:  # in halves, where the weight alone is subnormal
            part = tl.where(low, 0.5, 0.0)
            half = exp(part * below, part * below_low, 0.0)
            spread = tl.where(low, (half * d) * half, spread)
        redo = height != height
    else:
        shift = tl.zeros_like(height)
        other = tl.where(no_q, 0.0, _exp(student, student_low, MODE))
        spread = weight * d
        above = (q_top > -INF) & (top == -INF)

    reach: tl.constexpr = 0.25 if MODE == COARSE else 2.0
    near = live & (tl.abs(d) < reach)
    z = tl.where(near, d, 0.0)
    if MODE == COARSE:
        g = z * z * exp_tail_brief(z)
    else:
        g = z * z * exp_tail(z)
        g += tl.where(near, d_low, 0.0) * (z + g)
    term = tl.where(near, weight * g, other - (weight + spread))
    term = tl.where(no_p, other, term)
    if MODE == WIDE:
        term = tl.where(above[:, None], other, term)
    mean_sum, _ = _sum(spread, MODE)
    excess, excess_low = _sum(term, MODE)
    if MODE != WIDE:
        # What float32 has lost below its range: weights of less than 2**-100, times d.
        faint = live & (weight < 7.9e-31) & ((below > -800.0) | (student > -800.0))
        risk = tl.max(tl.where(faint, tl.abs(d), 0.0), 1)
        far = tl.max(tl.where(live & (weight > 0), tl.abs(d), 0.0), 1)
        redo = above | ~(height < 80.0) & (q_top > -INF)
        redo = redo | (far > 1e12) | (excess.to(tl.float32) < risk * 8.3e-25)
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
        shift.to(tl.float64),
        lost.to(tl.float64),
        1.0 - invalid.to(tl.float64),
        any_of(there).to(tl.float64),
    )
    return state, redo


@triton.jit
def _scale_of(part, top):
    """exp(part - top) of row maxima; 1 where equal (also both infinite)."""
    equal = part == top
    gap, low = two_sum(tl.where(equal, 0.0, part), -tl.where(equal, 0.0, top))
    return exp(gap, tl.where(tl.abs(gap) < INF, low, 0.0), 0.0)


@triton.jit
def _part(state, top, centre, centre_low):
    """One part of a merge, on the scale of the whole and about its centre."""
    scale = _scale_of(state[0], top)
    mass = scale * (state[4] + state[5])
    mean = scale * state[6]
    exponent, exponent_low = two_sum(finite_or_zero(state[0]), -finite_or_zero(top))
    exponent, exponent_low = add(exponent, exponent_low, state[9])
    move, move_low = add_pairs(state[2], state[3], -centre, -centre_low)
    exponent, exponent_low = add_pairs(exponent, exponent_low, move, move_low)
    height = tl.where(state[1] > -INF, exponent, -INF)
    return mass, mean, exponent, exponent_low, move, move_low, height


@triton.jit
def _excess(state, part, shift, above):
    mass, mean, exponent, exponent_low, move, move_low, _ = part
    exponent, exponent_low = add(exponent, exponent_low, -shift)
    grown = tl.where(state[1] > -INF, exp(exponent, exponent_low, 0.0), 0.0)
    plain = state[9] == 0.0
    near = plain & (tl.abs(move) < 2.0)
    z = tl.where(near, move, 0.0)
    g = z * z * exp_tail(z)
    inside = state[7] + state[8]
    lifted = mass * g + mean * (z + g)
    close = grown * inside + (lifted + mass * tl.where(near, move_low, 0.0) * (z + g))
    whole = grown * (inside + tl.where(plain, (state[4] + state[5]) + state[6], 0.0))
    apart = whole - (mass + mass * move) - mean
    return tl.where(above, whole, tl.where(near, close, apart))


@triton.jit
def merged(one, other):
    """Chan's update: both parts are recentred on the mean of their centres.

    Moving a centre by e adds expm1mx(e) for every unit of teacher mass, so that the excess
    stays a sum of terms none of which is negative, however parts are merged.
    """
    top = tl.where(one[0] > other[0], one[0], other[0])
    mass = _scale_of(one[0], top) * (one[4] + one[5])
    mass_other = _scale_of(other[0], top) * (other[4] + other[5])
    whole = mass + mass_other
    # The heavier part's centre moves a little: no overflow, and no inf - inf.
    first = mass >= mass_other
    share = tl.where(first, mass_other, mass) / tl.where(whole > 0, whole, 1.0)
    gap, gap_low = add_pairs(other[2], other[3], -one[2], -one[3])
    step = (gap + gap_low) * share
    centre, centre_low = add(
        tl.where(first, one[2], other[2]),
        tl.where(first, one[3], other[3]),
        tl.where(first, step, -step),
    )
    left = _part(one, top, centre, centre_low)
    right = _part(other, top, centre, centre_low)
    height = tl.where(left[6] > right[6], left[6], right[6])
    above = (height > HEADROOM) | (top == -INF)
    shift = tl.where(above, finite_or_zero(height), 0.0)
    excess = _excess(one, left, shift, above) + _excess(other, right, shift, above)
    large = excess > 1.94e130  # exp(HEADROOM): headroom again, for the merges to come
    shift += tl.where(large, tl.log(tl.where(large, excess, 1.0)), 0.0)
    mean = left[1] + left[0] * (left[4] + left[5])
    mean += right[1] + right[0] * (right[4] + right[5])
    none = tl.zeros_like(excess)
    return (
        top,
        tl.where(one[1] > other[1], one[1], other[1]),
        centre,
        centre_low,
        whole,
        none,
        mean,
        tl.where(large, 1.0, excess),
        none,
        shift,
        tl.maximum(one[10], other[10]),
        tl.minimum(one[11], other[11]),
        tl.maximum(one[12], other[12]),
    )


@triton.jit
def finish(
    state, out_ptr, kept_ptr, row, rows, BASE: tl.constexpr, BASE_LOW: tl.constexpr,
    KEEP: tl.constexpr,
):  # fmt: skip
    """The divergence, and what the rows' gradients need."""
    top, q_top, centre, centre_low, mass, mass_low, mean, excess, excess_low = state[:9]
    shift, lost, valid, chosen = state[9:]
    known = mass > 0
    mass, mass_low = tl.where(known, mass, 1.0), tl.where(known, mass_low, 0.0)
    f, f_low = divide(excess, excess_low, mass, mass_low)
    eta = mean / mass
    far = shift > 0
    w = tl.where(far, 0.0, f + eta)
    small = w < 0.5
    distant = shift + tl.log(tl.where(far & (f > 0), f, 1.0))
    value = f + (log1pmx(tl.where(small, w, 0.0)) + f_low)
    value = tl.where(small, value, log1p(tl.where(small, 1.0, w)) - eta)
    value = tl.where(far, distant - eta, value)
    value = tl.where(lost > 0, INF, value)
    possible = (valid > 0) & (top > -INF) & (q_top > -INF)
    value = tl.where(possible, value, NAN)
    value = value * BASE + finite_or_zero(value) * BASE_LOW
    there = row < rows
    result = tl.where(chosen > 0, value, 0.0)
    write(out_ptr, row, result, there)
    if KEEP:
        log_mean = tl.where(far, distant, log1p(w))
        grown = tl.where(far, f + f_low, 1.0 + w)
        tl.store(kept_ptr + row, value, mask=there)
        tl.store(kept_ptr + rows + row, finite_or_zero(top), mask=there)
        tl.store(kept_ptr + 2 * rows + row, mass + mass_low, mask=there)
        tl.store(kept_ptr + 3 * rows + row, centre, mask=there)
        tl.store(kept_ptr + 4 * rows + row, centre_low, mask=there)
        tl.store(kept_ptr + 5 * rows + row, tl.where(lost > 0, -INF, eta), mask=there)
        tl.store(kept_ptr + 6 * rows + row, log_mean, mask=there)
        tl.store(kept_ptr + 7 * rows + row, shift, mask=there)
        tl.store(kept_ptr + 8 * rows + row, grown, mask=there)


@triton.jit
def _store_state(states_ptr, state, part, parts, row, rows, there):
    for field in tl.static_range(13):
        at = (row * 0 + part + field * parts) * rows + row
        tl.store(states_ptr + at, state[field], mask=there)


@triton.jit
def _tile(
    tile, a_ptr, b_ptr, mask_ptr, states_ptr, out_ptr, kept_ptr, n, rows, inner,
    a_outer, a_inner, a_entry, b_outer, b_inner, b_entry, m_outer, m_inner, m_entry,
    R: tl.constexpr, N: tl.constexpr, MODE: tl.constexpr, MASKED: tl.constexpr,
    WHOLE: tl.constexpr, KEEP: tl.constexpr, BASE: tl.constexpr, BASE_LOW: tl.constexpr,
):  # fmt: skip
    """One tile to its state, or rows that are one tile to the end; whether to do it again."""
    part, row, entry, there = places(tile, n, rows, R, N)
    selected = there
    if MASKED:
        at = offsets(row, entry, inner, m_outer, m_inner, m_entry)
        selected = there & (tl.load(mask_ptr + at, mask=there, other=0) != 0)
    at = offsets(row, entry, inner, a_outer, a_inner, a_entry)
    a = read(a_ptr, at, there, selected, -INF, MODE, MASKED)
    at = offsets(row, entry, inner, b_outer, b_inner, b_entry)
    b = read(b_ptr, at, there, selected, -INF, MODE, MASKED)
    state, redo = tile_state(a, b, selected, MODE)
    if WHOLE:
        finish(state, out_ptr, kept_ptr, row, rows, BASE, BASE_LOW, KEEP)
    else:
        _store_state(states_ptr, state, part, tl.cdiv(n, N), row, rows, row < rows)
    return tl.max((redo & (row < rows)).to(tl.int32), 0)


@triton.jit(do_not_specialize=["n", "rows", "inner"])
def tiles(
    a_ptr, b_ptr, mask_ptr, states_ptr, again_ptr, out_ptr, kept_ptr, n, rows, inner,
    a_outer, a_inner, a_entry, b_outer, b_inner, b_entry, m_outer, m_inner, m_entry,
    R: tl.constexpr, N: tl.constexpr, MODE: tl.constexpr, MASKED: tl.constexpr,
    WHOLE: tl.constexpr, KEEP: tl.constexpr, BASE: tl.constexpr, BASE_LOW: tl.constexpr,
):  # fmt: skip
    """Every tile, one for each program."""
    tile = tl.program_id(0)
    redo = _tile(
        tile, a_ptr, b_ptr, mask_ptr, states_ptr, out_ptr, kept_ptr, n, rows, inner,
        a_outer, a_inner, a_entry, b_outer, b_inner, b_entry, m_outer, m_inner, m_entry,
        R, N, MODE, MASKED, WHOLE, KEEP, BASE, BASE_LOW,
    )  # fmt: skip
    if MODE != WIDE:
        tl.store(again_ptr + tile, redo)


@triton.jit(do_not_specialize=["n", "rows", "inner", "count"])
def tiles_again(
    a_ptr, b_ptr, mask_ptr, states_ptr, again_ptr, out_ptr, kept_ptr, n, rows, inner,
    a_outer, a_inner, a_entry, b_outer, b_inner, b_entry, m_outer, m_inner, m_entry,
    count,
    R: tl.constexpr, N: tl.constexpr, MASKED: tl.constexpr, WHOLE: tl.constexpr,
    KEEP: tl.constexpr, BASE: tl.constexpr, BASE_LOW: tl.constexpr, SHARE: tl.constexpr,
):  # fmt: skip
    """In float64, those that float32 was not enough for: SHARE of them for each program."""
    first = tl.program_id(0) * SHARE
    index = first + tl.arange(0, SHARE)
    flags = tl.load(again_ptr + index, mask=index < count, other=0)
    if tl.max(flags, 0) > 0:
        for tile in range(first, tl.minimum(first + SHARE, count)):
            if tl.load(again_ptr + tile) > 0:
                _tile(
                    tile, a_ptr, b_ptr, mask_ptr, states_ptr, out_ptr, kept_ptr, n, rows,
                    inner, a_outer, a_inner, a_entry, b_outer, b_inner, b_entry, m_outer,
                    m_inner, m_entry, R, N, WIDE, MASKED, WHOLE, KEEP, BASE, BASE_LOW,
                )  # fmt: skip


@triton.jit
def _state_at(states_ptr, part, parts, row, rows, there):
    """A part of some rows; parts that do not exist have no mass."""
    at = (row * 0 + part) * rows + row
    step = (row * 0 + parts) * rows
    top = tl.load(states_ptr + at, mask=there, other=-INF)
    q_top = tl.load(states_ptr + at + step, mask=there, other=-INF)
    centre = tl.load(states_ptr + at + 2 * step, mask=there, other=0.0)
    centre_low = tl.load(states_ptr + at + 3 * step, mask=there, other=0.0)
    mass = tl.load(states_ptr + at + 4 * step, mask=there, other=0.0)
    mass_low = tl.load(states_ptr + at + 5 * step, mask=there, other=0.0)
    mean = tl.load(states_ptr + at + 6 * step, mask=there, other=0.0)
    excess = tl.load(states_ptr + at + 7 * step, mask=there, other=0.0)
    excess_low = tl.load(states_ptr + at + 8 * step, mask=there, other=0.0)
    shift = tl.load(states_ptr + at + 9 * step, mask=there, other=0.0)
    lost = tl.load(states_ptr + at + 10 * step, mask=there, other=0.0)
    valid = tl.load(states_ptr + at + 11 * step, mask=there, other=1.0)
    chosen = tl.load(states_ptr + at + 12 * step, mask=there, other=0.0)
    return (
        top, q_top, centre, centre_low, mass, mass_low, mean, excess, excess_low,
        shift, lost, valid, chosen,
    )  # fmt: skip


@triton.jit(do_not_specialize=["parts", "rows"])
def merge_groups(states_ptr, parts, rows, R: tl.constexpr, GROUP: tl.constexpr):
    """Every GROUP parts of some rows into the first of them."""
    row = tl.program_id(0).to(tl.int64) * R + tl.arange(0, R)
    there = row < rows
    first = tl.program_id(1) * GROUP
    state = _state_at(states_ptr, first, parts, row, rows, there)
    for part in range(first + 1, tl.minimum(first + GROUP, parts)):
        state = merged(state, _state_at(states_ptr, part, parts, row, rows, there))
    _store_state(states_ptr, state, first, parts, row, rows, there)


@triton.jit(do_not_specialize=["parts", "rows"])
def merge_rows(
    states_ptr, out_ptr, kept_ptr, parts, rows, R: tl.constexpr, GROUP: tl.constexpr,
    BASE: tl.constexpr, BASE_LOW: tl.constexpr, KEEP: tl.constexpr,
):  # fmt: skip
    """Every GROUP-th part of some rows, and what they end in."""
    row = tl.program_id(0).to(tl.int64) * R + tl.arange(0, R)
    there = row < rows
    state = _state_at(states_ptr, 0, parts, row, rows, there)
    for part in range(GROUP, parts, GROUP):
        state = merged(state, _state_at(states_ptr, part, parts, row, rows, there))
    finish(state, out_ptr, kept_ptr, row, rows, BASE, BASE_LOW, KEEP)


@triton.jit
def _slopes(
    tile, a_ptr, b_ptr, mask_ptr, seed_ptr, kept_ptr, by_a_ptr, by_b_ptr, n, rows,
    inner, a_outer, a_inner, a_entry, b_outer, b_inner, b_entry, m_outer, m_inner, m_entry,
    o_outer, o_inner, o_entry,
    R: tl.constexpr, N: tl.constexpr, MODE: tl.constexpr, MASKED: tl.constexpr,
    BASE: tl.constexpr, BY_A: tl.constexpr, BY_B: tl.constexpr,
):  # fmt: skip
    """By q's logits p*expm1(d), by p's -p*(d + KL), d the normalised log-ratio.

    q - p has no digit where the two agree; p*expm1(d) has all of them.
    """
    _, row, entry, there = places(tile, n, rows, R, N)
    selected = there
    if MASKED:
        at = offsets(row, entry, inner, m_outer, m_inner, m_entry)
        selected = there & (tl.load(mask_ptr + at, mask=there, other=0) != 0)
    at = offsets(row, entry, inner, a_outer, a_inner, a_entry)
    a = read(a_ptr, at, there, selected, -INF, MODE, MASKED)
    at = offsets(row, entry, inner, b_outer, b_inner, b_entry)
    b = read(b_ptr, at, there, selected, -INF, MODE, MASKED)
    real = row < rows
    seed = tl.load(seed_ptr + row, mask=real, other=0.0).to(tl.float64)
    value = tl.load(kept_ptr + row, mask=real, other=0.0)
    anchor = tl.load(kept_ptr + rows + row, mask=real, other=0.0)
    mass = tl.load(kept_ptr + 2 * rows + row, mask=real, other=1.0)
    centre = tl.load(kept_ptr + 3 * rows + row, mask=real, other=0.0)
    centre_low = tl.load(kept_ptr + 4 * rows + row, mask=real, other=0.0)
    eta = tl.load(kept_ptr + 5 * rows + row, mask=real, other=0.0)
    log_mean = tl.load(kept_ptr + 6 * rows + row, mask=real, other=0.0)
    shift = tl.load(kept_ptr + 7 * rows + row, mask=real, other=0.0)
    grown = tl.load(kept_ptr + 8 * rows + row, mask=real, other=1.0)
    infinite = eta == -INF
    eta = tl.where(infinite, 0.0, eta)
    factor = seed * BASE / mass

    # A row's numbers as words of the precision that entries are worked in.
    c, c_low = fast_two_sum(centre, centre_low)
    kind: tl.constexpr = tl.float64 if MODE == WIDE else tl.float32
    c_high = c.to(kind)
    c_rest = ((c - c_high.to(tl.float64)) + c_low).to(kind)
    m_high = log_mean.to(kind)
    m_rest = ((log_mean - m_high.to(tl.float64)) + 0.0).to(kind)
    e_high = eta.to(kind)
    e_rest = (eta - e_high.to(tl.float64)).to(kind)
    top = anchor.to(kind)[:, None]
    f = factor.to(kind)[:, None]

    no_p, no_q = a == -INF, b == -INF
    live = (a > -INF) & (b > -INF)
    x, y = tl.where(no_p, 0.0, a), tl.where(no_q, 0.0, b)
    below, below_low = _apart(x, top, MODE)
    u, u_low = _apart(y, x, MODE)
    u, u_low = _less(u, u_low, c_high[:, None], MODE)
    u, u_low = _less(u, u_low, c_rest[:, None], MODE)
    if MODE != WIDE:
        wild = live & (below > -800.0) & ~(tl.abs(u) < 1e12)
        redo = any_of(wild) > 0
        redo |= (shift != 0.0) | ~(tl.abs(log_mean) < 80.0) | ~(tl.abs(factor) < 1e30)
        redo |= ~(tl.abs(eta) < 1e12)
        redo = redo & (seed != 0.0) & (value == value) & real
        u = tl.where(tl.abs(u) < 1e30, u, 0.0)
        u_low = tl.where(tl.abs(u) < 1e30, u_low, 0.0)
        below_low = tl.where(below < -800.0, 0.0, below_low)
    else:
        redo = seed != seed
    # Weights below the range's end are worked 2**UP times as large.
    UP: tl.constexpr = 512.0 if MODE == WIDE else 64.0
    faint = below < (-600.0 if MODE == WIDE else -60.0)
    if MODE == COARSE:
        weight = exp_coarse(below)
        down = 1.0
    else:
        lift = tl.where(faint, UP, 0.0).to(kind)
        weight = exp(below, below_low, lift)
        down = tl.where(faint, 2.0**-512 if MODE == WIDE else 2.0**-64, 1.0).to(kind)
    weight = tl.where(no_p, 0.0, weight)
    still = ((seed == 0.0) | (value != value))[:, None]
    fixed = tl.where(seed == 0.0, 0.0, NAN).to(kind)[:, None]
    at = offsets(row, entry, inner, o_outer, o_inner, o_entry)
    if BY_A:
        if MODE == COARSE:
            rate = e_high[:, None] - u
        else:
            rate, rate_low = add(-u, -u_low, e_high[:, None])
            rate = rate + (rate_low + e_rest[:, None])
        slope = ((weight * rate) * f) * down
        end = tl.where(f > 0, INF, -INF)
        slope = tl.where(infinite[:, None], -end, slope)
        slope = tl.where(no_q, end, slope)
        slope = tl.where(no_p, 0.0, slope)
        slope = tl.where(still, fixed, slope)
        slope = tl.where(selected, slope, 0.0)
        write(by_a_ptr, at, slope, there)
    if BY_B:
        d, d_low = _less(u, u_low, m_high[:, None], MODE)
        d, d_low = _less(d, d_low, m_rest[:, None], MODE)
        near = live & (tl.abs(d) < 1.0)
        if MODE == WIDE:  # far rows know d no better than the divergence
            near = near & (log_mean < 1.0)[:, None]
        z = tl.where(near, d, 0.0)
        g = tl.fma(z * z, exp_tail(z), z)
        if MODE != COARSE:
            g += tl.where(near, d_low, 0.0) * (1.0 + g)
        close = weight * g
        # q's mass is exp(scale)*mass*grown: no logarithm of it goes through exp again.
        student, student_low = _apart(y, top, MODE)
        student, student_low = _less(student, student_low, c_high[:, None], MODE)
        student, student_low = _less(student, student_low, c_rest[:, None], MODE)
        if MODE == WIDE:
            student, student_low = _less(student, student_low, shift[:, None], MODE)
        over = grown.to(kind)[:, None]
        if MODE == COARSE:
            q = exp_coarse(student)
        else:
            student_low = tl.where(tl.abs(student) < 1e30, student_low, 0.0)
            q = exp(student, student_low, lift)
        q = tl.where(no_q, 0.0, q) / over
        slope = (tl.where(near, close, q - weight) * f) * down
        slope = tl.where(still, fixed, slope)
        slope = tl.where(selected, slope, 0.0)
        write(by_b_ptr, at, slope, there)
    return tl.max(redo.to(tl.int32), 0)


@triton.jit(do_not_specialize=["n", "rows", "inner"])
def slopes(
    a_ptr, b_ptr, mask_ptr, seed_ptr, kept_ptr, by_a_ptr, by_b_ptr, again_ptr, n,
    rows, inner, a_outer, a_inner, a_entry, b_outer, b_inner, b_entry, m_outer, m_inner,
    m_entry, o_outer, o_inner, o_entry,
    R: tl.constexpr, N: tl.constexpr, MODE: tl.constexpr, MASKED: tl.constexpr,
    BASE: tl.constexpr, BY_A: tl.constexpr, BY_B: tl.constexpr,
):  # fmt: skip
    """The gradients of every tile, one for each program."""
    tile = tl.program_id(0)
    redo = _slopes(
        tile, a_ptr, b_ptr, mask_ptr, seed_ptr, kept_ptr, by_a_ptr, by_b_ptr, n,
        rows, inner, a_outer, a_inner, a_entry, b_outer, b_inner, b_entry, m_outer, m_inner,
        m_entry, o_outer, o_inner, o_entry,
        R, N, MODE, MASKED, BASE, BY_A, BY_B,
    )  # fmt: skip
    if MODE != WIDE:
        tl.store(again_ptr + tile, redo)


@triton.jit(do_not_specialize=["n", "rows", "inner", "count"])
def slopes_again(
    a_ptr, b_ptr, mask_ptr, seed_ptr, kept_ptr, by_a_ptr, by_b_ptr, again_ptr, n,
    rows, inner, a_outer, a_inner, a_entry, b_outer, b_inner, b_entry, m_outer, m_inner,
    m_entry, o_outer, o_inner, o_entry, count,
    R: tl.constexpr, N: tl.constexpr, MASKED: tl.constexpr, BASE: tl.constexpr,
    BY_A: tl.constexpr, BY_B: tl.constexpr, SHARE: tl.constexpr,
):  # fmt: skip
    """In float64, those that float32 was not enough for."""
    first = tl.program_id(0) * SHARE
    index = first + tl.arange(0, SHARE)
    flags = tl.load(again_ptr + index, mask=index < count, other=0)
    if tl.max(flags, 0) > 0:
        for tile in range(first, tl.minimum(first + SHARE, count)):
            if tl.load(again_ptr + tile) > 0:
                _slopes(
                    tile, a_ptr, b_ptr, mask_ptr, seed_ptr, kept_ptr, by_a_ptr,
                    by_b_ptr, n, rows, inner, a_outer, a_inner, a_entry, b_outer, b_inner,
                    b_entry, m_outer, m_inner, m_entry, o_outer, o_inner, o_entry,
                    R, N, WIDE, MASKED, BASE, BY_A, BY_B,
                )  # fmt: skip
