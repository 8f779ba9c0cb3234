"""Joint tables: nearly independent, nearly deterministic, and at the ends of the range.

A table is stored as a flat row, with its shape among the options.
"""

import math
from itertools import cycle

import numpy as np

from ..oracle.joint import AVERAGES
from .draw import Draw
from .rows import float_dtype_has

INF, NAN = np.inf, np.nan

# Two tables of each shape.
COUNT = 2
SHAPES = {
    "conditional_mutual_information": ((2, 2, 2), (2, 3, 2)),
    "total_correlation": ((2, 2, 2), (3, 2, 2)),
}
TWO_VARIABLES = ((2, 2), (3, 4))
# What is not claimed: quotients of numbers below the normal range, and log-ratios so small,
# of entries so much larger than their neighbours, that three words of a sum end before.
BEYOND = {
    "normalized_mutual_information": {(True, "wild")},
    "pointwise_mutual_information": {(False, "ulp spread")},
}
BEYOND_FLOAT32 = {
    "normalized_mutual_information": {(True, "ulp spread")},
    "pointwise_mutual_information": {(False, "far")},
}
GAPS = (1e-1, 1e-3, 1e-8, 1e-12)


def shapes(function):
    return SHAPES.get(function, TWO_VARIABLES)


def cases(function, fmt):
    """Yield a dict per case: ``regime``, ``options`` and ``inputs``."""
    averages = cycle(AVERAGES)
    left_out = BEYOND.get(function, set())
    if fmt.precision <= 24:
        left_out = left_out | BEYOND_FLOAT32.get(function, set())
    for from_logits, regimes in ((False, WEIGHTS), (True, LOGITS)):
        for name, regime in regimes.items():
            if name.startswith("gap") and not float_dtype_has(fmt, float(name[4:])):
                continue
            if (from_logits, name) in left_out:
                continue
            for shape in shapes(function):
                draw = Draw(f"{function} {name} {shape} {from_logits} {fmt.name}")
                drawn = [
                    regime(draw, fmt, shape, factors(function, shape)) for _ in range(COUNT)
                ]
                yield _case(name, drawn, shape, from_logits, averages, function, fmt)
        tables = SPECIAL_LOGITS if from_logits else SPECIAL_WEIGHTS
        shape = shapes(function)[-1]
        tables = [np.resize(t, shape) for t in tables]
        yield _case("special", tables, shape, from_logits, averages, function, fmt)


def _case(name, tables, shape, from_logits, averages, function, fmt):
    options = {"shape": list(shape), "from_logits": from_logits}
    if function == "normalized_mutual_information":
        average = next(averages)
        # Which entropy is the larger one no float64 may tell there, and the derivative turns.
        turns = name == "nearly deterministic" and average in {"min", "max"}
        options["average"] = "arithmetic" if turns else average
    rows = fmt.round(np.stack([table.reshape(-1) for table in tables]))
    return {"regime": name, "options": options, "inputs": (rows,)}


def factors(function, shape):
    """The axes that each factor of an independent table depends on."""
    if function == "conditional_mutual_information":
        return ((0, 2), (1, 2))
    return tuple((axis,) for axis in range(len(shape)))


def _along(shape, axes):
    return tuple(n if axis in axes else 1 for axis, n in enumerate(shape))


def _product(parts):
    result = parts[0]
    for part in parts[1:]:
        result = result * part
    return result


def _diagonal(shape):
    index = np.indices(shape)
    return (index == index[0]).all(axis=0)


