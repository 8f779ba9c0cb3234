"""Orders: several at once, those that cannot be, and what they come to at 0, 1 and inf."""

import math

import numpy as np
import pytest

import relentropy as re
from relentropy.testing import assert_ulp

from .backends import BACKENDS
from .samples import on, same_bits

NAN, INF = math.nan, math.inf
DIVERGENCES = {
    "alpha": re.alpha_divergence,
    "tsallis": re.tsallis_divergence,
    "renyi": re.renyi_divergence,
}
ENTROPIES = {"renyi": re.renyi_entropy, "tsallis": re.tsallis_entropy}
ALL = [
    *(pytest.param(f, 2, id=f"{name}-divergence") for name, f in DIVERGENCES.items()),
    *(pytest.param(f, 1, id=f"{name}-entropy") for name, f in ENTROPIES.items()),
]
every = pytest.mark.parametrize(("function", "count"), ALL)
FINITE = [0.0, 1e-9, 0.3, 0.5, 1.0, 1.5, 2.0]


def weights(count, *shape, seed=0):
    return list(np.random.default_rng(seed).random((count, *shape)) + 2.0**-10)


# --- several at once ----------------------------------------------------------------------


@every
@on("numpy", "torch", "strict")
def test_orders_of_a_column_are_those_of_single_calls(backend, function, count):
    rows = weights(count, 4, 5)
    with backend.active():
        arrays = [backend.make(x) for x in rows]
        columns = backend.read(function(*arrays, backend.make(np.array(FINITE)[:, None])))
        singles = [backend.read(function(*arrays, alpha)) for alpha in FINITE]
    assert same_bits(columns, np.stack(singles))


@every
@pytest.mark.parametrize("kind", [list, tuple, np.array])
def test_orders_of_one_row(function, count, kind):
    rows = weights(count, 5)
    found = function(*rows, kind(FINITE))
    assert same_bits(found, np.stack([function(*rows, alpha) for alpha in FINITE]))


@every
def test_an_order_for_each_row(function, count):
    rows = weights(count, len(FINITE), 5)
    found = function(*rows, FINITE)
    singles = [function(*parts, a) for *parts, a in zip(*rows, FINITE, strict=True)]
    assert same_bits(found, np.stack(singles))


@every
@pytest.mark.parametrize("axis", [0, 1, -2, (0, 1), (0, 2), (1, 2), None])
@pytest.mark.parametrize("keepdims", [False, True])
def test_orders_beside_any_axis(function, count, axis, keepdims):
    rows = weights(count, 2, 3, 4)
    options = {"axis": axis, "keepdims": keepdims}
    singles = np.stack([function(*rows, alpha, **options) for alpha in FINITE])
    kept = np.sum(rows[0], axis=axis).ndim
    orders = np.reshape(FINITE, (-1,) + (1,) * kept)
    assert same_bits(function(*rows, orders, **options), singles)


@every
def test_an_order_of_no_dimension_is_a_scalar(function, count):
    rows = weights(count, 3, 4)
    expected = function(*rows, 0.3)
    for alpha in (np.array(0.3), np.float64(0.3)):
        assert same_bits(function(*rows, alpha), expected)
    integer = function(*rows, 2.0)
    for alpha in (2, np.int64(2), np.array(2)):
        assert same_bits(function(*rows, alpha), integer)


@every
def test_orders_that_do_not_broadcast(function, count):
    with pytest.raises(ValueError, match="broadcast"):
        function(*weights(count, 3, 4), [0.5, 1.0])


@every
@on("torch", "strict")
def test_orders_of_numbers_and_of_arrays_agree_in_narrow_types(backend, function, count):
    rows = [x.astype(np.float32) for x in weights(count, 2, 4)]
    assert_orders(backend, function, rows)


@on("jax")
def test_orders_of_numbers_and_of_arrays_agree_in_jax(backend):
    """One function for all of them, which compile for seconds."""
    assert_orders(backend, re.renyi_entropy, weights(1, 2, 4))


def assert_orders(backend, function, rows):
    orders = np.array([[0.5], [2.0]], rows[0].dtype)
    with backend.active():
        rows = [backend.make(x) for x in rows]
        found = backend.read(function(*rows, backend.make(orders)))
        singles = [backend.read(function(*rows, alpha)) for alpha in (0.5, 2.0)]
    assert found.dtype == orders.dtype
    assert_ulp(found, np.stack(singles), 1)


# --- those that cannot be -----------------------------------------------------------------


