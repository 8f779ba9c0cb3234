"""The policy objective: by the papers, by what peers document, and at its hardest."""

import numpy as np
import pytest
from bench.rivals import trl, verl
from hypothesis import given, settings
from hypothesis import strategies as st

from relentropy.objectives import PolicyLoss, grpo_loss

from . import peers

torch = pytest.importorskip("torch")
INF, NAN = float("inf"), float("nan")
MODES = {
    "token-mean": {},
    "seq-mean-token-mean": {},
    "seq-mean-token-sum": {},
    "seq-mean-token-sum-norm": {"max_length": 8},
}


def batch(seed=0, shape=(5, 7), spread=0.5):
    rng = np.random.default_rng(seed)
    old = -rng.exponential(size=shape)
    log_probs, ref = (old + spread * rng.normal(size=shape) for _ in range(2))
    lengths = rng.integers(1, shape[1] + 1, shape[0])
    return (
        log_probs,
        old,
        rng.normal(size=shape[0]),
        ref,
        np.arange(shape[1]) < lengths[:, None],
    )


def pulled(log_probs, *arguments, **options):
    """The loss and its gradient by the log-probabilities."""
    x = torch.tensor(log_probs, requires_grad=True)
    rest = (None if one is None else torch.tensor(one) for one in arguments)
    options = {
        name: torch.tensor(one) if isinstance(one, np.ndarray) else one
        for name, one in options.items()
    }
    found = grpo_loss(x, *rest, **options)
    found.loss.backward()
    return found, x.grad.numpy()


def one_token(log_ratio, advantage, **options):
    """Loss and gradient of one token with a given log-ratio."""
    given_ = np.array([[log_ratio]]), np.zeros((1, 1)), np.array([advantage])
    found, gradient = pulled(*given_, **options)
    return found.loss.item(), gradient.item()


def verls(function, first, second, *options):
    """One of verl's formulas, of numpy's arrays."""
    return function(torch.tensor(first), torch.tensor(second), *options).numpy()


# --- the papers ---------------------------------------------------------------------------


def test_the_default_is_the_papers_equation():
    for seed in range(4):
        log_probs, old, advantages, ref, mask = batch(seed)
        found = grpo_loss(log_probs, old, advantages, ref, where=mask)
        want = peers.paper_grpo(log_probs, old, advantages, ref, mask, 0.2, 0.04)
        assert found.loss == pytest.approx(want, rel=1e-12)
        assert found.loss == pytest.approx(found.policy + 0.04 * found.kl, rel=1e-15)


def test_the_parts_are_what_they_say():
    log_probs, old, advantages, ref, mask = batch()
    found = grpo_loss(log_probs, old, advantages, ref, where=mask)
    ratio, columns = np.exp(log_probs - old), advantages[:, None]
    clipped = (ratio > 1.2) & (columns > 0) | (ratio < 0.8) & (columns < 0)
    assert isinstance(found, PolicyLoss)
    assert found.clip_fraction == pytest.approx(clipped[mask].mean(), rel=1e-15)
    assert 0 < found.clip_fraction < 1
    assert found.min_ratio == pytest.approx(ratio[mask].min(), rel=1e-15)
    assert found.max_ratio == pytest.approx(ratio[mask].max(), rel=1e-15)
    kl = np.where(mask, peers.k3(log_probs - ref), 0).sum(1) / mask.sum(1)
    assert found.kl == pytest.approx(kl.mean(), rel=1e-12)


def test_gspo_by_its_paper():
    log_probs, old, advantages, _, mask = batch()
    found = grpo_loss(
        log_probs, old, advantages, where=mask, ratio="sequence", clip=(0.03, 0.04)
    )
    want = peers.gspo(log_probs, old, advantages, mask, 0.03, 0.04)
    assert found.loss == pytest.approx(want, rel=1e-13)


