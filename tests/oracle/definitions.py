"""Textbook definitions in mpmath, evaluated at whatever precision is set.

Every input is an ``mpf`` (or a list of them, for a row) that holds a floating-point number
exactly. Limits are decided by exact comparisons of inputs, never by rounded results, so the
precision changes digits and never the branch taken.
"""

from mpmath import mp

from . import joint as _joint
from .binary import BINARY
from .entries import ENTRIES
from .f_divergences import F_DIVERGENCES
from .orders import ORDERS
from .rows import ZERO, are_logits, flags, measure

# Elementwise ----------------------------------------------------------------------------


def xlogy(x, y):
    """``x * log(y)``, 0 where x = 0; nan for y < 0 unless x = 0."""
    if mp.isnan(x) or mp.isnan(y):
        return mp.nan
    if x == 0:
        return ZERO
    if y < 0:
        return mp.nan
    return x * mp.log(y)


def xlog1py(x, y):
    """``x * log(1 + y)``, 0 where x = 0; nan for y < -1 unless x = 0."""
    if mp.isnan(x) or mp.isnan(y):
        return mp.nan
    if x == 0:
        return ZERO
    if y < -1:
        return mp.nan
    return x * mp.log(1 + y)


def entr(x):
    """``-x * log(x)``, 0 at 0 and -inf for x < 0."""
    if mp.isnan(x):
        return mp.nan
    if x < 0:
        return -mp.inf
    if x == 0:
        return ZERO
    return -x * mp.log(x)


def rel_entr(x, y):
    """``x * log(x / y)`` for x, y > 0, 0 for x = 0 <= y, else inf."""
    if mp.isnan(x) or mp.isnan(y):
        return mp.nan
    if x > 0 and y > 0:
        return x * (mp.log(x) - mp.log(y))
    if x == 0 and y >= 0:
        return ZERO
    return mp.inf


def kl_div(x, y):
    """``x * log(x / y) - x + y`` for x, y > 0, y for x = 0 <= y, else inf.

    Where one side is infinite, the limit, which is inf (SciPy has nan there).
    """
    if mp.isnan(x) or mp.isnan(y) or x == y == mp.inf:
        return mp.nan
    if mp.inf in (x, y):
        return mp.inf
    if x > 0 and y > 0:
        return x * (mp.log(x) - mp.log(y)) - x + y
    if x == 0 and y >= 0:
        return y
    return mp.inf


def log1pmx(x):
    """``log(1 + x) - x``; -inf at -1 and at inf, nan below -1."""
    if mp.isnan(x) or x < -1:
        return mp.nan
    if x == mp.inf:
        return -mp.inf
    return mp.log(1 + x) - x


def expm1mx(x):
    """``exp(x) - 1 - x``; inf at both infinities."""
    if mp.isinf(x):
        return mp.inf
    return mp.exp(x) - 1 - x


def log1mexp(x):
    """``log(1 - exp(x))`` for x <= 0, -inf at 0; nan for x > 0."""
    if mp.isnan(x) or x > 0:
        return mp.nan
    return mp.log(1 - mp.exp(x))


def log1pexp(x):
    """``log(1 + exp(x))``."""
    return mp.log(1 + mp.exp(x))


def logaddexp(x, y):
    """``log(exp(x) + exp(y))``."""
    return mp.log(mp.exp(x) + mp.exp(y))


def logsubexp(x, y):
    """``log(exp(x) - exp(y))``; -inf where x = y (also -inf, -inf), nan for y > x."""
    if mp.isnan(x) or mp.isnan(y) or y > x or x == y == mp.inf:
        return mp.nan
    if x == y:
        return -mp.inf
    return mp.log(mp.exp(x) - mp.exp(y))


# Reductions over a row ------------------------------------------------------------------


def logsumexp(a, b=None):
    """``(log(abs(s)), sign(s))`` with ``s = sum(b * exp(a))``; b may be negative.

    A weight of zero removes its term. No term at all gives (-inf, 0).
    """
    b = [mp.mpf(1)] * len(a) if b is None else b
    if any(mp.isnan(v) for v in [*a, *b]):
        return mp.nan, mp.nan
    total = mp.fsum(w * mp.exp(v) for v, w in zip(a, b, strict=True) if w != 0)
    return mp.log(abs(total)), mp.sign(total)


def log_softmax(a):
    """``a - log(sum(exp(a)))``; a row of -inf only, nan or +inf anywhere: all nan."""
    if not are_logits(a) or all(v == -mp.inf for v in a):
        return [mp.nan] * len(a)
    log_total = mp.log(mp.fsum(mp.exp(v) for v in a))
    return [v - log_total for v in a]


def softmax(a):
    """``exp(a) / sum(exp(a))``; a row of -inf only, nan or +inf anywhere: all nan."""
    if not are_logits(a) or all(v == -mp.inf for v in a):
        return [mp.nan] * len(a)
    weights = [mp.exp(v) for v in a]
    total = mp.fsum(weights)
    return [w / total for w in weights]


def kl_divergence(p, q, from_logits=False, normalize=True):
    """``sum(p * log(p / q))`` of the normalised rows.

    With ``normalize=False`` the generalised divergence ``sum(p * log(p / q) - p + q)``.
    """
    if len(p) == 0:
        return ZERO
    p_is_log, q_is_log = flags(from_logits)
    p = measure(p, p_is_log, normalize)
    q = measure(q, q_is_log, normalize)
    if p is None or q is None:
        return mp.nan
    terms = []
    for (x, log_x), (y, log_y) in zip(p, q, strict=True):
        if x and not y:
            return mp.inf
        if x:
            terms.append(x * (log_x - log_y))
        if not normalize:
            terms.append(y - x)
    return mp.fsum(terms)


def entropy(p, from_logits=False, normalize=True):
    """``-sum(p * log(p))`` of the normalised row; as it stands with ``normalize=False``."""
    if len(p) == 0:
        return ZERO
    p_is_log, _ = flags(from_logits)
    p = measure(p, p_is_log, normalize)
    if p is None:
        return mp.nan
    return -mp.fsum(x * log_x for x, log_x in p if x)


def cross_entropy(p, q, from_logits=False, normalize=True):
    """``-sum(p * log(q))`` of the normalised rows; as they stand with ``normalize=False``."""
    if len(p) == 0:
        return ZERO
    p_is_log, q_is_log = flags(from_logits)
    p = measure(p, p_is_log, normalize)
    q = measure(q, q_is_log, normalize)
    if p is None or q is None:
        return mp.nan
    if any(x and not y for (x, _), (y, _) in zip(p, q, strict=True)):
        return mp.inf
    return -mp.fsum(x * log_y for (x, _), (_, log_y) in zip(p, q, strict=True) if x)


ELEMENTWISE = {
    f.__name__: f
    for f in (
        xlogy, xlog1py, entr, rel_entr, kl_div, log1pmx, expm1mx, log1mexp, log1pexp,
        logaddexp, logsubexp,
    )
} | BINARY  # fmt: skip
REDUCTIONS = (
    {
        f.__name__: f
        for f in (logsumexp, softmax, log_softmax, kl_divergence, entropy, cross_entropy)
    }
    | F_DIVERGENCES
    | ORDERS
    | ENTRIES
)
DEFINITIONS = ELEMENTWISE | REDUCTIONS | _joint.DEFINITIONS
