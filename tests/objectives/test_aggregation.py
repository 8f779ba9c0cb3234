"""Averages of losses: by hand, by what peers document, and in shares."""

import numpy as np
import pytest
from bench.rivals import trl, verl
from hypothesis import given, settings
from hypothesis import strategies as st

from relentropy.objectives import Parts, aggregate, masked_mean

MODES = (
    "token-mean",
    "seq-mean-token-mean",
    "seq-mean-token-sum",
    "seq-mean-token-sum-norm",
)
LOSSES = np.array([[1.0, 2.0, 3.0], [5.0, 7.0, np.nan], [np.inf, np.nan, -np.inf]])
MASK = np.array([[True, True, True], [True, True, False], [False] * 3])
# 18 over 5 tokens; means 2 and 6; sums 6 and 12; sums over 3.
EXPECTED = dict(zip(MODES, (18 / 5, 4.0, 9.0, 3.0), strict=True))


@pytest.mark.parametrize("mode", MODES)
def test_the_mean_of_a_small_batch_by_hand(mode):
    assert aggregate(LOSSES, MASK, mode=mode) == pytest.approx(EXPECTED[mode], rel=1e-15)


@pytest.mark.parametrize("mode", MODES)
def test_nothing_selected_is_zero(mode):
    for losses in (LOSSES, np.zeros((0, 3)), np.zeros((2, 0))):
        value = aggregate(losses, np.zeros(losses.shape, dtype=bool), mode=mode)
        assert value == 0.0
        assert isinstance(value, np.float64)
    assert aggregate(LOSSES, np.zeros_like(MASK), mode=mode, denominator=0) == 0.0


@pytest.mark.parametrize("mode", MODES)
def test_a_selected_nan_is_not_hidden(mode):
    assert np.isnan(aggregate(LOSSES, mode=mode))
    assert np.isnan(aggregate(LOSSES, mode=mode, denominator=0))


@pytest.mark.parametrize("mode", MODES)
def test_parts_have_the_value_as_their_quotient(mode):
    parts = aggregate(LOSSES, MASK, mode=mode, return_parts=True)
    assert isinstance(parts, Parts)
    assert parts.denominator == (5 if mode == "token-mean" else 2)
    assert parts.total / parts.denominator == pytest.approx(EXPECTED[mode], rel=1e-15)
    assert aggregate(LOSSES, MASK, mode=mode, return_parts=True, denominator=7)[1] == 7


def test_the_constant_of_dr_grpo():
    value = aggregate(LOSSES, MASK, mode="seq-mean-token-sum-norm", max_length=100)
    assert value == pytest.approx(0.09, rel=1e-15)
    padded = np.pad(LOSSES, ((0, 0), (0, 97))), np.pad(MASK, ((0, 0), (0, 97)))
    again = aggregate(*padded, mode="seq-mean-token-sum-norm", max_length=100)
    assert again == pytest.approx(value, rel=1e-15)


# --- where peers agree, and where they do not --------------------------------------------


def batch(seed=0, shape=(6, 9)):
    rng = np.random.default_rng(seed)
    lengths = rng.integers(1, shape[1] + 1, shape[0])
    return rng.normal(size=shape), np.arange(shape[1]) < lengths[:, None]


def test_trls_losses_where_every_answer_has_tokens():
    losses, mask = batch()
    named = {"grpo": "seq-mean-token-mean", "bnpo": "token-mean"}
    for loss_type, mode in named.items():
        theirs = trl.aggregated(losses, mask, loss_type)
        assert aggregate(losses, mask, mode=mode) == pytest.approx(theirs, rel=1e-13)
    theirs = trl.aggregated(losses, mask, "dr_grpo", max_length=50)
    ours = aggregate(losses, mask, mode="seq-mean-token-sum-norm", max_length=50)
    assert ours == pytest.approx(theirs, rel=1e-13)