def test_tokens_and_sequences_agree_in_gspo_for_one_advantage_per_sequence():
    log_probs, old, advantages, ref, mask = batch()
    per_token = np.random.default_rng(1).normal(size=mask.shape)
    for mode, more in MODES.items():
        options = {"where": mask, "aggregation": mode, "clip": 0.5, **more}
        (one, by_one), (other, by_other) = (
            pulled(log_probs, old, advantages, ref, ratio=ratio, **options)
            for ratio in ("sequence", "sequence-token")
        )
        assert one.loss.item() == other.loss.item()
        np.testing.assert_allclose(by_one, by_other, rtol=1e-12, atol=1e-16)
    # Equation 16 of the paper: a token's advantage weighs its own gradient.
    _, gradient = pulled(
        log_probs, old, per_token, where=mask, ratio="sequence-token", clip=None
    )
    lengths = mask.sum(axis=1, keepdims=True)
    gap = np.where(mask, log_probs - old, 0).sum(axis=1, keepdims=True)
    want = -np.exp(gap / lengths) * per_token * mask / lengths / len(mask)
    np.testing.assert_allclose(gradient, want, rtol=1e-12, atol=1e-17)


def test_dr_grpo():
    log_probs, old, advantages, _, mask = batch()
    found = grpo_loss(
        log_probs, old, advantages, where=mask, aggregation="seq-mean-token-sum-norm",
        max_length=50,
    )  # fmt: skip
    losses = peers.surrogate(log_probs - old, advantages[:, None], 0.2, 0.2)
    want = trl.aggregated(losses, mask, "dr_grpo", max_length=50)
    assert found.loss == pytest.approx(want, rel=1e-13)
    assert found.kl == 0


def test_ppo_with_an_advantage_for_every_token():
    log_probs, old, _, _, mask = batch()
    advantages = np.random.default_rng(5).normal(size=mask.shape)
    found = grpo_loss(log_probs, old, advantages, where=mask, aggregation="token-mean")
    want = peers.surrogate(log_probs - old, advantages, 0.2, 0.2)[mask].mean()
    assert found.loss == pytest.approx(want, rel=1e-13)


# --- what peers document ------------------------------------------------------------------


@pytest.mark.parametrize("dual", [None, 1.5])
@pytest.mark.parametrize("clip", [(0.2, 0.2), (0.2, 0.28)])
def test_trl_and_verl_agree_with_it_where_nothing_is_clamped(clip, dual):
    log_probs, old, advantages, ref, mask = batch(3)
    columns = advantages[:, None]
    losses = peers.surrogate(log_probs - old, columns, *clip, dual)
    restricted = verls(verl.clipped, log_probs - old, columns, *clip, dual)
    penalty, same = peers.k3(log_probs - ref), verls(verl.k3, log_probs, ref)
    options = {"where": mask, "clip": clip, "dual_clip": dual, "beta": 0.1}
    for mode, loss_type in (("seq-mean-token-mean", "grpo"), ("token-mean", "bnpo")):
        found = grpo_loss(log_probs, old, advantages, ref, aggregation=mode, **options)
        plain = trl.aggregated(losses + 0.1 * penalty, mask, loss_type)
        clamped = verl.aggregated(restricted + 0.1 * same, mask, mode)
        assert found.loss == pytest.approx(plain, rel=1e-12)
        assert found.loss == pytest.approx(clamped, rel=1e-7)


def test_verl_clamps_k3_to_ten_and_its_gradient_to_nothing():
    log_probs, ref = np.array([[-9.0]]), np.array([[-1.0]])
    assert verls(verl.k3, log_probs, ref) == 10.0
    found, gradient = pulled(log_probs, log_probs, np.zeros(1), ref, beta=1.0)
    assert found.loss.item() == pytest.approx(np.exp(8) - 9, rel=1e-14)
    assert gradient.item() == pytest.approx(1 - np.exp(8), rel=1e-14)


