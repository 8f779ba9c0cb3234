"""Divergences that are a sum of one term for each entry.

A term is a function of two masses and their logarithms, homogeneous of degree one, and says
itself what it is where one of the masses is zero; entries that are zero on both sides
contribute nothing. The same sum is the divergence of normalised rows and, with
``normalize=False``, of measures as they stand.
"""

from mpmath import mp

from .rows import ZERO, measures


def jeffreys_divergence(p, q, from_logits=False, normalize=True):
    """``sum((p - q) * log(p / q))``; inf where exactly one of p and q is zero."""
    return _total(_jeffreys, p, q, from_logits, normalize)


def js_divergence(p, q, weight=0.5, from_logits=False, normalize=True):
    """``(1 - w) * KL(p || m) + w * KL(q || m)`` with ``m = (1 - w) * p + w * q``."""
    return _total(_js(mp.mpf(weight)), p, q, from_logits, normalize)


def js_distance(p, q, from_logits=False, normalize=True):
    """The square root of ``js_divergence`` at weight 1/2."""
    return _root(js_divergence(p, q, 0.5, from_logits, normalize))


def hellinger_distance(p, q, from_logits=False, normalize=True):
    """``sqrt(sum((sqrt(p) - sqrt(q))**2) / 2)``."""
    return _root(_total(_squared_hellinger, p, q, from_logits, normalize))


def total_variation(p, q, from_logits=False, normalize=True):
    """``sum(abs(p - q)) / 2``."""
    return _total(_variation, p, q, from_logits, normalize)


def chi2_divergence(p, q, kind="pearson", from_logits=False, normalize=True):
    """``sum((p - q)**2 / q)``, or with p in the denominator for "neyman"."""
    return _total({"pearson": _pearson, "neyman": _neyman}[kind], p, q, from_logits, normalize)


def triangular_discrimination(p, q, from_logits=False, normalize=True):
    """``sum((p - q)**2 / (p + q))``."""
    return _total(_triangular, p, q, from_logits, normalize)


def alpha_divergence(p, q, alpha, from_logits=False, normalize=True):
    """``sum(p**a * q**(1 - a) - a * p - (1 - a) * q) / (a * (a - 1))``, Amari's.

    KL(p || q) in the limit a = 1, and KL(q || p) in the limit a = 0.
    """
    return _total(_alpha(mp.mpf(alpha)), p, q, from_logits, normalize)


def tsallis_divergence(p, q, alpha, from_logits=False, normalize=True):
    """``sum(p**a * q**(1 - a) - a * p - (1 - a) * q) / (a - 1)`` for a >= 0.

    KL(p || q) in the limit a = 1, and q's mass where p is zero in the limit a = 0.
    """
    return _total(_tsallis(mp.mpf(alpha)), p, q, from_logits, normalize)


def skew_kl_divergence(p, q, weight=0.5, from_logits=False, normalize=True):
    """``KL(p || m)`` with ``m = (1 - w) * p + w * q``."""
    return _total(_skew(mp.mpf(weight)), p, q, from_logits, normalize)


def f_divergence(p, q, generator, from_logits=False, normalize=True):
    """A sum of the terms that a name stands for."""
    return _total(_NAMED[generator], p, q, from_logits, normalize)


def generalized_js_divergence(*rows, weights=None, from_logits=False, normalize=True):
    """``sum_k w_k * KL(p_k || m)`` with ``m = sum_k w_k * p_k``, the w_k normalised."""
    weights = [mp.mpf(w) for w in weights or [1] * len(rows)]
    total = mp.fsum(weights)
    found = measures(rows, from_logits, normalize)
    if found is None:
        return mp.nan if rows[0] else ZERO
    terms = []
    for entries in zip(*found, strict=True):
        mixed = mp.fsum(w * x for w, (x, _) in zip(weights, entries, strict=True)) / total
        for w, (x, log_x) in zip(weights, entries, strict=True):
            if w:
                terms.append(w / total * _kl(x, log_x, mixed, mp.log(mixed)))
    return mp.fsum(terms)


def _total(term, p, q, from_logits, normalize):
    if len(p) == 0:
        return ZERO
    rows = measures((p, q), from_logits, normalize)
    if rows is None:
        return mp.nan
    terms = [term(*x, *y) for x, y in zip(*rows, strict=True) if x[0] or y[0]]
    return mp.inf if mp.inf in terms else mp.fsum(terms)


def _root(value):
    # What rounding leaves of a zero may have either sign.
    return mp.sqrt(value) if mp.isnan(value) or value > 0 else ZERO


def _kl(x, log_x, y, log_y):
    if x == 0:
        return y
    if y == 0:
        return mp.inf
    return x * (log_x - log_y) - x + y


def _jeffreys(x, log_x, y, log_y):
    if x == 0 or y == 0:
        return mp.inf
    return (x - y) * (log_x - log_y)


def _squared_hellinger(x, log_x, y, log_y):
    return (mp.sqrt(x) - mp.sqrt(y)) ** 2 / 2


def _variation(x, log_x, y, log_y):
    return abs(x - y) / 2


def _pearson(x, log_x, y, log_y):
    return (x - y) ** 2 / y if y else mp.inf


def _neyman(x, log_x, y, log_y):
    return _pearson(y, log_y, x, log_x)


def _triangular(x, log_x, y, log_y):
    return (x - y) ** 2 / (x + y)


def _skew(w):
    def term(x, log_x, y, log_y):
        if w == 0:
            return ZERO
        if w == 1:
            return _kl(x, log_x, y, log_y)
        mixed = (1 - w) * x + w * y
        return _kl(x, log_x, mixed, mp.log(mixed))

    return term


def _js(w):
    def term(x, log_x, y, log_y):
        if w in (0, 1):
            return ZERO
        from_p = _skew(w)(x, log_x, y, log_y)
        from_q = _skew(1 - w)(y, log_y, x, log_x)
        return (1 - w) * from_p + w * from_q

    return term


def _alpha(a):
    def term(x, log_x, y, log_y):
        if a == 1:
            return _kl(x, log_x, y, log_y)
        if a == 0:
            return _kl(y, log_y, x, log_x)
        if x == 0:
            return y / a if a > 0 else mp.inf
        if y == 0:
            return x / (1 - a) if a < 1 else mp.inf
        power = mp.exp(a * log_x + (1 - a) * log_y)
        return (power - a * x - (1 - a) * y) / (a * (a - 1))

    return term


def _tsallis(a):
    def term(x, log_x, y, log_y):
        if x == 0:
            return y
        if y == 0:
            return a * x / (1 - a) if a < 1 else mp.inf
        return a * _alpha(a)(x, log_x, y, log_y)

    return term


_NAMED = {
    "kl": _kl,
    "reverse-kl": lambda x, log_x, y, log_y: _kl(y, log_y, x, log_x),
    "jeffreys": _jeffreys,
    "jensen-shannon": _js(mp.mpf(0.5)),
    "squared-hellinger": _squared_hellinger,
    "total-variation": _variation,
    "pearson": _pearson,
    "neyman": _neyman,
    "triangular": _triangular,
}
F_DIVERGENCES = {
    f.__name__: f
    for f in (
        jeffreys_divergence, js_divergence, js_distance, hellinger_distance, total_variation,
        chi2_divergence, triangular_discrimination, alpha_divergence, tsallis_divergence,
        skew_kl_divergence, generalized_js_divergence, f_divergence,
    )
}  # fmt: skip
