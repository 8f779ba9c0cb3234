"""Families of extremes."""

from mpmath import mp

from .family import Family


def gumbel(m, s, n, t):
    return (
        mp.log(t / s) + mp.euler * (s / t - 1) + mp.exp((n - m) / t) * mp.gamma(1 + s / t) - 1
        + (m - n) / t
    )  # fmt: skip


def gumbel_density(x, m, s):
    z = (x - m) / s
    return -z - mp.exp(-z) - mp.log(s)


def weibull(a, b, c, d):
    return (
        mp.log(a / b**a) - mp.log(c / d**c) + (a - c) * (mp.log(b) - mp.euler / a)
        + (b / d) ** c * mp.gamma(c / a + 1) - 1
    )  # fmt: skip


def weibull_density(x, a, b):
    return mp.log(a / b) + (a - 1) * mp.log(x / b) - (x / b) ** a


FAMILIES = [
    Family(
        "kl_gumbel", ("location", "scale"), gumbel, gumbel_density,
        lambda m, s: [m + k * s for k in (-6, -3, 0, 3, 10, 40, 100)],
        moderate=((0.5, 1.5, -0.25, 0.75), (1.0, 1.0, 1.0, 1.25), (0.0, 2.0, 0.5, 2.0)),
    ),
    Family(
        "kl_weibull", ("shape", "scale"), weibull, weibull_density,
        lambda a, b: [b * k ** (1 / a) for k in (0, 0.01, 0.3, 1, 3, 10, 40, 100)],
        moderate=((2.5, 1.5, 3.25, 0.75), (1.5, 2.0, 1.75, 2.0)),
    ),
]  # fmt: skip
