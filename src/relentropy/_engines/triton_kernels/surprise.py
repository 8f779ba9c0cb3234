"""Logsumexp, entropy and cross-entropy of logits.

The twins of _formulas/logsumexp.py and _formulas/cross_entropy.py. A tile's state is (p_top,
mass, surprise, q_top, others, lost, valid, chosen), each a float64 for every row. Entropy is
the cross-entropy of a row with itself; logsumexp has the student's half.
"""

import triton
import triton.language as tl

from .arithmetic import (
    COARSE,
    INF,
    NAN,
    WIDE,
    add,
    exp,
    finite_or_zero,
    log1p,
    sum_words,
    two_sum,
)
from .layout import any_of, offsets, places, read, write

FIELDS = tl.constexpr(8)
LOGSUMEXP = tl.constexpr(0)
ENTROPY = tl.constexpr(1)
CROSS_ENTROPY = tl.constexpr(2)


@triton.jit
def _sum(x, MODE: tl.constexpr):
    if MODE == COARSE:
        total = tl.sum(x, 1).to(tl.float64)
    else:
        total, low = sum_words(x)
        total = total + low
    return total


@triton.jit
def _weight(x, top, lift):
    """exp(x - top)*2**lift, 0 where there is no mass."""
    none = x == -INF
    below, low = two_sum(tl.where(none, top, x), -top)
    low = tl.where(tl.abs(below) < 1e30, low, 0.0)
    return tl.where(none, 0.0, exp(below, low, lift))


@triton.jit
def tile_state(a, b, there, MODE: tl.constexpr, KIND: tl.constexpr):
    """The state of a tile, and for every row whether it has to be done in float64."""
    q_top = tl.max(b, 1)
    q_anchor = finite_or_zero(q_top)[:, None]
    weight = _weight(b, q_anchor, 0.0)
    at_top = b == q_top[:, None]
    others = _sum(tl.where(at_top, 0.0, weight), MODE)
    others += (tl.sum(at_top.to(tl.int32), 1) - 1).to(tl.float64)
    others = tl.where(q_top == -INF, 0.0, others)
    faint = (b > -INF) & (weight < 7.9e-31) & (b - q_anchor > -800.0)
    if KIND == LOGSUMEXP:
        invalid = any_of(b != b) > 0
        lost = any_of(b != b)
        top, mass, surprise = q_top, others * 0.0, others * 0.0
        redo = (others < 8.3e-25) & (any_of(faint) > 0)
    else:
        gap = tl.where(b == -INF, 0.0, q_anchor - b)
        invalid = any_of((b != b) | (b == INF)) > 0
        lost = any_of(there) * 0
        top = q_top
        if KIND == CROSS_ENTROPY:
            top = tl.max(a, 1)
            anchor = finite_or_zero(top)[:, None]
            weight = _weight(a, anchor, 0.0)
            faint = faint | ((a > -INF) & (weight < 7.9e-31) & (a - anchor > -800.0))
            invalid = invalid | (any_of((a != a) | (a == INF)) > 0)
            lost = any_of((a > -INF) & (b == -INF))
        term = weight * gap
        if MODE == WIDE:  # in halves, where the weight alone is subnormal
            x = a if KIND == CROSS_ENTROPY else b
            anchor = finite_or_zero(top)[:, None]
            low = (x > -INF) & (weight < 1e-290)
            if tl.max(any_of(low), 0) > 0:
                below, below_low = two_sum(tl.where(low, x, anchor), -anchor)
                below_low = tl.where(tl.abs(below) < INF, below_low, 0.0)
                half = exp(0.5 * below, 0.5 * below_low, 0.0)
                term = tl.where(low, (half * gap) * half, term)
        term = tl.where((weight == 0.0) & (gap == INF), 0.0, term)
        mass = _sum(weight, MODE)
        surprise = _sum(term, MODE)
        risk = tl.max(tl.where(faint, gap, 0.0), 1)
        far = tl.max(tl.where(weight > 0, gap, 0.0), 1)
        redo = (surprise.to(tl.float32) < risk * 8.3e-25) | ~(far < 1e30)
        redo = redo | ((others < 8.3e-25) & (any_of(faint) > 0))
    redo = redo & ~invalid
    state = (
        top.to(tl.float64),
        mass,
        surprise,
        q_top.to(tl.float64),
        others,
        lost.to(tl.float64),
        1.0 - invalid.to(tl.float64),
        any_of(there).to(tl.float64),
    )
    return state, redo


