"""`relentropy.testing` against exact rational arithmetic, one element at a time."""

import math
import subprocess
import sys
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest

from relentropy.testing import assert_ulp, ulp_error

INF, NAN = math.inf, math.nan

# digits, exponent of the smallest normal number, of the largest binade
FORMATS = {
    "float16": (11, -14, 15),
    "bfloat16": (8, -126, 127),
    "float32": (24, -126, 127),
    "float64": (53, -1022, 1023),
}
NUMPY_FORMATS = ["float16", "float32", "float64"]


def two_to(k):
    return Fraction(2) ** k


def exact_error(actual, desired, name):
    """The definition: both finite, no rounding anywhere."""
    digits, low, high = FORMATS[name]
    size, binade = abs(Fraction(desired)), low
    while binade < high and size >= two_to(binade + 1):
        binade += 1
    return abs(Fraction(actual) - Fraction(desired)) / two_to(binade - digits + 1)


def cast(values, name):
    """Values rounded to the format, as an array of that dtype."""
    if name == "bfloat16":
        return np.asarray(values).astype(pytest.importorskip("ml_dtypes").bfloat16)
    with np.errstate(over="ignore"):
        return np.asarray(values).astype(name)


def magnitudes(rng, name, n):
    """Positive float64 numbers over the whole range of the format, subnormals included."""
    digits, low, high = FORMATS[name]
    exponents = rng.integers(low - digits + 2, high, n, dtype=np.int32)
    return np.ldexp(1 + rng.random(n), exponents)


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("spread", [0, 1e-16, 1e-9, 1e-3, 1])
def test_floats_against_the_definition(name, spread):
    rng = np.random.default_rng(1)
    desired = magnitudes(rng, name, 200) * rng.choice([-1, 1], 200)
    actual = cast(desired * (1 + spread * rng.standard_normal(200)), name)
    finite = np.isfinite(actual.astype(float))
    actual, desired = actual[finite], desired[finite]
    expected = [
        float(exact_error(a, d, name))
        for a, d in zip(actual.astype(float), desired, strict=True)
    ]
    np.testing.assert_allclose(ulp_error(actual, desired), expected, rtol=1e-14, atol=1e-10)


@pytest.mark.parametrize("name", FORMATS)
def test_pairs_against_the_definition(name):
    rng = np.random.default_rng(2)
    high = magnitudes(rng, name, 200)
    low = high * np.ldexp(rng.uniform(-1, 1, 200), -53)
    actual = cast(high * (1 + 2.0 ** -FORMATS[name][0] * rng.integers(-2, 3, 200)), name)
    finite = np.isfinite(actual.astype(float))
    actual, high, low = actual[finite], high[finite], low[finite]
    expected = [
        float(exact_error(a, Fraction(h) + Fraction(x), name))
        for a, h, x in zip(actual.astype(float), high, low, strict=True)
    ]
    errors = ulp_error(actual, high, desired_low=low)
    np.testing.assert_allclose(errors, expected, rtol=1e-14, atol=1e-10)


@pytest.mark.parametrize("name", NUMPY_FORMATS)
@pytest.mark.parametrize("kind", [Fraction, Decimal])
def test_exact_numbers_against_the_definition(name, kind):
    rng = np.random.default_rng(3)
    desired = []
    for size in magnitudes(rng, name, 60):
        exact = Fraction(size) * (1 + Fraction(int(rng.integers(-100, 100)), 10**19))
        if kind is Decimal:
            desired.append(Decimal(exact.numerator) / Decimal(exact.denominator))
        else:
            desired.append(exact)
    actual = cast([float(d) for d in desired], name)
    expected = [
        float(exact_error(float(a), d, name)) for a, d in zip(actual, desired, strict=True)
    ]
    np.testing.assert_allclose(ulp_error(actual, desired), expected, rtol=1e-14, atol=1e-10)


@pytest.mark.parametrize("name", NUMPY_FORMATS)
def test_a_rounded_number_is_at_most_half_an_ulp_off(name):
    desired = magnitudes(np.random.default_rng(4), name, 2000)
    actual = cast(desired, name)
    errors = ulp_error(actual, desired)[np.isfinite(actual)]
    assert errors.max() <= 0.5
    assert name == "float64" or errors.max() > 0.49


