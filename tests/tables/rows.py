"""Rows by regime: pairs of weights and pairs of logits, in any number and length.

A regime is a function ``(draw, fmt, shape) -> (teacher, student)``. It uses single correctly
rounded operations only, so a row is the same wherever it is drawn, and long rows need not be
stored. `draw_rows` rounds to the dtype; a regime rounds earlier where it steps by ulps.
"""

import math

import numpy as np

from ..oracle.exact import FORMATS
from .draw import Draw

GAPS = (1e-1, 1e-3, 1e-4, 1e-5, 1e-8, 1e-12, 1e-15)


def draw_rows(recipe, dtype):
    """Draw the rows that a recipe names.

    Parameters
    ----------
    recipe : dict
        ``kind`` ("weights" or "logits"), ``name`` of the regime, ``rows`` and ``n``.
    dtype : str
        The dtype's name.

    Returns
    -------
    tuple of two arrays of shape (rows, n)
        The teacher's and the student's.
    """
    fmt = FORMATS[dtype]
    seed = " ".join(str(recipe[k]) for k in ("kind", "name", "rows", "n", "seed"))
    draw = Draw(f"{seed} {dtype}")
    regime = {"weights": WEIGHTS, "logits": LOGITS}[recipe["kind"]][recipe["name"]]
    rows = regime(draw, fmt, (recipe["rows"], recipe["n"]))
    return tuple(fmt.round(v) for v in rows)


def float_dtype_has(fmt, gap):
    """Whether a relative gap is wide enough to survive rounding."""
    return gap > math.ldexp(1.0, -fmt.precision)


# Weights --------------------------------------------------------------------------------


def _base(draw, shape):
    """Weights of a few orders of magnitude, none of them zero."""
    return draw.uniform(shape) * draw.uniform(shape) + 2.0**-9


def _weights_gap(gap):
    def regime(draw, fmt, shape):
        p = fmt.round(_base(draw, shape)).astype(np.float64)
        return p, p * (1 + gap * draw.gaussian(shape))

    return regime


def weights_spread(draw, fmt, shape):
    return _base(draw, shape), _base(draw, shape)


def weights_far(draw, fmt, shape):
    reach = {"float64": 500, "float16": 11}.get(fmt.name, 60)
    return draw.power(-reach, reach, shape), draw.power(-reach, reach, shape)


def weights_factor_two(draw, fmt, shape):
    p = _base(draw, shape)
    return p, p * (0.5 + 1.5 * draw.uniform(shape))


def weights_ulp(draw, fmt, shape):
    p = fmt.round(_base(draw, shape))
    return p, fmt.step(p, draw.integers(0, 2, shape))


def weights_single_ulp(draw, fmt, shape):
    p = fmt.round(_base(draw, shape))
    q = p.copy()
    q[:, 0] = fmt.step(p[:, 0], 1)
    return p, q


def weights_ratio_overflows(draw, fmt, shape):
    """One entry's ratio leaves the dtype's range, on either side."""
    p = _base(draw, shape)
    q = p * (1 + 2.0**-6 * draw.gaussian(shape))
    big = draw.power(fmt.emax - 13, fmt.emax - 12, shape[:1])
    small = draw.power(fmt.emin - 2, fmt.emin + 2, shape[:1])
    turn = np.arange(shape[0]) % 2 == 0
    p[:, 0], q[:, 0] = np.where(turn, big, small), np.where(turn, small, big)
    return p, q


def _subnormals(draw, fmt, shape):
    return draw.integers(1, 2 ** min(fmt.precision - 1, 20), shape) * fmt.tiny


def weights_subnormal(draw, fmt, shape):
    return _subnormals(draw, fmt, shape), _subnormals(draw, fmt, shape)


def weights_subnormal_close(draw, fmt, shape):
    p = fmt.round(_subnormals(draw, fmt, shape))
    return p, fmt.step(p, draw.integers(0, 2, shape))


