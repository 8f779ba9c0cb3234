"""Polynomials and thresholds of Triton's kernels.

Written by ``python -m tools.coefficients``, which fits and measures them.
"""

import triton
import triton.language as tl

# exp(2*HEADROOM) times any row's length does not overflow in float64, and exp(-HEADROOM)
# times it is below half an ulp of 1.
HEADROOM = tl.constexpr(300.0)
# Below it a factor of a product of float64 may have lost digits to the range's end.
SUBNORMAL = tl.constexpr(1e-290)
# Halves a significand of float64 (Dekker).
SPLITTER = tl.constexpr(134217729.0)
# Halves a significand of float32 (Dekker).
SPLITTER_SINGLE = tl.constexpr(4097.0)
# Splits off the bits of a ratio whose product with a float32 is exact.
SHORTENER = tl.constexpr(16777217.0)
# log(2) less LOG2_LO, with 21 zeros at its end.
LOG2_HI = tl.constexpr(0.6931471803691238)
# What LOG2_HI lacks.
LOG2_LO = tl.constexpr(1.9082149292705877e-10)
# 1/log(2).
LOG2_E = tl.constexpr(1.4426950408889634)


@triton.jit
def _horner(value, x, coefficient: tl.constexpr):
    return tl.fma(value, x, tl.full(x.shape, coefficient, x.dtype))


@triton.jit
def exp_tail(x):
    """(exp(x) - 1 - x)/x**2.

    float64: Chebyshev fit, 17 terms, at most 2.5e-17 off on [-2, 2].
    float32: Chebyshev fit, 11 terms, at most 1.4e-08 off on [-2, 2].
    """
    if x.dtype == tl.float64:
        y = tl.full(x.shape, 1.633329863609043e-16, tl.float64)
        y = _horner(y, x, 2.9545866471328475e-15)
        y = _horner(y, x, 4.7744431721110966e-14)
        y = _horner(y, x, 7.63706638519095e-13)
        y = _horner(y, x, 1.147093322535863e-11)
        y = _horner(y, x, 1.6059420302296456e-10)
        y = _horner(y, x, 2.0876753010996743e-09)
        y = _horner(y, x, 2.5052100404490446e-08)
        y = _horner(y, x, 2.755731927176626e-07)
        y = _horner(y, x, 2.7557319319885053e-06)
        y = _horner(y, x, 2.4801587301283017e-05)
        y = _horner(y, x, 0.00019841269840659067)
        y = _horner(y, x, 0.001388888888888976)
        y = _horner(y, x, 0.00833333333333508)
        y = _horner(y, x, 0.04166666666666666)
        y = _horner(y, x, 0.16666666666666652)
        y = _horner(y, x, 0.5)
    else:
        y = tl.full(x.shape, 2.2176036562626678e-09, tl.float32)
        y = _horner(y, x, 2.6878742787062038e-08)
        y = _horner(y, x, 2.7504862032401434e-07)
        y = _horner(y, x, 2.74834724223183e-06)
        y = _horner(y, x, 2.4802509869914502e-05)
        y = _horner(y, x, 0.00019842568144667894)
        y = _horner(y, x, 0.001388888224028051)
        y = _horner(y, x, 0.008333324454724789)
        y = _horner(y, x, 0.0416666679084301)
        y = _horner(y, x, 0.1666666716337204)
        y = _horner(y, x, 0.5)
    return y


@triton.jit
def exp_tail_reduced(x):
    """(exp(x) - 1 - x)/x**2.

    float64: Chebyshev fit, 11 terms, at most 2.6e-18 off on [-log(2)/2*1.0001, log(2)/2*1.0001].
    float32: Chebyshev fit, 6 terms, at most 4.1e-09 off on [-0.3466, 0.3466].
    """
    if x.dtype == tl.float64:
        y = tl.full(x.shape, 2.0914686968086876e-09, tl.float64)
        y = _horner(y, x, 2.5105217004720745e-08)
        y = _horner(y, x, 2.75572736431103e-07)
        y = _horner(y, x, 2.7557255400206422e-06)
        y = _horner(y, x, 2.4801587325547743e-05)
        y = _horner(y, x, 0.00019841269874820627)
        y = _horner(y, x, 0.0013888888888883748)
        y = _horner(y, x, 0.008333333333326136)
        y = _horner(y, x, 0.04166666666666667)
        y = _horner(y, x, 0.1666666666666667)
        y = _horner(y, x, 0.5)
    else:
        y = tl.full(x.shape, 0.00019890988187398762, tl.float32)
        y = _horner(y, x, 0.001393364742398262)
        y = _horner(y, x, 0.00833331048488617)
        y = _horner(y, x, 0.04166646674275398)
        y = _horner(y, x, 0.1666666716337204)
        y = _horner(y, x, 0.5)
    return y


@triton.jit
def exp_tail_brief(x):
    """(exp(x) - 1 - x)/x**2.

    Any dtype: Taylor's series, 5 terms, at most 2.0e-07 off on [-0.25, 0.25].
    """
    y = tl.full(x.shape, 0.001388888888888889, x.dtype)
    y = _horner(y, x, 0.008333333333333333)
    y = _horner(y, x, 0.041666666666666664)
    y = _horner(y, x, 0.16666666666666666)
    y = _horner(y, x, 0.5)
    return y


