"""Logsumexp, entropy and cross-entropy of logits, and the log-probability of one entry.

The kernels of _formulas/logsumexp.py, cross_entropy.py, token.py and tempered.py. The manifest
names the numbers of a tile's state, each a float64 for every row; where one entry of every row
is looked for, its logit and whether it has been found follow. Entropy
is the cross-entropy of a row with itself; logsumexp has the student's half. Tops are logits as
they are; exponents are differences over the temperature.
"""

import triton
import triton.language as tl

from .arithmetic import (
    COARSE,
    INF,
    SUBNORMAL,
    WIDE,
    add,
    divide,
    exp,
    finite_or_zero,
    log1p,
    sum_words,
    two_sum,
)
from .layout import any_of
from .modes import words_of
from .places import residual_places, state_places

P_TOP, MASS, SURPRISE, Q_TOP, OTHERS, LOST, VALID, CHOSEN, FOUND = state_places(
    "token", "p_top mass surprise q_top others lost valid chosen found"
)
AT_MASS, AT_MEAN, AT_Q_TOP, AT_OTHERS = residual_places(
    "cross_entropy", "mass mean q_top others"
)
(AT_PEAK_OTHERS,) = residual_places("logsumexp", "others")

LOGSUMEXP = tl.constexpr(0)
ENTROPY = tl.constexpr(1)
CROSS_ENTROPY = tl.constexpr(2)
TOKEN = tl.constexpr(3)
TOKEN_ENTROPY = tl.constexpr(4)
# Those two at a temperature that is not 1.
TEMPERED = tl.constexpr(5)
TEMPERED_ENTROPY = tl.constexpr(6)


@triton.jit
def _sum(x, MODE: tl.constexpr):
    if MODE == COARSE:
        total = tl.sum(x, 1).to(tl.float64)
    else:
        total, low = sum_words(x)
        total = total + low
    return total


@triton.jit
def _cooled(high, low, extra, KIND: tl.constexpr):
    """A difference of logits over the temperature, as a pair."""
    if KIND < TEMPERED:
        return high, low
    elif high.dtype == tl.float64:
        temperature = high * 0.0 + extra[0]
        found, rest = divide(high, low, temperature, temperature * 0.0)
        return tl.where(tl.abs(high) < INF, found, high), rest
    else:
        whole = (high.to(tl.float64) + low.to(tl.float64)) / extra[0]
        found = whole.to(tl.float32)
        rest = (whole - found.to(tl.float64)).to(tl.float32)
        return found, tl.where(tl.abs(found) < INF, rest, 0.0)


@triton.jit
def _below(x, top, extra, KIND: tl.constexpr):
    """(x - top)/temperature as a pair; 0 where there is no mass."""
    below, low = two_sum(tl.where(x == -INF, top, x), -top)
    return _cooled(below, tl.where(tl.abs(below) < 1e30, low, 0.0), extra, KIND)


@triton.jit
def _weight(x, below, low, lift):
    """exp of that times 2**lift, 0 where there is no mass."""
    return tl.where(x == -INF, 0.0, exp(below, low, lift))


@triton.jit
def step(
    a, b, there, extra, known, MODE: tl.constexpr, KIND: tl.constexpr, KEEP: tl.constexpr
):  # fmt: skip
    """The state of a tile, and for every row whether it has to be done in float64."""
    q_top = tl.max(b, 1)
    q_anchor = finite_or_zero(q_top)[:, None]
    below, low = _below(b, q_anchor, extra, KIND)
    weight = _weight(b, below, low, 0.0)
    at_top = b == q_top[:, None]
    others = _sum(tl.where(at_top, 0.0, weight), MODE)
    others += (tl.sum(at_top.to(tl.int32), 1) - 1).to(tl.float64)
    others = tl.where(q_top == -INF, 0.0, others)
    faint = (b > -INF) & (weight < 7.9e-31) & (below > -800.0)
    invalid = any_of((b != b) | (b == INF)) > 0
    lost = any_of(there) * 0
    top, mass, surprise = q_top, others * 0.0, others * 0.0
    redo = (others < 8.3e-25) & (any_of(faint) > 0)
    if KIND == LOGSUMEXP:
        invalid = any_of(b != b) > 0
    elif (KIND != TOKEN) & (KIND != TEMPERED):
        gap = tl.where(b == -INF, 0.0, -below)
        if KIND == CROSS_ENTROPY:
            top = tl.max(a, 1)
            anchor = finite_or_zero(top)[:, None]
            below, low = _below(a, anchor, extra, KIND)
            weight = _weight(a, below, low, 0.0)
            faint = faint | ((a > -INF) & (weight < 7.9e-31) & (below > -800.0))
            invalid = invalid | (any_of((a != a) | (a == INF)) > 0)
            lost = any_of((a > -INF) & (b == -INF))
        term = weight * gap
        if MODE == WIDE:  # in halves, where the weight alone is subnormal
            tiny = (weight < SUBNORMAL) & ((a if KIND == CROSS_ENTROPY else b) > -INF)
            if tl.max(any_of(tiny), 0) > 0:
                part = tl.where(tiny, 0.5, 0.0)
                half = exp(part * below, part * low, 0.0)
                term = tl.where(tiny, (half * gap) * half, term)
        term = tl.where((weight == 0.0) & (gap == INF), 0.0, term)
        mass = _sum(weight, MODE)
        surprise = _sum(term, MODE)
        risk = tl.max(tl.where(faint, gap, 0.0), 1)
        far = any_of((weight > 0) & ~(gap < 1e30)) > 0
        redo = redo | (surprise.to(tl.float32) < risk * 8.3e-25) | far
    redo = redo & ~invalid
    state = (
        top.to(tl.float64),
        mass,
        surprise,
        q_top.to(tl.float64),
        others,
        lost.to(tl.float64),
        1.0 - invalid.to(tl.float64),
    )
    if KIND >= TOKEN:
        here = extra[1]
        chosen = tl.max(tl.where(here & there, b, -INF), 1)
        state = state + (chosen.to(tl.float64), any_of(here).to(tl.float64))
    return state, redo