def test_mpmath_numbers_of_any_size():
    mpmath = pytest.importorskip("mpmath")
    with mpmath.workprec(300):
        third = mpmath.mpf(1) / 3
        assert ulp_error(1 / 3, third) == pytest.approx(1 / 3, abs=1e-15)
        assert ulp_error(-1 / 3, -third) == pytest.approx(1 / 3, abs=1e-15)
        np.testing.assert_allclose(ulp_error([1 / 3, 0.0], [third, mpmath.mpf(0)]), [1 / 3, 0])
        assert ulp_error(0.0, mpmath.mpf(10) ** -(10**12)) == 0
        assert ulp_error(INF, mpmath.mpf(10) ** (10**12)) == 0
        assert ulp_error(-INF, mpmath.mpf(10) ** (10**12)) == INF
        # The second word has the other sign.
        assert ulp_error(INF, mpmath.mpf(2) ** (10**12) * (1 - mpmath.mpf(2) ** -60)) == 0
        assert ulp_error(INF, mpmath.inf) == 0
        assert ulp_error(NAN, mpmath.nan) == 0
        assert ulp_error(math.pi, mpmath.pi) < 0.5


@pytest.mark.parametrize("name", NUMPY_FORMATS)
def test_below_a_power_of_two_the_unit_is_the_smaller_one(name):
    unit = float(np.finfo(name).eps)
    one = cast(1.0, name)
    assert ulp_error(one, 1.0 + unit) == 1
    assert ulp_error(one, 1.0 - unit / 2) == 1
    assert ulp_error(one, 1.0, desired_low=1e-30) == pytest.approx(1e-30 / unit)
    assert ulp_error(one, 1.0, desired_low=-1e-30) == pytest.approx(2e-30 / unit)


def test_around_the_smallest_number():
    tiny = 5e-324
    assert ulp_error(0.0, tiny) == 1
    assert ulp_error(3 * tiny, tiny) == 2
    assert ulp_error(0.0, Fraction(tiny) / 2) == 0.5
    assert ulp_error(tiny, Fraction(tiny) / 3) == pytest.approx(2 / 3)
    assert ulp_error(0.0, Decimal("1e-400")) == pytest.approx(1e-400 / tiny, abs=1e-70)
    assert ulp_error(-0.0, 0.0) == 0
    assert ulp_error(tiny, 0.0) == 1
    assert ulp_error(np.float32(0), 2.0**-149) == 1
    assert ulp_error(np.float16(0), 2.0**-24) == 1


@pytest.mark.parametrize("name", NUMPY_FORMATS)
def test_around_the_largest_number(name):
    digits, _, high = FORMATS[name]
    largest = np.finfo(name).max
    infinity = cast(INF, name)
    last = two_to(high - digits + 1)
    tie = Fraction(float(largest)) + last / 2  # ties go to the even neighbour, infinity
    assert ulp_error(infinity, tie) == 0
    assert ulp_error(-infinity, -tie) == 0
    assert ulp_error(-infinity, tie) == INF
    assert ulp_error(infinity, tie - last / 10**6) == INF
    assert ulp_error(largest, tie - last / 10**6) == pytest.approx(0.5, abs=1e-5)
    assert ulp_error(largest, tie) == 0.5
    assert ulp_error(infinity, largest) == INF
    assert ulp_error(largest, largest) == 0
    assert ulp_error(infinity, Fraction(10) ** 400) == 0
    assert ulp_error(largest, 2 * Fraction(float(largest))) == 2.0**digits - 1


@pytest.mark.parametrize(
    ("actual", "desired", "error"),
    [
        (NAN, NAN, 0),
        (NAN, 1.0, INF),
        (1.0, NAN, INF),
        (NAN, INF, INF),
        (INF, NAN, INF),
        (INF, INF, 0),
        (-INF, -INF, 0),
        (INF, -INF, INF),
        (1.0, INF, INF),
        (INF, 1.0, INF),
        (1e308, 1e-308, INF),  # finite, but no float64 can say how large
        (1e308, -1e308, 1e308 / 2.0**970),
        (0.0, INF, INF),
        (INF, 0.0, INF),
    ],
)
def test_special_values(actual, desired, error):
    assert ulp_error(actual, desired) == error
    assert ulp_error(np.float64([actual]), [desired]).tolist() == [error]