@triton.jit
def atanh_tail(x):
    """(atanh(s)/s - 1)/s**2 in y = s**2.

    float64: Chebyshev fit, 14 terms, at most 2.0e-17 off on [0, 0.2501].
    float32: Chebyshev fit, 7 terms, at most 9.9e-09 off on [0, 0.2501].
    """
    if x.dtype == tl.float64:
        y = tl.full(x.shape, 0.21115109506841148, tl.float64)
        y = _horner(y, x, -0.14477005451011898)
        y = _horner(y, x, 0.13576149109826188)
        y = _horner(y, x, 0.012219494246581248)
        y = _horner(y, x, 0.05443792667937839)
        y = _horner(y, x, 0.051604446522550286)
        y = _horner(y, x, 0.058931382593187094)
        y = _horner(y, x, 0.06665883232659046)
        y = _horner(y, x, 0.07692346108805066)
        y = _horner(y, x, 0.09090907875688518)
        y = _horner(y, x, 0.1111111113405809)
        y = _horner(y, x, 0.14285714285488846)
        y = _horner(y, x, 0.2000000000000087)
        y = _horner(y, x, 0.3333333333333333)
    else:
        y = tl.full(x.shape, 0.1563507616519928, tl.float32)
        y = _horner(y, x, 0.04087582603096962)
        y = _horner(y, x, 0.09752967208623886)
        y = _horner(y, x, 0.11050711572170258)
        y = _horner(y, x, 0.14288292825222015)
        y = _horner(y, x, 0.1999995857477188)
        y = _horner(y, x, 0.3333333432674408)
    return y


@triton.jit
def js_tail(x):
    """((1+t)*log1p(t) + (1-t)*log1p(-t))/(4*t**2) in y = t**2.

    float64: Chebyshev fit, 16 terms, at most 8.1e-19 off on [0, 0.3601].
    float32: Chebyshev fit, 8 terms, at most 4.2e-10 off on [0, 0.3601].
    """
    if x.dtype == tl.float64:
        y = tl.full(x.shape, 0.009726911299664137, tl.float64)
        y = _horner(y, x, -0.017182089651190374)
        y = _horner(y, x, 0.017509278689021034)
        y = _horner(y, x, -0.009140550405554159)
        y = _horner(y, x, 0.00485978877980514)
        y = _horner(y, x, -3.5108998330468935e-05)
        y = _horner(y, x, 0.0015439572243417295)
        y = _horner(y, x, 0.001600134691945897)
        y = _horner(y, x, 0.002086960014160431)
        y = _horner(y, x, 0.002746977096460574)
        y = _horner(y, x, 0.003787893193864247)
        y = _horner(y, x, 0.005555555063338788)
        y = _horner(y, x, 0.00892857143870637)
        y = _horner(y, x, 0.016666666666557407)
        y = _horner(y, x, 0.04166666666666713)
        y = _horner(y, x, 0.25)
    else:
        y = tl.full(x.shape, 0.007671645376831293, tl.float32)
        y = _horner(y, x, -0.0013504965463653207)
        y = _horner(y, x, 0.0051800706423819065)
        y = _horner(y, x, 0.005305343773216009)
        y = _horner(y, x, 0.008952406235039234)
        y = _horner(y, x, 0.016665568575263023)
        y = _horner(y, x, 0.04166668653488159)
        y = _horner(y, x, 0.25)
    return y


@triton.jit
def js_log_tail(x):
    """t**2*JS_TAIL(t**2)/u**2 with t = tanh(u/2), in z = u**2.

    float64: Chebyshev fit, 14 terms, at most 4.6e-19 off on [0, 2.2501].
    float32: Chebyshev fit, 7 terms, at most 8.9e-10 off on [0, 2.2501].
    """
    if x.dtype == tl.float64:
        y = tl.full(x.shape, -2.642538371874435e-15, tl.float64)
        y = _horner(y, x, 6.761226382509255e-14)
        y = _horner(y, x, -9.574936617052197e-13)
        y = _horner(y, x, 1.0622619421172687e-11)
        y = _horner(y, x, -1.0761450298490129e-10)
        y = _horner(y, x, 1.06197798091842e-09)
        y = _horner(y, x, -1.0412146488155117e-08)
        y = _horner(y, x, 1.0179233389531726e-07)
        y = _horner(y, x, -9.917762244773508e-07)
        y = _horner(y, x, 9.610615020371722e-06)
        y = _horner(y, x, -9.223090276792109e-05)
        y = _horner(y, x, 0.0008680555555546939)
        y = _horner(y, x, -0.0078124999999999705)
        y = _horner(y, x, 0.0625)
    else:
        y = tl.full(x.shape, 4.834816635934658e-08, tl.float32)
        y = _horner(y, x, -8.505567166139372e-07)
        y = _horner(y, x, 9.409935955773108e-06)
        y = _horner(y, x, -9.207938273902982e-05)
        y = _horner(y, x, 0.0008680000901222229)
        y = _horner(y, x, -0.007812492083758116)
        y = _horner(y, x, 0.0625)
    return y


@triton.jit
def weight_scale(top):
    """Powers of two that bring weights into the middle of float64's range, by their least size."""
    scale = tl.where(top >= 3.054936363499605e-151, 6.668014432879854e+240, 1.0715086071862673e+301)
    scale = tl.where(top >= 7.888609052210118e-31, 2.5822498780869086e+120, scale)
    scale = tl.where(top >= 2.037035976334486e+90, 1.0, scale)
    scale = tl.where(top >= 9.7453140114e+288, 8.271806125530277e-25, scale)
    return scale
