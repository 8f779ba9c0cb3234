"""RLHF's objective in its three forms, and its gradient by exact enumeration."""

import itertools

import numpy as np
import pytest

from relentropy.objectives import aggregate, rlhf_objective

torch = pytest.importorskip("torch")
INF, NAN = float("inf"), float("nan")
LOG_PROBS = np.array([[-1.0, -2.0, -0.5], [-1.5, NAN, INF], [NAN, -INF, NAN]])
REF = np.array([[-1.5, -1.0, -0.5], [-1.0, NAN, INF], [NAN, -INF, NAN]])
MASK = np.array([[True, True, True], [True, False, False], [False] * 3])
REWARDS = np.array([1.0, -2.0, NAN])
GIVEN = REWARDS, LOG_PROBS, REF


def test_the_forms_by_hand():
    tokens = rlhf_objective(*GIVEN, beta=0.1, where=MASK)
    want = [[-0.05, 0.1, 1.0], [-1.95, 0.0, 0.0], [0.0, 0.0, 0.0]]
    np.testing.assert_allclose(tokens, want, rtol=1e-14)
    sequences = rlhf_objective(*GIVEN, beta=0.1, where=MASK, form="sequence_rewards")
    np.testing.assert_allclose(sequences, [1.05, -1.95, 0.0], rtol=1e-14)
    loss = rlhf_objective(*GIVEN, beta=0.1, where=MASK, form="loss")
    assert loss == pytest.approx(0.45, rel=1e-14)
    shares = [
        rlhf_objective(
            *(one[rows] for one in GIVEN), beta=0.1, where=MASK[rows], form="loss",
            denominator=2,
        )
        for rows in (slice(0, 1), slice(1, 3))
    ]  # fmt: skip
    assert sum(shares) == pytest.approx(0.45, rel=1e-14)


def test_the_reward_comes_at_the_last_token_that_is_selected():
    mask = np.array([[True, False, True, False, False]])
    zeros = np.zeros((1, 5))
    found = rlhf_objective(np.array([3.0]), zeros, zeros, beta=1.0, where=mask)
    np.testing.assert_array_equal(found, [[0, 0, 3, 0, 0]])
    found = rlhf_objective(np.array([3.0]), zeros, zeros, beta=1.0)
    np.testing.assert_array_equal(found, [[0, 0, 0, 0, 3]])


@pytest.mark.parametrize("estimator", ["k1", "k2", "k3", "abs"])
def test_token_rewards_add_up_to_those_of_sequences(estimator):
    rng = np.random.default_rng(0)
    log_probs, ref = rng.normal(size=(2, 4, 6))
    given_ = rng.normal(size=4), log_probs, ref
    options = {"beta": 0.3, "estimator": estimator, "where": rng.random((4, 6)) < 0.7}
    tokens = rlhf_objective(*given_, **options)
    sequences = rlhf_objective(*given_, form="sequence_rewards", **options)
    np.testing.assert_allclose(tokens.sum(axis=1), sequences, rtol=1e-13)
    loss = rlhf_objective(*given_, form="loss", **options)
    assert loss == pytest.approx(-sequences.mean(), rel=1e-13)


def test_nothing_selected():
    nothing = np.zeros_like(MASK)
    for form, shape in (("token_rewards", (3, 3)), ("sequence_rewards", (3,)), ("loss", ())):
        found = rlhf_objective(*GIVEN, beta=0.1, where=nothing, form=form)
        assert found.shape == shape
        assert np.all(found == 0)
    empty = np.zeros((2, 0))
    assert rlhf_objective(np.ones(2), empty, empty, beta=0.1, form="loss") == 0


def test_infinite_divergences():
    given_ = np.ones(1), np.array([[-1.0]]), np.array([[-INF]])
    assert rlhf_objective(*given_, beta=0.1) == -INF
    assert rlhf_objective(*given_, beta=0.1, form="loss") == INF
    assert rlhf_objective(*given_, beta=0, form="loss") == -1
    assert np.isnan(rlhf_objective(np.ones(1), *np.full((2, 1, 1), NAN), beta=0.1))


def test_a_coefficient_of_zero_takes_the_divergence_away():
    for beta in (0.0, np.float64(0.0), np.array(0.0)):
        for ref in (-INF, NAN):
            given_ = np.ones(1), np.array([[-1.0]]), np.array([[ref]])
            for form in ("token_rewards", "sequence_rewards"):
                assert rlhf_objective(*given_, beta=beta, form=form) == 1
            x = torch.tensor([[-1.0]], dtype=torch.float64, requires_grad=True)
            beta_ = torch.tensor(0.0) if isinstance(beta, np.ndarray) else beta
            loss = rlhf_objective(
                torch.ones(1), x, torch.tensor([[ref]]).double(), beta=beta_, form="loss",
                estimator="k3",
            )  # fmt: skip
            loss.backward()
            assert loss.item() == x.grad.item() == -1


