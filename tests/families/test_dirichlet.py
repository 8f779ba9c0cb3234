"""Dirichlet distributions, of rows."""

import numpy as np
import pytest
from mpmath import mp

from relentropy._records import CLOSED_FORMS
from relentropy.families import kl_beta, kl_dirichlet
from relentropy.testing import ulp_error

from ..suite.backends import BACKENDS

RECORD = CLOSED_FORMS["kl_dirichlet"]


def exact(row):
    return [mp.mpf(float(x)) for x in row]


def truth(p, q):
    with mp.workprec(400):
        a, b = exact(p), exact(q)
        one, other = mp.fsum(a), mp.fsum(b)
        value = mp.loggamma(one) - mp.loggamma(other)
        for x, y in zip(a, b, strict=True):
            value += mp.loggamma(y) - mp.loggamma(x)
            value += (x - y) * (mp.digamma(x) - mp.digamma(one))
        return value


def slopes(p, q):
    """By each parameter, with the condition number of what is subtracted."""
    with mp.workprec(400):
        a, b = exact(p), exact(q)
        one, other = mp.fsum(a), mp.fsum(b)
        gaps = mp.fsum(abs(x - y) for x, y in zip(a, b, strict=True))
        found = []
        for x, y in zip(a, b, strict=True):
            own, bent = mp.polygamma(1, x) * (x - y), mp.polygamma(1, one)
            found.append((own - bent * (one - other), abs(own) + bent * gaps))
        for x, y in zip(a, b, strict=True):
            own, of_sum = mp.digamma(y) - mp.digamma(x), mp.digamma(other) - mp.digamma(one)
            found.append((own - of_sum, abs(own) + abs(of_sum)))
        return found


def cases(dtype, seed, count):
    """Near and far, proportional, all but one equal, one parameter above all others."""
    rng = np.random.default_rng(seed)
    for k in range(count):
        n = int(rng.integers(2, 8))
        a = 10 ** (rng.uniform(-3, 6, n) if k % 3 else rng.uniform(-1, 1, n))
        gap = 10 ** rng.uniform(-14 if dtype == "float64" else -6, -0.3)
        b = a * (1 + gap * rng.uniform(-1, 1, n))
        if k % 5 == 1:
            b = a * (1 + gap)
        if k % 5 == 2:
            b = a.copy()
            b[rng.integers(n)] *= 1 + gap
        if k % 5 == 3:
            b = 10 ** rng.uniform(-3, 6, n)
        a, b = a.astype(dtype), b.astype(dtype)
        if not np.array_equal(a, b):
            yield a, b


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_every_digit(dtype):
    for a, b in cases(dtype, 0, 100):
        got = kl_dirichlet(a, b)
        assert got.dtype == dtype
        assert ulp_error(got, truth(a, b)) <= RECORD.ulp[dtype], (a, b)
        assert got >= 0


@pytest.mark.parametrize("name", ["torch", "strict-oldest", "strict-no-float64", "dask"])
def test_every_library(name):
    backend = BACKENDS[name]
    with backend.active():
        dtype = backend.dtypes[-1]
        bound = RECORD.ulp[
            "float32" if dtype == "float32" and backend.has_float64 else "float64"
        ]
        for a, b in cases(dtype, 1, 10):
            got = backend.read(kl_dirichlet(backend.make(a), backend.make(b)))
            assert ulp_error(got, truth(a, b)) <= bound, (a, b)


@pytest.mark.full
def test_every_digit_of_many():
    for seed in range(2, 12):
        for a, b in cases("float64", seed, 200):
            assert ulp_error(kl_dirichlet(a, b), truth(a, b)) <= RECORD.ulp["float64"], (a, b)


def test_two_categories_are_a_beta_distribution():
    rng = np.random.default_rng(5)
    a, b = 10 ** rng.uniform(-3, 6, (2, 100, 2))
    expected = kl_beta(a[:, 0], a[:, 1], b[:, 0], b[:, 1])
    np.testing.assert_allclose(kl_dirichlet(a, b), expected, rtol=2e-15)


def test_the_divergence_is_an_integral_of_densities():
    a, b = (1.5, 2.5, 2.0), (2.0, 2.0, 3.0)

    def log_density(x, y, alpha):
        z = 1 - x - y
        log = mp.loggamma(sum(alpha)) - sum(map(mp.loggamma, alpha))
        return log + sum((c - 1) * mp.log(v) for c, v in zip(alpha, (x, y, z), strict=True))

    def weighted(x, share):
        y = share * (1 - x)
        p, q = (log_density(x, y, one) for one in (a, b))
        return mp.exp(p) * (p - q) * (1 - x)

    with mp.workdps(15):
        value = mp.quad(weighted, [0, 0.5, 1], [0, 0.5, 1], maxdegree=5)
    assert kl_dirichlet(a, b) == pytest.approx(float(value), rel=1e-6)


