"""Rivals compute what they mean to, where that is easy."""

import numpy as np
import pytest
from bench.rivals import KINDS, liger, openrlhf, trl, verl

from .objectives import peers
from .suite.backends import BACKENDS

P = np.array([[0.1, 0.2, 0.7], [0.5, 0.25, 0.25]])
Q = np.array([[0.3, 0.3, 0.4], [0.2, 0.2, 0.6]])
LOGITS = 2 + np.log(P), np.log(Q) - 3
X, Y = np.array([0.25, 1.0, 3.0]), np.array([0.5, 1.5, 0.75])
A, B = np.array([[1.0, 2.0, 0.5]]), np.array([[0.0, -1.0, 2.0]])
LOGP, REF = np.array([[-1.0, -0.5, -2.0]]), np.array([[-1.5, -0.25, -1.75]])
R = LOGP - REF
Z, ONE = np.zeros(1), np.ones(1)


def kl(p, q):
    return np.sum(p * np.log(p / q), axis=-1)


def mixed(p, q, beta=0.5):
    middle = beta * p + (1 - beta) * q
    return beta * kl(p, middle) + (1 - beta) * kl(q, middle)


def two_outcomes(p):
    return np.stack([p, 1 - p], axis=-1)


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


EASY = {
    ("kl_div", "values"): ((X, Y), X * np.log(X / Y) - X + Y),
    ("rel_entr", "values"): ((X, Y), X * np.log(X / Y)),
    ("kl_divergence", "probs"): ((P, Q), kl(P, Q)),
    ("kl_divergence", "logits"): (LOGITS, kl(P, Q)),
    ("js_divergence", "probs"): ((P, Q), mixed(P, Q)),
    ("js_divergence", "logits"): (LOGITS, mixed(P, Q)),
    ("js_distance", "probs"): ((P, Q), np.sqrt(mixed(P, Q))),
    ("hellinger_distance", "probs"): ((P, Q), np.sqrt(1 - np.sqrt(P * Q).sum(-1))),
    ("entropy", "probs"): ((P,), -np.sum(P * np.log(P), axis=-1)),
    ("entropy", "logits"): (LOGITS[:1], -np.sum(P * np.log(P), axis=-1)),
    ("logsumexp", "logits"): ((A,), np.log(np.exp(A).sum(-1))),
    ("log_softmax", "logits"): (LOGITS[:1], np.log(P)),
    ("binary_kl_divergence", "probs"): ((P, Q), kl(two_outcomes(P), two_outcomes(Q))),
    ("binary_kl_divergence", "logits"): (
        (A, B),
        kl(two_outcomes(sigmoid(A)), two_outcomes(sigmoid(B))),
    ),
    ("kl_normal", "parameters"): ((Z, 2 * ONE, Z, ONE), 1.5 - np.log(2 * ONE)),
    ("kl_laplace", "parameters"): ((Z, 2 * ONE, Z, ONE), 1 - np.log(2 * ONE)),
    # Of a mean e**-x of the second one's gamma function, 1 for equal scales.
    ("kl_gumbel", "parameters"): ((ONE, ONE, Z, ONE), np.exp(-ONE)),
    ("kl_exponential", "parameters"): ((2 * ONE, ONE), np.log(2 * ONE) - 0.5),
    ("kl_poisson", "parameters"): ((2 * ONE, ONE), 2 * np.log(2 * ONE) - 1),
    ("kl_geometric", "parameters"): ((ONE / 2, ONE / 4), np.log(2 * ONE) + np.log(2 * ONE / 3)),
    ("kl_gamma", "parameters"): ((ONE, 2 * ONE, ONE, ONE), np.log(2 * ONE) - 0.5),
    # log(B(1, 2)/B(2, 3)) + digamma(2) + digamma(3) - 2*digamma(5), by harmonic numbers.
    ("kl_beta", "parameters"): (
        tuple(np.array([float(one)]) for one in (2, 3, 1, 2)),
        np.array([np.log(6) + 1 + 3 / 2 - 2 * 25 / 12]),
    ),
}
ESTIMATORS = {"k1": R, "abs": np.abs(R), "k2": R**2 / 2, "k3": np.exp(-R) - 1 + R}


def called(formula, *arrays):
    """What it makes of numpy's arrays, and again in numpy."""
    if "scipy" in formula.label:
        pytest.importorskip("scipy")
    backend = BACKENDS[formula.library]
    with backend.active():
        return backend.read(formula.call(*map(backend.make, arrays)))


@pytest.mark.parametrize(
    ("kind", "formula"),
    [
        pytest.param(kind, formula, id=f"{kind}, {formula.label}")
        for kind, formulas in KINDS.items()
        for formula in formulas
        if (kind, formula.inputs) in EASY
    ],
)
def test_a_function_has_the_textbooks_value(kind, formula):
    arrays, right = EASY[kind, formula.inputs]
    np.testing.assert_allclose(called(formula, *arrays), right, rtol=1e-6)


