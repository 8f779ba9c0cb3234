"""Error-free transforms, exponentials and logarithms, of float32 and of float64.

Dekker (1971); Joldes, Muller and Popescu (2017).
"""

import triton
import triton.language as tl

from ..._arrays import coefficients

# How the entries of a tile are worked. Differences are rounded only in COARSE, whose results
# have at most eleven bits; WIDE is float64.
COARSE = tl.constexpr(0)
FINE = tl.constexpr(1)
WIDE = tl.constexpr(2)

INF = tl.constexpr(float("inf"))
HEADROOM = tl.constexpr(coefficients.HEADROOM)
SUBNORMAL = tl.constexpr(coefficients.SUBNORMAL)
SHORTENER = tl.constexpr(coefficients.SHORTENER)
SPLITTER = tl.constexpr(coefficients.SPLITTER)
SPLITTER_SINGLE = tl.constexpr(coefficients.SPLITTER_SINGLE)
LOG2_HI = tl.constexpr(coefficients.LOG2_HI)
LOG2_LO = tl.constexpr(coefficients.LOG2_LO)
LOG2_E = tl.constexpr(coefficients.LOG2_E)
SIZES = tl.constexpr(tuple(size for size, _ in coefficients.SCALINGS))
SCALES = tl.constexpr(tuple(scale for _, scale in coefficients.SCALINGS))

# Polynomials of float64, and of float32: their coefficients, and how many there are.
EXP = tl.constexpr(coefficients.EXP_TAIL)
EXP_SINGLE = tl.constexpr(coefficients.EXP_TAIL_SINGLE)
EXP_FAR = tl.constexpr(coefficients.EXP_TAIL_FAR)
EXP_FAR_SINGLE = tl.constexpr(coefficients.EXP_TAIL_FAR_SINGLE)
EXP_SHORT = tl.constexpr(coefficients.EXP_TAIL_SHORT_SINGLE)
ATANH = tl.constexpr(coefficients.ATANH_TAIL_FAR)
ATANH_SINGLE = tl.constexpr(coefficients.ATANH_TAIL_FAR_SINGLE)
JS = tl.constexpr(coefficients.JS_TAIL)
JS_SINGLE = tl.constexpr(coefficients.JS_TAIL_SINGLE)
JS_LOG = tl.constexpr(coefficients.JS_LOG_TAIL)
JS_LOG_SINGLE = tl.constexpr(coefficients.JS_LOG_TAIL_SINGLE)


@triton.jit
def two_sum(a, b):
    """a + b without error; any magnitudes."""
    total = a + b
    part = total - a
    return total, (a - (total - part)) + (b - part)


@triton.jit
def fast_two_sum(a, b):
    """The same where abs(a) >= abs(b)."""
    total = a + b
    return total, b - (total - a)


@triton.jit
def add(high, low, x):
    """A pair and a number."""
    high, error = two_sum(high, x)
    return fast_two_sum(high, error + low)


@triton.jit
def add_pairs(high, low, other, other_low):
    high, error = two_sum(high, other)
    return fast_two_sum(high, error + (low + other_low))


@triton.jit
def two_prod(a, b):
    """a*b without error, by a fused operation; by halves (Dekker) in the interpreter too."""
    product = a * b
    if a.dtype == tl.float64:
        c = a * SPLITTER
        d = b * SPLITTER
    else:
        c = a * SPLITTER_SINGLE
        d = b * SPLITTER_SINGLE
    ah = c - (c - a)
    bh = d - (d - b)
    al = a - ah
    bl = b - bh
    return product, ((ah * bh - product) + ah * bl + al * bh) + al * bl


@triton.jit
def divide(a, a_low, b, b_low):
    """A quotient of pairs, with the remainder of the division."""
    quotient = a / b
    product, error = two_prod(quotient, b)
    rest = (((a - product) - error) + a_low) - quotient * b_low
    low = rest / b
    return quotient, tl.where(tl.abs(low) < INF, low, 0.0)


@triton.jit
def over(a, b):
    """a/b rounded once; float32's own division is not."""
    if a.dtype == tl.float32:
        return tl.div_rn(a, b)
    else:
        return a / b


@triton.jit
def root(x):
    """sqrt(x) rounded once."""
    if x.dtype == tl.float32:
        return tl.sqrt_rn(x)
    else:
        return tl.sqrt(x)


@triton.jit
def finite_or_zero(x):
    return tl.where(tl.abs(x) < INF, x, 0.0)


