"""Inputs of the elementwise functions, by regime.

A regime is a function ``(draw, fmt) -> tuple of arrays``; `CASES` says which function meets
which. Sizes are powers of two of the format at hand, so every dtype meets its own edges.
"""

import math

import numpy as np

COUNT = 48


def special_values(fmt):
    return [0.0, -0.0, 1.0, -1.0, 0.5, fmt.tiny, fmt.largest, np.inf, -np.inf, np.nan]


def special_one(draw, fmt):
    return (np.array([*special_values(fmt), -fmt.tiny, -fmt.largest, -0.5, 2.0, -2.0]),)


def special_two(draw, fmt):
    x, y = np.meshgrid(special_values(fmt), special_values(fmt), indexing="ij")
    return x.ravel(), y.ravel()


# Two weights ----------------------------------------------------------------------------


def far(draw, fmt):
    reach = int(0.91 * fmt.emax)
    return tuple(draw.power(-reach, reach, COUNT) for _ in range(2))


def factor_two(draw, fmt):
    x = draw.power(-8, 8, COUNT)
    return x, x * (0.5 + 1.5 * draw.uniform(COUNT))


def seams(draw, fmt):
    """abs(x - y) / (x + y) within a few ulp of where kernels change their branch."""
    size = (4, 2, 8)
    ratio = np.reshape([1 / 3, 3 / 7, 1 / 2, 0.6], (4, 1, 1)) * np.reshape([1, -1], (1, 2, 1))
    x = fmt.round(draw.power(-4, 4, size)).astype(np.float64)
    y = fmt.step(x * (1 - ratio) / (1 + ratio), np.arange(-4, 4))
    return x.ravel(), y.ravel()


def gaps(draw, fmt):
    """Relative gaps from 1/8 down to one ulp."""
    halvings = 3 + np.arange(60) * (fmt.precision - 4) // 59
    x = draw.power(-6, 6, 60)
    gap = np.ldexp(1 + draw.uniform(60), -halvings.astype(np.int32)) * draw.signs(60)
    return x, x * (1 + gap)


