"""What the tests of derivatives share: difference quotients of a definition, and rows."""

import itertools
import math

import numpy as np
from mpmath import mp

from tests.oracle import DEFINITIONS, conditions, derivatives
from tests.tables.draw import Draw

FLAGS = [(False, False), (False, True), (True, False), (True, True)]


def flat(nested):
    return [v for x in nested for v in (x if isinstance(x, (list, tuple)) else [x])]


def like(nested, values):
    values = iter(values)
    return [
        list(itertools.islice(values, len(x))) if isinstance(x, list) else next(values)
        for x in nested
    ]


def floats(nested):
    return [[float(v) for v in x] if isinstance(x, list) else float(x) for x in nested]


def quotients(function, inputs, options, seeds=None, digits=200, step=50):
    """Central differences of the definition, at as many digits, nested as the inputs."""

    def value(args):
        result = DEFINITIONS[function](*like(inputs, args), **options)
        if seeds is not None:
            return mp.fsum(c * v for c, v in zip(seeds, result, strict=True))
        return result[0] if isinstance(result, tuple) else result

    with mp.workdps(digits):
        args = [mp.mpf(v) for v in flat(inputs)]
        slopes = []
        for i, v in enumerate(args):
            h = mp.mpf(10) ** -step * (abs(v) or 1)
            up, down = (value([*args[:i], v + d, *args[i + 1 :]]) for d in (h, -h))
            slopes.append((up - down) / (2 * h))
        return like(inputs, slopes)


def assert_quotients(function, inputs, options, seeds=None, right=40, **precision):
    expected = quotients(function, inputs, options, seeds, **precision)
    value = derivatives(function, inputs, options, seeds)
    assert [np.shape(v) for v in value] == [np.shape(v) for v in inputs]
    with mp.workdps(80):
        for v, e in zip(flat(value), flat(expected), strict=True):
            assert abs(v - e) <= abs(e) * mp.mpf(10) ** -right, (function, inputs, options)


def weights(draw, n):
    return (draw.uniform(n) + 2.0**-9).tolist()


def logits(draw, n):
    return (3 * draw.gaussian(n)).tolist()


def pairs(seed, n=5):
    """Two rows that have little in common, and two that are close."""
    draw = Draw(seed)
    for from_logits in FLAGS:
        rows = [logits(draw, n) if flag else weights(draw, n) for flag in from_logits]
        yield from_logits, rows
        for gap in (1e-3, 1e-8, 1e-14):
            first, noise = weights(draw, n), draw.gaussian(n).tolist()
            near = [v * (1 + gap * g) for v, g in zip(first, noise, strict=True)]
            rows = [
                [math.log(v) for v in row] if flag else row
                for row, flag in zip((first, near), from_logits, strict=True)
            ]
            yield from_logits, rows


def assert_operands(function, inputs, options, expected, seeds=None):
    value = derivatives(function, inputs, options, seeds)
    condition = conditions(function, inputs, options, seeds)
    for row, vs, cs, es in zip(inputs, value, condition, expected, strict=True):
        assert isinstance(vs, list)
        assert len(vs) == len(cs) == len(row)
        assert all(c >= 1 for c in cs)
        if es is not None:
            # Logarithms were rounded before they became logits.
            np.testing.assert_allclose([float(v) for v in vs], es, rtol=1e-14, atol=1e-16)
        for v, c in zip(vs, cs, strict=True):
            assert c == 1 or mp.isfinite(v)
