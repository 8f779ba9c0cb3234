"""Derivatives of the families in an order: Renyi, Tsallis, Chernoff, Bhattacharyya.

Each is a derivative of a logarithm of a sum of powers, so that a component is a factor times
``exp(z) - 1``, where z is a difference of a log-ratio (or a surprise) and the value. A
condition number counts what cancels in z, and that exp multiplies its error by its size.
"""

from mpmath import mp

from .components import (
    NOTHING,
    ONE,
    UNDEFINED,
    cancelled,
    known_to,
    log_ratio,
    side,
    sides,
    times_slope,
    undefined,
    unless_rounding,
)
from .f_divergences import KL
from .f_slopes import f_slopes
from .orders import (
    HALF,
    bhattacharyya_coefficient,
    chernoff_information,
    renyi_divergence,
    renyi_entropy,
)
from .rows import ZERO, flags


def _renyi_divergence(p, q, alpha, from_logits=False, *, bits):
    """``a / (a - 1) * expm1((a - 1) * (d - D))`` by p, ``-expm1(a * d - (a - 1) * D)`` by q.

    Here d is log(p / q). At a = inf only the largest ratio counts, and so it does where a zero
    of q makes the value infinite; nan where several do.
    """
    a, rows = mp.mpf(alpha), (p, q)
    if a == 1:
        return f_slopes(KL, p, q, from_logits, bits=bits)
    found = sides(rows, from_logits, True, bits)
    if found is None:
        return undefined(rows)
    value = unless_rounding(renyi_divergence(p, q, a, from_logits), bits)
    p, q = found
    ratios = [log_ratio(p, q, i, bits) for i in range(len(rows[0]))]
    spread = known_to(p, q, ratios)
    if a == mp.inf or (a > 1 and value == mp.inf):
        factor = a / (a - 1) if a < mp.inf else ONE
        return _of_the_largest(p, q, ratios, value, factor, bits)
    if value == mp.inf:  # disjoint: how much each component is depends on the way there
        return undefined(rows)
    by_p, by_q = [], []
    for i, d in enumerate(ratios):
        if not any(ratios):
            gaps = [(ZERO, mp.inf) if v.masses[i] else NOTHING for v in (p, q)]
        elif a == 0:
            by_y = (ONE, ONE) if d == -mp.inf else _power(-ONE, value, value, bits)
            gaps = NOTHING, by_y
        else:
            gaps = (
                _power(
                    a / (a - 1),
                    (a - 1) * (d - value),
                    abs(a - 1) * (abs(d) + value + spread),
                    bits,
                ),
                _power(
                    -ONE,
                    a * d - (a - 1) * value,
                    a * (abs(d) + spread) + abs(a - 1) * value,
                    bits,
                ),
            )
        by_p.append(times_slope(p, i, *gaps[0]))
        by_q.append(times_slope(q, i, *gaps[1]))
    return [by_p, by_q]


def _power(factor, z, size, bits):
    """``factor * expm1(z)``, where z is a sum whose terms have that size."""
    if not mp.isfinite(z):
        return factor * (mp.exp(z) - 1), ONE
    z, condition = cancelled(z, size, bits)
    return factor * mp.expm1(z), condition * max(ONE, abs(z))


def _of_the_largest(p, q, ratios, value, factor, bits):
    """By p the derivative of ``log(p_i)``, by q that of ``-log(q_i)``, p times a factor."""
    largest = [d == value or unless_rounding(d - value, bits) == 0 for d in ratios]
    by_p, by_q = [], []
    for i, here in enumerate(largest):
        gap, condition = _share(p.masses[i], here, bits)
        alone = largest.count(True) == 1
        by_p.append(times_slope(p, i, factor * gap, condition) if alone else UNDEFINED)
        if alone or value == mp.inf:
            gap, condition = _share(q.masses[i], here, bits)
            by_q.append(times_slope(q, i, -gap, condition))
        else:
            by_q.append(UNDEFINED)
    return [by_p, by_q]


