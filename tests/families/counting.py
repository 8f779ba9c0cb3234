"""Families of counts."""

from mpmath import mp

from .family import Family


def poisson(a, b):
    return a * mp.log(a / b) - a + b


def poisson_density(k, rate):
    return k * mp.log(rate) - rate - mp.loggamma(k + 1)


FAMILIES = [
    Family(
        "kl_poisson", ("rate",), poisson, poisson_density, lambda rate: range(200),
        counts=True, moderate=((3.5, 2.0), (0.25, 0.75), (7.0, 7.125)),
    ),
]  # fmt: skip
