"""Textbook definitions and derivatives for two outcomes.

``form`` says how a distribution is given: by the probability of one outcome, by that and its
complement, or by a logit; two forms and a slash between them where there are two.
"""

from mpmath import mp

ZERO, ONE = mp.mpf(0), mp.mpf(1)


def binary_entropy(*operands, from_logits=False):
    """``-p1*log(p1) - p0*log(p0)``."""
    (p,) = sides(operands, from_logits, 1)
    return mp.nan if p is None else mp.fsum(-x * log_x for x, log_x in p if x)


def binary_cross_entropy(*operands, from_logits=False, pairs=(False, False)):
    """``-p1*log(q1) - p0*log(q0)``; inf where p has mass and q has none."""
    p, q = sides(operands, from_logits, pairs)
