"""First derivatives of the definitions, written by hand, and how far they cancel.

Each formula stands as in a textbook and gives pairs: a component and its condition number.
Limits are decided by exact comparisons of inputs. A difference that cancels entirely is
recognised by its size: the starting precision holds the inputs side by side, so that no
difference other than zero is smaller than its last bit. (Beyond `MAX_EXP_BITS`, where logits
are 11000 apart, what remains of a difference counts as zero; no dtype would hold it.)
"""

from mpmath import mp

from . import joint as _joint
from .binary import BINARY_SLOPES
from .components import NOTHING, ONE, UNDEFINED, cancelled, side, times_slope, unless_rounding
from .definitions import ELEMENTWISE
from .entries import ENTRIES
from .evaluate import agreed, exact, raised, starting_precision
from .f_slopes import F_SLOPES
from .order_slopes import ORDER_SLOPES
from .rows import ZERO, are_logits, flags

SEEDED = ("softmax", "log_softmax", "pointwise_mutual_information", *ENTRIES)


def derivatives(function, inputs, options=None, seeds=None):
    """Return the first derivatives of a definition, right to 60 digits.

    Parameters
    ----------
    function : str
        A name in `DEFINITIONS`.
    inputs : sequence
        The inputs as for `evaluate`, in a sequence.
    options : dict, optional
        ``from_logits``, ``normalize`` and parameters, where the function has them.
    seeds : sequence of floats, optional
        For the functions that return a number for each entry of a row, such as ``softmax``,
        and required there: one cotangent an entry.
        The result is then the vector-Jacobian product.

    Returns
    -------
    list
        For each operand an mpf, or a list of them for the functions of rows. That of
        ``logsumexp`` is the derivative of ``log(abs(sum))``, and that of
        ``chernoff_information`` the derivative of its value.
    """
    return _part(0, function, slopes(function, inputs, options, seeds))


def conditions(function, inputs, options=None, seeds=None):
    """Return the condition number of every component of `derivatives`.

    It measures the cancellation that no formula avoids, given exact masses and exact
    logarithms of their ratios.

    Parameters
    ----------
    function, inputs, options, seeds
        As for `derivatives`.

    Returns
    -------
    list
        Nested as the derivatives. At least 1; inf where a component is zero because its
        terms cancel; 1 where it is zero without any terms, infinite or nan.
    """
    return _part(1, function, slopes(function, inputs, options, seeds))


def _part(index, function, operands):
    parts = [[pair[index] for pair in operand] for operand in operands]
    return [part[0] for part in parts] if function in ELEMENTWISE else parts


def slopes(function, inputs, options=None, seeds=None):
    """Return `derivatives` and `conditions` at once.

    Returns
    -------
    list of lists of pairs
        For each operand, and each of its entries, a component and its condition number;
        lists of one pair for the elementwise functions.
    """
    if (seeds is not None) != (function in SEEDED):
        raise TypeError("functions with a result for each entry, and no other, need seeds")
    args = [exact(v) for v in inputs]
    options, seeds = options or {}, None if seeds is None else exact(seeds)
    bits = starting_precision(function, args, options)
    keywords = {"bits": bits}
    if seeds is not None:
        magnitudes = [mp.mag(c) for c in seeds if c and mp.isfinite(c)] or [0]
        keywords["bits"] = bits = bits + 2 * (max(magnitudes) - min(magnitudes))
        keywords["seeds"] = seeds
    if function in ELEMENTWISE:
        keywords = {}
    precision = bits + 128  # what rounding leaves of a zero is then below the last bit
    previous = None
    while True:
        with mp.workprec(precision):
            if function in ELEMENTWISE:
                operands = _elementwise(function, *args, **options)
            else:
                operands = _ROWS[function](*args, **keywords, **options)
            operands = [[(v, _at_least_one(v, c)) for v, c in row] for row in operands]
        now = [v for row in operands for v, _ in row]
        if agreed(previous, now):
            return operands
        previous = now
        precision = raised(precision)


def _at_least_one(value, condition):
    return max(ONE, condition) if mp.isfinite(value) else ONE


# Elementwise ----------------------------------------------------------------------------


def _elementwise(function, *point, **options):
    if any(mp.isnan(v) for v in point):
        return [[UNDEFINED]] * len(point)
    return [[(v, ONE)] for v in _POINTS[function](*point, **options)]


