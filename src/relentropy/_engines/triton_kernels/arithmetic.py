"""Error-free transforms, exponentials and logarithms, of float32 and of float64.

Dekker (1971); Joldes, Muller and Popescu (2017). Polynomials are minimax fits by
mpmath.chebyfit, on the intervals of _arrays/polynomials.py, which has those of float64.
"""

import triton
import triton.language as tl

# How the entries of a tile are worked. Differences are rounded only in COARSE, whose results
# have at most eleven bits; WIDE is float64.
COARSE = tl.constexpr(0)
FINE = tl.constexpr(1)
WIDE = tl.constexpr(2)

INF = tl.constexpr(float("inf"))
# exp(2*HEADROOM) times any row's length does not overflow in float64.
HEADROOM = tl.constexpr(300.0)


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
        c = a * 134217729.0
        d = b * 134217729.0
    else:
        c = a * 4097.0
        d = b * 4097.0
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
def horner(value, x, coefficient: tl.constexpr):
    return tl.fma(value, x, tl.full(x.shape, coefficient, x.dtype))


@triton.jit
def exp_tail(x):
    """(exp(x) - 1 - x)/x**2 for abs(x) < 2; 2e-8 off in float32, 1.2e-18 in float64."""
    if x.dtype == tl.float64:
        y = tl.full(x.shape, 1.633329863609043e-16, tl.float64)
        y = horner(y, x, 2.9545866471328475e-15)
        y = horner(y, x, 4.7744431721110966e-14)
        y = horner(y, x, 7.63706638519095e-13)
        y = horner(y, x, 1.147093322535863e-11)
        y = horner(y, x, 1.6059420302296456e-10)
        y = horner(y, x, 2.0876753010996743e-09)
        y = horner(y, x, 2.5052100404490446e-08)
        y = horner(y, x, 2.755731927176626e-07)
        y = horner(y, x, 2.7557319319885053e-06)
        y = horner(y, x, 2.4801587301283017e-05)
        y = horner(y, x, 0.00019841269840659067)
        y = horner(y, x, 0.001388888888888976)
        y = horner(y, x, 0.00833333333333508)
        y = horner(y, x, 0.04166666666666666)
        y = horner(y, x, 0.16666666666666652)
        y = horner(y, x, 0.5)
    else:
        y = tl.full(x.shape, 2.2176036562626678e-09, tl.float32)
        y = horner(y, x, 2.6878742787062038e-08)
        y = horner(y, x, 2.7504862032401434e-07)
        y = horner(y, x, 2.74834724223183e-06)
        y = horner(y, x, 2.4802509869914502e-05)
        y = horner(y, x, 0.00019842568144667894)
        y = horner(y, x, 0.001388888224028051)
        y = horner(y, x, 0.008333324454724789)
        y = horner(y, x, 0.0416666679084301)
        y = horner(y, x, 0.1666666716337204)
        y = horner(y, x, 0.5)
    return y


@triton.jit
def exp_tail_brief(x):
    """The same for abs(x) < 1/4 and sixteen bits: Taylor's series."""
    y = tl.full(x.shape, 0.001388888888888889, x.dtype)
    y = horner(y, x, 0.008333333333333333)
    y = horner(y, x, 0.041666666666666664)
    y = horner(y, x, 0.16666666666666666)
    return horner(y, x, 0.5)


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
    n = tl.floor(x * 1.4426950408889634 + 0.5)
    if x.dtype == tl.float64:
        high = x - n * 6.93147180369123816490e-01
        step = n * 1.90821492927058770002e-10
        r = high - step
        y = tl.full(x.shape, 2.0914686968086876e-09, tl.float64)
        y = horner(y, r, 2.5105217004720745e-08)
        y = horner(y, r, 2.75572736431103e-07)
        y = horner(y, r, 2.7557255400206422e-06)
        y = horner(y, r, 2.4801587325547743e-05)
        y = horner(y, r, 0.00019841269874820627)
        y = horner(y, r, 0.0013888888888883748)
        y = horner(y, r, 0.008333333333326136)
        y = horner(y, r, 0.04166666666666667)
        y = horner(y, r, 0.1666666666666667)
        y = horner(y, r, 0.5)
    else:
        high = x - n * 0.693145751953125  # 16 bits: exact for every n
        step = n * 1.42860677e-06
        r = high - step
        y = tl.full(x.shape, 0.00019890987188398762, tl.float32)
        y = horner(y, r, 0.001393364742398262)
        y = horner(y, r, 0.00833331048488617)
        y = horner(y, r, 0.04166646674275398)
        y = horner(y, r, 0.1666666716337204)
        y = horner(y, r, 0.5)
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
    return tl.exp2(x * 1.4426950408889634)


@triton.jit
def expm1(x):
    """exp(x) - 1."""
    near = tl.abs(x) < 2.0
    z = tl.where(near, x, 0.0)
    return tl.where(near, tl.fma(z * z, exp_tail(z), z), exp(x, x * 0.0, 0.0) - 1.0)