def test_verl_clamps_log_ratios_to_twenty():
    gap, advantage = np.array([[30.0]]), np.array([-1.0])
    with_clamp = verls(verl.clipped, gap, advantage[:, None], 0.2, 0.2, None)
    assert with_clamp == pytest.approx(np.exp(20))
    loss, gradient = one_token(30.0, -1.0)
    assert loss == gradient == pytest.approx(np.exp(30), rel=1e-14)


def test_trl_is_inf_and_verl_clamped_where_k3_overflows():
    log_probs, ref = np.array([[-800.0]]), np.array([[-1.0]])
    with np.errstate(over="ignore"):
        assert peers.k3(log_probs - ref) == INF
    found = grpo_loss(log_probs, log_probs, np.ones(1), ref)
    assert found.kl == INF
    assert found.policy == -1
    assert grpo_loss(log_probs, log_probs, np.ones(1), ref, beta=0).loss == -1


def test_peers_are_nan_where_the_ratio_overflows_and_the_advantage_is_zero():
    with np.errstate(all="ignore"):
        assert np.isnan(peers.surrogate(np.array(800.0), 0.0, 0.2, 0.2))
    assert one_token(800.0, 0.0) == (0.0, 0.0)


# --- at its hardest -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("log_ratio", "advantage", "options", "loss", "gradient"),
    [
        (800.0, 2.0, {}, -2.4, 0.0),
        (INF, 2.0, {}, -2.4, 0.0),
        (800.0, -2.0, {}, INF, INF),
        (800.0, -2.0, {"dual_clip": 3.0}, 6.0, 0.0),
        (INF, -2.0, {"dual_clip": 3.0}, 6.0, 0.0),
        (np.log(2), -2.0, {"dual_clip": 3.0}, 4.0, 4.0),
        (np.log(2), 2.0, {"dual_clip": 3.0}, -2.4, 0.0),
        (-800.0, 2.0, {}, 0.0, 0.0),
        (-INF, 2.0, {}, 0.0, 0.0),
        (-INF, -2.0, {}, 1.6, 0.0),
        (INF, 0.0, {}, 0.0, 0.0),
        (-INF, 0.0, {}, 0.0, 0.0),
        (NAN, 0.0, {}, NAN, NAN),
        (NAN, 1.0, {}, NAN, NAN),
        (0.0, NAN, {}, NAN, NAN),
        (np.log(2), 2.0, {"clip": None}, -4.0, -4.0),
        (np.log(1.25), 2.0, {"clip": (0.2, 0.28)}, -2.5, -2.5),
        (np.log(1.25), 2.0, {"clip": (0.28, 0.2)}, -2.4, 0.0),
        (np.log(0.75), -2.0, {"clip": (0.28, 0.2)}, 1.5, 1.5),
        (np.log(0.75), -2.0, {"clip": (0.2, 0.28)}, 1.6, 0.0),
        (np.log(0.5), 2.0, {}, -1.0, -1.0),  # the bound is one-sided
        (np.log(2), -2.0, {}, 4.0, 4.0),
        # A ratio beyond 1 + 1e-12 by a thousandth of that: as bounds in use come closer.
        (1.001e-12, 1.0, {"clip": 1e-12}, -1.0, 0.0),
        (0.999e-12, 1.0, {"clip": 1e-12}, -1.0, -1.0),
    ],
)
def test_one_token_by_hand(log_ratio, advantage, options, loss, gradient):
    found = one_token(log_ratio, advantage, **options)
    np.testing.assert_allclose(found, (loss, gradient), rtol=1e-11)


def test_bounds_near_one_hold_in_float32():
    log_ratio = np.array([[1.2e-8, 0.8e-8]], dtype=np.float32)
    found = grpo_loss(log_ratio, log_ratio * 0, np.ones(1, np.float32), clip=1e-8)
    assert found.loss.dtype == np.float32
    assert found.clip_fraction == 0.5


def test_a_token_that_is_impossible_under_both_policies_moves_nothing():
    found, gradient = pulled([[-INF, -1.0]], [[-INF, -1.0]], [2.0], [[-INF, -1.0]])
    assert found.loss.item() == -2.0
    np.testing.assert_array_equal(gradient, [[0.0, -1.0]])
    assert found.min_ratio == found.max_ratio == 1


