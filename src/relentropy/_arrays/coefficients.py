"""Coefficients of polynomials, highest power first, and thresholds of the formulas.

Written by ``python -m tools.coefficients``, which fits and measures them.
"""


def _floats(text: str) -> tuple[float, ...]:
    return tuple(map(float.fromhex, text.split()))


# exp(2*HEADROOM) times any row's length does not overflow in float64, and exp(-HEADROOM)
# times it is below half an ulp of 1.
HEADROOM = 300.0
# Below it a factor of a product of float64 may have lost digits to the range's end.
SUBNORMAL = 1e-290
# Halves a significand of float64 (Dekker).
SPLITTER = 134217729.0
# Halves a significand of float32 (Dekker).
SPLITTER_SINGLE = 4097.0
# Splits off the bits of a ratio whose product with a float32 is exact.
SHORTENER = 16777217.0
# log(2) less LOG2_LO, with 21 zeros at its end.
LOG2_HI = 0.6931471803691238
# What LOG2_HI lacks.
LOG2_LO = 1.9082149292705877e-10
# 1/log(2).
LOG2_E = 1.4426950408889634
# Powers of two that bring weights into the middle of float64's range, by their least size.
SCALINGS = (
    (9.7453140114e+288, 8.271806125530277e-25),
    (2.037035976334486e+90, 1.0),
    (7.888609052210118e-31, 2.5822498780869086e+120),
    (3.054936363499605e-151, 6.668014432879854e+240),
    (0.0, 1.0715086071862673e+301),
)

