"""Multivariate normal distributions, by every way to give their scale."""

import numpy as np
import pytest
from mpmath import mp

from relentropy._records import CLOSED_FORMS
from relentropy.families import kl_multivariate_normal, kl_normal
from relentropy.testing import ulp_error

from ..suite.backends import BACKENDS

RECORD = CLOSED_FORMS["kl_multivariate_normal"]
BOUND = RECORD.ulp["float64"]
KINDS = ("cholesky", "covariance", "low_rank")
GAPS = (1e-15, 1e-12, 1e-8, 1e-4, 1e-2, 0.3)
each_kind = pytest.mark.parametrize("kind", KINDS)


# --- the definition, in mpmath --------------------------------------------------------------


def number(x):
    return x if isinstance(x, mp.mpf) else mp.mpf(float(x))


def matrix(x):
    return mp.matrix([[number(v) for v in row] for row in x])


def covariance(kind, scale):
    if kind == "cholesky":
        lower = matrix(scale[0])
        return lower * lower.T
    if kind == "covariance":
        return matrix(scale[0])
    factor, own = scale
    return matrix(factor) * matrix(factor).T + mp.diag([number(v) for v in own])


def truth(kind, m, p, n, q):
    with mp.workprec(400):
        one, other = covariance(kind, p), covariance(kind, q)
        inverse = other**-1
        d = mp.matrix([number(a) - number(b) for a, b in zip(m, n, strict=True)])
        trace = sum((inverse * one)[i, i] for i in range(d.rows))
        log = mp.log(mp.det(other) / mp.det(one))
        return (log + trace - d.rows + (d.T * inverse * d)[0]) / 2


def condition(kind, *sides):
    """That of the scales, and for low rank of the inner matrix, with the diagonals' ratio."""
    if kind != "low_rank":
        return max(np.linalg.cond(side[0]) for side in sides)
    sizes = [1 + np.linalg.norm(f / np.sqrt(d)[:, None], 2) ** 2 for f, d in sides]
    (_, one), (_, other) = sides
    return max(sizes) * max(np.max(one / other), np.max(other / one))


# --- hard parameters ------------------------------------------------------------------------


def draw(kind, rng, gap, size=None):
    """Two normal distributions whose scales and, half of the time, means differ by a gap."""
    k = int(rng.integers(3, 7)) if size is None else size
    if kind == "low_rank":
        factor, own = rng.normal(size=(k, 2)), np.exp(rng.normal(size=k))
        p = factor, own
        q = factor + gap * rng.normal(size=(k, 2)), own * np.exp(gap * rng.normal(size=k))
    else:
        lower = np.tril(rng.normal(size=(k, k)) / 2, -1)
        lower += np.diag(np.exp(rng.normal(size=k)))
        change = rng.normal(size=(k, k)) * gap / 3
        p, q = (lower,), (lower @ (np.eye(k) + np.tril(change)),)
        if kind == "covariance":
            p, q = ([one[0] @ one[0].T] for one in (p, q))
            p, q = ((one[0] + one[0].T,) for one in (p, q))
    mean = rng.normal(size=k)
    return mean, p, mean + gap * rng.normal(size=k) * rng.choice([0, 1]), q


def given(kind, scale):
    return scale if kind == "low_rank" else scale[0]


def call(kind, m, p, n, q, **more):
    return kl_multivariate_normal(m, given(kind, p), n, given(kind, q), scale=kind, **more)


def cast(x, change):
    m, p, n, q = x
    return change(m), tuple(map(change, p)), change(n), tuple(map(change, q))


# --- values ---------------------------------------------------------------------------------


@each_kind
def test_close_and_apart_have_their_digits(kind):
    rng = np.random.default_rng(3)
    for gap in GAPS:
        for _ in range(6):
            row = draw(kind, rng, gap)
            got = call(kind, *row)
            error = ulp_error(got, truth(kind, *row))
            assert error <= BOUND * condition(kind, row[1], row[3]), gap
            assert got >= 0


@each_kind
def test_far_apart(kind):
    rng = np.random.default_rng(4)
    for _ in range(8):
        m, p, _, _ = draw(kind, rng, 0.0, size=3)
        n, q, _, _ = draw(kind, rng, 0.0, size=3)
        row = m, p, n, q
        error = ulp_error(call(kind, *row), truth(kind, *row))
        assert error <= BOUND * condition(kind, p, q)


