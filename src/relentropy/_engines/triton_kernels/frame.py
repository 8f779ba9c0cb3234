"""The kernels of every measure: tiles, their repetition in float64, merges and slopes.

What a measure is comes as functions (`measures.py` has them together):

``STEP(a, b, there, extra, known, MODE, KIND, KEEP)``
    a tile's state, a tuple of a float64 for every row, and for every row whether it has to be
    done in float64; what float32 cannot do it need not know.
``MERGE(one, other, extra)``
    of two states that of both. The order in which parts merge depends on the row's length only.
``FINISH(state, known, extra, KIND)``
    the values in nats, and the numbers of a row that what follows needs.
``SLOPES(a, b, there, extra, known, factor, MODE, KIND, VALUE, BY_A, BY_B)``
    the derivatives of one value by the operands times a number of the row, and whether a row
    has to be done in float64.

Some measures know their terms only when the row's normalisers are known, and read the row a
second time: with THEN and END, which are STEP and FINISH again, and have as ``known`` what
FINISH has found. A row that is one tile is read once for both.
"""

import triton
import triton.language as tl

from .arithmetic import COARSE, WIDE, finite_or_zero
from .layout import any_of, offsets, places, read, write


@triton.jit
def _read(
    operands, mask_ptr, strides, row, entry, there, inner,
    FILL: tl.constexpr, MODE: tl.constexpr, PAIR: tl.constexpr, MASKED: tl.constexpr,
):  # fmt: skip
    """The entries of a tile, and which are selected; one operand stands for both."""
    selected = there
    if MASKED:
        at = offsets(row, entry, inner, strides[2])
        selected = there & (tl.load(mask_ptr + at, mask=there, other=0) != 0)
    at = offsets(row, entry, inner, strides[0])
    a = read(operands[0], at, there, selected, FILL, MODE, MASKED)
    b = a
    if PAIR:
        at = offsets(row, entry, inner, strides[1])
        b = read(operands[1], at, there, selected, FILL, MODE, MASKED)
    return a, b, selected


@triton.jit
def _temperature(given):
    """A number of float64 that came in three of float32."""
    return ((tl.zeros((1,), tl.float64) + given[1]) + given[2]) + given[3]


@triton.jit
def _extra(given, row, entry, there, real, TOKENS: tl.constexpr):
    """Of a measure of one entry in every row: the temperature, and where that entry is."""
    if TOKENS:
        token = tl.load(given[0] + row, mask=real, other=-1)
        return _temperature(given), there & (entry[None, :] == token[:, None])
    else:
        return ()


@triton.jit
def _extra_of_rows(given, TOKENS: tl.constexpr):
    if TOKENS:
        return (_temperature(given),)
    else:
        return ()


@triton.jit
def _load(pointer, at, there, step, COUNT: tl.constexpr):
    """COUNT numbers of every row."""
    found = ()
    for i in tl.static_range(COUNT):
        found = found + (tl.load(pointer + at + i * step, mask=there, other=0.0),)
    return found


@triton.jit
def _store(pointer, row, there, step, numbers, COUNT: tl.constexpr):
    for i in tl.static_range(COUNT):
        tl.store(pointer + row + i * step, numbers[i], mask=there)


@triton.jit
def _end(
    state, chosen, known, extra, outs, kept_ptr, row, rows,
    FINISH: tl.constexpr, KIND: tl.constexpr, VALUES: tl.constexpr, NUMBERS: tl.constexpr,
    EMPTY: tl.constexpr, ROOT: tl.constexpr, BASE: tl.constexpr, BASE_LOW: tl.constexpr,
    KEEP: tl.constexpr,
):  # fmt: skip
    """What rows end in: values, and what their gradients need."""
    values, numbers = FINISH(state, known, extra, KIND)
    there = row < rows
    step = row * 0 + rows
    for i in tl.static_range(VALUES):
        value = values[i] * BASE + finite_or_zero(values[i]) * BASE_LOW
        if ROOT:
            value = tl.sqrt(value)
        write(outs[i], row, tl.where(chosen > 0, value, EMPTY), there)
        if KEEP:
            tl.store(kept_ptr + row + i * step, value, mask=there)
    if KEEP:
        _store(kept_ptr + VALUES * step, row, there, step, numbers, NUMBERS)