@triton.jit
def polynomial(x, terms: tl.constexpr, N: tl.constexpr):
    """Horner's scheme, from the highest power down, by fused operations."""
    y = tl.full(x.shape, terms[0], x.dtype)
    for i in tl.static_range(1, N):
        y = tl.fma(y, x, tl.full(x.shape, terms[i], x.dtype))
    return y


@triton.jit
def by_dtype(x, terms: tl.constexpr, N: tl.constexpr, single: tl.constexpr, M: tl.constexpr):
    """The polynomial of x's dtype."""
    if x.dtype == tl.float64:
        y = polynomial(x, terms, N)
    else:
        y = polynomial(x, single, M)
    return y


@triton.jit
def exp_tail(x):
    """(exp(x) - 1 - x)/x**2 for abs(x) < 2."""
    return by_dtype(x, EXP_FAR, 17, EXP_FAR_SINGLE, 11)


@triton.jit
def exp_tail_brief(x):
    """(exp(x) - 1 - x)/x**2 for abs(x) < 1/4 and sixteen bits."""
    return polynomial(x, EXP_SHORT, 5)


@triton.jit
def atanh_tail(y):
    """(atanh(s)/s - 1)/s**2, y = s**2, for abs(s) up to 1/2."""
    return by_dtype(y, ATANH, 14, ATANH_SINGLE, 7)


@triton.jit
def js_tail(y):
    """((1+t)*log1p(t) + (1-t)*log1p(-t))/(4*t**2), y = t**2, for abs(t) up to .6."""
    return by_dtype(y, JS, 16, JS_SINGLE, 8)


@triton.jit
def js_log_tail(z):
    """t**2*js_tail(t**2)/u**2 with t = tanh(u/2), z = u**2, for abs(u) up to 1.5."""
    return by_dtype(z, JS_LOG, 14, JS_LOG_SINGLE, 7)


@triton.jit
def weight_scale(top):
    """The power of two that brings weights of a size into the middle of the range."""
    scale = tl.full(top.shape, SCALES[4], tl.float64)
    for i in tl.static_range(4):
        scale = tl.where(top >= SIZES[3 - i], SCALES[3 - i], scale)
    return scale


@triton.jit
def power_of_two(n):
    """2**n in n's dtype, for whole n from -126 to 127, or from -1022 to 1023."""
    if n.dtype == tl.float64:
        return ((n.to(tl.int64) + 1023) << 52).to(tl.float64, bitcast=True)
    else:
        return ((n.to(tl.int32) + 127) << 23).to(tl.float32, bitcast=True)


@triton.jit
def _reduced(x, low):
    """exp(x + low) = (1 + part)*2**n, abs(part) < .42; of what is in the range."""
    n = tl.floor(x * LOG2_E + 0.5)
    if x.dtype == tl.float64:
        high = x - n * LOG2_HI
        step = n * LOG2_LO
    else:
        high = x - n * 0.693145751953125  # 16 bits: exact for every n
        step = n * 1.42860677e-06
    r = high - step
    y = by_dtype(r, EXP, 11, EXP_SINGLE, 6)
    lost = ((high - r) - step) + low
    part = tl.fma(r * r, y, r)
    return n, part + tl.fma(lost, part, lost)


@triton.jit
def exp(x, low, up):
    """exp(x + low)*2**up to .6 ulp, for any x: a rounded exponent alone costs abs(x) ulp."""
    if x.dtype == tl.float64:
        above = x > 709.782712893384
        below = x < -745.2 - up * 0.6931471805599453
    else:
        above = x > 88.72283905206835
        below = x < -104.0 - up * 0.6931471805599453
    outside = above | below
    n, part = _reduced(tl.where(outside, 0.0, x), tl.where(outside, 0.0, low))
    # In two steps, as 2**n alone may leave the range.
    n = n + up
    half = tl.floor(n * 0.5)
    grown = ((1.0 + part) * power_of_two(half)) * power_of_two(n - half)
    grown = tl.where(above, INF, tl.where(below, 0.0, grown))
    return tl.where(x != x, x, grown)


@triton.jit
def exp_wide(x, low):
    """exp(x + low) of float32 up to 1e300 as a float64, of which float32 has no digit less."""
    outside = (x > 690.0) | (x < -700.0)
    n, part = _reduced(tl.where(outside, 0.0, x), tl.where(outside, 0.0, low))
    grown = (1.0 + part.to(tl.float64)) * power_of_two(n.to(tl.float64))
    grown = tl.where(x > 690.0, INF, tl.where(outside, 0.0, grown))
    return tl.where(x != x, float("nan"), grown)