def test_a_pair_may_be_out_of_order_and_its_second_word_anything_beside_an_infinity():
    assert ulp_error(1.0, 2.0**-60, desired_low=1.0) == 2.0**-8
    assert ulp_error(1.0, 0.0, desired_low=1.0) == 0
    assert ulp_error(INF, INF, desired_low=NAN) == 0
    assert ulp_error(INF, 1.7976931348623157e308, desired_low=2.0**970) == 0
    assert ulp_error(0.0, 5e-324, desired_low=-5e-324) == 0
    assert ulp_error(NAN, NAN, desired_low=0.0) == 0


def test_integers_and_long_doubles_keep_their_digits():
    assert ulp_error(2.0**53, 2**53 + 1) == 0.5
    assert ulp_error(2.0**63, np.int64([2**63 - 1])[0]) == 2.0**-10
    assert ulp_error(1.0, 1) == 0
    third = np.longdouble(1) / 3
    error = abs(Fraction(*third.as_integer_ratio()) - Fraction(1 / 3)) * 2**54
    assert ulp_error(1 / 3, third) == pytest.approx(float(error))
    assert ulp_error(INF, np.longdouble(INF)) == 0
    assert ulp_error(NAN, np.longdouble(NAN)) == 0


def test_dtype_sets_the_unit():
    assert ulp_error(1 + 2.0**-23, 1.0, dtype="float32") == 1
    assert ulp_error(1 + 2.0**-23, 1.0, dtype=np.float32) == 1
    assert ulp_error(1 + 2.0**-23, 1.0, dtype=np.dtype("f4")) == 1
    assert ulp_error(1 + 2.0**-7, 1.0, dtype="bfloat16") == 1
    assert ulp_error(1.0, 1.0 + 2.0**-52, dtype=float) == 1
    assert ulp_error(INF, 1e39, dtype="float32") == 0


def test_results_are_float64_arrays_of_the_shape_of_actual():
    assert ulp_error(np.ones((2, 3), np.float32), 1).shape == (2, 3)
    assert ulp_error(np.ones((0, 3)), np.ones((0, 3))).shape == (0, 3)
    scalar = ulp_error(1.0, 1.0)
    assert isinstance(scalar, np.ndarray)
    assert scalar.dtype == np.float64
    assert scalar.shape == ()


@pytest.mark.parametrize(
    ("arguments", "keywords", "words"),
    [
        ((np.int64(1), 1.0), {}, "actual has dtype int64"),
        (("1.0", 1.0), {}, "actual has dtype str"),
        ((1j, 1.0), {}, "actual has dtype complex128"),
        ((1.0, 1j), {}, "desired has dtype complex128"),
        ((1.0, True), {}, "desired has dtype bool"),
        ((1.0, [Fraction(1), "1"][1:]), {}, "desired has dtype str"),
        (([1.0, 1.0], [Fraction(1), None]), {}, "desired holds None"),
        ((1.0, 1.0), {"dtype": "int8"}, "dtype is 'int8'"),
        ((1.0, 1.0), {"dtype": object()}, "expected one of float16"),
        ((1.0, 1.0), {"desired_low": Fraction(1)}, "desired_low has dtype object"),
    ],
)
def test_wrong_types_are_named(arguments, keywords, words):
    with pytest.raises(TypeError, match=words):
        ulp_error(*arguments, **keywords)


@pytest.mark.parametrize(
    ("arguments", "keywords", "words"),
    [
        ((np.ones(3), np.ones((3, 1))), {}, r"desired has shape \(3, 1\), actual has \(3,\)"),
        ((1.0, [1.0, 1.0]), {}, "desired has shape"),
        ((1.0, 1.0), {"desired_low": [0.0]}, "desired_low has"),
    ],
)
def test_wrong_shapes_are_named(arguments, keywords, words):
    with pytest.raises(ValueError, match=words):
        ulp_error(*arguments, **keywords)


def torch_of(values, dtype):
    torch = pytest.importorskip("torch")
    return torch.tensor(values, dtype=getattr(torch, dtype), requires_grad=True)


def jax_of(values, dtype):
    pytest.importorskip("jax")
    import jax.numpy as jnp

    if dtype == "float64":
        pytest.skip("jax has no float64 unless told to")
    return jnp.asarray(values, dtype=dtype)


def dask_of(values, dtype):
    pytest.importorskip("dask.array")
    import dask.array as da

    return da.from_array(cast(values, dtype), chunks=2)


def strict_of(values, dtype):
    xp = pytest.importorskip("array_api_strict")
    if dtype.endswith("float16"):
        pytest.skip("the standard has no 16-bit types")
    return xp.asarray(values, dtype=getattr(xp, dtype))