def _reach(fmt, most):
    """Exponents so far apart that products of two still fit."""
    return min(most, fmt.emax // 2 - 1)


# Weights --------------------------------------------------------------------------------


def _near(gap, spread=1):
    def regime(draw, fmt, shape, axes):
        reach = _reach(fmt, spread) // len(axes) or 1
        parts = [draw.power(-reach, reach, _along(shape, a)) for a in axes]
        return _product(parts) * (1 + gap * (draw.uniform(shape) - 0.5))

    return regime


def _exact(draw, fmt, shape, axes):
    parts = [draw.integers(1, 4, _along(shape, a)).astype(float) for a in axes]
    return _product(parts)


def _spread(reach):
    def regime(draw, fmt, shape, axes):
        return draw.power(-_reach(fmt, reach), _reach(fmt, reach), shape)

    return regime


def _counts(draw, fmt, shape, axes):
    return draw.integers(0, 6, shape) + _diagonal(shape).astype(float)


def _deterministic(draw, fmt, shape, axes):
    return np.where(_diagonal(shape), draw.power(-3, 3, shape), 0.0)


def _nearly_deterministic(draw, fmt, shape, axes):
    low = math.ldexp(1.0, -_reach(fmt, 80))
    return np.where(_diagonal(shape), draw.power(0, 3, shape), low * draw.uniform(shape))


def _zeros(draw, fmt, shape, axes):
    kept = draw.chance(0.6, shape) | _diagonal(shape)
    return np.where(kept, draw.power(-3, 3, shape), 0.0)


def _empty_outcome(draw, fmt, shape, axes):
    table = draw.power(-3, 3, shape)
    table[0] = 0.0
    return table


def _scaled(regime, exponent):
    def scaled(draw, fmt, shape, axes):
        table = regime(draw, fmt, shape, axes)
        return table / table.max() * math.ldexp(1.0, exponent(fmt))

    return scaled


WEIGHTS = {f"gap {gap:.0e}": _near(gap) for gap in GAPS} | {
    "unrelated": _near(1.9),
    "ulp": _near(0),
    "ulp spread": _near(0, spread=60),
    "exact": _exact,
    "counts": _counts,
    "spread": _spread(30),
    "far": _spread(300),
    "deterministic": _deterministic,
    "nearly deterministic": _nearly_deterministic,
    "zeros": _zeros,
    "empty outcome": _empty_outcome,
    "subnormal": _scaled(_near(1.9), lambda fmt: fmt.emin - 1),
    "tiny": _scaled(_near(1e-1), lambda fmt: fmt.emin + 12),
    "huge": _scaled(_near(1.9), lambda fmt: fmt.emax - 1),
}

# Logits ---------------------------------------------------------------------------------


def _near_logits(gap, size=1.0, offset=0.0):
    def regime(draw, fmt, shape, axes):
        table = offset * np.ones(shape)
        for a in axes:
            table = table + size * draw.gaussian(_along(shape, a))
        return table + gap * draw.gaussian(shape)

    return regime


def _exact_logits(draw, fmt, shape, axes):
    return sum(draw.integers(-9, 9, _along(shape, a)) for a in axes) * np.ones(shape)


def _masked(draw, fmt, shape, axes):
    kept = draw.chance(0.6, shape) | _diagonal(shape)
    return np.where(kept, 2 * draw.gaussian(shape), -INF)


def _deterministic_logits(draw, fmt, shape, axes):
    return np.where(_diagonal(shape), 3 * draw.gaussian(shape), -INF)


def _nearly_deterministic_logits(draw, fmt, shape, axes):
    return np.where(_diagonal(shape), draw.gaussian(shape), -60 * draw.uniform(shape))


LOGITS = {f"gap {gap:.0e}": _near_logits(gap) for gap in GAPS} | {
    "unrelated": _near_logits(1.0),
    "ulp": _near_logits(0.0),
    "ulp spread": _near_logits(0.0, size=8.0),
    "flat": _near_logits(0.0, size=2.0**-10),
    "offset": _near_logits(1e-1, offset=100.0),
    "exact": _exact_logits,
    "spread": _near_logits(10.0),
    "wild": _near_logits(300.0),
    "masked": _masked,
    "deterministic": _deterministic_logits,
    "nearly deterministic": _nearly_deterministic_logits,
    "tiny": _near_logits(2.0**-12, size=2.0**-12),
}

SPECIAL_WEIGHTS = [
    np.array(values)
    for values in (
        [0.0], [1.0], [1.0, NAN], [1.0, INF], [1.0, 2.0, 3.0, -1.0], [1.0, 0.0],
        [1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0], [0.0, 1.0, 0.0, 2.0], [1.0, -0.0, 0.0, 1.0],
    )
]  # fmt: skip
SPECIAL_LOGITS = [
    np.array(values)
    for values in (
        [-INF], [0.0], [1.0, NAN], [1.0, INF], [0.0, -INF],
        [0.0, -INF, -INF, -INF, -INF, -INF, -INF, -INF], [-INF, 1.0, -INF, 2.0],
        [300.0, -300.0], [1.0, -INF, -INF, 1.0],
    )
]  # fmt: skip
