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


def laplace(m, b, n, c):
    gap = abs(m - n)
    return mp.log(c / b) + gap / c + b / c * mp.exp(-gap / b) - 1


def laplace_density(x, m, b):
    return -abs(x - m) / b - mp.log(2 * b)


def uniform(a, b, c, d):
    return mp.log((d - c) / (b - a))


def uniform_density(x, a, b):
    return -mp.log(b - a) if a <= x <= b else mp.ninf


def nested(rng, gap):
    """Intervals of which the second holds the first, at one or both ends by little."""
    low = rng.normal() * rng.choice([0.0, 1.0, 100.0])
    high = low + 10 ** rng.uniform(-3, 3)
    below, above = gap * (high - low) * rng.uniform(0, 1, 2)
    return low, high, low - below, high + rng.choice([0.0, above])


def exponential(a, b):
    return mp.log(a / b) + b / a - 1


def exponential_density(x, rate):
    return mp.log(rate) - rate * x


def pareto(m, a, n, b):
    return mp.log(a / b) + b / a - 1 + b * mp.log(m / n)


def pareto_density(x, m, a):
    return mp.log(a) + a * mp.log(m) - (a + 1) * mp.log(x) if x >= m else mp.ninf


def beyond(rng, gap):
    """Pareto distributions of which the second begins earlier, or at the same place."""
    scale, shape, other = 10 ** rng.uniform([-3, -3, -3], [3, 6, 6])
    if gap < 10:
        other = shape * (1 + gap * rng.normal() / 4)
    return scale, shape, scale / (1 + gap * rng.choice([0.0, rng.uniform()])), other


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
    Family(
        "kl_lognormal", ("location", "scale"), normal,
        lambda x, m, s: normal_density(mp.log(x), m, s) - mp.log(x),
        lambda m, s: [mp.exp(x) for x in line(m, s)],
        moderate=((0.5, 1.5, -0.25, 0.75), (1.0, 1.0, 1.0, 1.25)),
    ),
    Family(
        "kl_laplace", ("location", "scale"), laplace, laplace_density,
        lambda m, b: sorted([*line(m, 3 * b), *line(m, b), mp.mpf(-0.25), mp.mpf(0.5)]),
        moderate=((0.5, 1.5, -0.25, 0.75), (1.0, 1.0, 1.0, 1.25), (0.0, 2.0, 0.5, 2.0)),
    ),
    Family(
        "kl_uniform", ("location", "location"), uniform, uniform_density,
        lambda a, b: [a, b], draw=nested, smooth=False,
        inside=lambda a, b, c, d: c <= a < b <= d,
        moderate=((0.5, 1.5, -0.25, 1.75), (-1.0, 1.0, -1.0, 1.25)),
    ),
    Family(
        "kl_exponential", ("rate",), exponential, exponential_density,
        lambda rate: [0, 1 / rate, 5 / rate, 20 / rate, mp.inf],
        moderate=((0.5, 1.5), (2.0, 1.875)),
    ),
    Family(
        "kl_pareto", ("scale", "shape"), pareto, pareto_density,
        lambda m, a: [m * mp.exp(k / a) for k in (0, 1, 3, 10, 30, 100)],
        draw=beyond, smooth=False, inside=lambda m, a, n, b: m >= n,
        moderate=((1.5, 2.0, 1.25, 3.0), (1.5, 2.0, 1.5, 1.75)),
    ),
]  # fmt: skip
