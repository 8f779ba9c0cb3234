"""`families.kl` on the distribution objects of torch and of SciPy."""

import math

import numpy as np
import pytest

from relentropy.families import kl, kl_lognormal, kl_multivariate_normal, kl_normal


def both(torch, name, p, q):
    made = getattr(torch.distributions, name)
    return [
        made(**{key: torch.tensor(v, dtype=torch.float64) for key, v in side.items()})
        for side in (p, q)
    ]


TORCH = [
    ("Normal", {"loc": 0.5, "scale": 1.5}, {"loc": -0.5, "scale": 0.75}),
    ("LogNormal", {"loc": 0.5, "scale": 1.5}, {"loc": -0.5, "scale": 0.75}),
    ("HalfNormal", {"scale": 1.5}, {"scale": 0.75}),
    ("Laplace", {"loc": 0.5, "scale": 1.5}, {"loc": -0.5, "scale": 0.75}),
    ("Uniform", {"low": 0.0, "high": 1.0}, {"low": -1.0, "high": 1.0}),
    ("Exponential", {"rate": 0.5}, {"rate": 2.0}),
    ("Pareto", {"scale": 2.0, "alpha": 3.0}, {"scale": 1.0, "alpha": 2.0}),
    ("Poisson", {"rate": 0.5}, {"rate": 2.0}),
    ("Bernoulli", {"probs": 0.5}, {"probs": 0.25}),
    ("Bernoulli", {"logits": 0.5}, {"probs": 0.25}),
    ("Bernoulli", {"logits": 0.5}, {"logits": -2.0}),
    ("Binomial", {"total_count": 5.0, "probs": 0.5}, {"total_count": 5.0, "logits": 0.25}),
    ("Gamma", {"concentration": 1.5, "rate": 2.0}, {"concentration": 2.5, "rate": 0.5}),
    ("Chi2", {"df": 3.0}, {"df": 2.5}),
    (
        "Beta",
        {"concentration1": 1.5, "concentration0": 2.0},
        {"concentration1": 2.5, "concentration0": 0.5},
    ),
    ("Dirichlet", {"concentration": [1.5, 2.0, 3.0]}, {"concentration": [1.0, 2.5, 0.5]}),
    ("Gumbel", {"loc": 0.5, "scale": 1.5}, {"loc": -0.5, "scale": 0.75}),
    ("Geometric", {"probs": 0.5}, {"probs": 0.25}),
    ("Geometric", {"logits": 0.5}, {"probs": 0.25}),
    ("Geometric", {"logits": 0.5}, {"logits": -1.0}),
    ("Categorical", {"probs": [0.5, 0.5]}, {"probs": [0.25, 0.75]}),
    ("Categorical", {"logits": [0.5, 0.5]}, {"probs": [0.25, 0.75]}),
    ("OneHotCategorical", {"logits": [0.5, 0.0]}, {"logits": [0.25, 0.75]}),
    (
        "MultivariateNormal",
        {"loc": [0.0, 1.0], "covariance_matrix": [[2.0, 0.5], [0.5, 1.0]]},
        {"loc": [0.5, 1.0], "covariance_matrix": [[1.0, 0.0], [0.0, 1.0]]},
    ),
    (
        "MultivariateNormal",
        {"loc": [0.0, 1.0], "scale_tril": [[2.0, 0.0], [0.5, 1.0]]},
        {"loc": [0.5, 1.0], "precision_matrix": [[1.0, 0.0], [0.0, 1.0]]},
    ),
    (
        "LowRankMultivariateNormal",
        {"loc": [0.0, 1.0], "cov_factor": [[2.0], [0.5]], "cov_diag": [1.0, 0.5]},
        {"loc": [0.5, 1.0], "cov_factor": [[1.0], [0.5]], "cov_diag": [1.0, 1.5]},
    ),
]


@pytest.mark.parametrize(("name", "p", "q"), TORCH)
def test_torch_agrees_where_it_has_digits(name, p, q):
    torch = pytest.importorskip("torch")
    one, other = both(torch, name, p, q)
    expected = torch.distributions.kl_divergence(one, other)
    got = kl(one, other)
    assert got.dtype == torch.float64
    torch.testing.assert_close(got, expected, rtol=1e-12, atol=0)
    assert kl(one, one) == 0


SAMPLED = [
    ("InverseGamma", {"concentration": 4.5, "rate": 2.0}, {"concentration": 3.5, "rate": 1.5}),
    ("VonMises", {"loc": 0.5, "concentration": 1.5}, {"loc": -0.5, "concentration": 0.75}),
    ("Weibull", {"scale": 1.5, "concentration": 2.5}, {"scale": 2.0, "concentration": 1.75}),
]