def _tiny_scale(fmt):
    return 2.0 ** {"float64": -996, "float16": -4}.get(fmt.name, -116)


def weights_tiny(draw, fmt, shape):
    p = fmt.round(_base(draw, shape) * _tiny_scale(fmt)).astype(np.float64)
    return p, p * (1 + 1e-6 * draw.gaussian(shape))


def weights_tiny_apart(draw, fmt, shape):
    return _base(draw, shape) * _tiny_scale(fmt), _base(draw, shape)


def weights_huge(draw, fmt, shape):
    scale = 2.0 ** {"float64": 996, "float16": 13}.get(fmt.name, 123)
    p = fmt.round(_base(draw, shape) * scale).astype(np.float64)
    gap = np.where(np.arange(shape[0]) % 2 == 0, 1e-6, 0.3)[:, None]
    return p, p * np.maximum(1 + gap * draw.gaussian(shape), 0.1)


def weights_zeros_p(draw, fmt, shape):
    """The teacher excludes what the student has mass on."""
    p, q = weights_factor_two(draw, fmt, shape)
    p = np.where(draw.chance(0.4, shape), 0.0, p)
    p[:, -1] = 0.0
    p[:, 0] = 0.5
    return p, q


def weights_zeros_p_close(draw, fmt, shape):
    """The same with little mass there, and next to no difference elsewhere."""
    p = fmt.round(_base(draw, shape)).astype(np.float64)
    q = p * (1 + 1e-3 * draw.gaussian(shape))
    mask = draw.chance(0.3, shape)
    mask[:, 0] = False
    return np.where(mask, 0.0, p), np.where(mask, p * 2.0**-13, q)


def weights_zeros_q(draw, fmt, shape):
    """The student excludes what the teacher has mass on: infinite."""
    p, q = weights_factor_two(draw, fmt, shape)
    q[:, -1] = 0.0
    return p, q


def weights_zeros_both(draw, fmt, shape):
    p = fmt.round(_base(draw, shape)).astype(np.float64)
    q = p * (1 + 2.0**-8 * draw.gaussian(shape))
    mask = draw.chance(0.5, shape)
    mask[:, 0] = False
    return np.where(mask, 0.0, p), np.where(mask, 0.0, q)


def weights_peaked(draw, fmt, shape):
    """One weight of 1, the others down to 2**-60."""
    low = max(-60, fmt.emin)
    p = fmt.round(draw.power(low, -5, shape)).astype(np.float64)
    p[:, 0] = 1.0
    return p, p * (1 + 1e-3 * draw.gaussian(shape))


def weights_peaked_apart(draw, fmt, shape):
    """Two confident rows; every other pair disagrees about the peak."""
    low = max(-60, fmt.emin)
    p, q = (draw.power(low, -5, shape) for _ in range(2))
    p[:, 0] = 1.0
    q[np.arange(shape[0]), np.arange(shape[0]) % 2 * (shape[1] - 1)] = 1.0
    return p, q


def _weights_scaled(factor, gap):
    """Totals that differ by a factor which is no power of two."""

    def regime(draw, fmt, shape):
        p = fmt.round(_base(draw, shape)).astype(np.float64)
        return p, p * (1 + gap * draw.gaussian(shape)) * factor

    return regime


def weights_counts(draw, fmt, shape):
    top = min(2 ** (fmt.precision - 1), 5000)
    return tuple(draw.integers(0, top, shape).astype(np.float64) + 1 for _ in range(2))


def weights_counts_proportional(draw, fmt, shape):
    """Counts three times as large: equal distributions, unequal weights."""
    p = draw.integers(1, 2 ** min(fmt.precision - 2, 10), shape).astype(np.float64)
    return p, 3 * p


def weights_probabilities(draw, fmt, shape):
    """Rows whose exact sum is 1 and whose rounded entries' sum is not."""
    k = draw.integers(1, 2**20, shape)
    p = k.astype(np.float64) / k.sum(axis=1, keepdims=True)
    q = k + draw.integers(0, 2**6, shape)
    return p, q.astype(np.float64) / q.sum(axis=1, keepdims=True)