def test_ties_and_large_parameters():
    rng = np.random.default_rng(6)
    a = 10 ** rng.uniform(-2, 3, (3, 60))
    a[0, 40], a[1, 3] = 1e6, 1e5
    a[2, [7, 30]] = 1e5  # largest twice
    b = a * (1 + 1e-6 * rng.uniform(-1, 1, a.shape))
    exactly = np.array([truth(*row) for row in zip(a, b, strict=True)], dtype=object)
    assert np.all(ulp_error(kl_dirichlet(a, b), exactly) <= RECORD.ulp["float64"])


def test_rows_longer_than_a_tile():
    a = np.full(40_000, 0.5)
    a[[3, 30_000]] = 7.0, 900.0
    b = a.copy()
    b[[3, 20_000, 30_000]] += 1e-5
    assert ulp_error(kl_dirichlet(a, b), truth_of_few(a, b, [3, 20_000, 30_000])) <= 12


def truth_of_few(a, b, moved):
    """Where only these parameters differ."""
    with mp.workprec(400):
        rest = mp.fsum(exact(np.delete(a, moved)))
        x, y = exact(a[moved]), exact(b[moved])
        one, other = rest + mp.fsum(x), rest + mp.fsum(y)
        value = mp.loggamma(one) - mp.loggamma(other) - mp.digamma(one) * (one - other)
        for u, v in zip(x, y, strict=True):
            value += mp.loggamma(v) - mp.loggamma(u) + (u - v) * mp.digamma(u)
        return value


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_gradients(dtype):
    torch = pytest.importorskip("torch")
    for a, b in cases(dtype, 7, 25):
        given = [torch.tensor(x, requires_grad=True) for x in (a, b)]
        found = torch.autograd.grad(kl_dirichlet(*given), given)
        got = np.concatenate([one.numpy() for one in found])
        for value, (slope, size) in zip(got, slopes(a, b), strict=True):
            if slope == 0:
                assert value == 0
                continue
            condition = float(max(mp.mpf(1), size / abs(slope)))
            assert ulp_error(value, slope) <= RECORD.slope_ulp[dtype] * condition, (a, b)


def test_gradients_of_equal_and_of_masked_entries():
    torch = pytest.importorskip("torch")
    nan = float("nan")
    a = torch.tensor([2.0, nan, 0.0, 5.0], dtype=torch.float64, requires_grad=True)
    b = torch.tensor([3.0, 1.0, 0.0, 5.0], dtype=torch.float64, requires_grad=True)
    keep = torch.tensor([True, False, True, True])
    value = kl_dirichlet(a, b, where=keep)
    assert value.item() == kl_dirichlet([2.0, 5.0], [3.0, 5.0])
    for slope in torch.autograd.grad(value, [a, b]):
        assert torch.all(torch.isfinite(slope))
        assert torch.all(slope[1:3] == 0)
    same = torch.tensor([0.5, 3.0, 1e5], dtype=torch.float64, requires_grad=True)
    other = same.detach().clone().requires_grad_()
    value = kl_dirichlet(same, other)
    assert value.item() == 0
    for slope in torch.autograd.grad(value, [same, other]):
        assert torch.all(slope == 0)


def test_second_derivatives():
    torch = pytest.importorskip("torch")
    a = torch.tensor([[2.5, 0.75, 4.0], [1.0, 2.0, 3.0]], dtype=torch.float64)
    b = torch.tensor([[2.0, 1.0, 4.5], [1.0, 2.0, 3.0]], dtype=torch.float64)
    given = [a.requires_grad_(), b.requires_grad_()]
    assert torch.autograd.gradcheck(kl_dirichlet, given, atol=1e-7, fast_mode=True)
    assert torch.autograd.gradgradcheck(kl_dirichlet, given, atol=1e-7, fast_mode=True)


