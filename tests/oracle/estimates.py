"""Textbook definitions of what `relentropy.estimators` estimates with, in mpmath.

Everything is evaluated at 3000 bits, which holds inputs from 1e-320 to 1e300 side by side.
"""

from mpmath import mp, mpf

BITS = 3000


def _exact(value):
    return mpf(float(value))


def estimate(name, log_p, log_r, log_weight=0.0):
    """k1, k2, k3 or abs, times the weight."""
    with mp.workprec(BITS):
        u = _exact(log_p) - _exact(log_r)
        value = {
            "k1": u,
            "k2": u * u / 2,
            "k3": mp.exp(-u) - 1 + u,
            "abs": abs(u),
        }[name]
        return mp.exp(_exact(log_weight)) * value


def estimate_slope(name, log_p, log_r):
    """The derivative by log_p."""
    with mp.workprec(BITS):
        u = _exact(log_p) - _exact(log_r)
        return {"k1": mpf(1), "k2": u, "k3": 1 - mp.exp(-u), "abs": mp.sign(u)}[name]


def token_log_prob(logits, token, temperature=1.0):
    with mp.workprec(BITS):
        exponents = [_exact(a) / _exact(temperature) for a in logits]
        top = max(exponents)
        return exponents[token] - top - mp.log(mp.fsum(mp.exp(a - top) for a in exponents))


def token_slopes(logits, token, temperature=1.0):
    """The derivatives of the log-probability by all logits."""
    with mp.workprec(BITS):
        shares = _shares(logits, temperature)
        return [((i == token) - p) / _exact(temperature) for i, p in enumerate(shares)]


def row_entropy(logits, temperature=1.0):
    with mp.workprec(BITS):
        return mp.fsum(-p * mp.log(p) for p in _shares(logits, temperature) if p)


def _shares(logits, temperature):
    exponents = [_exact(a) / _exact(temperature) for a in logits]
    top = max(exponents)
    weights = [mp.exp(a - top) for a in exponents]
    return [w / mp.fsum(weights) for w in weights]


def kl_at_temperature(p, q, temperature):
    with mp.workprec(BITS):
        p, q = _shares(p, temperature), _shares(q, temperature)
        return mp.fsum(x * mp.log(x / y) for x, y in zip(p, q, strict=True))


def kl_slopes_at_temperature(p, q, temperature):
    """The derivatives by q."""
    with mp.workprec(BITS):
        p, q = _shares(p, temperature), _shares(q, temperature)
        return [(y - x) / _exact(temperature) for x, y in zip(p, q, strict=True)]


def partial_kl(rest, teacher, student):
    with mp.workprec(BITS):
        p, q = ([mp.exp(_exact(a)) for a in row] for row in (teacher, student))
        if rest == "renormalize":
            p, q = ([x / mp.fsum(row) for x in row] for row in (p, q))
        known = mp.fsum(x * mp.log(x / y) for x, y in zip(p, q, strict=True) if x)
        if rest != "bucket":
            return known
        left, other = 1 - mp.fsum(p), 1 - mp.fsum(q)
        return known + left * mp.log(left / other)


def partial_slopes(teacher, student):
    """The bucket's derivatives by the student's log-probabilities."""
    with mp.workprec(BITS):
        p, q = ([mp.exp(_exact(a)) for a in row] for row in (teacher, student))
        ratio = (1 - mp.fsum(p)) / (1 - mp.fsum(q))
        return [y * ratio - x for x, y in zip(p, q, strict=True)]