def _xlogy(x, y):
    """``log(y)`` and ``x / y``."""
    if y < 0:
        return mp.nan, ZERO if x == 0 else mp.nan
    if x == 0:
        return ZERO if y == 0 else mp.log(y), ZERO
    if y == 0:
        return -mp.inf, mp.sign(x) * mp.inf
    return mp.log(y), x / y


def _xlog1py(x, y):
    """``log(1 + y)`` and ``x / (1 + y)``."""
    return _xlogy(x, 1 + y)


def _entr(x):
    """``-(log(x) + 1)``."""
    if x < 0:
        return (mp.nan,)
    if x == 0:
        return (mp.inf,)
    return (-(mp.log(x) + 1),)


def _rel_entr(x, y):
    """``log(x / y) + 1`` and ``-x / y``."""
    if x < 0 or y < 0 or x == y == mp.inf:
        return mp.nan, mp.nan
    if x == 0:
        return ZERO if y == 0 else -mp.inf, ZERO
    if y == 0 or x == mp.inf:
        return mp.inf, -mp.inf
    return mp.log(x) - mp.log(y) + 1, -x / y


def _kl_div(x, y):
    """``log(x / y)`` and ``1 - x / y``."""
    if x < 0 or y < 0 or x == y == mp.inf:
        return mp.nan, mp.nan
    if x == 0:
        return ZERO if y == 0 else -mp.inf, ONE
    if y == 0 or x == mp.inf:
        return mp.inf, -mp.inf
    if y == mp.inf:
        return -mp.inf, ONE
    return mp.log(x) - mp.log(y), (y - x) / y


def _log1pmx(x):
    """``1 / (1 + x) - 1``."""
    if x < -1:
        return (mp.nan,)
    if x == -1:
        return (mp.inf,)
    if x == mp.inf:
        return (-ONE,)
    return (-x / (1 + x),)


def _expm1mx(x):
    """``exp(x) - 1``."""
    return (mp.exp(x) - 1,)


def _log1mexp(x):
    """``-exp(x) / (1 - exp(x))``."""
    if x > 0:
        return (mp.nan,)
    if x == 0:
        return (-mp.inf,)
    return (-mp.exp(x) / (1 - mp.exp(x)),)


def _log1pexp(x):
    """``1 / (1 + exp(-x))``."""
    return (1 / (1 + mp.exp(-x)),)


def _logaddexp(x, y):
    """``exp(x) / (exp(x) + exp(y))`` and the other share."""
    if mp.inf in (x, y):
        return mp.nan, mp.nan
    if x == y == -mp.inf:
        return ZERO, ZERO
    total = mp.exp(x) + mp.exp(y)
    return mp.exp(x) / total, mp.exp(y) / total


def _logsubexp(x, y):
    """``exp(x) / (exp(x) - exp(y))`` and ``-exp(y) / (exp(x) - exp(y))``."""
    if y > x or x == mp.inf:
        return mp.nan, mp.nan
    if x == -mp.inf:
        return ZERO, ZERO
    if x == y:
        return mp.inf, -mp.inf
    total = mp.exp(x) - mp.exp(y)
    return mp.exp(x) / total, -mp.exp(y) / total


_POINTS = {
    "xlogy": _xlogy,
    "xlog1py": _xlog1py,
    "entr": _entr,
    "rel_entr": _rel_entr,
    "kl_div": _kl_div,
    "log1pmx": _log1pmx,
    "expm1mx": _expm1mx,
    "log1mexp": _log1mexp,
    "log1pexp": _log1pexp,
    "logaddexp": _logaddexp,
    "logsubexp": _logsubexp,
} | BINARY_SLOPES

# Reductions over a row ------------------------------------------------------------------