def test_no_function_is_left_out():
    inputs = {(kind, one.inputs) for kind, formulas in KINDS.items() for one in formulas}
    others = {(kind, "log_probs") for kind in ("kl_estimator", "policy_loss")}
    assert inputs == EASY.keys() | others | {("distillation_loss", "logits")}


@pytest.mark.parametrize("formula", KINDS["kl_estimator"], ids=lambda one: one.label)
def test_an_estimator_has_schulmans_value(formula):
    name = formula.label.partition(" ")[2].partition(" ")[0].rstrip("+")
    np.testing.assert_allclose(called(formula, LOGP, REF), ESTIMATORS[name], rtol=1e-6)


def batch():
    rng = np.random.default_rng(7)
    old = -rng.exponential(size=(4, 6))
    logp, ref = (old + 0.4 * rng.normal(size=old.shape) for _ in range(2))
    mask = np.arange(6) < np.array([6, 3, 1, 4])[:, None]
    return logp, old, ref, rng.normal(size=4), mask


AVERAGES = {
    "mean of tokens": lambda each, mask: each[mask].mean(),
    "mean of means": lambda each, mask: np.mean(
        [row[own].mean() for row, own in zip(each, mask, strict=True)]
    ),
    "mean of sums": lambda each, mask: each[mask].sum() / 4,
    "by the length": lambda each, mask: each[mask].sum() / 6,
    "mean by the length": lambda each, mask: each[mask].sum() / 24,
}
POLICY = {
    "TRL grpo": ("mean of means", 0.04),
    "TRL bnpo": ("mean of tokens", 0.04),
    "TRL dr_grpo": ("mean by the length", 0.04),
    "verl token-mean": ("mean of tokens", 0.001),
    "verl seq-mean-token-mean": ("mean of means", 0.001),
    "verl seq-mean-token-sum": ("mean of sums", 0.001),
    "verl seq-mean-token-sum-norm": ("by the length", 0.001),
    "verl k3+": ("mean of tokens", 0.001),
    "OpenRLHF": ("mean of tokens", 0.01),
    "OpenRLHF by sequences": ("mean of means", 0.01),
}


@pytest.mark.parametrize("formula", KINDS["policy_loss"], ids=lambda one: one.label)
def test_a_policys_loss_is_the_papers_by_the_projects_average(formula):
    logp, old, ref, advantages, mask = batch()
    average, beta = POLICY[formula.label]
    gains = peers.surrogate(logp - old, advantages[:, None], 0.2, 0.2)
    right = AVERAGES[average](gains + beta * peers.k3(logp - ref), mask)
    assert called(formula, logp, old, ref, advantages, mask) == pytest.approx(right, rel=1e-6)
    by_tokens = np.broadcast_to(advantages[:, None], mask.shape)
    again = called(formula, logp, old, ref, by_tokens, mask)
    assert again == pytest.approx(right, rel=1e-6)


@pytest.mark.parametrize("formula", KINDS["distillation_loss"], ids=lambda one: one.label)
def test_a_distillation_loss_is_the_mean_of_the_rows_selected(formula):
    rows = np.array([False, True])
    right = mixed(P, Q)[rows].mean() / (P.shape[-1] if "before" in formula.label else 1)
    assert called(formula, *LOGITS, rows) == pytest.approx(right, rel=1e-6)


@pytest.mark.parametrize("project", [trl, liger])
@pytest.mark.parametrize("beta", [0, 0.25, 1])
def test_the_weight_of_a_mixture_is_the_teachers(project, beta):
    torch = pytest.importorskip("torch")
    logits = map(torch.tensor, LOGITS)
    right = {0: kl(P, Q), 1: kl(Q, P)}.get(beta, mixed(P, Q, beta))
    np.testing.assert_allclose(project.generalized_js(*logits, beta), right, rtol=1e-6)


def gradient(estimator, logp, ref):
    torch = pytest.importorskip("torch")
    x = torch.tensor(logp, requires_grad=True)
    estimator(x, torch.tensor(ref)).sum().backward()
    return x.grad.numpy()


def test_the_gradients_of_k3_are_those_that_the_projects_have():
    np.testing.assert_allclose(gradient(trl.k3, LOGP, REF), 1 - np.exp(-R), rtol=1e-6)
    np.testing.assert_allclose(gradient(verl.k3_plus, LOGP, REF), R, rtol=1e-6)
    far = REF - 100
    assert not gradient(verl.k3, far, REF).any()
    assert not gradient(openrlhf.k3, far, REF).any()
    assert np.isnan(gradient(openrlhf.k3_unbounded, far, REF)).all()
