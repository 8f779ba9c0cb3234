"""Evaluate a definition with the precision raised until two results agree."""

import math

from mpmath import mp

from .binary import BINARY, both
from .definitions import DEFINITIONS, ELEMENTWISE
from .rows import flags

DIGITS = 60

# Two precisions may agree and both be wrong where something small was swallowed whole
# (1 + 1e-300 = 1), so the first is wide enough to hold the inputs side by side, twice over
# since divergences are of second order. Beyond the cap, at exp(-11000), a term is smaller
# than what any dtype can tell from zero.
GUARD_BITS = 320
MAX_EXP_BITS = 2**14

# The smallest divergence that is not zero is a few times 1e-632 * 2**-106: a last-bit gap
# in a subnormal weight beside the largest one. Below the threshold it is zero, provided that
# the precision could have shown otherwise.
ZERO_BELOW_BITS = 2326
ZERO_PRECISION = 2 * ZERO_BELOW_BITS

EXPONENTIAL = frozenset(
    "expm1mx log1mexp log1pexp logaddexp logsubexp logsumexp softmax log_softmax".split()
)


def exact(value):
    """Turn a float, or nested sequences of them, into ``mpf`` without rounding."""
    with mp.workprec(128):
        if hasattr(value, "tolist"):
            value = value.tolist()
        if not isinstance(value, (list, tuple)):
            return mp.mpf(value)
        if all(isinstance(v, float) for v in value):
            return [mp.mpf(v) for v in value]
        return [exact(v) for v in value]


def evaluate(function, *inputs, **options):
    """Return the value of a definition, right to 60 digits.

    Parameters
    ----------
    function : str
        A name in `DEFINITIONS`.
    *inputs : float, or sequence of floats
        Exact inputs: scalars for the elementwise functions, rows for the others.
    **options
        Passed to the definition: ``from_logits``, ``normalize``, an order ``alpha``.

    Returns
    -------
    mpf, or a tuple or list of them where the definition returns one
    """
    args = [exact(v) for v in inputs]
    precision = starting_precision(function, args, options)
    previous = None
    while True:
        with mp.workprec(precision):
            value = DEFINITIONS[function](*args, **options)
        now = list(value) if isinstance(value, (list, tuple)) else [value]
        zero = [_is_zero(v) for v in now]
        if precision >= ZERO_PRECISION:
            now = [mp.mpf(0) if z else v for v, z in zip(now, zero, strict=True)]
        elif any(zero):
            precision = ZERO_PRECISION
            previous = now
            continue
        if agreed(previous, now):
            return type(value)(now) if isinstance(value, (list, tuple)) else now[0]
        previous = now
        precision = raised(precision)


def agreed(previous, now):
    """Whether results need no more precision; `previous` is None at the first."""
    return all(map(_settled, now)) or (previous is not None and all(map(_agree, previous, now)))


def raised(precision):
    """The precision to try next.

    Rounding errors do not repeat themselves at another precision; doubling it would only
    make the long rows three times as slow.
    """
    return precision + max(precision // 4, 128)


def starting_precision(function, args, options):
    """Bits that hold the inputs of a definition side by side."""
    rows = [v if isinstance(v, list) else [v] for v in args]
    logs = _logarithmic(function, options, len(rows))
    finite = [[v for v in row if mp.isfinite(v)] for row in rows]
    exponents = [0, *(mp.mag(v) for row in finite for v in row if v)]
    bits = GUARD_BITS + 2 * (max(exponents) - min(exponents)) + _order_bits(options)
    for row, is_log in zip(finite, logs, strict=True):
        if is_log and row:
            # Elementwise exponentials stand beside 1 (or beside each other), rows do not.
            values = [0, *rows_flat(finite)] if function in ELEMENTWISE else row
            spread = float(max(values) - min(values)) / math.log(2)
            bits += int(min(spread, MAX_EXP_BITS))
    return bits


def rows_flat(rows):
    return [v for row in rows for v in row]


def _order_bits(options):
    """What an order takes: it multiplies logarithms, and it divides where it nears 0 or 1."""
    alpha = mp.mpf(options.get("alpha", 1))
    distances = [v for v in (alpha, alpha - 1) if v and mp.isfinite(v)]
    return 2 * sum(abs(mp.mag(v)) for v in distances)


def _logarithmic(function, options, count):
    """For each input, whether the definition takes its exponential."""
    if function in EXPONENTIAL:
        return [True, False][:count] if function == "logsumexp" else [True] * count
    flag = options.get("from_logits", False)
    if function in BINARY:
        forms = zip(both(flag), both(options.get("complement", False)), strict=True)
        return [is_log for is_log, paired in forms for _ in range(1 + paired)][:count]
    return flags(flag, count)[:count]


def _is_zero(value):
    return mp.isfinite(value) and (value == 0 or mp.mag(value) < -ZERO_BELOW_BITS)


def _settled(value):
    """Infinities, nan and zeros that were accepted do not depend on the precision."""
    return not mp.isfinite(value) or value == 0


def _agree(one, other):
    if _settled(one) or _settled(other):
        return one == other or (mp.isnan(one) and mp.isnan(other))
    with mp.workprec(64):
        return mp.mag(one - other) <= mp.mag(other) - int(DIGITS / math.log10(2)) - 1