@triton.jit
def _scale(part, top, extra, KIND: tl.constexpr):
    """exp((part - top)/temperature) of row maxima; 0 where there is no mass."""
    equal = part == top
    gap, low = two_sum(tl.where(equal, 0.0, part), -tl.where(equal, 0.0, top))
    gap, low = _cooled(gap, tl.where(tl.abs(gap) < INF, low, 0.0), extra, KIND)
    return tl.where(part == -INF, 0.0, exp(gap, low, 0.0))


@triton.jit
def _moved(state, top, q_top, extra, KIND: tl.constexpr):
    scale = _scale(state[P_TOP], top, extra, KIND)
    gap, low = two_sum(finite_or_zero(q_top), -finite_or_zero(state[Q_TOP]))
    gap, _ = _cooled(gap, low, extra, KIND)
    gap = tl.where(state[Q_TOP] == -INF, 0.0, gap)
    return scale * state[MASS], scale * (state[SURPRISE] + state[MASS] * gap)


@triton.jit
def _merged(one, other, extra, KIND: tl.constexpr):
    """Masses on the scale of the larger tops; what leads is not among the others."""
    top = tl.where(one[P_TOP] > other[P_TOP], one[P_TOP], other[P_TOP])
    q_top = tl.where(one[Q_TOP] > other[Q_TOP], one[Q_TOP], other[Q_TOP])
    mass, surprise = _moved(one, top, q_top, extra, KIND)
    more, more_surprise = _moved(other, top, q_top, extra, KIND)
    first = one[Q_TOP] >= other[Q_TOP]
    lower = _scale(tl.where(first, other[Q_TOP], one[Q_TOP]), q_top, extra, KIND)
    others = tl.where(first, one[OTHERS], other[OTHERS])
    others += lower * (1.0 + tl.where(first, other[OTHERS], one[OTHERS]))
    return (
        top,
        mass + more,
        surprise + more_surprise,
        q_top,
        others,
        tl.maximum(one[LOST], other[LOST]),
        tl.minimum(one[VALID], other[VALID]),
    )


@triton.jit
def merge(one, other, extra):
    return _merged(one, other, extra, ENTROPY)


@triton.jit
def merge_tokens(one, other, extra):
    """The entry is in one of them."""
    chosen = tl.maximum(one[CHOSEN], other[CHOSEN]), tl.maximum(one[FOUND], other[FOUND])
    return _merged(one, other, extra, TEMPERED) + chosen


@triton.jit
def _mean(state):
    mean = state[SURPRISE] / tl.where(state[MASS] > 0, state[MASS], 1.0)
    return tl.where(state[LOST] > 0, INF, mean)


@triton.jit
def _cross_entropy(state):
    """The mean surprise, from which the largest logit has been left out."""
    value = _mean(state) + log1p(tl.where(tl.abs(state[Q_TOP]) == INF, 0.0, state[OTHERS]))
    possible = (state[VALID] > 0) & (state[P_TOP] > -INF) & (state[Q_TOP] > -INF)
    return tl.where(possible, value, float("nan"))