def test_verls_losses_where_every_answer_has_tokens():
    losses, mask = batch()
    for mode in MODES[:3]:
        theirs = verl.aggregated(losses, mask, mode)
        assert aggregate(losses, mask, mode=mode) == pytest.approx(theirs, rel=3e-8)
    theirs = verl.aggregated(losses, mask, MODES[3])
    ours = aggregate(losses, mask, mode=MODES[3], denominator=1)
    assert ours == pytest.approx(theirs, rel=1e-13)


def test_trl_counts_an_empty_answer_and_we_count_as_verl_does():
    losses = np.array([[1.0, 3.0], [0.0, 0.0]])
    mask = np.array([[True, True], [False, False]])
    mode = "seq-mean-token-mean"
    assert aggregate(losses, mask, mode=mode) == 2.0
    assert verl.aggregated(losses, mask, mode) == pytest.approx(2.0, rel=1e-8)
    assert trl.aggregated(losses, mask, "grpo") == 1.0
    assert aggregate(losses, mask, mode=mode, denominator=2) == 1.0


def test_verls_small_constant_in_the_count_is_not_ours():
    losses, mask = np.array([[1.0]]), np.array([[True]])
    assert aggregate(losses, mask, mode="seq-mean-token-mean") == 1.0
    assert verl.aggregated(losses, mask, "seq-mean-token-mean") == 1 / (1 + 1e-8)


def test_peers_are_nan_where_an_infinity_is_masked_and_we_are_not():
    losses, mask = np.array([[1.0, np.inf]]), np.array([[True, False]])
    with np.errstate(invalid="ignore"):
        assert np.isnan(trl.aggregated(losses, mask, "bnpo"))
        assert np.isnan(verl.aggregated(losses, mask, "token-mean"))
    assert aggregate(losses, mask) == 1.0


# --- shares -------------------------------------------------------------------------------


@st.composite
def splits(draw):
    rows, columns = draw(st.integers(1, 7)), draw(st.integers(1, 6))
    seed = draw(st.integers(0, 2**32 - 1))
    rng = np.random.default_rng(seed)
    mask = rng.random((rows, columns)) < draw(st.sampled_from((0.0, 0.3, 0.8, 1.0)))
    owner = rng.integers(0, draw(st.integers(1, 4)), rows)
    return rng.normal(size=(rows, columns)), mask, owner


@pytest.mark.parametrize("mode", MODES)
@settings(deadline=None)
@given(split=splits())
def test_any_split_has_the_loss_and_the_gradient_of_the_full_batch(mode, split):
    torch = pytest.importorskip("torch")
    losses, mask, owner = split
    tokens = mask.sum() if mode == "token-mean" else mask.any(axis=1).sum()
    options = {"mode": mode}
    if mode == "seq-mean-token-sum-norm":
        options["max_length"] = mask.shape[1]

    def pulled(parts, **more):
        x = torch.tensor(losses, requires_grad=True)
        values = [aggregate(x[i], torch.tensor(mask[i]), **options, **more) for i in parts]
        sum(values).backward()
        return [value.item() for value in values], x.grad.numpy()

    (whole,), gradient = pulled([np.arange(len(losses))])
    parts = [np.flatnonzero(owner == one) for one in np.unique(owner)]
    values, sums = pulled(parts, denominator=int(tokens))
    assert sum(values) == pytest.approx(whole, rel=1e-13, abs=1e-15)
    np.testing.assert_allclose(sums, gradient, rtol=1e-14, atol=0)
    given_parts = [aggregate(losses[i], mask[i], **options, return_parts=True) for i in parts]
    total, count = (sum(column) for column in zip(*given_parts, strict=True))
    assert count == tokens
    assert total == pytest.approx(whole * tokens, rel=1e-13, abs=1e-15)


# --- masked_mean --------------------------------------------------------------------------