@each_kind
def test_single_precision_is_worked_in_double(kind):
    rng = np.random.default_rng(5)
    for gap in (1e-3, 0.3):
        row = cast(draw(kind, rng, gap, size=3), lambda x: x.astype(np.float32))
        if kind == "covariance":  # symmetric after rounding, too
            assert all(np.all(one[0] == one[0].T) for one in (row[1], row[3]))
        got = call(kind, *row)
        assert got.dtype == np.float32
        assert ulp_error(got, truth(kind, *row)) <= 1
        assert call(kind, *row, dtype="float64").dtype == np.float64
    row = cast(row, lambda x: x.astype(np.float16))
    assert call(kind, *row).dtype == np.float32


def test_one_dimension_and_independent_ones_are_normal():
    rng = np.random.default_rng(6)
    m, n = rng.normal(size=(2, 5, 4))
    s, t = np.exp(rng.normal(size=(2, 5, 4)))
    expected = kl_normal(m, s, n, t).sum(-1)
    got = kl_multivariate_normal(m, s, n, t, scale="diagonal")
    np.testing.assert_allclose(got, expected, rtol=1e-15)
    eye = np.eye(4)
    got = kl_multivariate_normal(m, s[..., None] * eye, n, t[..., None] * eye)
    np.testing.assert_allclose(got, expected, rtol=1e-14)
    got = kl_multivariate_normal(m[..., :1], s[..., :1, None], n[..., :1], t[..., :1, None])
    np.testing.assert_allclose(got, kl_normal(m, s, n, t)[..., 0], rtol=1e-14)
    standard = kl_multivariate_normal(m, s, scale="diagonal")
    np.testing.assert_allclose(standard, kl_normal(m, s).sum(-1), rtol=1e-15)


@each_kind
def test_the_standard_normal_distribution_is_the_default(kind):
    m, p, _, _ = draw(kind, np.random.default_rng(7), 0.1, size=3)
    one = kl_multivariate_normal(m, given(kind, p), scale=kind)
    q = (np.zeros((3, 2)), np.ones(3)) if kind == "low_rank" else (np.eye(3),)
    assert one == pytest.approx(float(truth(kind, m, p, np.zeros(3), q)), rel=1e-13)


def test_ranks_may_differ():
    rng = np.random.default_rng(8)
    m, (f, d), n, (g, c) = draw("low_rank", rng, 0.3, size=5)
    row = m, (f[:, :1], d), n, (g, c)
    assert call("low_rank", *row) == pytest.approx(float(truth("low_rank", *row)), rel=1e-13)


@each_kind
def test_equal_parameters_are_exactly_zero(kind):
    m, p, _, _ = draw(kind, np.random.default_rng(9), 0.1)
    got = call(kind, m, p, m, p)
    assert got == 0
    assert not np.signbit(got)


@each_kind
def test_what_is_no_distribution_is_nan(kind):
    m, p, n, q = draw(kind, np.random.default_rng(10), 0.1, size=3)
    for i in range(2):
        for bad in (np.nan, -1.0):
            sides = [p, q]
            broken = sides[i][-1].copy()
            broken[(1,) * broken.ndim] = bad
            sides[i] = (*sides[i][:-1], broken)
            assert np.isnan(call(kind, m, sides[0], n, sides[1]))
    for bad in (np.nan, np.inf):
        assert np.isnan(call(kind, np.array([bad, 0, 0]), p, n, q))


# --- derivatives ----------------------------------------------------------------------------


def torch_rows(kind, gap, size=3):
    torch = pytest.importorskip("torch")
    row = draw(kind, np.random.default_rng(11), gap, size=size)
    return cast(row, lambda x: torch.tensor(x, dtype=torch.float64, requires_grad=True))


def flat(row):
    m, p, n, q = row
    return [m, *p, n, *q]


def opened(kind, arrays):
    half = len(arrays) // 2
    return arrays[0], tuple(arrays[1:half]), arrays[half], tuple(arrays[half + 1 :])


