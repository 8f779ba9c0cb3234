"""Families in an order alpha, of normalised rows: Renyi, Tsallis, Chernoff, Bhattacharyya."""

from mpmath import mp

from .f_divergences import sum_of
from .rows import ZERO, flags, measure, measures

HALF = mp.mpf(1) / 2


def renyi_divergence(p, q, alpha, from_logits=False):
    """``log(sum(p**a * q**(1 - a))) / (a - 1)`` where p > 0.

    Its limits are KL(p || q) at a = 1, ``-log(sum(q where p > 0))`` at a = 0 and
    ``log(max(p / q))`` at a = inf.
    """
    a = mp.mpf(alpha)
    if a == 1:
        return sum_of("tsallis_divergence", p, q, from_logits, alpha=1)
    if len(p) == 0:
        return ZERO
    rows = measures((p, q), from_logits, True)
    if rows is None:
        return mp.nan
    where = [(x, y) for x, y in zip(*rows, strict=True) if x[0]]
    if a > 1 and any(y == 0 for _, (y, _) in where):
        return mp.inf
    if a == mp.inf:
        return max(log_x - log_y for (_, log_x), (_, log_y) in where)
    if a == 0:
        return -mp.log(mp.fsum(y for _, (y, _) in where))
    powers = [a * log_x + (1 - a) * log_y for (_, log_x), (y, log_y) in where if y]
    return mp.log(mp.fsum(map(mp.exp, powers))) / (a - 1)


def bhattacharyya_distance(p, q, from_logits=False):
    """``-log(sum(sqrt(p * q)))``."""
    return renyi_divergence(p, q, HALF, from_logits) / 2


def bhattacharyya_coefficient(p, q, from_logits=False):
    """``sum(sqrt(p * q))``; 0 of rows without entries."""
    if len(p) == 0:
        return ZERO
    rows = measures((p, q), from_logits, True)
    if rows is None:
        return mp.nan
    return mp.fsum(mp.sqrt(x * y) for (x, _), (y, _) in zip(*rows, strict=True))


def chernoff_information(p, q, from_logits=False):
    """``max(-log(sum(p**s * q**(1 - s) where p, q > 0)))`` over 0 <= s <= 1, and that s.

    The exponent is 1/2 where every exponent has the same sum, and where no sum has a term.
    """
    if len(p) == 0:
        return ZERO, HALF
    rows = measures((p, q), from_logits, True)
    if rows is None:
        return mp.nan, mp.nan
    common = [
        (y, log_x - log_y) for (x, log_x), (y, log_y) in zip(*rows, strict=True) if x and y
    ]
    if not common:
        return mp.inf, HALF
    if proportional(p, q, from_logits):
        return ZERO, HALF
    s = _balance(common)
    return -mp.log(mp.fsum(y * mp.exp(s * d) for y, d in common)), s


def proportional(p, q, from_logits):
    """Whether two measures are equal when normalised, by exact comparisons.

    Of a row of weights and one of logits, the ratios of weights are rational and those of
    exponentials of different floats are not, so that both must be constant.
    """
    p_is_log, q_is_log = flags(from_logits)
    absent = [-mp.inf if is_log else ZERO for is_log in (p_is_log, q_is_log)]
    kept = [(u, v) for u, v in zip(p, q, strict=True) if (u, v) != tuple(absent)]
    if any(u == absent[0] or v == absent[1] for u, v in kept):
        return False
    first, other = kept[0]
    if p_is_log and q_is_log:
        return all(u - v == first - other for u, v in kept)
    if p_is_log or q_is_log:
        return all(u == first and v == other for u, v in kept)
    return all(u * other == first * v for u, v in kept)


def _balance(common):
    """The s in [0, 1] that minimises ``sum(y * exp(s * d))``, a convex function of it.

    Its derivative is zero where ``sum(y * d * exp(s * d))`` over d > 0 equals that over d < 0.
    Newton's method on the logarithm of their ratio, held in a shrinking bracket.
    """
    least = mp.ldexp(1, -mp.prec // 2)  # below it a difference of logarithms is none
    up = [(y * d, d) for y, d in common if d > least]
    down = [(-y * d, d) for y, d in common if -d > least]
    if not up or not down:
        return ZERO if up else mp.mpf(1) if down else HALF

    def slope(s):
        """The logarithm of the ratio, which increases, and its derivative."""
        parts = []
        for side in (up, down):
            terms = [(c * mp.exp(s * d), d) for c, d in side]
            total = mp.fsum(t for t, _ in terms)
            parts.append((mp.log(total), mp.fsum(t * d for t, d in terms) / total))
        (one, one_slope), (other, other_slope) = parts
        return one - other, one_slope - other_slope

    low, high = ZERO, mp.mpf(1)
    if slope(low)[0] >= 0:
        return low
    if slope(high)[0] <= 0:
        return high
    s = HALF
    while True:
        value, rise = slope(s)
        low, high = (s, high) if value < 0 else (low, s)
        after = s - value / rise
        if not low <= after <= high:
            after = (low + high) / 2
        elif abs(after - s) <= mp.ldexp(after, -mp.prec // 3):
            value, rise = slope(after)  # one more step doubles the digits
            return after - value / rise
        s = after


def renyi_entropy(p, alpha, from_logits=False):
    """``log(sum(p**a)) / (1 - a)`` where p > 0.

    Its limits are Shannon's entropy at a = 1, the logarithm of the number of positive masses
    at a = 0 and ``-log(max(p))`` at a = inf.
    """
    a = mp.mpf(alpha)
    if len(p) == 0:
        return ZERO
    row = measure(p, flags(from_logits, 1)[0], True)
    if row is None:
        return mp.nan
    row = [(x, log_x) for x, log_x in row if x]
    if a == 1:
        return -mp.fsum(x * log_x for x, log_x in row)
    if a == mp.inf:
        return -max(log_x for _, log_x in row)
    return mp.log(mp.fsum(mp.exp(a * log_x) for _, log_x in row)) / (1 - a)


def tsallis_entropy(p, alpha, from_logits=False):
    """``(1 - sum(p**a)) / (a - 1)`` where p > 0; Shannon's entropy at a = 1, 0 at a = inf."""
    a = mp.mpf(alpha)
    if a == 1:
        return renyi_entropy(p, 1, from_logits)
    if len(p) == 0:
        return ZERO
    row = measure(p, flags(from_logits, 1)[0], True)
    if row is None:
        return mp.nan
    if a == mp.inf:
        return ZERO
    return (1 - mp.fsum(mp.exp(a * log_x) for x, log_x in row if x)) / (a - 1)


ORDERS = {
    f.__name__: f
    for f in (
        renyi_divergence, bhattacharyya_coefficient, bhattacharyya_distance,
        chernoff_information, renyi_entropy, tsallis_entropy,
    )
}  # fmt: skip
