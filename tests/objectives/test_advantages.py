"""Advantages of groups: by the definition, at their hardest, and where peers differ."""

import mpmath
import numpy as np
import pytest

from relentropy.objectives import group_advantages

from . import peers


def exact(rewards, *, scale=True, correction=1):
    with mpmath.workdps(60):
        exactly = [mpmath.mpf(float(r)) for r in rewards]
        mean = mpmath.fsum(exactly) / len(exactly)
        gaps = [r - mean for r in exactly]
        if not scale:
            return [float(gap) for gap in gaps]
        square = mpmath.fsum(gap**2 for gap in gaps) / (len(gaps) - correction)
        return [float(gap / mpmath.sqrt(square)) for gap in gaps]


@pytest.mark.parametrize("correction", [0, 1])
@pytest.mark.parametrize(
    "rewards",
    [
        [1.0, 0.0, 0.0, 1.0, 1.0],
        [0.1, 0.1, 0.1, 0.1 + 1e-15],
        [1e300, -1e300, 1.7e308, -1.7e308],
        [1e-300, 2e-300, 5e-300],
        [1e-170, 0.0, 0.0],
        [1e308] * 40 + [-1e308],
        list(np.random.default_rng(0).normal(size=16)),
    ],
    ids=["binary", "close", "huge", "tiny", "tiny squares", "huge sums", "drawn"],
)
def test_by_the_definition(rewards, correction):
    found = group_advantages(np.array(rewards), correction=correction)
    wanted = exact(rewards, correction=correction)
    np.testing.assert_allclose(found, wanted, rtol=1e-14, atol=1e-15)


@pytest.mark.parametrize("scale", ["std", None])
@pytest.mark.parametrize(
    "rewards",
    [[5e-324, 0.0, 0.0], [3e-323, 1e-323, 5e-324, 1e-322], [1e-310, 3e-310, 0.0], [1e-300, 0]],
)
def test_subnormal_rewards(rewards, scale):
    found = group_advantages(np.array(rewards), scale=scale)
    wanted = exact(rewards, scale=scale == "std")
    np.testing.assert_allclose(found, wanted, rtol=1e-14, atol=5e-324)
    narrow = np.array([1e-45, 0.0, 0.0, 4e-45], dtype=np.float32)
    found = group_advantages(narrow, scale=scale)
    wanted = exact(narrow, scale=scale == "std")
    np.testing.assert_allclose(found, wanted, rtol=1e-6, atol=1.4e-45)


def test_without_the_deviation():
    rewards = [1e308, -1e308, 0.5e308]
    found = group_advantages(np.array(rewards), scale=None)
    np.testing.assert_allclose(found, exact(rewards, scale=False), rtol=1e-15)


def test_equal_rewards_have_no_advantage_and_peers_have_noise():
    rewards = np.full((2, 7), 0.1)
    rewards[1] = 1e8 / 3
    assert np.all(group_advantages(rewards) == 0)
    assert np.all(group_advantages(rewards, scale=None) == 0)
    assert np.any(peers.verl_advantages(rewards) != 0)
    assert np.any(rewards - rewards.mean(axis=1, keepdims=True) != 0)


def test_groups_of_one_and_of_none():
    rewards = np.array([[5.0, np.nan, np.inf], [np.nan] * 3])
    mask = np.array([[True, False, False], [False] * 3])
    for scale in ("std", None):
        found = group_advantages(rewards, where=mask, scale=scale)
        np.testing.assert_array_equal(found, np.zeros((2, 3)))
    assert group_advantages(np.zeros((3, 0))).shape == (3, 0)


def test_unequal_groups_are_those_without_the_padding():
    rng = np.random.default_rng(1)
    rewards, mask = rng.normal(size=(3, 6)), np.arange(6) < np.array([[6], [3], [2]])
    found = group_advantages(np.where(mask, rewards, np.nan), where=mask)
    for row, chosen, advantages in zip(rewards, mask, found, strict=True):
        np.testing.assert_allclose(advantages[chosen], exact(row[chosen]), rtol=1e-13)
        assert np.all(advantages[~chosen] == 0)