def test_masked_mean_along_axes():
    mean = masked_mean(LOSSES, MASK, axis=-1, keepdims=True)
    np.testing.assert_array_equal(mean, [[2.0], [6.0], [0.0]])
    np.testing.assert_array_equal(masked_mean(LOSSES, MASK, axis=0), [3.0, 4.5, 3.0])
    assert masked_mean(LOSSES, MASK, axis=(0, 1)) == 3.6
    assert masked_mean([1, 2]) == 1.5
    assert masked_mean(LOSSES, MASK, denominator=2) == 9.0
    column = np.array([[True], [False], [False]])
    assert masked_mean(LOSSES, column) == 2.0


def test_narrow_floats_are_summed_and_returned_as_float32():
    ones = np.ones(4096, dtype=np.float16)
    assert masked_mean(ones).dtype == np.float32
    assert masked_mean(ones * 100) == 100.0  # whose sum overflows
    for dtype in ("int32", "float64"):
        assert masked_mean(ones.astype(dtype)).dtype == np.float64


def test_a_denominator_has_no_say_in_the_dtype():
    x = np.ones((2, 2), dtype=np.float32)
    for count in (3, 3.0, np.float64(3), np.array(3.0), np.array(3)):
        for value in (masked_mean(x, denominator=count), aggregate(x, denominator=count)):
            assert value.dtype == np.float32
            assert value == np.float32(4) / np.float32(3)


def test_a_negative_zero_is_a_zero():
    for zero in (-0.0, np.float32(-0.0), np.array(-0.0)):
        assert masked_mean(np.ones(3), denominator=zero) == np.inf
        assert aggregate(np.ones((1, 3)), denominator=zero) == np.inf
        assert masked_mean(np.zeros(3), denominator=zero) == 0


# --- refusals -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "options", "error", "words"),
    [
        ((np.ones(3),), {}, ValueError, r"losses .*\(batch, time\)"),
        ((np.ones((2, 3)), np.ones(2, bool)), {}, ValueError, r"where.*\[\.\.\., None\]"),
        ((np.ones((2, 3)), np.ones((2, 3))), {}, TypeError, "where must be boolean"),
        ((np.ones((2, 3)),), {"mode": "mean"}, ValueError, "mode must be one of"),
        ((np.ones((2, 3)),), {"denominator": -1}, ValueError, "denominator"),
        ((np.ones((2, 3)),), {"denominator": float("nan")}, ValueError, "denominator"),
        ((np.ones((2, 3)),), {"denominator": np.ones(2)}, ValueError, "denominator"),
        ((np.ones((2, 3)),), {"denominator": np.float32(-1)}, ValueError, "denominator"),
        ((np.ones((2, 3)),), {"denominator": float("inf")}, ValueError, "denominator"),
        ((np.ones((2, 3)),), {"denominator": 10**400}, ValueError, "denominator"),
        ((np.ones((2, 3)),), {"denominator": True}, TypeError, "denominator"),
        ((np.ones((2, 3)),), {"denominator": np.True_}, TypeError, "denominator"),
        ((np.ones((2, 3)),), {"denominator": "3"}, TypeError, "denominator"),
        ((None,), {}, TypeError, "losses must be an array, not None"),
        ((np.ones((2, 3)),), {"max_length": 3}, ValueError, "seq-mean-token-sum-norm"),
        ((np.ones((2, 3)),), {"max_length": 0, "mode": MODES[3]}, ValueError, "at least 1"),
        ((np.ones((2, 3)),), {"max_length": 2.5, "mode": MODES[3]}, TypeError, "max_length"),
        ((np.ones((2, 3)),), {"return_parts": 1}, TypeError, "return_parts"),
        ((np.ones((2, 3)) > 0,), {}, TypeError, "losses has dtype bool"),
    ],
)
def test_refusals_name_the_argument(arguments, options, error, words):
    with pytest.raises(error, match=words):
        aggregate(*arguments, **options)


def test_a_mean_of_nothing_at_all_is_refused():
    with pytest.raises(TypeError, match="x must be an array, not None"):
        masked_mean(None)