@triton.jit
def exp_coarse(x):
    """exp(x) to abs(x)*2**-23, which sixteen bits do not see."""
    return tl.exp2(x * LOG2_E)


@triton.jit
def expm1(x):
    """exp(x) - 1."""
    near = tl.abs(x) < 2.0
    z = tl.where(near, x, 0.0)
    return tl.where(near, tl.fma(z * z, exp_tail(z), z), exp(x, x * 0.0, 0.0) - 1.0)


@triton.jit
def log(x):
    """log(x) of a positive number, to 1 ulp; by the atanh of what its mantissa is off 1."""
    if x.dtype == tl.float64:
        low = x < 2.2250738585072014e-308
        bits = tl.where(low, x * 18014398509481984.0, x).to(tl.int64, bitcast=True)
        n = ((bits >> 52) - 1023).to(tl.float64) - tl.where(low, 54.0, 0.0)
        bits = (bits & 0xFFFFFFFFFFFFF) | 0x3FF0000000000000
        m = bits.to(tl.float64, bitcast=True)
        step_high, step_low = LOG2_HI, LOG2_LO
    else:
        low = x < 1.1754943508222875e-38
        bits = tl.where(low, x * 16777216.0, x).to(tl.int32, bitcast=True)
        n = ((bits >> 23) - 127).to(tl.float32) - tl.where(low, 24.0, 0.0)
        bits = (bits & 0x7FFFFF) | 0x3F800000
        m = bits.to(tl.float32, bitcast=True)
        step_high, step_low = 0.693145751953125, 1.42860677e-06
    large = m > 1.4142135623730951
    m = tl.where(large, 0.5 * m, m)
    n = n + tl.where(large, 1.0, 0.0)
    s = over(m - 1.0, m + 1.0)
    y = s * s
    found = n * step_high + (2.0 * s + (2.0 * (s * y) * atanh_tail(y) + n * step_low))
    found = tl.where(x == INF, INF, found)
    return tl.where(x == 0.0, -INF, tl.where(x >= 0.0, found, float("nan")))


@triton.jit
def log1p_far(x):
    """log(1 + x) for x >= 1/4, or where an absolute error will do."""
    u = 1.0 + x
    lost = over(x - (u - 1.0), u)
    return log(u) + tl.where(tl.abs(lost) < 1.0, lost, 0.0)


@triton.jit
def log1pmx(x):
    """log(1 + x) - x in float64."""
    near = (x > -0.6) & (x < 1.5)
    z = tl.where(near, x, 0.0)
    r = z / (2.0 + z)
    y = r * r
    far = log1p_far(tl.where(near, 1.0, x)) - tl.where(near, 1.0, x)
    return tl.where(near, r * (2.0 * y * atanh_tail(y) - z), far)


@triton.jit
def log1p(x):
    """log(1 + x), to 2 ulp."""
    near = (x > -0.5) & (x < 1.0)
    z = tl.where(near, x, 0.0)
    r = over(z, 2.0 + z)
    y = r * r
    close = 2.0 * r + 2.0 * (r * y) * atanh_tail(y)
    return tl.where(near, close, log1p_far(tl.where(near, 1.0, x)))


@triton.jit
def halves(x):
    """The two halves of the last axis, of a tile of (rows, entries)."""
    rows: tl.constexpr = x.shape[0]
    entries: tl.constexpr = x.shape[1]
    return tl.split(tl.trans(tl.reshape(x, (rows, 2, entries // 2)), (0, 2, 1)))


@triton.jit
def sum_words(x):
    """Sum over the entries of a tile, in two words of float64."""
    if x.dtype == tl.float32:
        total = tl.sum(x.to(tl.float64), 1)
        return total, tl.zeros_like(total)
    else:
        low = tl.zeros_like(x)
        for _ in tl.static_range(16):
            if x.shape[1] > 1:
                one, two = halves(x)
                first, second = halves(low)
                x, lost = two_sum(one, two)
                low = lost + (first + second)
        total, error = tl.sum(x, 1), tl.sum(low, 1)
        finite = tl.abs(total) < INF
        error = tl.where(finite & (error == error), error, 0.0)
        high, error = fast_two_sum(total, error)
        return tl.where(finite, high, total), tl.where(finite, error, 0.0)
