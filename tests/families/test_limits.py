"""What each family says at the ends of its domain, as its docstring has it."""

import numpy as np
import pytest
from mpmath import mp

from relentropy import families as f
from relentropy.testing import ulp_error

INF, NAN = np.inf, np.nan


@pytest.mark.parametrize("function", [f.kl_normal, f.kl_lognormal, f.kl_laplace])
def test_points(function):
    rows = [
        (0, 0, 0, 0),
        (1, 0, 0, 0),
        (0, 0, 0, 1),
        (0, 1, 0, 0),
        (0, INF, 0, 1),
        (INF, 1, 0, 1),
    ]
    got = function(*np.array(rows, dtype=np.float64).T)
    np.testing.assert_array_equal(got, [0, INF, INF, INF, NAN, NAN])


def test_normal_points_by_their_log_variance():
    rows = [
        (0, -INF, 0, -INF),
        (1, -INF, 0, -INF),
        (0, -INF, 0, 0),
        (0, 0, 0, -INF),
        (0, INF, 0, 0),
    ]
    got = f.kl_normal(*np.array(rows).T, scale="log_variance")
    np.testing.assert_array_equal(got, [0, INF, INF, INF, NAN])


def test_the_standard_normal_distribution_is_the_default():
    mean, std = np.array([0.5, -1.0]), np.array([0.25, 3.0])
    expected = f.kl_normal(mean, std, 0.0, 1.0)
    np.testing.assert_array_equal(f.kl_normal(mean, std), expected)
    np.testing.assert_array_equal(f.kl_lognormal(mean, std), expected)
    got = f.kl_normal(mean, std**2, scale="variance")
    np.testing.assert_allclose(got, expected, rtol=1e-15)
    got = f.kl_normal(mean, 2 * np.log(std), scale="log_variance")
    np.testing.assert_allclose(got, expected, rtol=1e-14)
    with pytest.raises(ValueError, match="scale must be one of 'std', 'variance'"):
        f.kl_normal(mean, std, scale="precision")


def test_intervals():
    rows = [
        (0, 1, 0, 1), (0, 1, 0, 2), (0, 1, 0.5, 2), (0, 1, -1, 0.5), (1, 0, 0, 1), (0, 1, 1, 0),
        (1, 1, 1, 1), (1, 1, 0, 2), (0, 2, 1, 1), (-INF, 1, -INF, 1),
    ]  # fmt: skip
    got = f.kl_uniform(*np.array(rows, dtype=np.float64).T)
    expected = [0, np.log(2), INF, INF, NAN, NAN, 0, INF, INF, NAN]
    np.testing.assert_allclose(got, expected, rtol=1e-15)


def test_ends():
    rows = [(1, 2, 1, 2), (2, 2, 1, 2), (1, 2, 2, 2), (0, 2, 0, 2), (1, 0, 1, 2), (-1, 2, 1, 2)]
    got = f.kl_pareto(*np.array(rows, dtype=np.float64).T)
    np.testing.assert_allclose(got, [0, 2 * np.log(2), INF, NAN, NAN, NAN], rtol=1e-15)
    got = f.kl_exponential([1.0, 0.0, 1.0, -1.0, INF], [1.0, 1.0, 0.0, 1.0, 1.0])
    np.testing.assert_array_equal(got, [0, NAN, NAN, NAN, NAN])


def test_counts():
    got = f.kl_poisson([0.0, 0.0, 2.0, INF, -1.0], [0.0, 3.0, 0.0, 1.0, 1.0])
    np.testing.assert_array_equal(got, [0, 3, INF, NAN, NAN])
    p, q = np.array([[0, 0], [0, 0.5], [0.5, 0], [1, 1], [0.5, 1], [1, 0.5]]).T
    log2 = np.log(2)
    got = f.kl_bernoulli(p, q)
    np.testing.assert_allclose(got, [0, log2, INF, 0, INF, log2], rtol=1e-15)
    got = f.kl_geometric(p, q)
    np.testing.assert_allclose(got, [NAN, NAN, INF, 0, INF, log2], rtol=1e-15)
    with np.errstate(divide="ignore"):
        a, b = (np.log(x / (1 - x)) for x in (p, q))
    got = f.kl_geometric(a, b, from_logits=True)
    np.testing.assert_allclose(got, [NAN, NAN, INF, 0, INF, log2], rtol=1e-15)


def test_numbers_of_trials():
    count = np.array([0, 1, 7, 0, 2])
    p, q = np.array([0.5, 0.5, 0.5, 1.0, 1.0]), np.array([0.25, 0.25, 0.25, 0.0, 0.0])
    one = f.kl_bernoulli(0.5, 0.25)
    np.testing.assert_array_equal(f.kl_binomial(count, p, q), [0, one, 7 * one, 0, INF])
    assert np.isnan(f.kl_binomial(-1, 0.5, 0.25))
    assert np.isnan(f.kl_binomial(0, 1.5, 0.25))
    torch = pytest.importorskip("torch")
    given = [torch.tensor(x, dtype=torch.float64, requires_grad=True) for x in (7.0, 0.5, 0.25)]
    found = torch.autograd.grad(f.kl_binomial(*given), given)
    assert found[0].item() == pytest.approx(one, rel=1e-15)
    assert found[1].item() == pytest.approx(7 * np.log(3), rel=1e-14)
    assert found[2].item() == pytest.approx(7 * -0.25 / (0.25 * 0.75), rel=1e-14)


def test_equal_ends_have_no_gradient_and_others_have():
    torch = pytest.importorskip("torch")
    for function, p, q, expected in (
        (f.kl_uniform, (0.0, 1.0), (0.0, 1.0), (0, 0, 0, 0)),
        (f.kl_uniform, (0.0, 1.0), (0.0, 2.0), (1, -1, -0.5, 0.5)),
        (f.kl_pareto, (1.0, 2.0), (1.0, 2.0), (0, 0, 0, 0)),
        (f.kl_pareto, (2.0, 2.0), (1.0, 2.0), (1, 0, -2, np.log(2))),
        (f.kl_normal, (0.0, 0.0), (0.0, 0.0), (0, 0, 0, 0)),
    ):
        given = [torch.tensor(x, dtype=torch.float64, requires_grad=True) for x in (*p, *q)]
        found = torch.autograd.grad(function(*given), given)
        np.testing.assert_allclose([x.item() for x in found], expected, rtol=1e-15)


@pytest.mark.parametrize(
    ("p", "q"),
    [
        (3.1952778067346304e-302, 3.19527780673463e-302),
        (1e-290, 1.0000000000001e-290),
        (1.4527048612522e-310, 1.52121506304213e-310),
        (1e-300, 1e-20),
        (1e-20, 1e-300),
        (8e-19, 9e-19),
    ],
)
def test_rare_successes_keep_their_digits(p, q):
    """A trial's divergence is below the range, and that of all trials is not."""
    with mp.workdps(700):
        a, b = mp.mpf(p), mp.mpf(q)
        right = (a * mp.log(a / b) + (1 - a) * mp.log((1 - a) / (1 - b))) / a
    assert ulp_error(f.kl_geometric(p, q), right) < 6