@triton.jit
def _tile(
    tile, operands, mask_ptr, strides, given, known_ptr, states_ptr, outs, kept_ptr, n, rows,
    inner,
    STEP: tl.constexpr, FINISH: tl.constexpr, THEN: tl.constexpr, END: tl.constexpr,
    KIND: tl.constexpr, FIELDS: tl.constexpr, KNOWN: tl.constexpr, VALUES: tl.constexpr,
    NUMBERS: tl.constexpr, FILL: tl.constexpr, EMPTY: tl.constexpr, ROOT: tl.constexpr,
    BASE: tl.constexpr, BASE_LOW: tl.constexpr, PAIR: tl.constexpr, MASKED: tl.constexpr,
    WHOLE: tl.constexpr, KEEP: tl.constexpr, TOKENS: tl.constexpr, R: tl.constexpr,
    N: tl.constexpr, MODE: tl.constexpr,
):  # fmt: skip
    """One tile to its state, or rows that are one tile to the end; whether to do it again."""
    part, row, entry, there = places(tile, n, rows, R, N)
    a, b, selected = _read(
        operands, mask_ptr, strides, row, entry, there, inner, FILL, MODE, PAIR, MASKED
    )  # fmt: skip
    real = row < rows
    extra = _extra(given, row, entry, there, real, TOKENS)
    known = _load(known_ptr, row, real, row * 0 + rows, KNOWN)
    state, redo = STEP(a, b, selected, extra, known, MODE, KIND, KEEP)
    chosen = any_of(selected)
    if WHOLE:
        if THEN is None:
            _end(
                state, chosen, known, extra, outs, kept_ptr, row, rows, FINISH, KIND,
                VALUES, NUMBERS, EMPTY, ROOT, BASE, BASE_LOW, KEEP,
            )  # fmt: skip
        else:
            _, numbers = FINISH(state, known, extra, KIND)
            sums, more = THEN(a, b, selected, extra, numbers, MODE, KIND, KEEP)
            redo = redo | more
            _end(
                sums, chosen, numbers, extra, outs, kept_ptr, row, rows, END, KIND,
                VALUES, NUMBERS, EMPTY, ROOT, BASE, BASE_LOW, KEEP,
            )  # fmt: skip
    else:
        parts = tl.cdiv(n, N)
        at = (row * 0 + part) * rows + row
        step = (row * 0 + parts) * rows
        _store(states_ptr, at, real, step, state, FIELDS)
        tl.store(states_ptr + at + FIELDS * step, chosen.to(tl.float64), mask=real)
    return tl.max((redo & real).to(tl.int32), 0)


@triton.jit(do_not_specialize=["n", "rows", "inner"])
def tiles(
    operands, mask_ptr, strides, given, known_ptr, states_ptr, again_ptr, outs, kept_ptr, n,
    rows, inner,
    STEP: tl.constexpr, FINISH: tl.constexpr, THEN: tl.constexpr, END: tl.constexpr,
    KIND: tl.constexpr, FIELDS: tl.constexpr, KNOWN: tl.constexpr, VALUES: tl.constexpr,
    NUMBERS: tl.constexpr, FILL: tl.constexpr, EMPTY: tl.constexpr, ROOT: tl.constexpr,
    BASE: tl.constexpr, BASE_LOW: tl.constexpr, PAIR: tl.constexpr, MASKED: tl.constexpr,
    WHOLE: tl.constexpr, KEEP: tl.constexpr, TOKENS: tl.constexpr, R: tl.constexpr,
    N: tl.constexpr, MODE: tl.constexpr,
):  # fmt: skip
    """Every tile, one for each program."""
    tile = tl.program_id(0)
    redo = _tile(
        tile, operands, mask_ptr, strides, given, known_ptr, states_ptr, outs, kept_ptr, n,
        rows, inner, STEP, FINISH, THEN, END, KIND, FIELDS, KNOWN, VALUES, NUMBERS, FILL, EMPTY,
        ROOT, BASE, BASE_LOW, PAIR, MASKED, WHOLE, KEEP, TOKENS, R, N, MODE,
    )  # fmt: skip
    if MODE != WIDE:
        tl.store(again_ptr + tile, redo)


@triton.jit(do_not_specialize=["n", "rows", "inner", "count"])
def tiles_again(
    operands, mask_ptr, strides, given, known_ptr, states_ptr, again_ptr, outs, kept_ptr, n,
    rows, inner, count,
    STEP: tl.constexpr, FINISH: tl.constexpr, THEN: tl.constexpr, END: tl.constexpr,
    KIND: tl.constexpr, FIELDS: tl.constexpr, KNOWN: tl.constexpr, VALUES: tl.constexpr,
    NUMBERS: tl.constexpr, FILL: tl.constexpr, EMPTY: tl.constexpr, ROOT: tl.constexpr,
    BASE: tl.constexpr, BASE_LOW: tl.constexpr, PAIR: tl.constexpr, MASKED: tl.constexpr,
    WHOLE: tl.constexpr, KEEP: tl.constexpr, TOKENS: tl.constexpr, R: tl.constexpr,
    N: tl.constexpr, SHARE: tl.constexpr,
):  # fmt: skip
    """In float64, those that float32 was not enough for: SHARE of them for each program."""
    first = tl.program_id(0) * SHARE
    index = first + tl.arange(0, SHARE)
    flags = tl.load(again_ptr + index, mask=index < count, other=0)
    if tl.max(flags, 0) > 0:
        for tile in range(first, tl.minimum(first + SHARE, count)):
            if tl.load(again_ptr + tile) > 0:
                _tile(
                    tile, operands, mask_ptr, strides, given, known_ptr, states_ptr, outs,
                    kept_ptr, n, rows, inner, STEP, FINISH, THEN, END, KIND, FIELDS, KNOWN,
                    VALUES, NUMBERS, FILL, EMPTY, ROOT, BASE, BASE_LOW, PAIR, MASKED, WHOLE,
                    KEEP, TOKENS, R, N, WIDE,
                )  # fmt: skip