# (atanh(s)/s - 1)/s**2 in y = s**2 on [0, 0.2501]: Chebyshev fit, 14 terms, at most 2.0e-17
# off
ATANH_TAIL_FAR = _floats(
    """
    0x1.b06ffc3eaad51p-3 -0x1.287d33cc7d212p-3 0x1.160a1ee295f99p-3 0x1.90688c14d439dp-7
    0x1.bdf49b57ffcddp-5 0x1.a6be5e448fa45p-5 0x1.e2c4111e44031p-5 0x1.1108da0d50e93p-4
    0x1.3b14185ab161dp-4 0x1.745d1402b9973p-4 0x1.c71c71d6e151dp-4 0x1.249249247e74bp-3
    0x1.9999999999ad3p-3 0x1.5555555555555p-2
    """
)
# (atanh(s)/s - 1)/s**2 in y = s**2 on [0, 0.2501]: Chebyshev fit, 7 terms, at most 9.9e-09
# off
ATANH_TAIL_FAR_SINGLE = _floats(
    """
    0x1.4034d40000000p-3 0x1.4edad20000000p-5 0x1.8f7b460000000p-4 0x1.c4a31c0000000p-4
    0x1.249fce0000000p-3 0x1.9999620000000p-3 0x1.5555560000000p-2
    """
)
# (atanh(s)/s - 1)/s**2 in y = s**2 on [0, 0.000244140625]: Taylor's series, 4 terms, at
# most 3.4e-16 off
ATANH_TAIL_SHORT = _floats(
    """
    0x1.c71c71c71c71cp-4 0x1.2492492492492p-3 0x1.999999999999ap-3 0x1.5555555555555p-2
    """
)
# (exp(x) - 1 - x)/x**2 on [-log(2)/2*1.0001, log(2)/2*1.0001]: Chebyshev fit, 11 terms, at
# most 2.6e-18 off
EXP_TAIL = _floats(
    """
    0x1.1f730349868cep-29 0x1.af4de97ca4194p-26 0x1.27e4db646b17ep-22 0x1.71de0231960ebp-19
    0x1.a01a01a6d889cp-16 0x1.a01a01abe7fe1p-13 0x1.6c16c16c162d4p-10 0x1.11111111100dcp-7
    0x1.5555555555556p-5 0x1.5555555555557p-3 0x1.0000000000000p-1
    """
)
# (exp(x) - 1 - x)/x**2 on [-2, 2]: Chebyshev fit, 17 terms, at most 2.5e-17 off
EXP_TAIL_FAR = _floats(
    """
    0x1.789ec70d01bb1p-53 0x1.a9cd01e803d94p-49 0x1.ae0b2a034f522p-45 0x1.adedb9d0f9a91p-41
    0x1.9398fb2fd56bap-37 0x1.61267fc5c59f3p-33 0x1.1eed8b6a8c7cbp-29 0x1.ae644d82fa0b1p-26
    0x1.27e4fb802570dp-22 0x1.71de3a6b04a91p-19 0x1.a01a01a004149p-16 0x1.a01a019fe2fe2p-13
    0x1.6c16c16c16da8p-10 0x1.1111111111500p-7 0x1.5555555555554p-5 0x1.5555555555550p-3
    0x1.0000000000000p-1
    """
)
# (exp(x) - 1 - x)/x**2 on [-0.03125, 0.03125]: Taylor's series, 6 terms, at most 2.3e-14
# off
EXP_TAIL_SHORT = _floats(
    """
    0x1.a01a01a01a01ap-13 0x1.6c16c16c16c17p-10 0x1.1111111111111p-7 0x1.5555555555555p-5
    0x1.5555555555555p-3 0x1.0000000000000p-1
    """
)
# (exp(x) - 1 - x)/x**2 on [-0.3466, 0.3466]: Chebyshev fit, 6 terms, at most 4.1e-09 off
EXP_TAIL_SINGLE = _floats(
    """
    0x1.a124ee0000000p-13 0x1.6d43200000000p-10 0x1.1110e00000000p-7 0x1.5554ea0000000p-5
    0x1.5555560000000p-3 0x1.0000000000000p-1
    """
)
# (exp(x) - 1 - x)/x**2 on [-2, 2]: Chebyshev fit, 11 terms, at most 1.4e-08 off
EXP_TAIL_FAR_SINGLE = _floats(
    """
    0x1.30c8fe0000000p-29 0x1.cdc5f60000000p-26 0x1.2754ca0000000p-22 0x1.70e07e0000000p-19
    0x1.a01df80000000p-16 0x1.a020fa0000000p-13 0x1.6c16b60000000p-10 0x1.1110fe0000000p-7
    0x1.5555560000000p-5 0x1.5555560000000p-3 0x1.0000000000000p-1
    """
)
# (exp(x) - 1 - x)/x**2 on [-0.25, 0.25]: Taylor's series, 5 terms, at most 2.0e-07 off
EXP_TAIL_SHORT_SINGLE = _floats(
    """
    0x1.6c16c16c16c17p-10 0x1.1111111111111p-7 0x1.5555555555555p-5 0x1.5555555555555p-3
    0x1.0000000000000p-1
    """
)
# ((1+t)*log1p(t) + (1-t)*log1p(-t))/(4*t**2) in y = t**2 on [0, 0.3601]: Chebyshev fit, 16
# terms, at most 8.1e-19 off
JS_TAIL = _floats(
    """
    0x1.3ebb3ef629ca3p-7 -0x1.1982e8483e4dbp-6 0x1.1edf3cd623253p-6 -0x1.2b847e8796f79p-7
    0x1.3e7db9dfee5bfp-8 -0x1.2683fff3b39c3p-15 0x1.94bd3723cf598p-10 0x1.a37738af35895p-10
    0x1.118ac2048bc16p-9 0x1.680d419595e42p-9 0x1.f07c9ac6dac86p-9 0x1.6c16bf4ee40d7p-8
    0x1.2492492a24a6ep-7 0x1.111111110960dp-6 0x1.5555555555598p-5 0x1.0000000000000p-2
    """
)
# ((1+t)*log1p(t) + (1-t)*log1p(-t))/(4*t**2) in y = t**2 on [0, 0.3601]: Chebyshev fit, 8
# terms, at most 4.2e-10 off
JS_TAIL_SINGLE = _floats(
    """
    0x1.f6c4da0000000p-8 -0x1.62064a0000000p-10 0x1.537b2a0000000p-8 0x1.5bb0e60000000p-8
    0x1.255a3a0000000p-7 0x1.110c760000000p-6 0x1.5555600000000p-5 0x1.0000000000000p-2
    """
)
# ((1+t)*log1p(t) + (1-t)*log1p(-t))/(4*t**2) in y = t**2 on [0, 0.0009765625]: Taylor's
# series, 5 terms, at most 3.4e-18 off
JS_TAIL_SHORT = _floats(
    """
    0x1.6c16c16c16c17p-8 0x1.2492492492492p-7 0x1.1111111111111p-6 0x1.5555555555555p-5
    0x1.0000000000000p-2
    """
)
# t**2*JS_TAIL(t**2)/u**2 with t = tanh(u/2), in z = u**2 on [0, 2.2501]: Chebyshev fit, 14
# terms, at most 4.6e-19 off
JS_LOG_TAIL = _floats(
    """
    -0x1.7cd4754629ae7p-49 0x1.307fa2084c024p-44 -0x1.0d82b08798cb9p-40
    0x1.75c00cbb5a6f0p-37 -0x1.d94b28acba4b0p-34 0x1.23ea0e8e7aae8p-30
    -0x1.65c23585a7c4ep-27 0x1.b531dad00081fp-24 -0x1.0a3a57dafdb9bp-20
    0x1.427a8dee11842p-17 -0x1.82d82d82269d9p-14 0x1.c71c71c71a811p-11 -0x1.fffffffffffdep-8
    0x1.0000000000000p-4
    """
)
# t**2*JS_TAIL(t**2)/u**2 with t = tanh(u/2), in z = u**2 on [0, 2.2501]: Chebyshev fit, 7
# terms, at most 8.9e-10 off
JS_LOG_TAIL_SINGLE = _floats(
    """
    0x1.9f4ebe0000000p-25 -0x1.c8a3a00000000p-21 0x1.3bbebc0000000p-17
    -0x1.82357c0000000p-14 0x1.c715000000000p-11 -0x1.ffffde0000000p-8 0x1.0000000000000p-4
    """
)
# t**2*JS_TAIL(t**2)/u**2 with t = tanh(u/2), in z = u**2 on [0, 0.0009765625]: Taylor's
# series, 4 terms, at most 8.7e-18 off
JS_LOG_TAIL_SHORT = _floats(
    """
    -0x1.82d82d82d82d8p-14 0x1.c71c71c71c71cp-11 -0x1.0000000000000p-7 0x1.0000000000000p-4
    """
)
