"""Families of counts."""

from mpmath import mp

from relentropy import families

from .family import Family


def poisson(a, b):
    return a * mp.log(a / b) - a + b


def poisson_density(k, rate):
    return k * mp.log(rate) - rate - mp.loggamma(k + 1)


def odds(a):
    return 1 / (1 + mp.exp(-a))


def term(p, q):
    return p * mp.log(p / q) if p else mp.mpf(0)


def bernoulli(p, q):
    return term(p, q) + term(1 - p, 1 - q)


def bernoulli_density(k, p):
    return mp.log(p if k else 1 - p)


def geometric(p, q):
    return mp.log(p / q) + (1 - p) / p * mp.log((1 - p) / (1 - q))


def geometric_density(k, p):
    return k * mp.log(1 - p) + mp.log(p)


def of_logits(function):
    return lambda a, b: function(odds(a), odds(b))


TRIALS = 7


def of_trials(p, q, **more):
    return families.kl_binomial(TRIALS, p, q, **more)


def binomial_density(k, p):
    return mp.log(mp.binomial(TRIALS, k)) + k * mp.log(p) + (TRIALS - k) * mp.log(1 - p)


FAMILIES = [
    Family(
        "kl_poisson", ("rate",), poisson, poisson_density, lambda rate: range(200),
        counts=True, moderate=((3.5, 2.0), (0.25, 0.75), (7.0, 7.125)),
    ),
    Family(
        "kl_bernoulli", ("probability",), bernoulli, bernoulli_density, lambda p: range(2),
        counts=True, moderate=((0.5, 0.25), (0.125, 0.1875)),
    ),
    Family(
        "kl_bernoulli", ("logit",), of_logits(bernoulli),
        lambda k, a: bernoulli_density(k, odds(a)), lambda a: range(2),
        counts=True, options={"from_logits": True}, moderate=((0.5, 0.25), (2.0, -1.0)),
    ),
    Family(
        "kl_binomial", ("probability",), lambda p, q: TRIALS * bernoulli(p, q),
        binomial_density, lambda p: range(TRIALS + 1), call=of_trials,
        counts=True, moderate=((0.5, 0.25), (0.125, 0.1875)),
    ),
    Family(
        "kl_geometric", ("probability",), geometric, geometric_density,
        lambda p: range(700), counts=True, moderate=((0.5, 0.25), (0.125, 0.1875)),
    ),
    Family(
        "kl_geometric", ("logit",), of_logits(geometric),
        lambda k, a: geometric_density(k, odds(a)), lambda a: range(700),
        counts=True, options={"from_logits": True}, moderate=((0.5, 0.25), (-1.0, 2.0)),
    ),
]  # fmt: skip