def _logsumexp(a, b=None, *, bits):
    """``b * exp(a) / s`` and ``exp(a) / s``, where s is the sum with its sign."""
    weights = [ONE] * len(a) if b is None else b
    count = 1 if b is None else 2
    infinite = any(v == mp.inf and w != 0 for v, w in zip(a, weights, strict=True))
    if infinite or any(mp.isnan(v) for v in [*a, *weights]):
        return [[UNDEFINED] * len(a)] * count
    # Exponentials of different floats are independent over the rational numbers, so that
    # the sum is zero only where the weights of every exponent add up to zero.
    groups = {}
    for v, w in zip(a, weights, strict=True):
        if v < mp.inf:
            groups.setdefault(v, []).append(w)
    powers = {v: mp.exp(v) for v in groups}
    sums = {v: mp.fsum(group) for v, group in groups.items()}
    total = mp.fsum(sums[v] * powers[v] for v in groups)
    if mp.isnan(total):
        return [[UNDEFINED] * len(a)] * count
    size = mp.fsum(abs(w) * powers[v] for v, group in groups.items() for w in group)
    vanishes = all(sums[v] == 0 or v == -mp.inf for v in groups)
    by_a, by_b = [], []
    for v, w in zip(a, weights, strict=True):
        if v == -mp.inf:
            by_a.append(NOTHING)
            by_b.append(NOTHING)
        elif v == mp.inf:  # its weight is 0
            by_a.append(NOTHING)
            by_b.append((mp.inf if vanishes else mp.sign(total) * mp.inf, ONE))
        elif vanishes:
            by_a.append((mp.sign(w) * mp.inf, ONE) if w else NOTHING)
            by_b.append((mp.inf, ONE))
        else:
            condition = size / abs(total)
            by_a.append((w * powers[v] / total, condition) if w else NOTHING)
            by_b.append((powers[v] / total, condition))
    return [by_a, by_b][:count]


def _softmax(a, *, seeds, bits):
    """``s * (c - sum(s * c))``."""
    shares = _shares(a)
    if shares is None:
        return [[UNDEFINED] * len(a)]
    pairs = list(zip(shares, seeds, strict=True))
    mean = mp.fsum(s * c for s, c in pairs)
    size = mp.fsum(s * abs(c) for s, c in pairs)
    components = []
    for s, c in pairs:
        value, condition = cancelled(c - mean, abs(c) + size, bits)
        components.append((s * value, condition) if s else NOTHING)
    return [components]


def _log_softmax(a, *, seeds, bits):
    """``c - s * sum(c)``."""
    shares = _shares(a)
    if shares is None:
        return [[UNDEFINED] * len(a)]
    total = mp.fsum(seeds)
    size = mp.fsum(abs(c) for c in seeds)
    pairs = zip(shares, seeds, strict=True)
    return [[cancelled(c - s * total, abs(c) + s * size, bits) for s, c in pairs]]


def _surprisal(p, from_logits=False, normalize=True, *, seeds, bits):
    """``sum(c) * p - c``, divided by the weight, or by 1 for a logit."""
    row = p
    p = side(p, flags(from_logits, 1)[0], normalize, bits)
    if p is None:
        return [[UNDEFINED] * len(row)]
    total = mp.fsum(seeds) if normalize else ZERO
    size = mp.fsum(abs(c) for c in seeds) if normalize else ZERO
    components = []
    for x, v, c in zip(p.masses, row, seeds, strict=True):
        if p.is_log or x:
            value, condition = cancelled(x * total - c, x * size + abs(c), bits)
            components.append((value if p.is_log else value / v, condition))
        elif c:
            components.append((-mp.sign(c) * mp.inf, ONE))
        else:
            components.append((total * p.slopes[0], ONE))
    return [components]


def _shares(a):
    """What softmax returns, or None where that is nan."""
    if not are_logits(a) or all(v == -mp.inf for v in a):
        return None
    powers = [mp.exp(v) for v in a]
    total = mp.fsum(powers)
    return [w / total for w in powers]


def _kl_divergence(p, q, from_logits=False, normalize=True, *, bits):
    """``log(p / q) - KL`` by p and ``1 - p / q`` by q, each times its slope.

    The generalised divergence has no KL in it.
    """
    rows = p, q
    p, q = (
        side(v, is_log, normalize, bits)
        for v, is_log in zip(rows, flags(from_logits), strict=True)
    )
    if p is None or q is None:
        return [[UNDEFINED] * len(row) for row in rows]
    ratios = []  # log(q / p)
    for x, y, s, t in zip(p.masses, q.masses, p.surprises, q.surprises, strict=True):
        if x and y:
            ratios.append(unless_rounding(s - t, bits))
        else:
            ratios.append(-mp.inf if x else mp.inf if y else ZERO)
    value = ZERO
    if normalize:
        value = -mp.fsum(x * d for x, d in zip(p.masses, ratios, strict=True) if x)
    by_p, by_q = [], _by_q(p, q, bits)
    for i, (x, y, d) in enumerate(zip(p.masses, q.masses, ratios, strict=True)):
        if not (x and y):
            by_p.append(times_slope(p, i, -d if x or y else -value, ONE))
            continue
        gap, condition = cancelled(-d - value, abs(d) + value, bits)
        if not normalize:
            condition = ONE
            by_q[i] = by_q[i][0], ONE
        elif mp.isfinite(value):
            together = d == value == 0  # p = q: log(p) - log(q) is what cancelled
            if gap:
                condition = max(condition, _spread(p.masses, ratios, i) / abs(gap))
            condition = mp.inf if together else condition
            other = mp.inf
            if d:
                discord = _discord(p.masses, q.masses, i) / abs(1 - x / y)
                # By the log-ratio about its mean and the divergence, or by q - p.
                ways = (abs(d + value) + value) / abs(d), (x + y) / abs(x - y)
                other = max(discord, min(ways))
            by_q[i] = by_q[i][0], other
        else:  # q is measured on what mass of p is left where it has any
            left = mp.fsum(u for u, v in zip(p.masses, q.masses, strict=True) if v)
            by_q[i] = by_q[i][0], by_q[i][1] / left
            gap, condition = -mp.inf, ONE
        by_p.append(times_slope(p, i, gap, condition))
    return [by_p, by_q]


