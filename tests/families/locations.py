"""Families of a location and a scale."""

from mpmath import mp

from .family import Family


def normal(m, s, n, t):
    return mp.log(t / s) + (s**2 + (m - n) ** 2) / (2 * t**2) - mp.mpf(1) / 2


def normal_density(x, m, s):
    return -((x - m) ** 2) / (2 * s**2) - mp.log(s) - mp.log(2 * mp.pi) / 2


def line(m, s):
    return [m + k * s for k in (-40, -10, -3, 0, 3, 10, 40)]


def of_variance(function):
    """A function of (x, mean, std) as one of a variance; x may be missing."""
    return lambda x, m, v: function(x, m, mp.sqrt(v))


def of_log_variance(function):
    return lambda x, m, k: function(x, m, mp.exp(k / 2))


FAMILIES = [
    Family(
        "kl_normal", ("location", "scale"), normal, normal_density, line,
        moderate=((0.5, 1.5, -0.25, 0.75), (1.0, 1.0, 1.0, 1.25), (0.0, 2.0, 0.5, 2.0)),
    ),
    Family(
        "kl_normal", ("location", "scale"),
        lambda m, v, n, w: normal(m, mp.sqrt(v), n, mp.sqrt(w)),
        of_variance(normal_density), lambda m, v: line(m, mp.sqrt(v)),
        options={"scale": "variance"},
        moderate=((0.5, 1.5, -0.25, 0.75), (1.0, 1.0, 1.0, 1.25)),
    ),
    Family(
        "kl_normal", ("location", "log"),
        lambda m, k, n, el: normal(m, mp.exp(k / 2), n, mp.exp(el / 2)),
        of_log_variance(normal_density), lambda m, k: line(m, mp.exp(k / 2)),
        options={"scale": "log_variance"},
        moderate=((0.5, -1.5, -0.25, 0.75), (1.0, 0.0, 1.0, 0.25)),
    ),
]  # fmt: skip