def slope_errors(kind, gap):
    """Errors over condition numbers, in units of the last place of a gradient's largest."""
    import torch

    row = torch_rows(kind, gap)
    arrays = flat(row)
    found = torch.autograd.grad(call(kind, *row), arrays)
    exact = [x.detach().numpy() for x in arrays]
    rng = np.random.default_rng(12)
    kappa = condition(kind, *opened(kind, exact)[1::2])
    errors = []
    for i, (x, slope) in enumerate(zip(exact, found, strict=True)):
        scale = float(slope.abs().max())
        for _ in range(3):
            at = tuple(int(rng.integers(n)) for n in x.shape)
            if kind == "cholesky" and x.ndim == 2 and at[1] > at[0]:
                at = at[::-1]
            with mp.workprec(400):
                h = mp.mpf(2) ** -60

                def moved(sign, i=i, at=at, h=h):
                    changed = [np.array(one, dtype=object) for one in exact]
                    places = {at, at[::-1]} if kind == "covariance" and len(at) == 2 else {at}
                    for place in places:
                        changed[i][place] = mp.mpf(float(changed[i][place])) + sign * h
                    return truth(kind, *opened(kind, changed))

                true = float((moved(1) - moved(-1)) / (2 * h))
            got = float(slope[at])
            if kind == "covariance" and x.ndim == 2 and at[0] != at[1]:
                got += float(slope[at[::-1]])
            errors.append(abs(got - true) / (2.0**-53 * kappa * max(scale, abs(true))))
    return np.array(errors)


@each_kind
@pytest.mark.parametrize("gap", [1e-9, 1e-3, 0.3])
def test_gradients_have_their_digits(kind, gap):
    assert slope_errors(kind, gap).max() <= RECORD.slope_ulp["float64"]


@each_kind
@pytest.mark.parametrize("equal", [pytest.param(False, marks=pytest.mark.full), True])
def test_second_derivatives(kind, equal):
    import torch

    m, p, n, q = torch_rows(kind, 0.2, size=2)
    if equal:
        n = m.detach().clone().requires_grad_()
        q = tuple(one.detach().clone().requires_grad_() for one in p)
    arrays = flat((m, p, n, q))

    def function(*given):
        return call(kind, *opened(kind, list(given)))

    torch.autograd.gradcheck(function, arrays, fast_mode=True)
    torch.autograd.gradgradcheck(function, arrays, fast_mode=True)
    if equal:
        found = torch.autograd.grad(function(*arrays), arrays)
        assert all(torch.all(one == 0) for one in found)


@each_kind
def test_masks_hide_what_is_no_distribution(kind):
    import torch

    row = torch_rows(kind, 0.2)
    pairs = [torch.stack([x.detach(), torch.full_like(x, np.nan)]) for x in flat(row)]
    for x in pairs:
        x.requires_grad_()
    mask = torch.tensor([True, False])
    value = call(kind, *opened(kind, pairs), where=mask)
    assert value[1] == 0
    assert value[0].item() == pytest.approx(call(kind, *row).item(), rel=1e-14)
    for slope in torch.autograd.grad(value.sum(), pairs):
        assert torch.all(slope[1] == 0)
        assert torch.all(torch.isfinite(slope[0]))


# --- libraries, shapes ----------------------------------------------------------------------


@each_kind
@pytest.mark.parametrize(
    "name", ["torch", "strict-oldest", "dask", pytest.param("jax", marks=pytest.mark.full)]
)
def test_every_library(kind, name):
    backend = BACKENDS[name]
    with backend.active():
        rng = np.random.default_rng(13)
        rows = [draw(kind, rng, gap, size=3) for gap in (1e-9, 0.3)]
        stacked = [np.stack(parts) for parts in zip(*(flat(row) for row in rows), strict=True)]
        made = [backend.make(x) for x in stacked]
        got = backend.read(call(kind, *opened(kind, made)))
        exact = [truth(kind, *row) for row in rows]
        kappa = [condition(kind, row[1], row[3]) for row in rows]
        assert np.all(ulp_error(got, np.array(exact, dtype=object)) <= BOUND * np.array(kappa))