def test_a_selected_nan_or_infinity_stays_in_its_group():
    rewards = np.array([[1.0, np.nan], [1.0, np.inf], [1.0, 3.0]])
    for options in ({}, {"scale": None}):
        found = group_advantages(rewards, **options)
        assert np.all(np.isnan(found[:2]))
        assert np.all(np.isfinite(found[2]))
    assert np.isnan(group_advantages(np.array([np.nan]))).all()  # also alone


def test_peers_constants_are_arguments():
    rewards = np.random.default_rng(2).normal(size=(4, 8))
    for eps, theirs in ((1e-4, peers.trl_advantages), (1e-6, peers.verl_advantages)):
        found = group_advantages(rewards, eps=eps)
        np.testing.assert_allclose(found, theirs(rewards), rtol=1e-13)
        found = group_advantages(rewards, scale=None)
        np.testing.assert_allclose(found, theirs(rewards, scale=False), rtol=1e-13)


def test_verl_leaves_a_group_of_one_its_reward_and_we_do_not():
    assert peers.verl_advantages(np.array([[3.0]]), scale=False) == 3.0
    assert group_advantages(np.array([[3.0]]), scale=None) == 0.0


def test_the_small_constants_of_peers_take_close_rewards_away():
    rewards = np.array([[1.0, 1.0 + 1e-7]])
    half = np.sqrt(0.5)
    np.testing.assert_allclose(group_advantages(rewards), [[-half, half]], rtol=1e-15)
    shrunk = peers.trl_advantages(rewards)
    assert np.all(np.abs(shrunk) < 1e-3)
    np.testing.assert_allclose(group_advantages(rewards, eps=1e-4), shrunk, rtol=1e-6)


def test_other_axes():
    rewards = np.random.default_rng(3).normal(size=(2, 3, 4))
    found = group_advantages(rewards, axis=(0, 2))
    flat = rewards.transpose(1, 0, 2).reshape(3, 8)
    want = group_advantages(flat).reshape(3, 2, 4).transpose(1, 0, 2)
    np.testing.assert_allclose(found, want, rtol=1e-14)


def test_gradients_are_finite_and_right():
    torch = pytest.importorskip("torch")
    rewards = torch.tensor([[0.3, -1.0, 2.0], [0.1, 0.1, 0.1]], dtype=torch.float64)
    rewards.requires_grad_()
    assert torch.autograd.gradcheck(lambda x: group_advantages(x[:1]), rewards)
    group_advantages(rewards)[1].square().sum().backward()
    assert torch.all(rewards.grad == 0)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"scale": "var"}, "scale must be 'std' or None"),
        ({"scale": True}, "scale must be 'std' or None"),
        ({"correction": 2}, "correction"),
        ({"eps": -1e-6}, "eps"),
        ({"eps": float("inf")}, "eps"),
        ({"axis": 2}, "out of bounds"),
        ({"where": np.ones(3, bool)}, "where"),
    ],
)
def test_refusals_name_the_argument(options, words):
    with pytest.raises(ValueError, match=words):
        group_advantages(np.ones((3, 2)), **options)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("correction", value) for value in (True, "1", None, np.array([0, 1]))),
        *(("eps", value) for value in (True, "1", None, np.zeros(2))),
    ],
)
def test_what_is_no_number_is_named(name, value):
    with pytest.raises(TypeError, match=f"{name} must be a number"):
        group_advantages(np.ones((3, 2)), **{name: value})


def test_no_rewards_are_refused_and_numpys_numbers_are_not():
    with pytest.raises(TypeError, match="rewards must be an array, not None"):
        group_advantages(None)
    rewards = np.array([1.0, 2.0, 4.0])
    found = group_advantages(rewards, correction=np.int64(0), eps=np.float32(0.5))
    np.testing.assert_array_equal(found, group_advantages(rewards, correction=0, eps=0.5))