@triton.jit
def _scale_of(part, top):
    """exp(part - top) of row maxima; 0 where there is no mass."""
    equal = part == top
    gap, low = two_sum(tl.where(equal, 0.0, part), -tl.where(equal, 0.0, top))
    scale = exp(gap, tl.where(tl.abs(gap) < INF, low, 0.0), 0.0)
    return tl.where(part == -INF, 0.0, scale)


@triton.jit
def _moved(state, top, q_top):
    scale = _scale_of(state[0], top)
    gap = tl.where(state[3] == -INF, 0.0, finite_or_zero(q_top) - finite_or_zero(state[3]))
    return scale * state[1], scale * (state[2] + state[1] * gap)


@triton.jit
def merged(one, other):
    """Masses on the scale of the larger tops; what leads is not among the others."""
    top = tl.where(one[0] > other[0], one[0], other[0])
    q_top = tl.where(one[3] > other[3], one[3], other[3])
    mass, surprise = _moved(one, top, q_top)
    mass_other, surprise_other = _moved(other, top, q_top)
    first = one[3] >= other[3]
    lower = _scale_of(tl.where(first, other[3], one[3]), q_top)
    others = tl.where(first, one[4], other[4])
    others += lower * (1.0 + tl.where(first, other[4], one[4]))
    return (
        top,
        mass + mass_other,
        surprise + surprise_other,
        q_top,
        others,
        tl.maximum(one[5], other[5]),
        tl.minimum(one[6], other[6]),
        tl.maximum(one[7], other[7]),
    )


@triton.jit
def finish(
    state, out_ptr, kept_ptr, row, rows, BASE: tl.constexpr, BASE_LOW: tl.constexpr,
    KEEP: tl.constexpr, KIND: tl.constexpr,
):  # fmt: skip
    """The value, and what the rows' gradients need."""
    top, mass, surprise, q_top, others, lost, valid, chosen = state
    there = row < rows
    infinite = tl.abs(q_top) == INF
    loss = log1p(tl.where(infinite, 0.0, others))
    if KIND == LOGSUMEXP:
        value = tl.where(infinite, q_top, q_top + loss)
        value = tl.where(valid > 0, value, NAN)
        write(out_ptr, row, value, there)
    else:
        mean = surprise / tl.where(mass > 0, mass, 1.0)
        mean = tl.where(lost > 0, INF, mean)
        value = mean + loss
        possible = (valid > 0) & (top > -INF) & (q_top > -INF)
        value = tl.where(possible, value, NAN)
        value = value * BASE + finite_or_zero(value) * BASE_LOW
        write(out_ptr, row, tl.where(chosen > 0, value, 0.0), there)
    if KEEP:
        tl.store(kept_ptr + row, value, mask=there)
        if KIND == LOGSUMEXP:
            tl.store(kept_ptr + rows + row, q_top, mask=there)
            tl.store(kept_ptr + 2 * rows + row, others, mask=there)
        else:
            tl.store(kept_ptr + rows + row, top, mask=there)
            tl.store(kept_ptr + 2 * rows + row, mass, mask=there)
            tl.store(kept_ptr + 3 * rows + row, mean, mask=there)
            tl.store(kept_ptr + 4 * rows + row, q_top, mask=there)
            tl.store(kept_ptr + 5 * rows + row, others, mask=there)


@triton.jit
def _store_state(states_ptr, state, part, parts, row, rows, there):
    for field in tl.static_range(8):
        at = (row * 0 + part + field * parts) * rows + row
        tl.store(states_ptr + at, state[field], mask=there)