@pytest.mark.parametrize("ratio", ["token", "sequence", "sequence-token"])
@pytest.mark.parametrize("poison", [NAN, INF, -INF])
def test_what_the_mask_excludes_cannot_leak(ratio, poison):
    log_probs, old, advantages, ref, mask = batch()
    mask[2] = False
    options = {"where": mask, "ratio": ratio, "kl_weighted": True, "dual_clip": 2.0}
    clean, slopes = pulled(log_probs, old, advantages, ref, **options)
    columns = np.broadcast_to(advantages[:, None], mask.shape)
    for columns_too in (False, True):
        bad = [np.where(mask, one, poison) for one in (log_probs, old, columns, ref)]
        if not columns_too:
            bad[2] = np.where(mask.any(axis=1), advantages, poison)
        found, gradient = pulled(*bad, **options)
        assert [one.item() for one in found] == [one.item() for one in clean]
        np.testing.assert_array_equal(gradient, slopes)
    assert np.all(slopes[~mask] == 0)
    assert np.all(slopes[mask].any())


@pytest.mark.parametrize("shape", [(2, 3), (0, 3), (2, 0)])
@pytest.mark.parametrize("ratio", ["token", "sequence", "sequence-token"])
def test_nothing_selected(shape, ratio):
    given_ = [np.full(shape, NAN)] * 2, np.full(shape[:1], NAN), np.full(shape, NAN)
    where = np.zeros(shape, bool)
    found, gradient = pulled(*given_[0], *given_[1:], where=where, ratio=ratio)
    assert [one.item() for one in found] == [0, 0, 0, 0, 1, 1]
    assert np.all(gradient == 0)


def test_on_policy_the_ratio_is_one_with_a_gradient():
    log_probs, _, advantages, _, mask = batch()
    for ratio in ("token", "sequence", "sequence-token"):
        given_ = (log_probs, None, advantages)
        found, gradient = pulled(*given_, where=mask, ratio=ratio)
        assert found.loss.item() == pytest.approx(-advantages.mean(), rel=1e-14)
        want = -advantages[:, None] * mask / mask.sum(axis=1, keepdims=True) / len(mask)
        np.testing.assert_allclose(gradient, want, rtol=1e-13)
        assert found.min_ratio == found.max_ratio == 1


# --- gradients ----------------------------------------------------------------------------

VARIANTS = {
    "paper": {},
    "asymmetric": {"clip": (0.1, 0.5), "dual_clip": 1.3},
    "gspo": {"ratio": "sequence", "clip": 0.5},
    "weighted": {"kl_weighted": True},
    "k2": {"kl": "k2", "aggregation": "token-mean"},
}


@pytest.mark.parametrize("options", VARIANTS.values(), ids=VARIANTS)
def test_gradients_are_those_of_finite_differences(options):
    log_probs, old, advantages, ref, mask = (torch.tensor(one) for one in batch(7))

    def loss(x):
        return grpo_loss(x, old, advantages, ref, where=mask, beta=0.3, **options).loss

    assert torch.autograd.gradcheck(loss, log_probs.requires_grad_())


def test_the_weighted_penalty_is_unbiased_by_enumeration():
    # DeepSeek-V3.2: under the old policy both its mean and its gradient are the divergence's.
    logits = torch.tensor([0.3, -0.2, 1.0, 0.1], dtype=torch.float64, requires_grad=True)
    old = torch.tensor([0.1, 0.4, 0.2, 0.3], dtype=torch.float64)
    ref = torch.tensor([0.4, 0.3, 0.2, 0.1], dtype=torch.float64).log()
    log_p = torch.log_softmax(logits, 0)
    divergence = (log_p.exp() * (log_p - ref)).sum()
    (want,) = torch.autograd.grad(divergence, logits, retain_graph=True)
    losses = [
        grpo_loss(
            log_p[i].reshape(1, 1), old.log()[i].reshape(1, 1), torch.zeros(1).double(),
            ref[i].reshape(1, 1), beta=1.0, kl_weighted=True,
        ).loss
        for i in range(4)
    ]  # fmt: skip
    mean = sum(p * one for p, one in zip(old, losses, strict=True))
    assert mean.item() == pytest.approx(divergence.item(), rel=1e-12)
    (found,) = torch.autograd.grad(mean, logits)
    np.testing.assert_allclose(found.numpy(), want.numpy(), rtol=1e-12)


