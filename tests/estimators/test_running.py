"""A running estimate is that of all its data, whatever its parts and their order."""

import itertools
import math
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relentropy.estimators import RunningEstimate, confidence_interval, standard_error

from ..suite.backends import BACKENDS


def sample(seed, sequences=12, tokens=4, scale=1.0, offset=0.0):
    rng = np.random.default_rng(seed)
    level = rng.normal(size=(sequences, 1))
    values = offset + scale * (level + 0.2 * rng.normal(size=(sequences, tokens)))
    where = rng.random(values.shape) < 0.7
    return values, where, rng.normal(size=(sequences, 1)) * 3


def gathered(data, order, per, cuts):
    """One state from updates in parts, merged in an order of a list of numbers."""
    edges = [0, *sorted(cuts), len(data[0])]
    states = [
        RunningEstimate(per).update(*(one[a:b] for one in data[:2]), log_weights=data[2][a:b])
        for a, b in itertools.pairwise(edges)
    ]
    for number in order:
        if len(states) > 1:
            one = states.pop(number % len(states))
            other = states.pop(number % len(states))
            states.append(one + other)
    return sum(states, start=RunningEstimate(per))


@given(
    seed=st.integers(0, 1000),
    per=st.sampled_from(["token", "sequence"]),
    cuts=st.lists(st.integers(0, 12), max_size=6),
    order=st.lists(st.integers(0, 100), max_size=6),
    offset=st.sampled_from([0.0, 1.0, 1e6]),
    scale=st.sampled_from([1e-6, 1.0, 1e6]),
)
@settings(deadline=None, max_examples=100)
def test_parts_and_their_order_matter_only_to_rounding(seed, per, cuts, order, offset, scale):
    data = sample(seed, scale=scale, offset=offset)
    state = gathered(data, order, per, cuts)
    whole = RunningEstimate(per).update(*data[:2], log_weights=data[2])
    error = standard_error(*data[:2], per=per, log_weights=data[2])
    size = abs(whole.estimate) * 1e-13 + 1e-12 * error
    assert abs(state.estimate - whole.estimate) <= size
    assert state.count == whole.count == data[1].any(1).sum()
    # Entries lose what an offset costs; the moments lose no more.
    assert math.isclose(state.standard_error, error, rel_tol=1e-9, abs_tol=1e-13 * offset)


@given(seed=st.integers(0, 1000), per=st.sampled_from(["token", "sequence"]))
@settings(deadline=None, max_examples=20)
def test_one_update_is_the_estimate_of_its_data(seed, per):
    values, where, logs = sample(seed)
    for weights in (None, logs):
        state = RunningEstimate(per).update(values, where, log_weights=weights)
        expected = confidence_interval(values, where, level=0.8, per=per, log_weights=weights)
        np.testing.assert_allclose(state.interval(0.8), expected, rtol=1e-12)


def test_equal_lengths_are_welfords_case():
    """With one entry for each sequence it is mean and variance, an offset or not."""
    x = np.random.default_rng(0).integers(-1000, 1000, size=500) / 1024
    state = RunningEstimate()
    for one in x:
        state = state.update([[2.0**25 + one]])
    assert math.isclose(state.estimate, 2.0**25 + x.mean(), rel_tol=1e-15)
    assert math.isclose(state.standard_error, x.std(ddof=1) / math.sqrt(500), rel_tol=1e-8)


@pytest.mark.parametrize("shift", [0.0, 1e4, -1e4])
def test_weights_may_be_of_any_size(shift):
    values, where, logs = sample(1)
    state = RunningEstimate()
    for i in range(0, 12, 3):
        rows = slice(i, i + 3)
        state = state.update(values[rows], where[rows], log_weights=shift + logs[rows])
    expected = standard_error(values, where, log_weights=logs)
    assert math.isclose(state.standard_error, expected, rel_tol=1e-9)


def test_parts_whose_weights_are_far_apart():
    values = np.arange(4.0).reshape(2, 2)
    small = RunningEstimate().update(values, log_weights=np.full((2, 2), -5000.0))
    large = RunningEstimate().update(values + 7, log_weights=np.full((2, 2), 5000.0))
    for both in (small + large, large + small):
        assert both.estimate == large.estimate
        assert both.count == 4


@pytest.mark.parametrize("scale", [1e-300, 1e-170, 1e160, 5e306])
@pytest.mark.parametrize("per", ["token", "sequence"])
def test_no_number_leaves_the_range(per, scale):
    values, where, logs = sample(5)
    for weights in (None, logs):
        usual = gathered(
            (values, where, 0 * logs if weights is None else logs), [], per, [3, 7]
        )
        state = RunningEstimate(per)
        for rows in (slice(0, 3), slice(3, 7), slice(7, 12)):
            part = None if weights is None else weights[rows]
            state = state.update(scale * values[rows], where[rows], log_weights=part)
        found, expected = (np.array(one.interval(0.1)) for one in (state, usual))
        np.testing.assert_allclose(found, scale * expected, rtol=1e-9)
        error = standard_error(scale * values, where, per=per, log_weights=weights)
        assert math.isclose(state.standard_error, error, rel_tol=1e-9)


