"""Extremes whose exponent is a small difference of large numbers, or large itself."""

import numpy as np
from mpmath import mp

from relentropy._records import CLOSED_FORMS
from relentropy.families import kl_gumbel, kl_weibull
from relentropy.testing import ulp_error

from .extremes import gumbel, weibull

BOUND = CLOSED_FORMS["kl_gumbel"].ulp["float64"]


def ratios(rng):
    """A ratio of scales, an exponent that is wanted, and what lgamma adds to it."""
    r = 10 ** rng.uniform(-3, 6)
    x = rng.uniform(-5, 30) if rng.random() < 0.5 else rng.uniform(-700, 700)
    return r, x, float(mp.loggamma(1 + mp.mpf(r)))


def test_gumbel():
    rng = np.random.default_rng(0)
    for _ in range(300):
        r, x, added = ratios(rng)
        scale, location = 10 ** rng.uniform(-2, 2), rng.normal()
        row = location, r * scale, location + (x - added) * scale, scale
        with mp.workprec(400):
            exactly = gumbel(*map(mp.mpf, row))
        assert ulp_error(kl_gumbel(*row), exactly) <= BOUND, row


def test_weibull():
    rng = np.random.default_rng(1)
    tried = 0
    for _ in range(300):
        r, x, added = ratios(rng)
        shape = 10 ** rng.uniform(-1, 3)
        if abs(x - added) > 600 * shape:
            continue
        tried += 1
        row = shape / r, 2.0 * np.exp((x - added) / shape), shape, 2.0
        with mp.workprec(400):
            exactly = weibull(*map(mp.mpf, row))
        assert ulp_error(kl_weibull(*row), exactly) <= BOUND, row
    assert tried > 150


def test_what_overflows_is_infinite():
    assert kl_gumbel(0.0, 1.0, 1000.0, 1.0) == np.inf
    assert kl_gumbel(0.0, 1.0, 1e308, 1e-300) == np.inf
    assert kl_weibull(1.0, 1e300, 2.0, 1e-300) == np.inf