@pytest.mark.parametrize("of", [torch_of, jax_of, dask_of, strict_of])
@pytest.mark.parametrize("dtype", FORMATS)
def test_arrays_of_every_library(of, dtype):
    ulp = 2.0 ** (1 - FORMATS[dtype][0])
    array = of([1.0, 1 + ulp, 2.0], dtype)
    np.testing.assert_array_equal(ulp_error(array, [1.0, 1.0, 2 - ulp]), [0, 1, 1])
    np.testing.assert_array_equal(ulp_error(array, array), [0, 0, 0])
    np.testing.assert_array_equal(ulp_error([1.0, 1.0, 2.0], array, dtype=array.dtype)[1], 1)


def test_ml_dtypes_of_other_widths_are_refused_as_results_and_welcome_as_truth():
    ml_dtypes = pytest.importorskip("ml_dtypes")
    small = np.ones(2, ml_dtypes.float8_e4m3)
    with pytest.raises(TypeError, match="actual has dtype float8_e4m3"):
        ulp_error(small, 1.0)


def test_assert_ulp_passes_at_the_limit_and_fails_above():
    assert_ulp(1 + 2.0**-52, 1.0, 1)
    with pytest.raises(AssertionError, match=r"the result is more than 0.99 ulp off"):
        assert_ulp(1 + 2.0**-52, 1.0, 0.99)
    assert_ulp(np.ones((0, 2)), np.ones((0, 2)), 0)


def test_assert_ulp_says_which_element_and_how_far():
    actual = np.ones((2, 3), np.float32)
    actual[1, 2] += 3 * 2.0**-23
    actual[0, 0] += 2.0**-23
    with pytest.raises(AssertionError) as raised:
        assert_ulp(actual, 1.0, 0.5, err_msg="forward KL")
    assert str(raised.value).splitlines() == [
        "forward KL",
        "2 of 6 elements are more than 0.5 ulp off, the worst at index (1, 2)",
        "  error    3 ulp of float32, where one ulp is 1.19e-7",
        "  actual   1.00000035762786865234375",
        "  desired  1",
    ]


@pytest.mark.parametrize(
    ("actual", "desired", "lines"),
    [
        (NAN, 1.0, ["error    inf ulp", "actual   nan", "desired  1"]),
        (1e-300, INF, ["actual   1.0", "e-300", "desired  inf"]),
        (INF, Fraction(1, 3), ["actual   inf", "desired  0.3333333333333333333333333"]),
        (0.0, Decimal("1e-320"), ["actual   0", "one ulp is 4.94e-324"]),
    ],
)
def test_the_message_can_show_any_value(actual, desired, lines):
    with pytest.raises(AssertionError) as raised:
        assert_ulp(actual, desired, 1)
    for line in lines:
        assert line in str(raised.value)


def test_condition_divides_the_error_but_never_multiplies_it():
    off = 1 + 8 * 2.0**-52
    assert_ulp(off, 1.0, 1, condition=8)
    with pytest.raises(AssertionError, match=r"weighed  2 ulp.* condition number being 4"):
        assert_ulp(off, 1.0, 1, condition=4)
    assert_ulp(1 + 2.0**-52, 1.0, 1, condition=1e-3)
    assert_ulp([off, 1.0], 1.0, 1, condition=np.float32([8, 1]))
    with pytest.raises(AssertionError):
        assert_ulp([off, 1.0], 1.0, 1, condition=[1, 8])
    for hides_nothing in (INF, NAN):
        with pytest.raises(AssertionError):
            assert_ulp(NAN, 1.0, 1, condition=hides_nothing)
    with pytest.raises(ValueError, match="condition has shape"):
        assert_ulp([off, 1.0], 1.0, 1, condition=[1, 8, 1])
    with pytest.raises(TypeError, match="condition has dtype"):
        assert_ulp(off, 1.0, 1, condition="8")


def test_assert_ulp_takes_what_ulp_error_takes():
    assert_ulp(1 / 3, 1 / 3, 0.34, desired_low=1.850371707708594e-17)
    assert_ulp(1 + 2.0**-23, 1.0, 1, dtype="float32")


def test_importing_it_imports_no_array_library_but_numpy():
    code = (
        "import sys, relentropy.testing; "
        "print(sorted({'torch', 'jax', 'dask', 'mpmath', 'ml_dtypes'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