@triton.jit
def _tile(
    tile, a_ptr, b_ptr, mask_ptr, states_ptr, out_ptr, kept_ptr, n, rows, inner,
    a_outer, a_inner, a_entry, b_outer, b_inner, b_entry, m_outer, m_inner, m_entry,
    R: tl.constexpr, N: tl.constexpr, MODE: tl.constexpr, MASKED: tl.constexpr,
    WHOLE: tl.constexpr, KEEP: tl.constexpr, BASE: tl.constexpr, BASE_LOW: tl.constexpr,
    KIND: tl.constexpr,
):  # fmt: skip
    """One tile to its state, or rows that are one tile to the end; whether to do it again."""
    part, row, entry, there = places(tile, n, rows, R, N)
    selected = there
    if MASKED:
        at = offsets(row, entry, inner, m_outer, m_inner, m_entry)
        selected = there & (tl.load(mask_ptr + at, mask=there, other=0) != 0)
    at = offsets(row, entry, inner, a_outer, a_inner, a_entry)
    a = read(a_ptr, at, there, selected, -INF, MODE, MASKED)
    b = a
    if KIND == CROSS_ENTROPY:
        at = offsets(row, entry, inner, b_outer, b_inner, b_entry)
        b = read(b_ptr, at, there, selected, -INF, MODE, MASKED)
    state, redo = tile_state(a, b, selected, MODE, KIND)
    if WHOLE:
        finish(state, out_ptr, kept_ptr, row, rows, BASE, BASE_LOW, KEEP, KIND)
    else:
        _store_state(states_ptr, state, part, tl.cdiv(n, N), row, rows, row < rows)
    return tl.max((redo & (row < rows)).to(tl.int32), 0)


@triton.jit(do_not_specialize=["n", "rows", "inner"])
def tiles(
    a_ptr, b_ptr, mask_ptr, states_ptr, again_ptr, out_ptr, kept_ptr, n, rows, inner,
    a_outer, a_inner, a_entry, b_outer, b_inner, b_entry, m_outer, m_inner, m_entry,
    R: tl.constexpr, N: tl.constexpr, MODE: tl.constexpr, MASKED: tl.constexpr,
    WHOLE: tl.constexpr, KEEP: tl.constexpr, BASE: tl.constexpr, BASE_LOW: tl.constexpr,
    KIND: tl.constexpr,
):  # fmt: skip
    """Every tile, one for each program."""
    tile = tl.program_id(0)
    redo = _tile(
        tile, a_ptr, b_ptr, mask_ptr, states_ptr, out_ptr, kept_ptr, n, rows, inner,
        a_outer, a_inner, a_entry, b_outer, b_inner, b_entry, m_outer, m_inner, m_entry,
        R, N, MODE, MASKED, WHOLE, KEEP, BASE, BASE_LOW, KIND,
    )  # fmt: skip
    if MODE != WIDE:
        tl.store(again_ptr + tile, redo)


@triton.jit(do_not_specialize=["n", "rows", "inner", "count"])
def tiles_again(
    a_ptr, b_ptr, mask_ptr, states_ptr, again_ptr, out_ptr, kept_ptr, n, rows, inner,
    a_outer, a_inner, a_entry, b_outer, b_inner, b_entry, m_outer, m_inner, m_entry,
    count,
    R: tl.constexpr, N: tl.constexpr, MASKED: tl.constexpr, WHOLE: tl.constexpr,
    KEEP: tl.constexpr, BASE: tl.constexpr, BASE_LOW: tl.constexpr, KIND: tl.constexpr,
    SHARE: tl.constexpr,
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
                    m_inner, m_entry, R, N, WIDE, MASKED, WHOLE, KEEP, BASE, BASE_LOW, KIND,
                )  # fmt: skip