@triton.jit
def _part(states_ptr, part, parts, row, rows, there, FIELDS: tl.constexpr):
    """A part of some rows, behind which is whether it has any entry."""
    at = (row * 0 + part) * rows + row
    step = (row * 0 + parts) * rows
    state = _load(states_ptr, at, there, step, FIELDS)
    return state, tl.load(states_ptr + at + FIELDS * step, mask=there, other=0.0)


@triton.jit(do_not_specialize=["parts", "rows"])
def merge_groups(
    given, states_ptr, parts, rows, MERGE: tl.constexpr, FIELDS: tl.constexpr,
    TOKENS: tl.constexpr, R: tl.constexpr, GROUP: tl.constexpr,
):  # fmt: skip
    """Every GROUP parts of some rows into the first of them."""
    row = tl.program_id(0).to(tl.int64) * R + tl.arange(0, R)
    there = row < rows
    first = tl.program_id(1) * GROUP
    extra = _extra_of_rows(given, TOKENS)
    state, chosen = _part(states_ptr, first, parts, row, rows, there, FIELDS)
    for part in range(first + 1, tl.minimum(first + GROUP, parts)):
        other, more = _part(states_ptr, part, parts, row, rows, there, FIELDS)
        state = MERGE(state, other, extra)
        chosen = tl.maximum(chosen, more)
    at = (row * 0 + first) * rows + row
    step = (row * 0 + parts) * rows
    _store(states_ptr, at, there, step, state, FIELDS)
    tl.store(states_ptr + at + FIELDS * step, chosen, mask=there)


@triton.jit(do_not_specialize=["parts", "rows"])
def merge_rows(
    given, known_ptr, states_ptr, outs, kept_ptr, parts, rows,
    MERGE: tl.constexpr, FINISH: tl.constexpr, KIND: tl.constexpr, FIELDS: tl.constexpr,
    KNOWN: tl.constexpr, VALUES: tl.constexpr, NUMBERS: tl.constexpr, EMPTY: tl.constexpr,
    ROOT: tl.constexpr, BASE: tl.constexpr, BASE_LOW: tl.constexpr, KEEP: tl.constexpr,
    TOKENS: tl.constexpr, R: tl.constexpr, GROUP: tl.constexpr,
):  # fmt: skip
    """Every GROUP-th part of some rows, and what they end in."""
    row = tl.program_id(0).to(tl.int64) * R + tl.arange(0, R)
    there = row < rows
    extra = _extra_of_rows(given, TOKENS)
    known = _load(known_ptr, row, there, row * 0 + rows, KNOWN)
    state, chosen = _part(states_ptr, 0, parts, row, rows, there, FIELDS)
    for part in range(GROUP, parts, GROUP):
        other, more = _part(states_ptr, part, parts, row, rows, there, FIELDS)
        state = MERGE(state, other, extra)
        chosen = tl.maximum(chosen, more)
    _end(
        state, chosen, known, extra, outs, kept_ptr, row, rows, FINISH, KIND, VALUES,
        NUMBERS, EMPTY, ROOT, BASE, BASE_LOW, KEEP,
    )  # fmt: skip


