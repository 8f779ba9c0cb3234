// Coefficients of polynomials, highest power first, and thresholds of the kernels.
//
// Written by `python -m tools.coefficients`, which fits and measures them.
#pragma once

namespace relentropy {
namespace RELENTROPY_SET {

// clang-format off
// exp(2*HEADROOM) times any row's length does not overflow in float64, and exp(-HEADROOM)
// times it is below half an ulp of 1.
constexpr double HEADROOM = 0x1.2c00000000000p+8;  // 300.0
// Below it a factor of a product of float64 may have lost digits to the range's end.
constexpr double SUBNORMAL = 0x1.8f2b061aea072p-964;  // 1e-290
// Halves a significand of float64 (Dekker).
constexpr double SPLITTER = 0x1.0000002000000p+27;  // 134217729.0
// log(2) less LOG2_LO, with 21 zeros at its end.
constexpr double LOG2_HI = 0x1.62e42fee00000p-1;  // 0.6931471803691238
// What LOG2_HI lacks.
constexpr double LOG2_LO = 0x1.a39ef35793c76p-33;  // 1.9082149292705877e-10
// log(2).
constexpr double LOG2 = 0x1.62e42fefa39efp-1;  // 0.6931471805599453
// 1/log(2).
constexpr double LOG2_E = 0x1.71547652b82fep+0;  // 1.4426950408889634
// (atanh(s)/s - 1)/s**2 in y = s**2 on [0, 0.0402]: Chebyshev fit, 8 terms, at most 1.9e-17
// off
constexpr double ATANH_TAIL[] = {
    0x1.16d0d0a09926bp-4, 0x1.0e857c4765545p-4, 0x1.3b2a29705fb2cp-4, 0x1.745caa083f891p-4,
    0x1.c71c72e6a0bf3p-4, 0x1.24924923d8d53p-3, 0x1.9999999999f4ap-3, 0x1.5555555555555p-2
};
// (atanh(s)/s - 1)/s**2 in y = s**2 on [0, 0.0402]: Chebyshev fit, 7 terms, at most 1.5e-15
// off
constexpr double ATANH_TAIL_BRIEF[] = {
    0x1.35b99f3a4cd26p-4, 0x1.38ffd7ff2ea9cp-4, 0x1.746bd7ec3f49dp-4, 0x1.c71c3c49cff06p-4,
    0x1.249249529dd5cp-3, 0x1.999999997bed9p-3, 0x1.555555555556ep-2
};
// (atanh(s)/s - 1)/s**2 in y = s**2 on [0, 0.1112]: Chebyshev fit, 12 terms, at most
// 2.0e-17 off
constexpr double ATANH_TAIL_SHARE[] = {
    0x1.381aa4e0baf60p-4, 0x1.033fe3af9eba7p-5, 0x1.974642684ae01p-5, 0x1.ad452c0dfe02fp-5,
    0x1.e2048e5d15d67p-5, 0x1.11103e0d7678bp-4, 0x1.3b13b7ce64fe1p-4, 0x1.745d1724ab178p-4,
    0x1.c71c71c77ed17p-4, 0x1.2492492491fdep-3, 0x1.999999999999cp-3, 0x1.5555555555555p-2
};
// (atanh(s)/s - 1)/s**2 in y = s**2 on [0, 0.1112]: Chebyshev fit, 8 terms, at most 6.4e-14
// off
constexpr double ATANH_TAIL_SHARE_BRIEF[] = {
    0x1.6cd7060d544d0p-4, 0x1.f1b5ef3693841p-5, 0x1.3d71551f6734fp-4, 0x1.743cd5d2f3e0ep-4,
    0x1.c71d5e953687ep-4, 0x1.2492477bf00b5p-3, 0x1.9999999bdb8c7p-3, 0x1.5555555555150p-2
};
// (atanh(s)/s - 1)/s**2 in y = s**2 on [0, 0.2501]: Chebyshev fit, 14 terms, at most
// 2.0e-17 off
constexpr double ATANH_TAIL_FAR[] = {
    0x1.b06ffc3eaad51p-3, -0x1.287d33cc7d212p-3, 0x1.160a1ee295f99p-3, 0x1.90688c14d439dp-7,
    0x1.bdf49b57ffcddp-5, 0x1.a6be5e448fa45p-5, 0x1.e2c4111e44031p-5, 0x1.1108da0d50e93p-4,
    0x1.3b14185ab161dp-4, 0x1.745d1402b9973p-4, 0x1.c71c71d6e151dp-4, 0x1.249249247e74bp-3,
    0x1.9999999999ad3p-3, 0x1.5555555555555p-2
};
// (exp(x) - 1 - x)/x**2 on [-log(2)/2*1.0001, log(2)/2*1.0001]: Chebyshev fit, 11 terms, at
// most 2.6e-18 off
constexpr double EXP_TAIL[] = {
    0x1.1f730349868cep-29, 0x1.af4de97ca4194p-26, 0x1.27e4db646b17ep-22, 0x1.71de0231960ebp-19,
    0x1.a01a01a6d889cp-16, 0x1.a01a01abe7fe1p-13, 0x1.6c16c16c162d4p-10, 0x1.11111111100dcp-7,
    0x1.5555555555556p-5, 0x1.5555555555557p-3, 0x1.0000000000000p-1
};
// (exp(x) - 1 - x)/x**2 on [-log(2)/2*1.0001, log(2)/2*1.0001]: Chebyshev fit, 9 terms, at
// most 7.3e-15 off
constexpr double EXP_TAIL_BRIEF[] = {
    0x1.2880411bad1aap-22, 0x1.72c72ca338df0p-19, 0x1.a019c9a5652d3p-16, 0x1.a019ada3609f3p-13,
    0x1.6c16c1738ff55p-10, 0x1.1111111c478ebp-7, 0x1.5555555554cb7p-5, 0x1.5555555553b78p-3,
    0x1.0000000000000p-1
};
// (exp(x) - 1 - x)/x**2 on [-0.25, 0.25]: Chebyshev fit, 9 terms, at most 3.8e-16 off
constexpr double EXP_TAIL_QUARTER[] = {
    0x1.2835b8ece4a58p-22, 0x1.7257592ef6986p-19, 0x1.a019f27bf31e8p-16, 0x1.a019eae937a70p-13,
    0x1.6c16c16d23f39p-10, 0x1.11111112a4e93p-7, 0x1.55555555554b4p-5, 0x1.5555555555371p-3,
    0x1.0000000000000p-1
};
// (exp(x) - 1 - x)/x**2 on [-0.5, 0.5]: Chebyshev fit, 10 terms, at most 8.3e-15 off
constexpr double EXP_TAIL_HALF[] = {
    0x1.aff2554072b75p-26, 0x1.29287135ad7a2p-22, 0x1.71dda50069d60p-19, 0x1.a0190edf83f23p-16,
    0x1.a01a01c997bd0p-13, 0x1.6c16c1af89f25p-10, 0x1.111111110df46p-7, 0x1.555555554b370p-5,
    0x1.5555555555555p-3, 0x1.0000000000000p-1
};
// (exp(x) - 1 - x)/x**2 on [-1, 1]: Chebyshev fit, 13 terms, at most 2.0e-16 off
constexpr double EXP_TAIL_NEAR[] = {
    0x1.991796f104bc7p-37, 0x1.66a5d4b6dcaa0p-33, 0x1.1ee6aae315faep-29, 0x1.ae568a73eee2dp-26,
    0x1.27e503be9a488p-22, 0x1.71de4ae8ac98ep-19, 0x1.a01a0196706bcp-16, 0x1.a01a018cc0851p-13,
    0x1.6c16c16c1b969p-10, 0x1.111111111abeap-7, 0x1.555555555553fp-5, 0x1.55555555554fdp-3,
    0x1.0000000000000p-1
};
// (exp(x) - 1 - x)/x**2 on [-2, 2]: Chebyshev fit, 17 terms, at most 2.5e-17 off
constexpr double EXP_TAIL_FAR[] = {
    0x1.789ec70d01bb1p-53, 0x1.a9cd01e803d94p-49, 0x1.ae0b2a034f522p-45, 0x1.adedb9d0f9a91p-41,
    0x1.9398fb2fd56bap-37, 0x1.61267fc5c59f3p-33, 0x1.1eed8b6a8c7cbp-29, 0x1.ae644d82fa0b1p-26,
    0x1.27e4fb802570dp-22, 0x1.71de3a6b04a91p-19, 0x1.a01a01a004149p-16, 0x1.a01a019fe2fe2p-13,
    0x1.6c16c16c16da8p-10, 0x1.1111111111500p-7, 0x1.5555555555554p-5, 0x1.5555555555550p-3,
    0x1.0000000000000p-1
};
// (exp(x) - 1 - x)/x**2 on [-0.03125, 0.03125]: Taylor's series, 6 terms, at most 2.3e-14
// off
constexpr double EXP_TAIL_SHORT[] = {
    0x1.a01a01a01a01ap-13, 0x1.6c16c16c16c17p-10, 0x1.1111111111111p-7, 0x1.5555555555555p-5,
    0x1.5555555555555p-3, 0x1.0000000000000p-1
};
// ((1+t)*log1p(t) + (1-t)*log1p(-t))/(4*t**2) in y = t**2 on [0, 0.3601]: Chebyshev fit, 16
// terms, at most 8.1e-19 off
// The last coefficient, 0.25, is apart.
constexpr double JS_TAIL[] = {
    0x1.3ebb3ef629ca3p-7, -0x1.1982e8483e4dbp-6, 0x1.1edf3cd623253p-6, -0x1.2b847e8796f79p-7,
    0x1.3e7db9dfee5bfp-8, -0x1.2683fff3b39c3p-15, 0x1.94bd3723cf598p-10, 0x1.a37738af35895p-10,
    0x1.118ac2048bc16p-9, 0x1.680d419595e42p-9, 0x1.f07c9ac6dac86p-9, 0x1.6c16bf4ee40d7p-8,
    0x1.2492492a24a6ep-7, 0x1.111111110960dp-6, 0x1.5555555555598p-5
};
// t**2*JS_TAIL(t**2)/u**2 with t = tanh(u/2), in z = u**2 on [0, 2.2501]: Chebyshev fit, 14
// terms, at most 4.6e-19 off
// The last coefficient, 0.0625, is apart.
constexpr double JS_LOG_TAIL[] = {
    -0x1.7cd4754629ae7p-49, 0x1.307fa2084c024p-44, -0x1.0d82b08798cb9p-40,
    0x1.75c00cbb5a6f0p-37, -0x1.d94b28acba4b0p-34, 0x1.23ea0e8e7aae8p-30,
    -0x1.65c23585a7c4ep-27, 0x1.b531dad00081fp-24, -0x1.0a3a57dafdb9bp-20,
    0x1.427a8dee11842p-17, -0x1.82d82d82269d9p-14, 0x1.c71c71c71a811p-11, -0x1.fffffffffffdep-8
};
// clang-format on

}  // namespace RELENTROPY_SET
}  // namespace relentropy