@triton.jit
def finish(state, known, extra, KIND: tl.constexpr):
    """The value, and what the rows' gradients need."""
    top, mass, valid = state[P_TOP], state[MASS], state[VALID]
    q_top, others = state[Q_TOP], state[OTHERS]
    if KIND == LOGSUMEXP:
        infinite = tl.abs(q_top) == INF
        value = q_top + log1p(tl.where(infinite, 0.0, others))
        value = tl.where(infinite, q_top, value)
        return (tl.where(valid > 0, value, float("nan")),), (q_top, others)
    elif KIND < TOKEN:
        return (_cross_entropy(state),), (top, mass, _mean(state), q_top, others)
    else:
        loss = log1p(tl.where(tl.abs(q_top) == INF, 0.0, others))
        gap, low = two_sum(finite_or_zero(state[CHOSEN]), -finite_or_zero(q_top))
        gap, low = _cooled(gap, low, extra, KIND)
        value, rest = add(gap, low, -loss)
        value = tl.where(state[CHOSEN] == -INF, -INF, value + rest)
        value = tl.where((valid > 0) & (tl.abs(q_top) < INF), value, float("nan"))
        value = tl.where(state[FOUND] > 0, value, float("nan"))
        if (KIND == TOKEN) | (KIND == TEMPERED):
            return (value,), (q_top, others)
        else:
            return (value, _cross_entropy(state)), (top, mass, _mean(state), q_top, others)


@triton.jit
def slopes(
    a, b, there, extra, known, factor, MODE: tl.constexpr, KIND: tl.constexpr,
    VALUE: tl.constexpr, BY_A: tl.constexpr, BY_B: tl.constexpr,
):  # fmt: skip
    """By p's logits p*(surprise - mean surprise), by q's q - p; softmax by logsumexp's.

    By an entry's logits its log-probability changes by 1 - p at the entry and -p elsewhere.
    """
    kind: tl.constexpr = tl.float64 if MODE == WIDE else tl.float32
    alone: tl.constexpr = (KIND == LOGSUMEXP) | (KIND == TOKEN) | (KIND == TEMPERED)
    top = known[0]
    if KIND >= TOKEN:
        factor = factor / extra[0]
    anchor = finite_or_zero(top).to(kind)[:, None]
    below, low = _below(a, anchor, extra, KIND)
    # Weights below the range's end are worked 2**UP times as large.
    faint = below < (-600.0 if MODE == WIDE else -60.0)
    lift = tl.where(faint, 512.0 if MODE == WIDE else 64.0, 0.0).to(kind)
    down = tl.where(faint, 2.0**-512 if MODE == WIDE else 2.0**-64, 1.0).to(kind)
    weight = _weight(a, below, low, lift)
    by_a = weight
    by_b = weight
    redo = ~(tl.abs(factor) < 1e30)
    if alone | ((KIND >= TOKEN) & (VALUE == 0)):
        others = known[AT_PEAK_OTHERS] if alone else known[AT_OTHERS]
        share = factor / (1.0 + others)
        by_a = (weight * share.to(kind)[:, None]) * down
        if KIND == LOGSUMEXP:
            by_a = tl.where((top == INF)[:, None], float("nan"), by_a)
            by_a = tl.where((top == -INF)[:, None], 0.0, by_a)
        else:
            # A largest entry is not among the others, and any other entry is.
            rest = (1.0 + others).to(kind)[:, None] - weight * down
            beside = tl.where(a == anchor, others.to(kind)[:, None], rest)
            by_a = tl.where(extra[1], beside * share.to(kind)[:, None], -by_a)
    else:
        second, mean = known[AT_MASS], known[AT_MEAN]
        q_top, others = known[AT_Q_TOP], known[AT_OTHERS]
        q_anchor = finite_or_zero(q_top).to(kind)[:, None]
        infinite = mean == INF
        mean = finite_or_zero(mean)
        m_high, m_rest = words_of(mean, kind)
        by_mass = factor / second
        f = by_mass.to(kind)[:, None]
        gap, gap_low = _below(b, q_anchor, extra, KIND)
        far = any_of((a > -INF) & ~(tl.abs(gap) < 1e30)) > 0
        redo = redo | ~(tl.abs(by_mass) < 1e30) | far | ~(mean < 1e30)
        if BY_A:
            rate, rate_low = add(-gap, -gap_low, -m_high)
            rate = rate + (rate_low - m_rest)
            by_a = ((weight * rate) * f) * down
            end = tl.where(f > 0, INF, -INF)
            by_a = tl.where(infinite[:, None], -end, by_a)
            if KIND == CROSS_ENTROPY:
                by_a = tl.where(b == -INF, end, by_a)
            by_a = tl.where(a == -INF, 0.0, by_a)
        if (KIND == CROSS_ENTROPY) & BY_B:
            q_weight = _weight(b, gap, gap_low, 0.0)
            by_q = (factor / (1.0 + others)).to(kind)[:, None]
            by_b = q_weight * by_q - (weight * f) * down
    return by_a, by_b, redo