@triton.jit
def atanh_tail(y):
    """(atanh(s)/s - 1)/s**2, y = s**2, for abs(s) up to 1/2; 1.3e-9 off in float32."""
    if y.dtype == tl.float64:
        p = tl.full(y.shape, 0.21115109506841148, tl.float64)
        p = horner(p, y, -0.14477005451011898)
        p = horner(p, y, 0.13576149109826188)
        p = horner(p, y, 0.012219494246581248)
        p = horner(p, y, 0.05443792667937839)
        p = horner(p, y, 0.051604446522550286)
        p = horner(p, y, 0.058931382593187094)
        p = horner(p, y, 0.06665883232659046)
        p = horner(p, y, 0.07692346108805066)
        p = horner(p, y, 0.09090907875688518)
        p = horner(p, y, 0.1111111113405809)
        p = horner(p, y, 0.14285714285488846)
        p = horner(p, y, 0.2000000000000087)
        p = horner(p, y, 0.3333333333333333)
    else:
        p = tl.full(y.shape, 0.1563507616519928, tl.float32)
        p = horner(p, y, 0.04087582603096962)
        p = horner(p, y, 0.09752967208623886)
        p = horner(p, y, 0.11050711572170258)
        p = horner(p, y, 0.14288292825222015)
        p = horner(p, y, 0.1999995857477188)
        p = horner(p, y, 0.3333333432674408)
    return p


@triton.jit
def log(x):
    """log(x) of a positive number, to 1 ulp; by the atanh of what its mantissa is off 1."""
    if x.dtype == tl.float64:
        low = x < 2.2250738585072014e-308
        bits = tl.where(low, x * 18014398509481984.0, x).to(tl.int64, bitcast=True)
        n = ((bits >> 52) - 1023).to(tl.float64) - tl.where(low, 54.0, 0.0)
        bits = (bits & 0xFFFFFFFFFFFFF) | 0x3FF0000000000000
        m = bits.to(tl.float64, bitcast=True)
        step_high, step_low = 6.93147180369123816490e-01, 1.90821492927058770002e-10
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
def js_tail(y):
    """((1+t)*log1p(t) + (1-t)*log1p(-t))/(4*t**2), y = t**2, for abs(t) up to .6."""
    if y.dtype == tl.float64:
        p = tl.full(y.shape, 0.009726911299664137, tl.float64)
        p = horner(p, y, -0.017182089651190374)
        p = horner(p, y, 0.017509278689021034)
        p = horner(p, y, -0.009140550405554159)
        p = horner(p, y, 0.00485978877980514)
        p = horner(p, y, -3.5108998330468935e-05)
        p = horner(p, y, 0.0015439572243417295)
        p = horner(p, y, 0.001600134691945897)
        p = horner(p, y, 0.002086960014160431)
        p = horner(p, y, 0.002746977096460574)
        p = horner(p, y, 0.003787893193864247)
        p = horner(p, y, 0.005555555063338788)
        p = horner(p, y, 0.00892857143870637)
        p = horner(p, y, 0.016666666666557407)
        p = horner(p, y, 0.04166666666666713)
        p = horner(p, y, 0.25)
    else:
        p = tl.full(y.shape, 0.007671645376831293, tl.float32)
        p = horner(p, y, -0.0013504965463653207)
        p = horner(p, y, 0.0051800706423819065)
        p = horner(p, y, 0.005305343773216009)
        p = horner(p, y, 0.008952406235039234)
        p = horner(p, y, 0.016665568575263023)
        p = horner(p, y, 0.04166668653488159)
        p = horner(p, y, 0.25)
    return p


@triton.jit
def js_log_tail(z):
    """t**2*js_tail(t**2)/u**2 with t = tanh(u/2), z = u**2, for abs(u) up to 1.5."""
    if z.dtype == tl.float64:
        p = tl.full(z.shape, -2.642538371874435e-15, tl.float64)
        p = horner(p, z, 6.761226382509255e-14)
        p = horner(p, z, -9.574936617052197e-13)
        p = horner(p, z, 1.0622619421172687e-11)
        p = horner(p, z, -1.0761450298490129e-10)
        p = horner(p, z, 1.06197798091842e-09)
        p = horner(p, z, -1.0412146488155117e-08)
        p = horner(p, z, 1.0179233389531726e-07)
        p = horner(p, z, -9.917762244773508e-07)
        p = horner(p, z, 9.610615020371722e-06)
        p = horner(p, z, -9.223090276792109e-05)
        p = horner(p, z, 0.0008680555555546939)
        p = horner(p, z, -0.0078124999999999705)
        p = horner(p, z, 0.0625)
    else:
        p = tl.full(z.shape, 4.834816635934658e-08, tl.float32)
        p = horner(p, z, -8.505567166139372e-07)
        p = horner(p, z, 9.409935955773108e-06)
        p = horner(p, z, -9.207938273902982e-05)
        p = horner(p, z, 0.0008680000901222229)
        p = horner(p, z, -0.007812492083758116)
        p = horner(p, z, 0.0625)
    return p


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