@triton.jit
def _state_at(states_ptr, part, parts, row, rows, there):
    """A part of some rows; parts that do not exist have no mass."""
    at = (row * 0 + part) * rows + row
    step = (row * 0 + parts) * rows
    top = tl.load(states_ptr + at, mask=there, other=-INF)
    mass = tl.load(states_ptr + at + step, mask=there, other=0.0)
    surprise = tl.load(states_ptr + at + 2 * step, mask=there, other=0.0)
    q_top = tl.load(states_ptr + at + 3 * step, mask=there, other=-INF)
    others = tl.load(states_ptr + at + 4 * step, mask=there, other=0.0)
    lost = tl.load(states_ptr + at + 5 * step, mask=there, other=0.0)
    valid = tl.load(states_ptr + at + 6 * step, mask=there, other=1.0)
    chosen = tl.load(states_ptr + at + 7 * step, mask=there, other=0.0)
    return top, mass, surprise, q_top, others, lost, valid, chosen


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
    KIND: tl.constexpr,
):  # fmt: skip
    """Every GROUP-th part of some rows, and what they end in."""
    row = tl.program_id(0).to(tl.int64) * R + tl.arange(0, R)
    there = row < rows
    state = _state_at(states_ptr, 0, parts, row, rows, there)
    for part in range(GROUP, parts, GROUP):
        state = merged(state, _state_at(states_ptr, part, parts, row, rows, there))
    finish(state, out_ptr, kept_ptr, row, rows, BASE, BASE_LOW, KEEP, KIND)


@triton.jit
def _slopes(
    tile, a_ptr, b_ptr, mask_ptr, seed_ptr, kept_ptr, by_a_ptr, by_b_ptr, n, rows,
    inner, a_outer, a_inner, a_entry, b_outer, b_inner, b_entry, m_outer, m_inner, m_entry,
    o_outer, o_inner, o_entry,
    R: tl.constexpr, N: tl.constexpr, MODE: tl.constexpr, MASKED: tl.constexpr,
    BASE: tl.constexpr, BY_A: tl.constexpr, BY_B: tl.constexpr, KIND: tl.constexpr,
):  # fmt: skip
    """By p's logits p*(surprise - mean surprise), by q's q - p; softmax by logsumexp's."""
    _, row, entry, there = places(tile, n, rows, R, N)
    selected = there
    if MASKED:
        at = offsets(row, entry, inner, m_outer, m_inner, m_entry)
        selected = there & (tl.load(mask_ptr + at, mask=there, other=0) != 0)
    at = offsets(row, entry, inner, a_outer, a_inner, a_entry)
    a = read(a_ptr, at, there, selected, -INF, MODE, MASKED)
    b = a
    if KIND == CROSS_ENTROPY:
        at = offsets(row, entry, inner, b_outer, b_inner, b_entry)
        b = read(b_ptr, at, there, selected, -INF, MODE, MASKED)
    real = row < rows
    kind: tl.constexpr = tl.float64 if MODE == WIDE else tl.float32
    seed = tl.load(seed_ptr + row, mask=real, other=0.0).to(tl.float64)
    value = tl.load(kept_ptr + row, mask=real, other=0.0)
    top = tl.load(kept_ptr + rows + row, mask=real, other=0.0)
    second = tl.load(kept_ptr + 2 * rows + row, mask=real, other=1.0)
    still = ((seed == 0.0) | (value != value))[:, None]
    fixed = tl.where(seed == 0.0, 0.0, NAN).to(kind)[:, None]
    anchor = finite_or_zero(top).to(kind)[:, None]
    # Weights below the range's end are worked 2**UP times as large.
    faint = a - anchor < (-600.0 if MODE == WIDE else -60.0)
    lift = tl.where(faint, 512.0 if MODE == WIDE else 64.0, 0.0).to(kind)
    down = tl.where(faint, 2.0**-512 if MODE == WIDE else 2.0**-64, 1.0).to(kind)
    weight = _weight(a, anchor, lift)
    at = offsets(row, entry, inner, o_outer, o_inner, o_entry)
    if KIND == LOGSUMEXP:
        factor = seed / (1.0 + second)
        slope = (weight * factor.to(kind)[:, None]) * down
        slope = tl.where((top == INF)[:, None], NAN, slope)
        slope = tl.where((top == -INF)[:, None], 0.0, slope)
        redo = ~(tl.abs(factor) < 1e30)
        slope = tl.where(still, fixed, slope)
        write(by_a_ptr, at, tl.where(selected, slope, 0.0), there)
    else:
        mean = tl.load(kept_ptr + 3 * rows + row, mask=real, other=0.0)
        q_top = tl.load(kept_ptr + 4 * rows + row, mask=real, other=0.0)
        others = tl.load(kept_ptr + 5 * rows + row, mask=real, other=0.0)
        q_anchor = finite_or_zero(q_top).to(kind)[:, None]
        factor = seed * BASE
        infinite = mean == INF
        known = finite_or_zero(mean)
        m_high = known.to(kind)
        m_rest = (known - m_high.to(tl.float64)).to(kind)
        by_mass = factor / second
        f = by_mass.to(kind)[:, None]
        gap, gap_low = two_sum(q_anchor, -tl.where(b == -INF, q_anchor, b))
        far = tl.max(tl.where(a > -INF, tl.abs(gap), 0.0), 1)
        redo = ~(tl.abs(by_mass) < 1e30) | ~(tl.abs(factor) < 1e30) | ~(far < 1e30)
        redo = redo | ~(known < 1e30)
        if BY_A:
            gap_low = tl.where(tl.abs(gap) < 1e30, gap_low, 0.0)
            rate, rate_low = add(gap, gap_low, -m_high[:, None])
            rate = rate + (rate_low - m_rest[:, None])
            slope = ((weight * rate) * f) * down
            end = tl.where(f > 0, INF, -INF)
            slope = tl.where(infinite[:, None], -end, slope)
            if KIND == CROSS_ENTROPY:
                slope = tl.where(b == -INF, end, slope)
            slope = tl.where(a == -INF, 0.0, slope)
            slope = tl.where(still, fixed, slope)
            write(by_a_ptr, at, tl.where(selected, slope, 0.0), there)
        if KIND == CROSS_ENTROPY and BY_B:
            q_weight = _weight(b, q_anchor, 0.0)
            by_q = (factor / (1.0 + others)).to(kind)[:, None]
            slope = q_weight * by_q - (weight * f) * down
            slope = tl.where(still, fixed, slope)
            write(by_b_ptr, at, tl.where(selected, slope, 0.0), there)
    redo = redo & (seed != 0.0) & (value == value) & real
    return tl.max(redo.to(tl.int32), 0)