@pytest.mark.full
def test_torch_compiles_without_breaks():
    torch = pytest.importorskip("torch")
    compiled = torch.compile(kl_dirichlet, fullgraph=True, backend="eager")
    a = torch.tensor([2.5, 0.75, 4.0], dtype=torch.float64, requires_grad=True)
    b = torch.tensor([2.0, 1.0, 4.5], dtype=torch.float64)
    value = compiled(a, b)
    assert value.item() == kl_dirichlet(a, b).item()
    value.backward()
    (expected,) = torch.autograd.grad(kl_dirichlet(a, b), [a])
    assert torch.equal(a.grad, expected)


def test_dask_stays_lazy():
    backend = BACKENDS["dask"]
    rng = np.random.default_rng(8)
    a, b = rng.uniform(0.1, 5, (2, 4, 3))
    with backend.active():
        import dask

        def refuse(*_, **__):
            raise AssertionError("computed")

        with dask.config.set(scheduler=refuse):
            got = kl_dirichlet(backend.make(a), backend.make(b))
        np.testing.assert_array_equal(backend.read(got), kl_dirichlet(a, b))


def test_limits_and_shapes():
    a, b = np.array([1.0, 2.0, 3.0]), np.array([2.0, 2.0, 1.5])
    one = kl_dirichlet(a, b)
    assert isinstance(one, np.float64)
    np.testing.assert_array_equal(kl_dirichlet(np.stack([a, a]), b), [one, one])
    np.testing.assert_array_equal(
        kl_dirichlet(a[:, None], b[:, None], axis=0, keepdims=True), [[one]]
    )
    assert kl_dirichlet([*a, 0.0], [*b, 0.0]) == one  # absent
    assert kl_dirichlet([5.0], [7.0]) == 0
    assert kl_dirichlet(np.empty((2, 0)), np.empty((2, 0))).tolist() == [0, 0]
    assert kl_dirichlet(a, b, where=np.array(False)) == 0
    for bad in (0.0, -1.0, np.nan, np.inf):
        assert np.isnan(kl_dirichlet([1.0, bad, 3.0], b)), bad
        assert np.isnan(kl_dirichlet(a, [1.0, bad, 3.0])), bad
    assert np.isnan(kl_dirichlet([0.0], [0.0]))
    assert kl_dirichlet(a.astype(np.float16), b.astype(np.float16)).dtype == np.float32
    with pytest.raises(ValueError, match="alpha_"):
        kl_dirichlet(a, b[:2])


@pytest.mark.full
@pytest.mark.parametrize("name", ["jax-jit", "jax-x32"])
def test_jax(name):
    backend = BACKENDS[name]
    with backend.active():
        import jax

        dtype = backend.dtypes[-1]
        rng = np.random.default_rng(9)
        a = 10 ** rng.uniform(-3, 6, (12, 5))
        b = a * (1 + 10 ** rng.uniform(-6, -1, (12, 1)) * rng.uniform(-1, 1, a.shape))
        a, b = a.astype(dtype), b.astype(dtype)
        got = backend.read(backend.wrap(kl_dirichlet)(backend.make(a), backend.make(b)))
        exactly = np.array([truth(*row) for row in zip(a, b, strict=True)], dtype=object)
        assert np.all(ulp_error(got, exactly) <= RECORD.ulp["float64"])
        found = jax.grad(lambda *x: kl_dirichlet(*x).sum(), (0, 1))(*map(backend.make, (a, b)))
        rows = np.concatenate([np.asarray(x) for x in found], axis=1)
        for row, p, q in zip(rows, a, b, strict=True):
            for value, (slope, size) in zip(row, slopes(p, q), strict=True):
                condition = float(max(mp.mpf(1), size / abs(slope)))
                assert ulp_error(value, slope) <= RECORD.slope_ulp["float64"] * condition


@pytest.mark.parametrize("axis", [None, (0, 1), 1.0])
def test_categories_are_along_one_axis(axis):
    with pytest.raises(TypeError, match="axis must be an integer"):
        kl_dirichlet(np.ones((2, 3)), np.ones((2, 3)), axis=axis)


def test_slopes_far_apart_are_subtracted():
    """A lot apart in one parameter, and equal in the other."""
    torch = pytest.importorskip("torch")
    row = (0.0015, 0.009, 1e5, 0.009)
    given = [torch.tensor(x, dtype=torch.float64, requires_grad=True) for x in row]
    *_, slope = torch.autograd.grad(kl_beta(*given), given)
    with mp.workdps(40):
        a, b, c, d = map(mp.mpf, row)
        right = mp.digamma(d) - mp.digamma(c + d) - mp.digamma(b) + mp.digamma(a + b)
    assert ulp_error(slope, right) < 6
