"""Rows written by hand, and rows drawn for few functions."""

import numpy as np

INF, NAN = np.inf, np.nan


def special_weights(fmt, n):
    """Pairs of weights of length n that meet the conventions, and the edges of the range."""
    tiny, top = fmt.tiny, fmt.largest
    pairs = {
        1: [
            ([1.0], [1.0]), ([1.0], [3.0]), ([tiny], [top]), ([0.0], [0.0]), ([0.0], [1.0]),
            ([1.0], [0.0]), ([-1.0], [1.0]), ([NAN], [1.0]), ([1.0], [INF]), ([INF], [INF]),
        ],
        2: [
            ([0.5, 0.5], [0.25, 0.75]), ([1.0, 0.0], [0.5, 0.5]), ([0.0, 1.0], [1.0, 0.0]),
            ([0.0, 0.0], [1.0, 1.0]), ([1.0, 1.0], [0.0, 0.0]), ([0.0, 0.0], [0.0, 0.0]),
            ([tiny, tiny], [tiny, 2 * tiny]), ([0.0, tiny], [tiny, tiny]),
            ([top / 4, tiny], [top / 4, top / 4]), ([tiny, 1.0], [1.0, tiny]),
            ([1.0, -0.0], [1.0, 0.0]), ([1.0, -tiny], [1.0, 1.0]), ([0.0, NAN], [1.0, 0.0]),
            ([1.0, 0.0], [1.0, NAN]), ([1.0, 1.0], [0.0, NAN]), ([1.0, 1.0], [INF, 0.0]),
        ],
        3: [
            ([0.5, 0.5, 0.0], [0.375, 0.375, 0.25]), ([1.0, 0.0, 0.0], [1.0, 0.0, 0.0]),
            ([1.0, 0.0, 0.0], [tiny, 1.0, 1.0]), ([3.0, 0.0, 5.0], [0.0, 0.0, 1.0]),
            ([1.0, 2.0, 3.0], [2.0, 4.0, 6.0]), ([1.0, 1.0, 1.0], [1.0, -1.0, 1.0]),
            ([0.0, 1.0, 0.0], [NAN, 1.0, 1.0]), ([1.0, INF, 1.0], [1.0, 1.0, 1.0]),
        ],
    }  # fmt: skip
    return _stack(fmt, pairs[n])


def special_logits(fmt, n):
    """Pairs of logits of length n that meet the conventions, and the edges of the range."""
    tiny, top = fmt.tiny, fmt.largest
    pairs = {
        1: [
            ([0.0], [0.0]), ([0.0], [3.0]), ([top / 2], [-top / 2]), ([-INF], [-INF]),
            ([-INF], [0.0]),
            ([0.0], [-INF]), ([INF], [0.0]), ([0.0], [INF]), ([NAN], [0.0]), ([tiny], [tiny]),
        ],
        2: [
            ([0.0, 0.0], [0.0, 1.0]), ([0.0, 0.0], [0.0, tiny]), ([40.0, 0.0], [41.0, 0.0]),
            ([0.0, -INF], [0.0, 0.0]), ([0.0, -INF], [0.0, -INF]), ([-INF, 0.0], [0.0, -INF]),
            ([0.0, 0.0], [0.0, -INF]), ([-INF, -INF], [0.0, 0.0]), ([0.0, 0.0], [-INF, -INF]),
            ([-INF, -INF], [-INF, -INF]), ([top / 4, 0.0], [top / 4, 0.0]),
            ([top / 4, top / 4], [top / 4, 0.0]), ([-top / 4, 0.0], [0.0, -top / 4]),
            ([0.0, -INF], [0.0, NAN]), ([0.0, INF], [0.0, 0.0]), ([0.0, NAN], [0.0, -INF]),
            ([90.0, 0.0], [-90.0, 0.0]),
        ],
        3: [
            ([0.0, 1.0, -INF], [0.5, 1.0, -INF]), ([0.0, -INF, 2.0], [-INF, 3.0, 2.0]),
            ([10.0, 0.0, 0.0], [10.0, 0.0, 0.0]), ([1.0, 2.0, 3.0], [2.0, 3.0, 4.0]),
            ([0.0, -INF, -INF], [-1000.0, 0.0, 1.0]), ([NAN, 0.0, 0.0], [0.0, 0.0, 0.0]),
            ([0.0, 0.0, 0.0], [0.0, 0.0, INF]), ([-INF, 0.0, 0.0], [0.0, -INF, NAN]),
        ],
    }  # fmt: skip
    return _stack(fmt, pairs[n])


def _stack(fmt, pairs):
    return tuple(fmt.round([pair[side] for pair in pairs]) for side in (0, 1))


# One side in weights, the other in logarithms -------------------------------------------