def weights_equal(draw, fmt, shape):
    p = fmt.round(_base(draw, shape))
    return p, p


WEIGHTS = {
    "spread": weights_spread,
    "far": weights_far,
    "factor two": weights_factor_two,
    **{f"gap {g:.0e}": _weights_gap(g) for g in GAPS},
    "ulp": weights_ulp,
    "single ulp": weights_single_ulp,
    "ratio overflows": weights_ratio_overflows,
    "subnormal": weights_subnormal,
    "subnormal close": weights_subnormal_close,
    "tiny": weights_tiny,
    "tiny apart": weights_tiny_apart,
    "huge": weights_huge,
    "zeros p": weights_zeros_p,
    "zeros p close": weights_zeros_p_close,
    "zeros q": weights_zeros_q,
    "zeros both": weights_zeros_both,
    "peaked": weights_peaked,
    "peaked apart": weights_peaked_apart,
    "scaled 7.3": _weights_scaled(7.3, 1e-3),
    "scaled 1/3": _weights_scaled(1 / 3, 1e-2),
    "scaled 7.3 close": _weights_scaled(7.3, 1e-12),
    "counts": weights_counts,
    "counts proportional": weights_counts_proportional,
    "probabilities": weights_probabilities,
    "equal": weights_equal,
}


# Logits ---------------------------------------------------------------------------------


def _mask(draw, shape, share=0.3):
    """Some entries of each row, never the first, always the last of a longer row."""
    mask = draw.chance(share, shape)
    mask[:, -1] = True
    mask[:, 0] = False
    return mask


def _teacher(draw, fmt, shape, scale=2.0):
    return fmt.round(scale * draw.gaussian(shape)).astype(np.float64)


def _logits_gap(gap):
    def regime(draw, fmt, shape):
        a = _teacher(draw, fmt, shape)
        return a, a + gap * draw.gaussian(shape)

    return regime


def logits_ulp(draw, fmt, shape):
    a = fmt.round(2.0 * draw.gaussian(shape))
    return a, fmt.step(a, draw.integers(0, 2, shape))


def logits_single_ulp(draw, fmt, shape):
    a = fmt.round(2.0 * draw.gaussian(shape))
    b = a.copy()
    b[:, 0] = fmt.step(a[:, 0], 1)
    return a, b


def logits_offset_both(draw, fmt, shape):
    """1e4 against -1e4."""
    a = fmt.round(2.0 * draw.gaussian(shape) + 1e4).astype(np.float64)
    return a, a + 1e-3 * draw.gaussian(shape) - 2e4


def logits_offset_one(draw, fmt, shape):
    a = _teacher(draw, fmt, shape)
    return a, a + 1e4


def logits_offset_close(draw, fmt, shape):
    """1e4 on both sides, a few ulp apart."""
    a = fmt.round(2.0 * draw.gaussian(shape) + 1e4)
    return a, fmt.step(a, draw.integers(-1, 2, shape))


def logits_peaked(draw, fmt, shape):
    a = 30.0 * draw.gaussian(shape)
    a[:, 0] += 60.0
    a = fmt.round(a).astype(np.float64)
    return a, a + 1e-2 * draw.gaussian(shape)


def logits_flat(draw, fmt, shape):
    return np.zeros(shape), 1e-5 * draw.gaussian(shape)


def logits_flat_offset(draw, fmt, shape):
    a = fmt.round(np.full(shape, 1e4))
    return a, fmt.step(a, draw.integers(0, 2, shape))


def logits_masked_both(draw, fmt, shape):
    a, b = _logits_gap(0.1)(draw, fmt, shape)
    mask = _mask(draw, shape)
    return np.where(mask, -np.inf, a), np.where(mask, -np.inf, b)