def test_rewards_are_constants_and_the_loss_moves_by_scores():
    given_ = [torch.tensor(one, requires_grad=True) for one in GIVEN]
    mask = torch.tensor(MASK)
    for form in ("token_rewards", "sequence_rewards"):
        found = rlhf_objective(*given_, beta=0.1, where=mask, form=form)
        assert not found.requires_grad
    rlhf_objective(*given_, beta=0.1, where=mask, form="loss").backward()
    assert given_[0].grad is None
    assert given_[2].grad is None
    want = [[-0.525] * 3, [0.975, 0, 0], [0] * 3]
    np.testing.assert_allclose(given_[1].grad.numpy(), want, rtol=1e-14)


# --- exact enumeration --------------------------------------------------------------------

WORDS, LENGTH, BETA = 3, 2, 0.7
SEQUENCES = list(itertools.product(range(WORDS), repeat=LENGTH))


def log_probs_of(first, second, sequences):
    """Log-probabilities of both tokens of a model with a table for each position."""
    one, two = torch.log_softmax(first, -1), torch.log_softmax(second, -1)
    return torch.stack(
        [torch.stack([one[a], two[a, b]]) for a, b in sequences]
    )  # the second word's table depends on the first


@pytest.mark.parametrize(
    ("estimator", "unbiased"),
    [("k1", True), ("low_var_kl", True), ("k3", True), ("k2", False), ("abs", False)],
)
def test_the_gradient_of_the_loss_by_enumeration(estimator, unbiased):
    rng = np.random.default_rng(4)
    tables = [torch.tensor(rng.normal(size=size)) for size in ((WORDS,), (WORDS, WORDS)) * 2]
    model = [one.requires_grad_() for one in tables[:2]]
    rewards = torch.tensor(rng.normal(size=len(SEQUENCES)))
    log_probs = log_probs_of(*model, SEQUENCES)
    ref = log_probs_of(*tables[2:], SEQUENCES)
    log_p = log_probs.sum(1)
    probs = log_p.exp()
    objective = (probs * (rewards - BETA * (log_p - ref.sum(1)))).sum()
    want = torch.autograd.grad(-objective, model, retain_graph=True)
    losses = [
        rlhf_objective(
            rewards[i : i + 1], log_probs[i : i + 1], ref[i : i + 1], beta=BETA, form="loss",
            estimator=estimator,
        )
        for i in range(len(SEQUENCES))
    ]  # fmt: skip
    mean = sum(p * one for p, one in zip(probs.detach(), losses, strict=True))
    found = torch.autograd.grad(mean, model)
    same = [
        np.allclose(a.numpy(), b.numpy(), rtol=1e-11) for a, b in zip(found, want, strict=True)
    ]
    assert all(same) == unbiased
    if estimator in ("k1", "k3"):
        assert mean.item() == pytest.approx(-objective.item(), rel=1e-12)


def test_shaped_rewards_make_the_same_gradient():
    rng = np.random.default_rng(5)
    log_probs, ref = (torch.tensor(one) for one in rng.normal(size=(2, 4, 3)))
    rewards = torch.tensor(rng.normal(size=4))
    x = log_probs.clone().requires_grad_()
    rlhf_objective(rewards, x, ref, beta=0.2, form="loss").backward()
    y = log_probs.clone().requires_grad_()
    returns = rlhf_objective(rewards, y, ref, beta=0.2).sum(1, keepdim=True)
    aggregate(-returns * y, mode="seq-mean-token-sum").backward()
    np.testing.assert_allclose(x.grad.numpy(), y.grad.numpy(), rtol=1e-14)


@pytest.mark.parametrize(
    ("changed", "error", "words"),
    [
        ({"form": "reward"}, ValueError, "form must be one of"),
        ({"beta": -0.1}, ValueError, "beta"),
        ({"beta": INF}, ValueError, "beta"),
        ({"beta": None}, TypeError, "beta must be a number"),
        ({"beta": True}, TypeError, "beta must be a number"),
        ({"rewards": None}, TypeError, "rewards must be an array, not None"),
        ({"log_probs": None}, TypeError, "log_probs must be an array, not None"),
        ({"ref_log_probs": None}, TypeError, "ref_log_probs must be an array, not None"),
        ({"estimator": None, "form": "loss"}, ValueError, "estimator must be one of"),
        ({"denominator": 3}, ValueError, "denominator"),
        ({"rewards": np.ones((3, 1))}, ValueError, r"rewards must have the shape \(3,\)"),
        ({"ref_log_probs": REF[:2]}, ValueError, "ref_log_probs must have the shape"),
        ({"log_probs": REF[0]}, ValueError, r"\(batch, time\)"),
        ({"where": MASK[:, :2]}, ValueError, "where"),
        ({"estimator": "k3+", "form": "loss"}, ValueError, "twice; pass 'k3'"),
        ({"estimator": "k9"}, ValueError, "estimator must be one of"),
        ({"rewards": torch.ones(3)}, TypeError, "different libraries"),
    ],
)
def test_refusals_name_the_argument(changed, error, words):
    usual = {"rewards": REWARDS, "log_probs": LOG_PROBS, "ref_log_probs": REF, "beta": 0.1}
    with pytest.raises(error, match=words):
        rlhf_objective(**{**usual, **changed})
