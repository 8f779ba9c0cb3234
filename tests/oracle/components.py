"""What every derivative is made of: components with their condition numbers, and operands."""

from dataclasses import dataclass

from mpmath import mp

from .rows import ZERO, flags, measure

ONE = mp.mpf(1)
NOTHING = (ZERO, ONE)
UNDEFINED = (mp.nan, ONE)


def cancelled(value, size, bits):
    """A sum whose terms have absolute values that add up to `size`, and its condition."""
    if size == 0:
        return NOTHING
    if abs(value) <= mp.ldexp(size, -bits):
        return ZERO, mp.inf
    return value, size / abs(value)


def unless_rounding(value, bits):
    return ZERO if abs(value) <= mp.ldexp(ONE, -bits) else value


@dataclass(frozen=True)
class Side:
    """One operand of a divergence or an entropy.

    Attributes
    ----------
    masses : list of mpf
    surprises : list of mpf
        ``-log(mass)``.
    slopes : list of mpf
        The derivative by an entry is this times the derivative by the mass, less what
        keeps the sum of masses at one.
    is_log : bool
    """

    masses: list
    surprises: list
    slopes: list
    is_log: bool


def side(values, is_log, normalize, bits):
    """The measure that a row is, or None where it is none."""
    row = measure(values, is_log, normalize)
    if row is None:
        return None
    masses = [x for x, _ in row]
    surprises = [-log_x for _, log_x in row]
    if normalize:
        # The only mass of a row is 1, and its logarithm of logits would be a rounding error.
        surprises = [unless_rounding(s, bits) for s in surprises]
    if is_log:
        slopes = masses
    else:
        slopes = [1 / mp.fsum(values) if normalize else ONE] * len(row)
    return Side(masses, surprises, slopes, is_log)


def sides(rows, from_logits, normalize, bits):
    """Every row as `side` gives it, or None where one of them is no measure."""
    kinds = flags(from_logits, len(rows))
    found = [side(v, is_log, normalize, bits) for v, is_log in zip(rows, kinds, strict=True)]
    return None if any(s is None for s in found) else found


def undefined(rows):
    return [[UNDEFINED] * len(row) for row in rows]


def known_to(p, q, ratios):
    """What log-ratios of logits are known to the digits of: their mean; 0 for weights."""
    if not (p.is_log or q.is_log):
        return ZERO
    pairs = zip(p.masses, q.masses, ratios, strict=True)
    return mp.fsum(min(x, y) * abs(d) for x, y, d in pairs if x and y)


def log_ratio(p, q, i, bits):
    """``log(p / q)`` of the i-th masses, exactly 0 where they are equal, be it zero."""
    if p.masses[i] and q.masses[i]:
        return unless_rounding(q.surprises[i] - p.surprises[i], bits)
    return mp.inf if p.masses[i] else -mp.inf if q.masses[i] else ZERO


def times_slope(operand, i, gap, condition):
    if operand.is_log and operand.masses[i] == 0:
        return NOTHING
    return gap * operand.slopes[i], condition
