"""Numbers at two places: the difference is right where subtracting loses it."""

import array_api_compat.numpy as raw
import numpy as np
from mpmath import mp

from relentropy._arrays.changes import Change
from relentropy._arrays.namespace import namespace
from relentropy._formulas.log_gamma import shape_bregman, shape_curvature, shape_slope_gap
from relentropy.testing import ulp_error

XP = namespace("numpy", raw, "float64", True)


def test_arithmetic():
    x, step = np.float64(3.0), np.float64(2.0**-40)
    one = Change(x + step, x, step)
    found = (one * one + 2.0) / (one * 0.5 + 1.0) + 1 / one
    with mp.workprec(300):

        def exactly(v):
            return (v * v + 2) / (v / 2 + 1) + 1 / v

        here, there = exactly(mp.mpf(float(x + step))), exactly(mp.mpf(3))
        assert ulp_error(found.gap, here - there) <= 8
        assert ulp_error(found.here, here) <= 4
        assert ulp_error(found.there, there) <= 4


def f(x):
    return mp.loggamma(x) - x * mp.log(x) + x


def f1(x):
    return mp.digamma(x) - mp.log(x)


def f2(x):
    return mp.polygamma(1, x) - 1 / x


def bregman(y, x):
    return f(y) - f(x) - f1(x) * (y - x)


def test_log_gamma_beside_a_larger_one():
    """x and y from 1e-2 to 1e6, and both a little larger.

    What is added to one in proportion leaves the difference its digits; what is not moves it by
    the divergence of what is added, which may cancel.
    """
    rng = np.random.default_rng(0)
    for _ in range(60):
        x = 10 ** rng.uniform(-2, 6)
        y = x * (1 + 10 ** rng.uniform(-10, -0.5))
        s = x * 10 ** rng.uniform(-12, -1)
        t = s * (1 + 10 ** rng.uniform(-12, -1)) if rng.random() < 0.5 else s
        small = np.float64(t - s)
        y, x, s, t = map(np.float64, (y, x, s, t))
        changes = (
            Change(y, y + t, -t),
            Change(x, x + s, -s),
            Change(y - x, y - x + small, -small),
        )
        with mp.workprec(400):
            u, v, c, d = (mp.mpf(float(one)) for one in (y, x, s, t))
            w, z = u + d, v + c
            of_values = bregman(u, v) - bregman(w, z), bregman(d, c)
            of_slopes = (f1(u) - f1(v)) - (f1(w) - f1(z)), (d - c) * f2(z)
            of_curvature = f2(v) - f2(z), 0
        found = (
            shape_bregman(*changes, xp=XP).gap,
            shape_slope_gap(*changes, xp=XP).gap,
            shape_curvature(changes[1], xp=XP).gap,
        )
        truth = of_values, of_slopes, of_curvature
        for value, (exactly, moved) in zip(found, truth, strict=True):
            size = float(abs(exactly) + abs(moved))
            assert abs(mp.mpf(float(value)) - exactly) <= 16 * np.spacing(size), (y, x, s, t)