def test_compilers_follow():
    torch = pytest.importorskip("torch")
    jax = pytest.importorskip("jax")
    row = torch_rows("cholesky", 0.2, size=2)
    eager = call("cholesky", *row)

    def function(m, p, n, q):
        return kl_multivariate_normal(m, p, n, q)

    arrays = flat(row)
    compiled = torch.compile(function, fullgraph=True, backend="eager")
    assert compiled(*arrays).item() == pytest.approx(eager.item(), rel=1e-14)
    with BACKENDS["jax"].active():
        made = [jax.numpy.asarray(x.detach().numpy()) for x in arrays]
        assert float(jax.jit(function)(*made)) == pytest.approx(eager.item(), rel=1e-13)
        slope = jax.jit(jax.grad(function, argnums=1))(*made)
        (own,) = torch.autograd.grad(eager, arrays[1])
        np.testing.assert_allclose(slope, own, rtol=1e-12)


def test_shapes():
    eye = np.eye(2)
    assert kl_multivariate_normal(np.zeros((3, 1, 2)), eye, np.zeros((4, 2)), eye).shape == (
        3,
        4,
    )
    assert isinstance(kl_multivariate_normal(1.0, eye), np.float64)
    assert kl_multivariate_normal(1.0, [[1, 0], [0, 1]]) == 1.0
    assert kl_multivariate_normal(np.zeros((0, 2)), eye).shape == (0,)
    with pytest.raises(ValueError, match=r"scale_p must have the shape \(\.\.\., d, d\)"):
        kl_multivariate_normal(np.zeros(2), np.ones(2))
    with pytest.raises(ValueError, match="mean_q has shape"):
        kl_multivariate_normal(np.zeros(2), eye, np.zeros(3), eye)
    with pytest.raises(ValueError, match="scale_q has shape"):
        kl_multivariate_normal(np.zeros(2), eye, np.zeros(2), np.eye(3))
    with pytest.raises(TypeError, match="pair"):
        kl_multivariate_normal(np.zeros(2), eye, scale="low_rank")
    with pytest.raises(ValueError, match="one of"):
        kl_multivariate_normal(np.zeros(2), eye, scale="precision")
    with pytest.raises(ValueError, match="axis"):
        kl_multivariate_normal(0.0, 1.0, scale="diagonal")


def test_factors_of_no_rank():
    """Beside one of some rank, as covariances."""
    ones, none, own = np.ones((2, 1)), np.ones((2, 0)), np.ones(2)
    full, alone = ones @ ones.T + np.eye(2), np.eye(2)
    for p, q, first, second in ((ones, none, full, alone), (none, ones, alone, full)):
        got = kl_multivariate_normal(0.0, (p, own), 0.0, (q, own), scale="low_rank")
        right = kl_multivariate_normal(0.0, first, 0.0, second, scale="covariance")
        np.testing.assert_allclose(got, right, rtol=1e-14)
    assert kl_multivariate_normal(0.0, (none, own), 0.0, (none, own), scale="low_rank") == 0


def test_a_pair_is_of_low_rank():
    with pytest.raises(TypeError, match=r"scale_p is a tuple of arrays; .*'low_rank'"):
        kl_multivariate_normal(0.0, (np.ones((2, 1)), np.ones(2)))


def test_the_divergence_is_an_integral_of_densities():
    """By Gauss and Hermite's quadrature, in p's standardised coordinates."""
    p_mean, q_mean = np.array([0.5, -1.0]), np.array([0.25, 0.5])
    p_cov = np.array([[2.0, 0.6], [0.6, 0.5]])
    q_cov = np.array([[1.0, -0.3], [-0.3, 1.5]])

    def log_density(x, mean, cov):
        off = x - mean
        squares = np.einsum("...i,ij,...j->...", off, np.linalg.inv(cov), off)
        return -squares / 2 - np.log(2 * np.pi) - np.log(np.linalg.det(cov)) / 2

    nodes, weights = np.polynomial.hermite.hermgauss(8)
    grid = np.stack(np.meshgrid(nodes, nodes, indexing="ij"), axis=-1)
    x = p_mean + np.sqrt(2) * grid @ np.linalg.cholesky(p_cov).T
    gain = log_density(x, p_mean, p_cov) - log_density(x, q_mean, q_cov)
    right = np.einsum("i,j,ij->", weights, weights, gain) / np.pi
    got = kl_multivariate_normal(p_mean, p_cov, q_mean, q_cov, scale="covariance")
    np.testing.assert_allclose(got, right, rtol=1e-13)