NAN_ORDERS = [
    (re.alpha_divergence, 2, NAN),
    (re.tsallis_divergence, 2, NAN),
    (re.tsallis_divergence, 2, -1.0),
    *((re.renyi_divergence, 2, alpha) for alpha in (NAN, -1.0, -1e-300)),
    *((re.renyi_entropy, 1, alpha) for alpha in (NAN, -1.0, -1e-300)),
    *((re.tsallis_entropy, 1, alpha) for alpha in (NAN, -1.0, -1e-300)),
]


@pytest.mark.parametrize(("function", "count", "alpha"), NAN_ORDERS)
@pytest.mark.parametrize("library", ["numpy", "torch"])
def test_orders_that_are_none_give_nan_in_an_array(library, function, count, alpha):
    with BACKENDS[library].active():
        make, read = BACKENDS[library].make, BACKENDS[library].read
        rows = [make(x) for x in weights(count, 4)]
        found = read(function(*rows, make(np.array([alpha, 0.5]))))
        assert same_bits(found[1], read(function(*rows, 0.5)))
        assert np.isnan(found[0])


@every
@pytest.mark.parametrize("alpha", [NAN, -0.1, -1])
def test_numbers_that_are_no_order(function, count, alpha):
    if function is re.alpha_divergence and alpha < 0:
        assert np.isfinite(function(*weights(count, 4), alpha))
        return
    with pytest.raises(ValueError, match="alpha"):
        function(*weights(count, 4), alpha)


@every
@pytest.mark.parametrize(
    "alpha",
    [None, "one", True, 1j, object(), np.array([True]), [None], ["a"], [True], [1j]],
    ids=lambda alpha: type(alpha).__name__ if type(alpha) is object else repr(alpha),
)
def test_what_is_no_number_is_no_order(function, count, alpha):
    with pytest.raises(TypeError, match="alpha"):
        function(*weights(count, 4), alpha)


@pytest.mark.parametrize(
    ("function", "alpha"),
    [
        (re.alpha_divergence, INF),
        (re.alpha_divergence, -INF),
        (re.tsallis_divergence, INF),
    ],
)
def test_orders_that_must_be_finite(function, alpha):
    with pytest.raises(ValueError, match="alpha"):
        function(*weights(2, 4), alpha)


def test_no_derivative_by_the_order():
    torch = pytest.importorskip("torch")
    p, q = map(torch.from_numpy, weights(2, 4))
    alpha = torch.tensor(0.5, dtype=torch.float64, requires_grad=True)
    for function, rows in ((re.renyi_divergence, (p, q)), (re.renyi_entropy, (p,))):
        with pytest.raises(TypeError, match="alpha"):
            function(*rows, alpha)
        assert torch.isfinite(function(*rows, alpha.detach()))


# --- limits -------------------------------------------------------------------------------


def far_and_close():
    p, q = weights(2, 30, 6, seed=1)
    q[10:20] = p[10:20] * (1 + 1e-6 * q[10:20])
    q[20:] = p[20:] * (1 + 1e-14 * np.round(8 * q[20:]))
    return p, q


@pytest.mark.parametrize("near", [-1e-12, -(2.0**-53), 0.0, 2.0**-52, 1e-12])
def test_order_one_is_relative_entropy(near):
    p, q = far_and_close()
    kl, entropy = re.kl_divergence(p, q), re.entropy(p)
    rtol = 1e-14 + 100 * abs(near)
    for function in DIVERGENCES.values():
        np.testing.assert_allclose(function(p, q, 1 + near), kl, rtol=rtol)
    for function in ENTROPIES.values():
        np.testing.assert_allclose(function(p, 1 + near), entropy, rtol=rtol)


@pytest.mark.parametrize("near", [1e-12, 2.0**-53, 1e-100, 1e-200])
def test_order_zero_is_reached_in_proportion(near):
    p, q = far_and_close()
    reverse = re.kl_divergence(q, p)
    rtol = 1e-14 + 100 * near
    np.testing.assert_allclose(re.alpha_divergence(p, q, near), reverse, rtol=rtol)
    np.testing.assert_allclose(re.alpha_divergence(p, q, -near), reverse, rtol=rtol)
    for function in (re.tsallis_divergence, re.renyi_divergence):
        np.testing.assert_allclose(function(p, q, near) / near, reverse, rtol=rtol)
        assert np.all(function(p, q, 0.0) == 0)
    np.testing.assert_allclose(re.renyi_entropy(p, near), math.log(6), rtol=rtol)
    np.testing.assert_allclose(re.tsallis_entropy(p, near), 5, rtol=rtol)