@pytest.mark.parametrize("old_gap", [0.0, 0.5])
@pytest.mark.parametrize(
    ("dtype", "u"),
    [("float32", u) for u in (3.0, -1e-3, -18.0, -20.0, -50.0, -87.0)]
    + [("float64", u) for u in (-18.0, -50.0, -200.0, -800.0)],
)
def test_the_weighted_k3_has_the_gradient_of_weight_times_log_ratio(dtype, u, old_gap):
    ref = np.array([[-4.0]], dtype=dtype)
    log_probs = ref + np.array(u, dtype=dtype)
    old = log_probs - np.array(old_gap, dtype=dtype)
    gap, weight = (log_probs - ref).item(), np.exp((log_probs - old).item())
    for gradient in ("pathwise", "straight_through"):
        options = {"beta": 0.5, "kl_weighted": True, "kl_gradient": gradient}
        nothing = np.zeros(1, dtype=dtype)
        found, slope = pulled(log_probs, old, nothing, ref, **options)
        # The old policy's log-probability has a rounding error of its own.
        rel = 1e-5 if dtype == "float32" else 1e-12
        assert slope.item() == pytest.approx(0.5 * weight * gap, rel=rel)
        with np.errstate(over="ignore"):
            want = (weight * (np.exp(-np.float64(gap)) - 1 + gap)).astype(dtype)
        assert found.kl.item() == pytest.approx(want.item(), rel=max(rel, 1e-3 * (u > -1)))
        assert not np.isnan(found.loss.item())


def test_a_coefficient_of_zero_takes_an_infinite_divergence_away():
    for log_p, ref in ((-800.0, -1.0), (-1.0, -INF), (NAN, -1.0)):
        for beta in (0, 0.0, np.array(0.0), np.float32(0.0)):
            given_ = np.array([[-1.0 if np.isnan(log_p) else log_p]]), np.array([[-1.0]])
            ref_ = np.array([[NAN if np.isnan(log_p) else ref]])
            found, gradient = pulled(*given_, np.zeros(1), ref_, beta=beta)
            assert not np.isfinite(found.kl.item())
            assert found.loss.item() == 0
            assert gradient.item() == 0


def test_a_traced_coefficient_of_zero_takes_it_away_too():
    jax = pytest.importorskip("jax")
    ones, ref = jax.numpy.ones(1), jax.numpy.full((1, 1), -INF)

    def loss(x, beta):
        return grpo_loss(x, None, ones, ref, beta=beta).loss

    value, slope = jax.jit(jax.value_and_grad(loss))(jax.numpy.zeros((1, 1)), 0.0)
    assert float(value) == float(slope[0, 0]) == -1.0


def test_the_coefficient_has_the_divergence_as_its_derivative():
    log_probs, old, advantages, ref, mask = (torch.tensor(one) for one in batch())
    for number in (0.0, 0.3):
        beta = torch.tensor(number, dtype=torch.float64, requires_grad=True)
        found = grpo_loss(log_probs, old, advantages, ref, where=mask, beta=beta)
        found.loss.backward()
        assert beta.grad.item() == pytest.approx(found.kl.item(), rel=1e-15)


def test_parts_and_data_are_constants():
    given_ = [torch.tensor(one, requires_grad=True) for one in batch()[:4]]
    found = grpo_loss(*given_)
    assert found.loss.requires_grad
    assert not any(one.requires_grad for one in found[1:])
    found.loss.backward()
    assert all(one.grad is None for one in given_[1:])