@triton.jit
def _slopes(
    tile, operands, mask_ptr, strides, given, seeds, kept_ptr, by_a_ptr, by_b_ptr, n, rows,
    inner,
    SLOPES: tl.constexpr, KIND: tl.constexpr, VALUES: tl.constexpr, NUMBERS: tl.constexpr,
    FILL: tl.constexpr, ROOT: tl.constexpr, BASE: tl.constexpr, PAIR: tl.constexpr,
    MASKED: tl.constexpr, BY_A: tl.constexpr, BY_B: tl.constexpr, TOKENS: tl.constexpr,
    R: tl.constexpr, N: tl.constexpr, MODE: tl.constexpr,
):  # fmt: skip
    """The gradients of a tile; whether to do it again."""
    _, row, entry, there = places(tile, n, rows, R, N)
    a, b, selected = _read(
        operands, mask_ptr, strides, row, entry, there, inner, FILL, MODE, PAIR, MASKED
    )  # fmt: skip
    real = row < rows
    kind: tl.constexpr = tl.float32 if MODE == COARSE else tl.float64
    extra = _extra(given, row, entry, there, real, TOKENS)
    step = row * 0 + rows
    known = _load(kept_ptr + VALUES * step, row, real, step, NUMBERS)
    by_a = tl.zeros(a.shape, kind)
    by_b = tl.zeros(a.shape, kind)
    again = row < 0
    for i in tl.static_range(VALUES):
        value = tl.load(kept_ptr + row + i * step, mask=real, other=0.0)
        seed = tl.load(seeds[i] + row, mask=real, other=0.0).to(tl.float64)
        factor = seed * BASE
        if ROOT:  # 0 where the sides agree, and what the root is of is flat
            factor = tl.where(value > 0, 0.5 * factor / tl.where(value > 0, value, 1.0), 0.0)
        one, other, redo = SLOPES(
            a, b, selected, extra, known, factor, MODE, KIND, i, BY_A, BY_B
        )  # fmt: skip
        still = (seed == 0.0) | (value != value)
        fixed = tl.where(seed == 0.0, 0.0, float("nan")).to(kind)[:, None]
        by_a += tl.where(still[:, None], fixed, one)
        by_b += tl.where(still[:, None], fixed, other)
        if MODE == COARSE:  # a number of float32, with neither the range nor the digits below
            size = tl.abs(factor)
            redo = redo | ~(size < 1e30) | (size < 1e-30) & (factor != 0.0)
        again = again | redo & ~still
    at = offsets(row, entry, inner, strides[3])
    if BY_A:
        write(by_a_ptr, at, tl.where(selected, by_a, 0.0), there)
    if BY_B:
        write(by_b_ptr, at, tl.where(selected, by_b, 0.0), there)
    return tl.max((again & real).to(tl.int32), 0)


@triton.jit(do_not_specialize=["n", "rows", "inner"])
def slopes(
    operands, mask_ptr, strides, given, seeds, kept_ptr, by_a_ptr, by_b_ptr, again_ptr, n, rows,
    inner,
    SLOPES: tl.constexpr, KIND: tl.constexpr, VALUES: tl.constexpr, NUMBERS: tl.constexpr,
    FILL: tl.constexpr, ROOT: tl.constexpr, BASE: tl.constexpr, PAIR: tl.constexpr,
    MASKED: tl.constexpr, BY_A: tl.constexpr, BY_B: tl.constexpr, TOKENS: tl.constexpr,
    R: tl.constexpr, N: tl.constexpr, MODE: tl.constexpr,
):  # fmt: skip
    """The gradients of every tile, one for each program."""
    tile = tl.program_id(0)
    redo = _slopes(
        tile, operands, mask_ptr, strides, given, seeds, kept_ptr, by_a_ptr, by_b_ptr, n, rows,
        inner, SLOPES, KIND, VALUES, NUMBERS, FILL, ROOT, BASE, PAIR, MASKED, BY_A, BY_B,
        TOKENS, R, N, MODE,
    )  # fmt: skip
    if MODE != WIDE:
        tl.store(again_ptr + tile, redo)


@triton.jit(do_not_specialize=["n", "rows", "inner", "count"])
def slopes_again(
    operands, mask_ptr, strides, given, seeds, kept_ptr, by_a_ptr, by_b_ptr, again_ptr, n, rows,
    inner, count,
    SLOPES: tl.constexpr, KIND: tl.constexpr, VALUES: tl.constexpr, NUMBERS: tl.constexpr,
    FILL: tl.constexpr, ROOT: tl.constexpr, BASE: tl.constexpr, PAIR: tl.constexpr,
    MASKED: tl.constexpr, BY_A: tl.constexpr, BY_B: tl.constexpr, TOKENS: tl.constexpr,
    R: tl.constexpr, N: tl.constexpr, SHARE: tl.constexpr,
):  # fmt: skip
    """In float64, those that float32 was not enough for."""
    first = tl.program_id(0) * SHARE
    index = first + tl.arange(0, SHARE)
    flags = tl.load(again_ptr + index, mask=index < count, other=0)
    if tl.max(flags, 0) > 0:
        for tile in range(first, tl.minimum(first + SHARE, count)):
            if tl.load(again_ptr + tile) > 0:
                _slopes(
                    tile, operands, mask_ptr, strides, given, seeds, kept_ptr, by_a_ptr,
                    by_b_ptr, n, rows, inner, SLOPES, KIND, VALUES, NUMBERS, FILL, ROOT, BASE,
                    PAIR, MASKED, BY_A, BY_B, TOKENS, R, N, WIDE,
                )  # fmt: skip