def logits_masked_teacher(draw, fmt, shape):
    a, b = _logits_gap(0.1)(draw, fmt, shape)
    return np.where(_mask(draw, shape), -np.inf, a), b


def logits_masked_teacher_low(draw, fmt, shape):
    """The student gives the excluded tokens nearly nothing, and agrees on the others."""
    a, b = _logits_gap(1e-4)(draw, fmt, shape)
    mask = _mask(draw, shape)
    return np.where(mask, -np.inf, a), np.where(mask, b - 40.0, b)


def logits_masked_teacher_high(draw, fmt, shape):
    """The student puts nearly everything on the tokens the teacher excludes."""
    a, b = _logits_gap(1e-2)(draw, fmt, shape)
    mask = _mask(draw, shape)
    above = np.reshape([5.0, 50.0, 300.0, 900.0], (4, 1))[np.arange(shape[0]) % 4]
    return np.where(mask, -np.inf, a), np.where(mask, b + above, b)


def logits_masked_student(draw, fmt, shape):
    """Infinite."""
    a, b = _logits_gap(0.1)(draw, fmt, shape)
    b[:, -1] = -np.inf
    return a, b


def _logits_opposing(gap):
    """The teacher all but excludes a token that the student may like best."""

    def regime(draw, fmt, shape):
        a, b = _logits_gap(0.1)(draw, fmt, shape)
        a[:, -1] = -gap
        b[:, -1] = b[:, 0] + 3.0 - 43.0 * draw.uniform(shape[:1])
        return a, b

    return regime


def logits_disjoint(draw, fmt, shape):
    a = _teacher(draw, fmt, shape)
    b = a.copy()
    b[:, 0] += 1800.0 * draw.uniform(shape[:1]) - 900.0
    return a, b


def logits_wild(draw, fmt, shape):
    return 400.0 * draw.gaussian(shape), 400.0 * draw.gaussian(shape)


def logits_steep(draw, fmt, shape):
    a = _teacher(draw, fmt, shape, 6.0)
    return a, a + 5.0 * draw.gaussian(shape)


def logits_confident(draw, fmt, shape):
    a = 0.2 * draw.gaussian(shape)
    a[:, 0] += 30.0
    return a, a + 0.3 * draw.gaussian(shape)


def logits_confident_both(draw, fmt, shape):
    """Both sure of the same token, and of no other by different amounts."""
    a, b = (0.2 * draw.gaussian(shape) for _ in range(2))
    a[:, 0] += 30.0
    b[:, 0] += 35.0
    return a, b


def logits_tiny(draw, fmt, shape):
    """Logits around the smallest normal number."""
    low, high = fmt.emin, fmt.emin + 6
    return tuple(draw.power(low, high, shape) * draw.signs(shape) for _ in range(2))


def logits_equal(draw, fmt, shape):
    a = fmt.round(2.0 * draw.gaussian(shape))
    return a, a


LOGITS = {
    **{f"gap {g:.0e}": _logits_gap(g) for g in (3, 1, *GAPS)},
    "ulp": logits_ulp,
    "single ulp": logits_single_ulp,
    "offset both": logits_offset_both,
    "offset one": logits_offset_one,
    "offset close": logits_offset_close,
    "peaked": logits_peaked,
    "flat": logits_flat,
    "flat offset": logits_flat_offset,
    "masked both": logits_masked_both,
    "masked teacher": logits_masked_teacher,
    "masked teacher low": logits_masked_teacher_low,
    "masked teacher high": logits_masked_teacher_high,
    "masked student": logits_masked_student,
    "opposing 500": _logits_opposing(500.0),
    "opposing 1200": _logits_opposing(1200.0),
    "disjoint": logits_disjoint,
    "wild": logits_wild,
    "steep": logits_steep,
    "confident": logits_confident,
    "confident both": logits_confident_both,
    "tiny": logits_tiny,
    "equal": logits_equal,
}