@st.composite
def splits(draw):
    shape = draw(st.integers(1, 6)), draw(st.integers(1, 5))
    seed = draw(st.integers(0, 2**32 - 1))
    rng = np.random.default_rng(seed)
    mask = rng.random(shape) < draw(st.sampled_from((0.3, 1.0)))
    return batch(seed, shape)[:4], mask, rng.integers(0, draw(st.integers(1, 3)), shape[0])


@pytest.mark.parametrize("mode", MODES)
@settings(deadline=None, max_examples=15)
@given(split=splits(), ratio=st.sampled_from(("token", "sequence", "sequence-token")))
def test_micro_batches_add_up_to_the_full_batch(mode, split, ratio):
    arrays, mask, owner = split
    options = {"aggregation": mode, "ratio": ratio, **MODES[mode]}
    whole, gradient = pulled(*arrays, where=mask, **options)
    count = int(mask.sum() if mode == "token-mean" else mask.any(axis=1).sum())
    loss, parts = 0.0, np.zeros_like(gradient)
    for one in np.unique(owner):
        rows = owner == one
        found, slopes = pulled(
            *(array[rows] for array in arrays), where=mask[rows], denominator=count, **options
        )
        loss, parts[rows] = loss + found.loss.item(), slopes
    assert loss == pytest.approx(whole.loss.item(), rel=1e-12, abs=1e-14)
    np.testing.assert_allclose(parts, gradient, rtol=1e-12, atol=1e-17)


# --- arguments ----------------------------------------------------------------------------


def test_beta_may_be_an_array():
    log_probs, old, advantages, ref, mask = batch()
    number = grpo_loss(log_probs, old, advantages, ref, where=mask, beta=0.25)
    array = grpo_loss(log_probs, old, advantages, ref, where=mask, beta=np.array(0.25))
    assert number == array


def test_log_probs_alone_decide_the_dtype():
    log_probs, old, advantages, ref, _ = batch()
    narrow = [one.astype(np.float32) for one in (log_probs, old, ref)]
    options = {"beta": np.array(0.1), "denominator": np.array(3.0)}
    found = grpo_loss(narrow[0], narrow[1], advantages, narrow[2], **options)
    assert {one.dtype.name for one in found} == {"float32"}
    found = grpo_loss(narrow[0], old, advantages.astype(np.float32), narrow[2])
    assert {one.dtype.name for one in found} == {"float64"}


def test_numpys_parts_are_of_one_type_with_and_without_a_reference():
    log_probs, old, advantages, ref, _ = batch()
    for one in (None, ref):
        found = grpo_loss(log_probs, old, advantages, one)
        assert {type(part) for part in found} == {np.float64}


@pytest.mark.parametrize("none", [None, INF, np.float32("inf")])
@pytest.mark.parametrize(
    ("log_ratio", "advantage", "clip", "loss"),
    [
        (1.0, 1.0, (0.2, None), -np.e),
        (1.0, 1.0, (None, 0.2), -1.2),
        (-1.0, -1.0, (0.2, None), 0.8),
        (-1.0, -1.0, (None, 0.2), np.exp(-1)),
        (-800.0, -1.0, (None, np.float32(0.25)), 0.0),
        (1.0, 1.0, None, -np.e),
    ],
)
def test_a_clip_of_one_side(log_ratio, advantage, clip, loss, none):
    clip = none if clip is None else tuple(none if one is None else one for one in clip)
    found, gradient = one_token(log_ratio, advantage, clip=clip)
    assert found == pytest.approx(loss, rel=1e-14)
    assert gradient == pytest.approx(0.0 if loss in (-1.2, 0.8) else loss, rel=1e-14)


