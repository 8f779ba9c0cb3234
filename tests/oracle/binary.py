"""Textbook definitions and derivatives for two outcomes.

A distribution is given by one operand, the probability of an outcome or its logit, or by two,
the probability and its complement, which are normalised. ``from_logits`` and ``complement`` say
which, as bools or, where there are two distributions, as pairs of them.
"""

from mpmath import mp

ZERO, ONE = mp.mpf(0), mp.mpf(1)


def binary_entropy(*operands, from_logits=False, complement=False):
    """``-p1*log(p1) - p0*log(p0)``."""
    (p,) = outcomes(operands, [from_logits], [complement])
    if p is None:
        return mp.nan
    return mp.fsum(x * s for x, s in zip(p.masses, p.surprises, strict=True) if x)


def binary_cross_entropy(*operands, from_logits=False, complement=False):
    """``-p1*log(q1) - p0*log(q0)``."""
    p, q = outcomes(operands, both(from_logits), both(complement))
    if p is None or q is None:
        return mp.nan
    return mp.fsum(x * t for x, t in zip(p.masses, q.surprises, strict=True) if x)


def binary_kl_divergence(*operands, from_logits=False, complement=False):
    """``p1*log(p1/q1) + p0*log(p0/q0)``."""
    p, q = outcomes(operands, both(from_logits), both(complement))
    if p is None or q is None:
        return mp.nan
    triples = zip(p.masses, p.surprises, q.surprises, strict=True)
    return mp.fsum(x * (t - s) for x, s, t in triples if x)


class Outcomes:
    """The probabilities of an outcome and of its complement.

    Attributes
    ----------
    weights : list of mpf
        Proportional to them, and exact but for logits.
    masses, surprises : list of mpf
        The probabilities, and ``-log`` of each.
    logit : mpf
        The logarithm of the odds.
    """

    def __init__(self, weights, masses, surprises, logit):
        self.weights, self.masses, self.surprises = weights, masses, surprises
        self.logit = logit


def both(flag):
    return list(flag) if isinstance(flag, (tuple, list)) else [flag] * 2


def outcomes(operands, from_logits, complement):
    """The distributions that operands stand for; None for what is none."""
    left, found = list(operands), []
    for is_log, paired in zip(from_logits, complement, strict=True):
        own, left = left[: 1 + paired], left[1 + paired :]
        found.append(_from_logit(*own) if is_log else _from_weights(*own))
    return found


def _from_weights(p, complement=None):
    if not 0 <= p <= 1:  # not true of nan
        return None
    complement = 1 - p if complement is None else complement
    if not 0 <= complement <= 1 or p + complement == 0:
        return None
    weights = [p, complement]
    masses = [w / (p + complement) for w in weights]
    surprises = [-mp.log(x) if x else mp.inf for x in masses]
    logit = surprises[1] - surprises[0] if p and complement else (mp.inf if p else -mp.inf)
    return Outcomes(weights, masses, surprises, logit)


def _from_logit(a):
    if mp.isnan(a):
        return None
    surprises = [mp.log(1 + mp.exp(-a)), mp.log(1 + mp.exp(a))]
    masses = [1 / (1 + mp.exp(-a)), 1 / (1 + mp.exp(a))]
    return Outcomes(masses, masses, surprises, a)


# Derivatives ------------------------------------------------------------------------------


def binary_entropy_slopes(*operands, from_logits=False, complement=False):
    """``log(p0/p1)`` by the probability."""
    (p,) = outcomes(operands, [from_logits], [complement])
    if p is None:
        return [mp.nan] * len(operands)
    return _by_operands(p, from_logits, complement, -p.logit)


def binary_cross_entropy_slopes(*operands, from_logits=False, complement=False):
    """``log(q0/q1)`` by p, 0 where both are certain of the same; ``q - p`` by q's logit."""
    return _two_slopes(operands, from_logits, complement, against_p=False)


def binary_kl_divergence_slopes(*operands, from_logits=False, complement=False):
    """``log(p1*q0/(p0*q1))`` by p; by q the same as the cross-entropy's."""
    return _two_slopes(operands, from_logits, complement, against_p=True)


def _two_slopes(operands, from_logits, complement, against_p):
    from_logits, complement = both(from_logits), both(complement)
    p, q = outcomes(operands, from_logits, complement)
    if p is None or q is None:
        return [mp.nan] * len(operands)
    if p.logit == q.logit and mp.isinf(p.logit):
        rate = ZERO
    elif not against_p:
        rate = -q.logit
    elif any(from_logits) or mp.isinf(p.logit) or mp.isinf(q.logit):
        rate = p.logit - q.logit
    else:  # equal products have equal logarithms
        (x, y), (u, v) = p.weights, q.weights
        rate = mp.log(x * v) - mp.log(y * u)
    by_p = _by_operands(p, from_logits[0], complement[0], rate)
    return by_p + _by_q(p, q, from_logits, complement)


def _by_operands(p, is_log, paired, rate):
    one, other = p.masses
    if is_log:
        return [one * other * rate if one and other else ZERO]
    if not paired:
        return [rate]
    total = mp.fsum(p.weights)
    return [other / total * rate if other else ZERO, -one / total * rate if one else ZERO]


def _by_q(p, q, from_logits, complement):
    (x, y), (u, v) = p.weights, q.weights
    gap = q.masses[0] - p.masses[0]
    if not any(from_logits):
        gap = (u * y - x * v) / ((x + y) * (u + v))  # exactly 0 where the two are equal
    if from_logits[1]:
        return [gap]
    total = mp.fsum(q.weights)
    ends = [(ONE if mass == 0 else -mp.inf) / total for mass in p.masses]
    if complement[1]:
        return [gap / u if u else ends[0], -gap / v if v else ends[1]]
    if u and v:
        return [gap / (u * v)]
    return [-ends[1] if u else ends[0]]


BINARY = {f.__name__: f for f in (binary_entropy, binary_cross_entropy, binary_kl_divergence)}
BINARY_SLOPES = {
    "binary_entropy": binary_entropy_slopes,
    "binary_cross_entropy": binary_cross_entropy_slopes,
    "binary_kl_divergence": binary_kl_divergence_slopes,
}