@pytest.mark.parametrize("near", [0.0, 1e-300, 1e-17])
def test_order_zero_counts_what_p_has_no_part_in(near):
    p, q = np.array([0.0, 3.0, 1.0, 0.0]), np.array([1.0, 2.0, 3.0, 2.0])
    assert_ulp(re.renyi_divergence(p, q, near), -math.log(5 / 8), 4)
    assert_ulp(re.tsallis_divergence(p, q, near), 3 / 8, 4)
    assert_ulp(re.renyi_entropy(p, near), math.log(2), 4)
    assert_ulp(re.tsallis_entropy(p, near), 1.0, 4)
    assert re.alpha_divergence(p, q, 0.0) == INF


def test_order_inf_is_of_the_largest():
    p, q = np.array([4.0, 1.0, 3.0, 0.0]), np.array([2.0, 1.0, 4.0, 1.0])
    assert_ulp(re.renyi_divergence(p, q, INF), math.log(2), 4)
    assert_ulp(re.renyi_entropy(p, INF), math.log(2), 4)
    assert re.tsallis_entropy(p, INF) == 0
    for large in (1e3, 1e6, 1e12, 1e300):
        assert re.renyi_divergence(p, q, large) == pytest.approx(
            math.log(2), rel=2 / large + 1e-15
        )
        assert re.renyi_entropy(p, large) == pytest.approx(math.log(2), rel=2 / large + 1e-15)


@every
def test_disjoint_and_partly_disjoint_supports(function, count):
    if count == 1:
        assert function(np.array([0.0, 2.0]), 0.5) == 0
        return
    p, q, half = (np.array(x) for x in ([1.0, 0.0], [0.0, 1.0], [1.0, 1.0]))
    apart = {  # alpha 1/2 and 2
        re.renyi_divergence: (INF, INF),
        re.tsallis_divergence: (2.0, INF),
        re.alpha_divergence: (4.0, INF),
    }[function]
    for alpha, value in zip((0.5, 2.0), apart, strict=True):
        assert function(p, q, alpha) == value
    assert function(half, p, 2.0) == INF
    assert function(half, p, 0.5) < INF
    assert function(p, half, 2.0) < INF


# --- beside other libraries ---------------------------------------------------------------


@every
def test_numpy_orders_are_welcome_beside_other_arrays(function, count):
    torch = pytest.importorskip("torch")
    rows = weights(count, 5)
    found = function(*map(torch.tensor, rows), np.array(FINITE))
    assert isinstance(found, torch.Tensor)
    assert same_bits(found.numpy(), function(*rows, FINITE))


@every
def test_orders_that_do_not_fit_the_result_say_so(function, count):
    with pytest.raises(ValueError, match=r"alpha of shape \(2,\).*alpha\[:, None\]"):
        function(*weights(count, 4, 3), [1, 2])


@every
def test_torch_has_no_derivative_by_an_order(function, count):
    torch = pytest.importorskip("torch")
    rows = [torch.tensor(x) for x in weights(count, 3)]
    alpha = torch.tensor([0.5, 2.0], dtype=torch.float64)
    with pytest.raises(TypeError, match="no derivative by alpha"):
        function(*rows, alpha.clone().requires_grad_())
    with pytest.raises(TypeError, match="no derivative by alpha"):
        torch.func.jvp(lambda a: function(*rows, a), (alpha,), (torch.ones(2),))


def test_jax_has_no_derivative_by_an_order():
    jax = pytest.importorskip("jax")
    p, q = weights(2, 3)
    with BACKENDS["jax"].active(), pytest.raises(TypeError, match="no derivative by alpha"):
        jax.grad(lambda a: re.renyi_divergence(jax.numpy.array(p), q.tolist(), a))(0.5)


def test_orders_past_those_that_are_worked_with():
    p = np.array([0.1, 0.2, 0.7])
    assert_ulp(re.tsallis_entropy(p, 1e308), 1e-308, 4)
    assert re.renyi_entropy(p, 10**400) == re.renyi_entropy(p, INF)
    assert re.tsallis_entropy(np.ones(7), 0.0) == 6


def test_the_exponent_of_equal_rows_is_a_half():
    for p in ([0.1, 0.2, 0.7], [1.0], [3.0, 0.0]):
        found = re.chernoff_information(np.array(p), np.array(p))
        assert found.information == 0
        assert found.exponent == 0.5