def _share(mass, here, bits):
    """``1 / mass - 1`` of one entry and -1 of the others."""
    if not here:
        return -ONE, ONE
    if mass == 0:
        return mp.inf, ONE
    return cancelled(1 / mass - 1, 1 / mass + 1, bits)


def _bhattacharyya_distance(p, q, from_logits=False, *, bits):
    """Half of Renyi's at order 1/2."""
    return _times(HALF, _renyi_divergence(p, q, HALF, from_logits, bits=bits))


def _bhattacharyya_coefficient(p, q, from_logits=False, *, bits):
    """``-C / 2`` times Renyi's at order 1/2; without anything in common 0, inf or 1/2."""
    value = bhattacharyya_coefficient(p, q, from_logits)
    if value > 0 or mp.isnan(value) or not p:
        return _times(-value / 2, _renyi_divergence(p, q, HALF, from_logits, bits=bits))
    found = sides((p, q), from_logits, True, bits)
    return [
        [
            times_slope(one, i, ZERO if one.masses[i] else mp.inf if y else HALF, ONE)
            for i, y in enumerate(other.masses)
        ]
        for one, other in (found, found[::-1])
    ]


def _chernoff_information(p, q, from_logits=False, *, bits):
    """Those of ``(1 - s) * renyi_divergence`` at the order s, which is where none moves it."""
    value, s = chernoff_information(p, q, from_logits)
    if not mp.isfinite(value):
        return undefined((p, q))
    if s <= HALF:
        return _times(1 - s, _renyi_divergence(p, q, s, from_logits, bits=bits))
    p_is_log, q_is_log = flags(from_logits)
    return _times(s, _renyi_divergence(q, p, 1 - s, (q_is_log, p_is_log), bits=bits))[::-1]


def _times(factor, operands):
    return [[(factor * v, c) for v, c in row] for row in operands]


def _renyi_entropy(p, alpha, from_logits=False, *, bits):
    """``a / (1 - a) * expm1((1 - a) * (s - H))`` with s = -log(p); ``s - H`` at a = 1.

    At a = inf only the largest mass counts; nan where there are several.
    """
    a, row = mp.mpf(alpha), p
    p = side(p, flags(from_logits, 1)[0], True, bits)
    if p is None:
        return undefined([row])
    value = unless_rounding(renyi_entropy(row, a, from_logits), bits)
    if a == mp.inf:
        if row.count(max(row)) > 1:
            return undefined([row])
        gaps = [_share(x, v == max(row), bits) for x, v in zip(p.masses, row, strict=True)]
        gaps = [(-gap, condition) for gap, condition in gaps]
    elif a == 0:
        gaps = [NOTHING] * len(row)
    elif a == 1:
        gaps = [
            cancelled(s - value, s + value, bits) if mp.isfinite(s) else (s, ONE)
            for s in p.surprises
        ]
    else:
        size = abs(1 - a)
        gaps = [
            _power(a / (1 - a), (1 - a) * (s - value), size * (s + value), bits)
            for s in p.surprises
        ]
    return [[times_slope(p, i, *gap) for i, gap in enumerate(gaps)]]


def _tsallis_entropy(p, alpha, from_logits=False, *, bits):
    """Those of Renyi's entropy H, times ``sum(p**a) = exp((1 - a) * H)``; 0 at a = inf."""
    a = mp.mpf(alpha)
    value = renyi_entropy(p, a, from_logits)
    if mp.isnan(value) or not p:
        return undefined([p])
    if a == mp.inf:
        return [[NOTHING] * len(p)]
    return _times(mp.exp((1 - a) * value), _renyi_entropy(p, a, from_logits, bits=bits))


ORDER_SLOPES = {
    "renyi_divergence": _renyi_divergence,
    "bhattacharyya_coefficient": _bhattacharyya_coefficient,
    "bhattacharyya_distance": _bhattacharyya_distance,
    "chernoff_information": _chernoff_information,
    "renyi_entropy": _renyi_entropy,
    "tsallis_entropy": _tsallis_entropy,
}