def _spread(masses, ratios, i):
    """The size of ``sum(p_j*(d_j - d_i))``, which is how an exact log-ratio is centred."""
    pairs = zip(masses, ratios, strict=True)
    return mp.fsum(x * abs(d - ratios[i]) for x, d in pairs if x and mp.isfinite(d))


def _discord(p, q, i):
    """The size of ``sum(q_j)*p_i/q_i - sum(p_j)``, term by term, which is ``p_i/q_i - 1``."""
    odds = p[i] / q[i]
    return mp.fsum(abs(y * odds - x) for x, y in zip(p, q, strict=True))


def _entropy(p, from_logits=False, normalize=True, *, bits):
    """``-log(p) - H``, times the slope; ``-log(p) - 1`` of masses as they stand."""
    row = p
    p = side(p, flags(from_logits)[0], normalize, bits)
    if p is None:
        return [[UNDEFINED] * len(row)]
    value = ONE
    if normalize:
        value = mp.fsum(x * s for x, s in zip(p.masses, p.surprises, strict=True) if x)
    components = []
    for i, (x, s) in enumerate(zip(p.masses, p.surprises, strict=True)):
        gap = cancelled(s - value, abs(s) + value, bits) if x else (mp.inf, ONE)
        components.append(times_slope(p, i, *gap))
    return [components]


def _cross_entropy(p, q, from_logits=False, normalize=True, *, bits):
    """``-log(q) - H`` by p and ``1 - p / q`` by q, each times its slope.

    Of masses as they stand, ``-log(q)`` and ``-p / q``.
    """
    rows = p, q
    p, q = (
        side(v, is_log, normalize, bits)
        for v, is_log in zip(rows, flags(from_logits), strict=True)
    )
    if p is None or q is None:
        return [[UNDEFINED] * len(row) for row in rows]
    value = ZERO
    if normalize:
        value = mp.fsum(x * t for x, t in zip(p.masses, q.surprises, strict=True) if x)
    by_p = []
    for i, (x, y, t) in enumerate(zip(p.masses, q.masses, q.surprises, strict=True)):
        if x and not y:
            gap = mp.inf, ONE
        elif not mp.isfinite(value):
            gap = -mp.inf, ONE
        elif normalize:
            t = t if y else ZERO
            gap = cancelled(t - value, t + value, bits)
        else:
            gap = t if y else ZERO, ONE
        by_p.append(times_slope(p, i, *gap))
    if normalize:
        return [by_p, _by_q(p, q, bits)]
    by_q = []
    for x, y in zip(p.masses, q.masses, strict=True):
        if q.is_log or not x:
            by_q.append((-x, ONE))
        else:
            by_q.append((-x / y if y else -mp.inf, ONE))
    return [by_p, by_q]


def _by_q(p, q, bits):
    """``1 - p / q`` times the slope, which is ``q - p`` for logits."""
    components = []
    for x, y, slope in zip(p.masses, q.masses, q.slopes, strict=True):
        if y:
            gap, condition = cancelled(y - x, y + x, bits)
            components.append((gap if q.is_log else gap / y * slope, condition))
        elif q.is_log:
            components.append((-x, ONE))
        else:
            components.append((-mp.inf if x else slope, ONE))
    return components


_ROWS = {
    "logsumexp": _logsumexp,
    "softmax": _softmax,
    "log_softmax": _log_softmax,
    "kl_divergence": _kl_divergence,
    "entropy": _entropy,
    "cross_entropy": _cross_entropy,
    "surprisal": _surprisal,
    **F_SLOPES,
    **ORDER_SLOPES,
    **_joint.SLOPES,
}
