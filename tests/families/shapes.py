"""Families with shapes."""

from mpmath import mp

from .family import Family


def gamma(a, b, c, d):
    return (
        (a - c) * mp.digamma(a) - mp.loggamma(a) + mp.loggamma(c)
        + c * (mp.log(b) - mp.log(d)) + a * (d - b) / b
    )  # fmt: skip


def gamma_density(x, a, b):
    return a * mp.log(b) - mp.loggamma(a) + (a - 1) * mp.log(x) - b * x


def inverse_gamma_density(x, a, b):
    return a * mp.log(b) - mp.loggamma(a) - (a + 1) * mp.log(x) - b / x


def log_beta(a, b):
    return mp.loggamma(a) + mp.loggamma(b) - mp.loggamma(a + b)


def beta(a, b, c, d):
    return (
        log_beta(c, d) - log_beta(a, b) + (a - c) * mp.digamma(a) + (b - d) * mp.digamma(b)
        + (c - a + d - b) * mp.digamma(a + b)
    )  # fmt: skip


def beta_density(x, a, b):
    return (a - 1) * mp.log(x) + (b - 1) * mp.log1p(-x) - log_beta(a, b)


FAMILIES = [
    Family(
        "kl_gamma", ("shape", "rate"), gamma, gamma_density,
        lambda a, b: [0, a / b / 100, a / b, 4 * a / b, 20 * a / b, 200 * a / b],
        moderate=((2.5, 1.5, 3.25, 0.75), (1.5, 2.0, 1.75, 2.0), (2.0, 3.0, 3.0, 4.5)),
    ),
    Family(
        "kl_gamma", ("shape", "scale"), lambda a, b, c, d: gamma(a, 1 / b, c, 1 / d),
        lambda x, a, b: gamma_density(x, a, 1 / b),
        lambda a, b: [0, a * b / 100, a * b, 4 * a * b, 20 * a * b, 200 * a * b],
        options={"parameter": "scale"}, moderate=((2.5, 1.5, 3.25, 0.75),),
    ),
    Family(
        "kl_inverse_gamma", ("shape", "scale"), gamma, inverse_gamma_density,
        lambda a, b: [0, b / a / 20, b / a / 4, b / a, 10 * b / a, 1000 * b / a, mp.inf],
        moderate=((4.5, 1.5, 5.25, 0.75), (6.0, 3.0, 6.5, 3.0)),
    ),
    Family(
        "kl_beta", ("shape", "shape"), beta, beta_density, lambda a, b: [0, 0.5, 1],
        moderate=((2.5, 1.5, 3.25, 2.75), (2.0, 3.0, 2.5, 3.0)),
    ),
]  # fmt: skip