def mixed(draw, fmt, shape, regime, log_side):
    """A pair of rows of which one is turned into logarithms, rounded and perhaps jittered.

    ``log_side`` is 0 where the teacher is given by logits, 1 where the student is.
    """
    p = fmt.round(draw.uniform(shape) * 0.9 + 2.0**-6).astype(np.float64)
    other = p
    if regime == "spread":
        other = draw.uniform(shape) + 2.0**-6
    elif regime == "gap 1e-04":
        other = p * (1 + 1e-4 * draw.gaussian(shape))
    log = fmt.round(np.log(other))
    if regime == "ulps":
        log = fmt.step(log, draw.integers(-2, 3, shape))
    elif regime == "offset":
        log = fmt.round(np.log(other) + 5.0)
    elif regime == "masked":
        weights, log = p.copy(), log.copy()
        weights[:, -1], log[:, 0] = 0.0, -np.inf
        if log_side == 0:
            weights[::2, -1] = p[::2, -1]
        else:
            log[::2, 0] = fmt.round(np.log(p[::2, 0]))
        p = weights
    linear = fmt.round(p)
    return (log, linear) if log_side == 0 else (linear, log)


MIXED = ("spread", "gap 1e-04", "rounded", "ulps", "offset", "masked")


# logsumexp ------------------------------------------------------------------------------


def sum_near_one(draw, fmt, shape):
    """Rounded log-probabilities: their logsumexp nearly vanishes."""
    p = draw.uniform(shape) + 2.0**-6
    return (fmt.round(np.log(p / p.sum(axis=1, keepdims=True))),)


def weighted(draw, fmt, shape, regime):
    """Exponents and weights for logsumexp."""
    a = fmt.round(2.0 * draw.gaussian(shape))
    b = draw.gaussian(shape)
    if regime == "weighted":
        b = np.abs(b)
    elif regime == "weighted far":
        reach = min(fmt.emax - 4, 400)
        b = draw.power(-reach, reach, shape) * draw.signs(shape)
        a = fmt.round(50.0 * draw.gaussian(shape))
    elif regime == "weighted offset":
        offset = np.where(np.arange(shape[0]) % 2 == 0, 1e4, -1e4)[:, None]
        a = fmt.round(2.0 * draw.gaussian(shape) + offset)
    elif regime == "zero weights":
        b = np.where(draw.chance(0.4, shape), 0.0, b)
        a[:, 0] = -np.inf
    elif regime == "cancelling":
        # Each odd entry nearly takes away the one before it.
        b = fmt.round(b)
        first = slice(0, shape[1] // 2 * 2, 2)
        steps = draw.integers(0, 3, a[:, first].shape)
        a[:, 1::2] = fmt.step(a[:, first], steps)
        b[:, 1::2] = -b[:, first]
    elif regime == "near one":
        b = np.exp(-a.astype(np.float64)) / shape[1] * (1 + 1e-3 * draw.gaussian(shape))
    return a, fmt.round(b)


WEIGHTED = (
    "weighted", "signed", "weighted far", "weighted offset", "zero weights", "cancelling",
    "near one",
)  # fmt: skip


def special_exponents(fmt, n):
    tiny, top = fmt.tiny, fmt.largest
    rows = {
        1: [[0.0], [tiny], [top], [-top], [-INF], [INF], [NAN]],
        2: [
            [0.0, 0.0], [-INF, 0.0], [-INF, -INF], [INF, 0.0], [INF, -INF], [INF, INF],
            [NAN, 0.0], [NAN, -INF], [NAN, INF], [top, top], [-top, -top], [top, -top],
            [tiny, -INF], [0.0, -20.0], [0.0, -40.0], [0.0, -90.0], [0.0, -720.0],
            [0.0, -745.0],
        ],
        3: [[0.0, -INF, 0.0], [-1.0, -1.0, -1.0], [INF, -INF, NAN], [1e4, 1e4, 1e4]],
    }  # fmt: skip
    return (fmt.round(rows[n]),)


def special_weighted(fmt):
    rows = [
        ([0.0, 0.0], [1.0, -1.0]), ([0.0, 0.0], [-1.0, -1.0]), ([0.0, 0.0], [0.0, 0.0]),
        ([-INF, 0.0], [1.0, -2.0]), ([-INF, -INF], [1.0, -2.0]), ([1.0, 2.0], [0.0, 3.0]),
        ([INF, 0.0], [1.0, 1.0]), ([INF, 0.0], [-1.0, 1.0]), ([0.0, 0.0], [NAN, 1.0]),
        ([NAN, 0.0], [1.0, 1.0]), ([0.0, 0.0], [fmt.tiny, 0.0]), ([-INF, 0.0], [0.0, 0.5]),
    ]  # fmt: skip
    return _stack(fmt, rows)