@pytest.mark.parametrize(("name", "p", "q"), SAMPLED)
def test_torch_agrees_with_its_own_densities(name, p, q):
    torch = pytest.importorskip("torch")
    one, other = both(torch, name, p, q)
    x = torch.linspace(-math.pi, math.pi, 20_001, dtype=torch.float64)
    if name != "VonMises":
        x = torch.exp(3 * x)  # from 1e-4 to 1e4
    density, log = one.log_prob(x).exp(), one.log_prob(x) - other.log_prob(x)
    expected = torch.trapezoid(density * log, x)
    torch.testing.assert_close(kl(one, other), expected, rtol=1e-4, atol=0)
    assert kl(one, one) == 0


def test_torch_keeps_what_it_was_given():
    torch = pytest.importorskip("torch")
    one, other = both(torch, "Bernoulli", {"logits": 40.0}, {"logits": 41.0})
    assert one.probs == 1  # what probabilities would be read from
    assert kl(one, other).item() == pytest.approx(1.562882e-18, rel=1e-6)
    matrix = torch.tensor([[2.0, 0.5], [0.5, 1.0]], dtype=torch.float64)
    mean = torch.zeros(2, dtype=torch.float64)
    normal = torch.distributions.MultivariateNormal
    got = kl(normal(mean, matrix), normal(mean, matrix * (1 + 1e-9)))
    assert got.item() == pytest.approx(5e-19, rel=1e-6)


def test_torch_differentiates():
    torch = pytest.importorskip("torch")
    scale = torch.tensor(1.0 + 1e-9, dtype=torch.float64, requires_grad=True)
    normal = torch.distributions.Normal
    zero = torch.tensor(0.0, dtype=torch.float64)
    kl(normal(zero, scale), normal(zero, zero + 1)).backward()
    assert scale.grad.item() == pytest.approx(2e-9, rel=1e-7)


def test_independent_ones_add_up():
    torch = pytest.importorskip("torch")
    d = torch.distributions
    mean = torch.arange(6, dtype=torch.float64).reshape(2, 3)
    one, other = (d.Independent(d.Normal(m, torch.ones_like(m)), 1) for m in (mean, 0 * mean))
    torch.testing.assert_close(kl(one, other), (mean**2).sum(-1) / 2)
    whole = d.Independent(d.Normal(mean, torch.ones_like(mean)), 2)
    assert kl(whole, whole).shape == ()
    with pytest.raises(TypeError, match="independent axes"):
        kl(one, whole)


def test_more_trials():
    torch = pytest.importorskip("torch")
    made = torch.distributions.Binomial
    probs = torch.tensor(0.5)
    one, other = (made(torch.tensor(n), probs) for n in ([3.0, 3.0, 3.0], [2.0, 3.0, 4.0]))
    got = kl(one, other).tolist()
    assert got[:2] == [math.inf, 0]
    assert math.isnan(got[2])


SCIPY = [
    ("norm", {"loc": 0.5, "scale": 1.5}, {"loc": -0.5, "scale": 0.75}),
    ("laplace", {"loc": 0.5, "scale": 1.5}, {"loc": -0.5, "scale": 0.75}),
    ("lognorm", {"s": 0.5, "scale": 1.5}, {"s": 0.75, "scale": 0.5}),
    ("lognorm", {"s": 0.5, "scale": 0.5}, {"s": 0.75, "scale": 1.5}),
    ("uniform", {"loc": 0.0, "scale": 1.5}, {"loc": -0.5, "scale": 2.75}),
    ("expon", {"scale": 1.5}, {"scale": 0.75}),
    ("expon", {"loc": 0.5, "scale": 1.5}, {"loc": 0.25, "scale": 0.75}),
    ("pareto", {"b": 1.5, "scale": 2.0}, {"b": 2.5, "scale": 1.0}),
    ("gamma", {"a": 1.5, "scale": 2.0}, {"a": 2.5, "scale": 1.0}),
    ("chi2", {"df": 3}, {"df": 2, "scale": 1.5}),
    ("invgamma", {"a": 4.5, "scale": 2.0}, {"a": 3.5, "scale": 1.0}),
    ("beta", {"a": 1.5, "b": 2.0}, {"a": 2.5, "b": 1.0}),
    ("gumbel_r", {"loc": 0.5, "scale": 1.5}, {"loc": -0.5, "scale": 1.75}),
    ("gumbel_l", {"loc": 0.5, "scale": 1.5}, {"loc": -0.5, "scale": 1.75}),
    ("weibull_min", {"c": 1.5, "scale": 2.0}, {"c": 2.5, "scale": 1.0}),
    ("vonmises", {"kappa": 1.5, "loc": 0.5}, {"kappa": 2.5, "loc": 1.0}),
]
COUNTS = [
    ("bernoulli", {"p": 0.5}, {"p": 0.25}),
    ("binom", {"n": 5, "p": 0.5}, {"n": 5, "p": 0.25}),
    ("poisson", {"mu": 0.5}, {"mu": 2.0}),
    ("geom", {"p": 0.5}, {"p": 0.25}),
]


