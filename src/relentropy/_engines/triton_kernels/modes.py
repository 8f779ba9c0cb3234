"""How entries are worked in each of the modes, and how they are summed."""

import triton
import triton.language as tl

from .arithmetic import COARSE, INF, add, exp, exp_coarse, sum_words, two_sum


@triton.jit
def apart(x, y, MODE: tl.constexpr):
    """x - y as a pair; rounded, and without a low word to speak of, where digits are few."""
    if MODE == COARSE:
        d = x - y
        return d, d * 0.0
    else:
        high, low = two_sum(x, -y)
        return high, tl.where(tl.abs(high) < INF, low, 0.0)


@triton.jit
def less(high, low, y, MODE: tl.constexpr):
    """A pair without y."""
    if MODE == COARSE:
        return high - y, low
    else:
        return add(high, low, -y)


@triton.jit
def exp_of(high, low, MODE: tl.constexpr):
    if MODE == COARSE:
        return exp_coarse(high)
    else:
        return exp(high, low, 0.0)


@triton.jit
def sum_of(x, MODE: tl.constexpr):
    """Over the entries of a tile, in two words of float64; float32 where digits are few."""
    if MODE == COARSE:
        total = tl.sum(x, 1).to(tl.float64)
        return total, tl.zeros_like(total)
    else:
        return sum_words(x)


@triton.jit
def in_products(x, MODE: tl.constexpr):
    """A factor of a gradient, of whose digits the product's rounding is to cost none."""
    return x if MODE == COARSE else x.to(tl.float64)


@triton.jit
def for_products(x, MODE: tl.constexpr):
    """The same of a number that every row of a tile has."""
    return (x.to(tl.float32) if MODE == COARSE else x)[:, None]


@triton.jit
def words_of(x, KIND: tl.constexpr):
    """A number of float64 as two words of a precision, for every row of a tile."""
    high = x.to(KIND)
    return high[:, None], (x - high.to(tl.float64)).to(KIND)[:, None]


@triton.jit
def scale_of(part, top):
    """exp(part - top) of row maxima; 1 where equal (also both infinite)."""
    equal = part == top
    gap, low = two_sum(tl.where(equal, 0.0, part), -tl.where(equal, 0.0, top))
    return exp(gap, tl.where(tl.abs(gap) < INF, low, 0.0), 0.0)