def test_numpys_numbers_are_numbers():
    log_probs, old, advantages, ref, _ = batch()
    given_ = log_probs, old, advantages, ref
    plain = grpo_loss(*given_, clip=0.25, dual_clip=2.0, beta=0.5, denominator=4)
    numpys = grpo_loss(
        *given_, clip=np.float32(0.25), dual_clip=np.int64(2), beta=np.float16(0.5),
        denominator=np.int32(4),
    )  # fmt: skip
    assert numpys == plain


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_narrow_log_probs_have_a_loss_of_float32(dtype):
    arrays = [torch.tensor(one).to(dtype) for one in batch()[:4]]
    narrow, wide = grpo_loss(*arrays), grpo_loss(*(one.double() for one in arrays))
    for one, other in zip(narrow, wide, strict=True):
        assert one.dtype == torch.float32
        assert one.item() == pytest.approx(other.item(), rel=1e-6, abs=1e-6)


@pytest.mark.parametrize(
    ("changed", "error", "words"),
    [
        ({"log_probs": np.ones(3)}, ValueError, r"log_probs must have the shape \(batch"),
        ({"old_log_probs": np.ones((2, 1))}, ValueError, "old_log_probs must have the shape"),
        ({"ref_log_probs": np.ones((1, 3))}, ValueError, "ref_log_probs must have the shape"),
        ({"advantages": np.ones(3)}, ValueError, r"advantages .* \(2, 3\) or \(2,\)"),
        ({"where": np.ones((3, 2), bool)}, ValueError, "where"),
        ({"clip": -0.1}, ValueError, "clip"),
        ({"clip": (2.0, 0.2)}, ValueError, "clip"),
        ({"clip": "all"}, TypeError, "clip"),
        ({"dual_clip": 1.0}, ValueError, "dual_clip"),
        ({"ratio": "group"}, ValueError, "ratio must be one of"),
        ({"beta": -1.0}, ValueError, "beta"),
        ({"beta": np.ones(2)}, ValueError, "beta"),
        ({"beta": None}, TypeError, "beta must be a number, not None"),
        ({"beta": True}, TypeError, "beta must be a number"),
        ({"beta": "0.1"}, TypeError, "beta must be a number"),
        ({"beta": np.float32(-1)}, ValueError, "beta must not be negative"),
        ({"log_probs": None}, TypeError, "log_probs must be an array, not None"),
        ({"advantages": None}, TypeError, "advantages must be an array, not None"),
        ({"dual_clip": "a"}, TypeError, "dual_clip must be a number"),
        ({"dual_clip": True}, TypeError, "dual_clip must be a number"),
        ({"dual_clip": INF}, ValueError, "dual_clip"),
        ({"clip": True}, TypeError, "clip must be a number"),
        ({"clip": (0.2, np.True_)}, TypeError, "clip must be a number"),
        ({"clip": (0.2, 0.2, 0.2)}, TypeError, "clip must be a number"),
        ({"clip": NAN}, ValueError, "clip must be finite"),
        ({"kl": "k4"}, ValueError, "kl must be one of"),
        ({"kl": None}, ValueError, "kl must be one of"),
        ({"kl": "k4", "ref_log_probs": None}, ValueError, "kl must be one of"),
        ({"kl_gradient": "k2"}, ValueError, "kl_gradient must be one of"),
        ({"kl_gradient": "k2", "ref_log_probs": None}, ValueError, "kl_gradient must be"),
        ({"kl_weighted": True, "ref_log_probs": None}, ValueError, "no ref_log_probs"),
        ({"aggregation": "sum"}, ValueError, "aggregation must be one of"),
        ({"max_length": 3}, ValueError, "max_length"),
        ({"denominator": -1}, ValueError, "denominator"),
        ({"kl_weighted": "yes"}, TypeError, "kl_weighted"),
        ({"ref_log_probs": torch.ones((2, 3))}, TypeError, "different libraries"),
    ],
)
def test_refusals_name_the_argument(changed, error, words):
    ones = np.zeros((2, 3))
    usual = {"log_probs": ones, "old_log_probs": ones, "advantages": np.zeros(2)}
    with pytest.raises(error, match=words):
        grpo_loss(**{**usual, "ref_log_probs": ones, **changed})