@pytest.mark.parametrize(("name", "p", "q"), SCIPY + COUNTS)
def test_scipy_agrees_with_its_own_densities(name, p, q):
    stats = pytest.importorskip("scipy.stats")
    one, other = (getattr(stats, name)(**side) for side in (p, q))
    if (name, p, q) in COUNTS:
        k = np.arange(60)
        mass = one.pmf(k)
        kept = mass > 0
        log_ratio = one.logpmf(k[kept]) - other.logpmf(k[kept])
        expected = np.sum(mass[kept] * log_ratio)
    elif name == "vonmises":  # whose quantiles take seconds
        x = np.linspace(-np.pi, np.pi, 2001)
        expected = np.trapezoid(one.pdf(x) * (one.logpdf(x) - other.logpdf(x)), x)
    else:
        u = (np.arange(2000) + 0.5) / 2000
        x = one.ppf(u)
        expected = np.mean(one.logpdf(x) - other.logpdf(x))
    assert kl(one, other) == pytest.approx(expected, rel=1e-2)
    assert kl(one, one) == 0
    assert isinstance(kl(one, other), np.float64)


def test_scipys_shapes_and_places():
    stats = pytest.importorskip("scipy.stats")
    got = kl(stats.norm([0.0, 1.0], 1.0), stats.norm(0.0, [[1.0], [2.0]]))
    np.testing.assert_array_equal(got, kl_normal([0.0, 1.0], 1.0, 0.0, [[1.0], [2.0]]))
    assert kl(stats.expon(0.0), stats.expon(1.0)) == np.inf
    assert np.isnan(kl(stats.poisson(1.0, loc=1), stats.poisson(1.0)))
    assert kl(stats.binom(3, 0.5), stats.binom(2, 0.5)) == np.inf
    gap = 1e-9
    got = kl(stats.lognorm(1.0, scale=2.0 * (1 + gap)), stats.lognorm(1.0, scale=2.0))
    np.testing.assert_allclose(got, kl_lognormal(np.log1p(gap), 1.0), rtol=1e-6)
    assert np.isnan(kl(stats.gamma(2.0, loc=1), stats.gamma(2.0)))
    assert np.isnan(kl(stats.vonmises(2.0, scale=2), stats.vonmises(2.0)))
    got = kl(stats.dirichlet([1.0, 2.0]), stats.dirichlet([1.5, 2.0]))
    np.testing.assert_allclose(got, kl(stats.beta(1.0, 2.0), stats.beta(1.5, 2.0)), rtol=1e-14)
    one, other = np.array([[2.0, 0.5], [0.5, 1.0]]), np.eye(2)
    normal = stats.multivariate_normal
    got = kl(normal([0, 1], one), normal([1, 1], other))
    expected = kl_multivariate_normal([0, 1], one, [1, 1], other, scale="covariance")
    np.testing.assert_array_equal(got, expected)


def test_the_example():
    stats = pytest.importorskip("scipy.stats")
    assert f"{kl(stats.norm(0, 1), stats.norm(0, 1 + 1e-9)):.6e}" in kl.__doc__


def test_refusals():
    torch = pytest.importorskip("torch")
    stats = pytest.importorskip("scipy.stats")
    d = torch.distributions
    one = torch.tensor(1.0)
    with pytest.raises(TypeError, match="p is of torch and q of scipy"):
        kl(d.Normal(one, one), stats.norm())
    with pytest.raises(TypeError, match="p is torch's Normal and q Laplace"):
        kl(d.Normal(one, one), d.Laplace(one, one))
    with pytest.raises(TypeError, match="no closed form for scipy's levy"):
        kl(stats.levy(), stats.levy())
    with pytest.raises(TypeError, match="p must be a distribution"):
        kl(1.0, stats.norm())
    with pytest.raises(TypeError, match="q must be a distribution"):
        kl(stats.norm(), stats.norm)