def test_sums_next_to_the_largest_number():
    top = 4e307
    parts = [[[1.0, 1.0]], [[-1.0, 1.0]], [[3.0, 4.0]], [[-4.0, -4.0]], [[0.25, 1.0]]]
    state = sum(RunningEstimate().update(np.array(part) * top) for part in parts)
    expected = np.array(confidence_interval(np.concatenate(parts), level=0.1)) * top
    np.testing.assert_allclose(state.interval(0.1), expected, rtol=1e-12)
    # Small values count for nothing beside them, and are not lost on their own.
    small = RunningEstimate().update([[1e-300], [3e-300]])
    assert math.isclose((small + state).estimate * 12, state.estimate * 10, rel_tol=1e-12)
    assert small.estimate == 2e-300


def test_small_weights_of_large_values_count():
    """Neither's square is in the range, their product is one of ordinary numbers."""
    values = np.array([[1e170], [3e170], [1.0], [2.0]])
    logs = np.array([[-400.0], [-400.0], [0.0], [0.0]])
    parts = [
        RunningEstimate().update(values[rows], log_weights=logs[rows])
        for rows in (slice(0, 2), slice(2, 4))
    ]
    weights = np.exp(logs)
    mean = (values * weights).sum() / weights.sum()
    squares = ((values * weights - mean * weights) ** 2).sum()
    for state in (parts[0] + parts[1], parts[1] + parts[0]):
        assert math.isclose(state.estimate, mean, rel_tol=1e-12)
        assert math.isclose(state.standard_error, math.sqrt(4 / 3 * squares) / weights.sum())


@pytest.mark.parametrize("name", ["torch", "jax", "jax-x32", "strict-oldest", "dask"])
def test_every_library(name):
    backend = BACKENDS[name]
    dtype = "float64" if backend.has_float64 else "float32"
    values, where, logs = sample(2)
    with backend.active():
        x, mask, weights = (
            backend.make(one) for one in (values.astype(dtype), where, logs.astype(dtype))
        )
        state = RunningEstimate().update(x, mask, log_weights=weights)
    assert all(type(one) in {float, int, str} for one in state.__getstate__())
    expected = RunningEstimate().update(values, where, log_weights=logs)
    rtol = 1e-12 if dtype == "float64" else 1e-5
    np.testing.assert_allclose(state.interval(), expected.interval(), rtol=rtol)


def test_a_tensor_that_is_followed_is_only_read():
    torch = pytest.importorskip("torch")
    x = torch.ones(3, 2, requires_grad=True)
    assert RunningEstimate().update(x * 2).estimate == 2


def test_a_state_is_immutable_can_be_sent_and_merges_into_an_empty_one():
    values, where, logs = sample(3)
    empty = RunningEstimate()
    state = empty.update(values, where, log_weights=logs - 900)
    assert empty == RunningEstimate()
    assert empty.estimate == 0
    assert math.isnan(empty.standard_error)
    assert pickle.loads(pickle.dumps(state)) == state
    assert empty + state == state + empty == state.merge(empty) == state
    assert (empty + empty) == empty
    with pytest.raises(AttributeError):
        state.count = 3


@pytest.mark.parametrize("per", ["token", "sequence"])
def test_states_are_summed_as_they_come(per):
    values, where, _ = sample(4)
    states = [
        RunningEstimate(per).update(values[i : i + 4], where[i : i + 4]) for i in (0, 4, 8)
    ]
    total = sum(states)
    assert total == sum(states, start=RunningEstimate(per=states[0].per))
    assert total.per == per
    assert math.isclose(total.standard_error, standard_error(values, where, per=per))


def test_edges():
    one = RunningEstimate().update([[1.0, 3.0]])
    assert one.estimate == 2
    assert math.isnan(one.standard_error)
    nothing = one.update(np.full((4, 2), np.nan), np.zeros((4, 2), dtype=bool))
    assert nothing == one
    weightless = RunningEstimate().update(np.ones((2, 2)), log_weights=np.full((2, 2), -np.inf))
    assert math.isnan(weightless.estimate)
    assert math.isnan(weightless.standard_error)
    assert (one + weightless).estimate == 2
    assert (one + weightless).count == 3
    for bad in (math.nan, math.inf):
        soiled = RunningEstimate().update([[1.0], [bad]])
        for state in (soiled, one + soiled, soiled + one):
            assert not math.isfinite(state.estimate)
            assert math.isnan(state.standard_error)


@pytest.mark.parametrize("options", [{"mean": "a"}, {"count": -1}, {"squares": 1.0}])
def test_numbers_come_from_data_alone(options):
    with pytest.raises(TypeError, match=f"unexpected keyword argument '{next(iter(options))}'"):
        RunningEstimate(**options)


def test_refusals():
    with pytest.raises(ValueError, match="per must be one of"):
        RunningEstimate("batch")
    with pytest.raises(ValueError, match="do not merge"):
        RunningEstimate("token") + RunningEstimate("sequence")
    with pytest.raises(TypeError, match="must be a RunningEstimate"):
        RunningEstimate().merge(3.0)
    for other in (1, 0.0, False, None):
        with pytest.raises(TypeError, match="unsupported operand"):
            other + RunningEstimate()
    with pytest.raises(ValueError, match="level must be"):
        RunningEstimate().interval(95)