def one_ulp(draw, fmt):
    x = fmt.round(draw.power(-6, 6, COUNT))
    x[::4] = fmt.round(draw.power(fmt.emin + 4, fmt.emax - 4, COUNT // 4))
    x[1::12] = fmt.round(1.0)
    return x, fmt.step(x, draw.signs(COUNT))


def equal(draw, fmt):
    x = fmt.round(draw.power(fmt.emin, fmt.emax, 12))
    return x, x


def ratio_overflows(draw, fmt):
    big = draw.power(fmt.emax - 8, fmt.emax, COUNT)
    small = draw.power(fmt.emin, fmt.emin + 8, COUNT)
    turn = np.arange(COUNT) % 2 == 0
    return np.where(turn, big, small), np.where(turn, small, big)


def subnormal(draw, fmt):
    top = 2 ** min(fmt.precision - 1, 30)
    x = draw.integers(1, top, COUNT) * fmt.tiny
    y = draw.integers(1, top, COUNT) * fmt.tiny
    close = np.arange(COUNT) % 3 == 0
    y[close] = x[close] + fmt.tiny
    x[:6], y[:6] = fmt.tiny, np.arange(1, 7) * fmt.tiny
    return x, y


def tiny_normal(draw, fmt):
    x = draw.power(fmt.emin, fmt.emin + 6, COUNT)
    y = draw.power(fmt.emin, fmt.emin + 6, COUNT)
    close = np.arange(COUNT) % 2 == 0
    gap = np.ldexp(draw.gaussian(COUNT), -(np.arange(COUNT) % (fmt.precision - 1)))
    return x, np.where(close, x * (1 + gap / 8), y)


def huge(draw, fmt):
    x = draw.power(fmt.emax - 3, fmt.emax, COUNT)
    gap = np.ldexp(draw.uniform(COUNT), -(np.arange(COUNT) % fmt.precision))
    return x, x * (1 - gap * 0.9)


def subnormal_and_one(draw, fmt):
    small = draw.integers(1, 2 ** min(fmt.precision - 1, 30), COUNT) * fmt.tiny
    other = draw.power(-2, 2, COUNT)
    turn = np.arange(COUNT) % 2 == 0
    return np.where(turn, small, other), np.where(turn, other, small)


WEIGHTS = (
    far, factor_two, seams, gaps, one_ulp, equal, ratio_overflows, subnormal, tiny_normal,
    huge, subnormal_and_one, special_two,
)  # fmt: skip


# A factor and the argument of a logarithm -----------------------------------------------


def log_moderate(draw, fmt):
    return draw.gaussian(COUNT) * 3, draw.power(-8, 8, COUNT)


def log_near_one(draw, fmt):
    halvings = np.arange(60) * fmt.precision // 59
    y = 1 + np.ldexp(draw.uniform(60), -halvings.astype(np.int32)) * draw.signs(60) * 0.9
    return draw.gaussian(60) * 3, y


def log_far(draw, fmt):
    reach = int(0.91 * fmt.emax)
    x = draw.power(-reach, reach, COUNT) * draw.signs(COUNT)
    return x, draw.power(-reach, reach, COUNT)


def log_subnormal(draw, fmt):
    x, y = subnormal_and_one(draw, fmt)
    return x * draw.signs(COUNT), y


def log1p_moderate(draw, fmt):
    return draw.gaussian(COUNT) * 3, draw.uniform(COUNT) * 3 - 0.95


def log1p_tiny(draw, fmt):
    y = draw.power(fmt.emin - 2, -2, COUNT) * draw.signs(COUNT)
    return draw.gaussian(COUNT) * 3, y


def log1p_near_minus_one(draw, fmt):
    halvings = 1 + np.arange(COUNT) * (fmt.precision - 2) // (COUNT - 1)
    y = np.ldexp(1 + draw.uniform(COUNT), -halvings.astype(np.int32)) - 1
    y[:4] = fmt.step(-np.ones(4), -np.arange(1, 5)).astype(np.float64)
    return draw.gaussian(COUNT) * 3, y


def log1p_large(draw, fmt):
    return draw.gaussian(COUNT) * 3, draw.power(1, fmt.emax, COUNT)


# One argument ---------------------------------------------------------------------------


def sweep(draw, fmt):
    """Every size the format has, positive."""
    low, high = fmt.emin - fmt.precision + 1, fmt.emax
    exponents = low + np.arange(64) * (high - low) // 63
    return (np.ldexp(1 + draw.uniform(64), exponents.astype(np.int32)),)


def sweep_small(draw, fmt):
    """Both signs, from the smallest number to 1."""
    low = fmt.emin - fmt.precision + 1
    exponents = low + np.arange(64) * -low // 64
    return (np.ldexp(1 + draw.uniform(64), exponents.astype(np.int32)) * draw.signs(64),)


def sweep_large(draw, fmt):
    """Both signs, from 1 to the largest number."""
    exponents = np.arange(COUNT) * fmt.emax // (COUNT - 1)
    return (np.ldexp(1 + draw.uniform(COUNT), exponents.astype(np.int32)) * draw.signs(COUNT),)


def moderate(draw, fmt):
    return (draw.gaussian(80) * 1.5,)


def wide(draw, fmt):
    return (draw.gaussian(COUNT) * 40,)


def near_one(draw, fmt):
    _, y = log_near_one(draw, fmt)
    return (y,)


def near_minus_one(draw, fmt):
    _, y = log1p_near_minus_one(draw, fmt)
    return (y,)


def _around(centres, fmt):
    """Each centre, its neighbours, and a few points at small distances on both sides."""
    centres = fmt.round(centres)[:, None]
    ulps = fmt.step(np.repeat(centres, 5, axis=1), np.arange(-2, 3)).astype(np.float64)
    nearby = centres.astype(np.float64) * (1 + np.array([[-0.06, -0.004, 0.004, 0.06]]))
    return np.concatenate([ulps, nearby], axis=1).ravel()


def branch_points(draw, fmt):
    """Where kernels plausibly change their branch."""
    points = [0.03, 0.25, math.log(2) / 2, 0.5, math.log(2), 1.0, 1.5, 2.0]
    return (_around([*points, *(-v for v in points), -0.6], fmt),)


def branch_points_far(draw, fmt):
    """Where one of two terms drops below the last bit of the other."""
    digits = fmt.precision * math.log(2)
    points = [digits / 2, digits, digits + math.log(2), 18.0, 33.3, 37.0]
    return (_around([*points, *(-v for v in points)], fmt),)


def edges(draw, fmt):
    """Where exp overflows, leaves the normal range, and underflows."""
    points = [
        (fmt.emax + 1) * math.log(2),
        fmt.emin * math.log(2),
        (fmt.emin - fmt.precision + 1) * math.log(2),
        (fmt.emin - fmt.precision) * math.log(2),
    ]
    values = _around(points, fmt)
    return (np.concatenate([values, -values]),)


def _negative(regime):
    def negated(draw, fmt):
        return tuple(-np.abs(v.astype(np.float64)) for v in regime(draw, fmt))

    negated.__name__ = regime.__name__
    return negated


BOTH_SIGNS = (
    sweep_small, sweep_large, moderate, wide, branch_points, branch_points_far, edges,
    special_one,
)  # fmt: skip


# Two exponents --------------------------------------------------------------------------


def logs_moderate(draw, fmt):
    return draw.gaussian(COUNT) * 4, draw.gaussian(COUNT) * 4


def logs_equal(draw, fmt):
    x = fmt.round(draw.power(-20 if fmt.emin < -20 else -10, 12, 24) * draw.signs(24))
    return x, x


def logs_near(draw, fmt):
    """Gaps from 1/2 down to the last bit."""
    x = draw.gaussian(60) * 4
    halvings = 1 + np.arange(60) * fmt.precision // 59
    return x, x - np.ldexp(1 + draw.uniform(60), -halvings.astype(np.int32))


def logs_one_ulp(draw, fmt):
    x = fmt.round(draw.gaussian(COUNT) * np.ldexp(1.0, np.arange(COUNT) % 10))
    return x, fmt.step(x, -np.sign(x.astype(np.float64)))


def logs_sum_near_one(draw, fmt):
    """exp(x) + exp(y) near 1, so that its logarithm nearly vanishes."""
    share = 0.5 + 0.49 * draw.uniform(COUNT)
    x, y = np.log(share), np.log(1 - share)
    return x, fmt.step(y, draw.integers(-3, 4, COUNT))


def logs_difference_near_one(draw, fmt):
    """exp(x) - exp(y) near 1."""
    y = draw.uniform(COUNT) * 6 - 3
    return fmt.step(np.log(1 + np.exp(y)), draw.integers(-3, 4, COUNT)), y


def logs_far(draw, fmt):
    """The smaller one at, and beyond, the larger one's last bit."""
    x = draw.gaussian(COUNT) * 2
    return x, x - draw.uniform(COUNT) * 2.2 * fmt.precision


def logs_very_far(draw, fmt):
    x = draw.gaussian(COUNT)
    x[::3] = 0.0
    return x, x - 50 - draw.uniform(COUNT) * min(2000.0, 2.0**fmt.emax / 4)


def logs_offset(draw, fmt):
    x = draw.gaussian(COUNT) + np.where(np.arange(COUNT) % 2 == 0, 1e4, -1e4)
    return x, x - draw.power(-30 if fmt.precision > 24 else -10, 4, COUNT)


def logs_tiny(draw, fmt):
    """Both exponents near 0."""
    return tuple(draw.power(fmt.emin, -2, COUNT) * draw.signs(COUNT) for _ in range(2))


def special_logs(draw, fmt):
    # exp(inf) - exp(inf) has no meaning that is worth holding anyone to.
    values = [0.0, 1.0, -1.0, 0.5, fmt.tiny, fmt.largest, -fmt.largest, -np.inf, np.inf, np.nan]
    x, y = (v.ravel() for v in np.meshgrid(values, values, indexing="ij"))
    keep = ~((x == np.inf) & (y == np.inf))
    return x[keep], y[keep]


LOGS = (
    logs_moderate, logs_equal, logs_near, logs_one_ulp, logs_far, logs_very_far, logs_offset,
    logs_tiny, special_logs,
)  # fmt: skip


# The last bits of these depend on the machine's logarithms, so they are stored.
BY_LOGARITHMS = {"logs_sum_near_one", "logs_difference_near_one"}


def _larger_first(regime):
    """Mostly the larger exponent first; every eighth the other way, where the truth is nan."""

    def ordered(draw, fmt):
        x, y = (fmt.round(v).astype(np.float64) for v in regime(draw, fmt))
        if regime is special_logs:
            return x, y
        turn = np.arange(x.size) % 8 == 7
        high, low = np.maximum(x, y), np.minimum(x, y)
        return np.where(turn, low, high), np.where(turn, high, low)

    ordered.__name__ = regime.__name__
    return ordered


CASES = {
    "xlogy": (log_moderate, log_near_one, log_far, log_subnormal, special_two),
    "xlog1py": (
        log1p_moderate, log1p_tiny, log1p_near_minus_one, log1p_large, special_two,
    ),
    "entr": (sweep, near_one, special_one),
    "rel_entr": WEIGHTS,
    "kl_div": WEIGHTS,
    "log1pmx": (
        sweep_small, sweep, moderate, branch_points, near_minus_one, special_one,
    ),
    "expm1mx": BOTH_SIGNS,
    "log1mexp": (*(_negative(f) for f in BOTH_SIGNS[:-1]), special_one),
    "log1pexp": BOTH_SIGNS,
    "logaddexp": (*LOGS, logs_sum_near_one),
    "logsubexp": (*(_larger_first(f) for f in LOGS), _larger_first(logs_difference_near_one)),
}  # fmt: skip