@triton.jit(do_not_specialize=["n", "rows", "inner"])
def slopes(
    a_ptr, b_ptr, mask_ptr, seed_ptr, kept_ptr, by_a_ptr, by_b_ptr, again_ptr, n,
    rows, inner, a_outer, a_inner, a_entry, b_outer, b_inner, b_entry, m_outer, m_inner,
    m_entry, o_outer, o_inner, o_entry,
    R: tl.constexpr, N: tl.constexpr, MODE: tl.constexpr, MASKED: tl.constexpr,
    BASE: tl.constexpr, BY_A: tl.constexpr, BY_B: tl.constexpr, KIND: tl.constexpr,
):  # fmt: skip
    """The gradients of every tile, one for each program."""
    tile = tl.program_id(0)
    redo = _slopes(
        tile, a_ptr, b_ptr, mask_ptr, seed_ptr, kept_ptr, by_a_ptr, by_b_ptr, n,
        rows, inner, a_outer, a_inner, a_entry, b_outer, b_inner, b_entry, m_outer, m_inner,
        m_entry, o_outer, o_inner, o_entry,
        R, N, MODE, MASKED, BASE, BY_A, BY_B, KIND,
    )  # fmt: skip
    if MODE != WIDE:
        tl.store(again_ptr + tile, redo)


@triton.jit(do_not_specialize=["n", "rows", "inner", "count"])
def slopes_again(
    a_ptr, b_ptr, mask_ptr, seed_ptr, kept_ptr, by_a_ptr, by_b_ptr, again_ptr, n,
    rows, inner, a_outer, a_inner, a_entry, b_outer, b_inner, b_entry, m_outer, m_inner,
    m_entry, o_outer, o_inner, o_entry, count,
    R: tl.constexpr, N: tl.constexpr, MASKED: tl.constexpr, BASE: tl.constexpr,
    BY_A: tl.constexpr, BY_B: tl.constexpr, KIND: tl.constexpr, SHARE: tl.constexpr,
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
                    R, N, WIDE, MASKED, BASE, BY_A, BY_B, KIND,
                )  # fmt: skip
