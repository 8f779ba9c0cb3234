"""Running statistics are those of all rows."""

import itertools
import json
import math
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relentropy.streaming import RunningStatistics, State

from ..suite.samples import on


@given(
    values=st.lists(st.floats(-1e6, 1e6), max_size=30),
    cuts=st.lists(st.integers(0, 30), max_size=6),
    order=st.lists(st.integers(0, 100), max_size=6),
    offset=st.sampled_from([0.0, 1e9]),
)
@settings(deadline=None, max_examples=100, derandomize=True, database=None)
def test_parts_and_their_order_matter_only_to_rounding(values, cuts, order, offset):
    x = np.array(values) + offset
    edges = [0, *sorted(min(cut, len(x)) for cut in cuts), len(x)]
    states = [RunningStatistics().update(x[a:b]) for a, b in itertools.pairwise(edges)]
    for number in order:
        if len(states) > 1:
            one = states.pop(number % len(states))
            states.append(states.pop(number % len(states)) + one)
    found = sum(states)
    assert found.count == len(x)
    if len(x):
        size = np.max(np.abs(x))
        assert math.isclose(found.mean, x.mean(), rel_tol=1e-13, abs_tol=1e-14 * size)
        assert (found.minimum, found.maximum) == (x.min(), x.max())
    if len(x) > 1:
        # Of spreads far below the size of the numbers rounding leaves what it leaves of them.
        lost = 1e-14 * size * math.sqrt(len(x))
        error = math.sqrt(found.variance) - x.std(ddof=1)
        assert abs(error) <= 1e-12 * x.std(ddof=1) + lost


@on("numpy", "torch", "jax", "strict", "dask")
def test_every_library(backend):
    rng = np.random.default_rng(0)
    x, mask = rng.normal(size=(4, 5)), rng.random((4, 5)) < 0.6
    with backend.active():
        found = RunningStatistics().update(backend.make(x), where=backend.make(mask))
    assert found.count == mask.sum()
    assert math.isclose(found.mean, x[mask].mean(), rel_tol=1e-12)
    assert math.isclose(found.variance, x[mask].var(ddof=1), rel_tol=1e-12)
    assert (found.minimum, found.maximum) == (x[mask].min(), x[mask].max())


def test_what_is_not_finite_is_counted():
    state = RunningStatistics().update(
        [np.inf, 1.0, np.nan, -np.inf, 3.0, 7.0], where=[True] * 5 + [False]
    )
    assert (state.count, state.infinite, state.nan) == (2, 2, 1)
    assert (state.mean, state.minimum, state.maximum) == (2, 1, 3)
    assert (state.variance, state.standard_error) == pytest.approx((2, 1), rel=1e-14)


def test_none_and_one():
    none = RunningStatistics().update(np.array([]))
    assert none == RunningStatistics()
    assert none.count == 0
    assert math.isnan(none.mean)
    assert math.isnan(none.variance)
    assert (none.minimum, none.maximum) == (math.inf, -math.inf)
    one = none.update(2.0)
    assert (one.count, one.mean) == (1, 2.0)
    assert math.isnan(one.variance)


def test_it_is_kept_and_sent():
    state = RunningStatistics().update([0.1, 0.2, np.nan, 1e300])
    assert pickle.loads(pickle.dumps(state)) == state
    text = json.dumps(state.to_dict(), allow_nan=False)
    assert RunningStatistics.from_dict(json.loads(text)) == state
    with pytest.raises(ValueError, match="not 'statistics'"):
        State.from_dict(state.to_dict())
    with pytest.raises(TypeError, match="RunningStatistics, not int"):
        state.merge(3)


def test_damaged_dictionaries_are_refused():
    data = RunningStatistics().update(np.array([1.0, 2.0])).to_dict()
    for path in (("version",), ("kind",), ("data",)):
        with pytest.raises(ValueError, match=r"must|version"):
            RunningStatistics.from_dict({k: v for k, v in data.items() if k not in path})
    with pytest.raises(ValueError, match=r"finite|mean|count"):
        RunningStatistics.from_dict(data | {"data": data["data"] | {"finite": {}}})


def test_numbers_whose_squares_leave_the_range():
    state = RunningStatistics().update(np.array([1e200, -1e200]))
    assert state.variance == np.inf
    assert state.standard_error < np.inf


def test_recorded_tensors_are_data():
    torch = pytest.importorskip("torch")
    assert RunningStatistics().update(torch.ones(3, requires_grad=True)).mean == 1
