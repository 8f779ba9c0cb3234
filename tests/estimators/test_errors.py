"""Errors of means of samples, against the papers' formulas written out in loops."""

import math
from statistics import NormalDist

import numpy as np
import pytest

from relentropy.estimators import (
    Interval,
    confidence_interval,
    effective_sample_size,
    standard_error,
)

from ..suite.backends import BACKENDS

LIBRARIES = ("numpy", "torch", "jax", "jax-x32", "strict-oldest", "strict-no-float64", "dask")
# Fewer sequences than rows: one is masked as a whole, and sequences are of all lengths.
LENGTHS = (5, 1, 3, 0, 4, 2, 5, 5)


def sample(seed=0, shape=(8, 5)):
    """Tokens that share their sequence's level, a mask, and weights of sequences."""
    rng = np.random.default_rng(seed)
    level = rng.normal(size=(shape[0], 1))
    values = level + 0.3 * rng.normal(size=shape)
    where = np.arange(shape[1]) < np.resize(LENGTHS, shape[0])[:, None]
    return values, where, rng.normal(size=(shape[0], 1))


def by_hand(values, where, log_weights=None, per="token"):
    """Ratio of sums, and its linearised variance over clusters (Cochran 1977, chapter 6)."""
    pairs = []
    for i, row in enumerate(values):
        entries = [(x, j) for j, x in enumerate(row) if where[i, j]]
        if not entries:
            continue
        if per == "sequence":
            w = 1.0 if log_weights is None else math.exp(log_weights[i, 0])
            pairs.append((w * sum(x for x, _ in entries), w))
        else:
            logs = np.zeros_like(values) if log_weights is None else log_weights + 0 * values
            weights = [math.exp(logs[i, j]) for _, j in entries]
            top = sum(w * x for w, (x, _) in zip(weights, entries, strict=True))
            pairs.append((top, sum(weights)))
    total = sum(weight for _, weight in pairs)
    mean = sum(s for s, _ in pairs) / total
    n = len(pairs)
    squares = sum((s - mean * weight) ** 2 for s, weight in pairs)
    return mean, math.sqrt(n / (n - 1) * squares) / total


def close(actual, expected, rtol=1e-12):
    np.testing.assert_allclose(actual, expected, rtol=rtol, atol=0)


# --- the formula -------------------------------------------------------------------------


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("per", ["token", "sequence"])
def test_means_and_errors_by_hand(per, weighted):
    values, where, logs = sample()
    logs = logs if weighted else None
    mean, error = by_hand(values, where, logs, per)
    close(standard_error(values, where, per=per, log_weights=logs), error)
    z = NormalDist().inv_cdf(0.95)
    found = confidence_interval(values, where, level=0.9, per=per, log_weights=logs)
    assert isinstance(found, Interval)
    close(found, (mean, mean - z * error, mean + z * error))


def test_weights_of_tokens_by_hand():
    values, where, _ = sample()
    logs = np.random.default_rng(1).normal(size=values.shape)
    mean, error = by_hand(values, where, logs)
    close(standard_error(values, where, log_weights=logs), error)
    close(confidence_interval(values, where, log_weights=logs).estimate, mean)
    # Of any scale, and far from what exponentials can hold.
    close(standard_error(values, where, log_weights=logs + 5000.0), error, rtol=1e-9)
    close(standard_error(values, where, log_weights=logs - 5000.0), error, rtol=1e-9)


def test_independent_entries_have_the_usual_error():
    values = np.random.default_rng(2).normal(size=(6, 7))
    usual = values.std(ddof=1) / math.sqrt(values.size)
    close(standard_error(values, axis=()), usual)
    close(standard_error(values.reshape(-1, 1)), usual)
    close(standard_error(values.reshape(-1), axis=(), per="sequence"), usual)


def test_the_time_axis_may_be_anywhere():
    values, where, logs = sample()
    for axis, turn in ((0, np.transpose), (1, np.asarray)):
        for per in ("token", "sequence"):
            found = standard_error(
                turn(values), turn(where), log_weights=turn(logs), axis=axis, per=per
            )
            close(found, standard_error(values, where, log_weights=logs, per=per))
    # Two axes of sequences, and two axes of entries.
    close(standard_error(values.reshape(2, 4, 5), where.reshape(2, 4, 5)),
          standard_error(values, where))  # fmt: skip
    cube = np.random.default_rng(3).normal(size=(4, 2, 3))
    close(standard_error(cube, axis=(1, 2)), standard_error(cube.reshape(4, 6)))


def test_tokens_that_agree_count_as_one():
    levels = np.random.default_rng(4).normal(size=(20, 1))
    repeated = np.repeat(levels, 100, axis=1)
    close(standard_error(repeated), standard_error(levels))
    close(standard_error(repeated, axis=()) * 10, standard_error(levels), rtol=0.05)


# --- every library -----------------------------------------------------------------------


@pytest.mark.parametrize("name", LIBRARIES)
def test_every_library(name):
    backend = BACKENDS[name]
    dtype = "float64" if "float64" in backend.dtypes and backend.has_float64 else "float32"
    rtol = 1e-12 if dtype == "float64" else 1e-5
    values, where, logs = sample()
    with backend.active():
        x, mask, weights = (
            backend.make(one) for one in (values.astype(dtype), where, logs.astype(dtype))
        )
        for per in ("token", "sequence"):
            mean, error = by_hand(values, where, logs, per)
            found = standard_error(x, mask, log_weights=weights, per=per)
            assert backend.read(found).dtype.name == dtype
            assert tuple(found.shape) == ()
            close(backend.read(found), error, rtol)
            interval = confidence_interval(x, mask, log_weights=weights, per=per)
            close([backend.read(one) for one in interval],
                  [mean + z * error for z in (0, -1.959963984540054, 1.959963984540054)],
                  rtol * 10)  # fmt: skip
        here = confidence_interval(values, where, method="bootstrap", seed=7, resamples=50)
        there = confidence_interval(x, mask, method="bootstrap", seed=7, resamples=50)
        close([backend.read(one) for one in there], here, rtol)
        error = standard_error(x, mask, method="bootstrap", seed=7, resamples=50)
        expected = standard_error(values, where, method="bootstrap", seed=7, resamples=50)
        close(backend.read(error), expected, rtol)
        size = effective_sample_size(x, mask)
        kept = np.exp(values[where])
        close(backend.read(size), kept.sum() ** 2 / (kept**2).sum(), rtol)
        sizes = effective_sample_size(x, mask, axis=1, keepdims=True)
        assert tuple(sizes.shape) == (8, 1)
        assert backend.read(sizes)[3, 0] == 0


def test_sixteen_bits_give_float32():
    values, where, _ = sample()
    for name in ("numpy", "torch"):
        backend = BACKENDS[name]
        half = values.astype(np.float16)
        x, mask = backend.make(half), backend.make(where)
        found = (standard_error(x, mask), *confidence_interval(x, mask),
                 effective_sample_size(x, mask))  # fmt: skip
        assert all(backend.read(one).dtype == np.float32 for one in found)
        close(backend.read(found[0]), by_hand(half.astype(np.float64), where)[1], 1e-6)


def test_numpy_gives_scalars_and_takes_lists():
    error = standard_error([[0.0, 1.0], [3.0, 4.0]])
    assert type(error) is np.float64
    close(error, 1.5)
    assert effective_sample_size([0, 0]) == 2


def test_nothing_lazy_is_computed():
    da = pytest.importorskip("dask.array")
    import dask

    def refuse(dsk, keys, **kwargs):
        raise AssertionError("a lazy array was computed")

    values, where, _ = sample()
    lazy = [da.from_array(one, chunks=(3, 2)) for one in (values, where)]
    with dask.config.set(scheduler=refuse):
        interval = confidence_interval(*lazy, method="bootstrap", seed=0)
        error = standard_error(*lazy)
        size = effective_sample_size(lazy[0])
    assert all(isinstance(one, da.Array) for one in (*interval, error, size))
    expected = confidence_interval(values, where, method="bootstrap", seed=0)
    close(dask.compute(*interval, scheduler="synchronous"), expected)
    unknown = lazy[0][lazy[0][:, 0] > 0]
    kept = values[values[:, 0] > 0]
    close(standard_error(unknown).compute(scheduler="synchronous"), standard_error(kept))
    with pytest.raises(ValueError, match="compute_chunk_sizes"):
        confidence_interval(unknown, method="bootstrap")


@pytest.mark.parametrize("method", ["normal", "bootstrap"])
def test_compiled_for_torch(method):
    torch = pytest.importorskip("torch")
    values, where, logs = (torch.from_numpy(one) for one in sample())

    def interval(x, logs):
        return confidence_interval(
            x, where, log_weights=logs, method=method, seed=0, resamples=50
        )

    compiled = torch.compile(interval, fullgraph=True, backend="eager")
    close(compiled(values, logs), interval(values, logs))


def test_compiled_for_jax():
    jax = pytest.importorskip("jax")
    backend = BACKENDS["jax"]
    with backend.active():
        values, where, logs = (backend.make(one) for one in sample())

        def both(x, mask, logs):
            normal = confidence_interval(x, mask, log_weights=logs)
            return normal, confidence_interval(x, mask, method="bootstrap", seed=0)

        for one, other in zip(
            jax.jit(both)(values, where, logs), both(values, where, logs), strict=True
        ):
            assert isinstance(one, Interval)
            close(np.asarray(one), np.asarray(other))


# --- derivatives -------------------------------------------------------------------------


def test_derivatives_are_those_of_the_formula():
    torch = pytest.importorskip("torch")
    values, where, logs = (torch.from_numpy(one) for one in sample())
    x, w = values.requires_grad_(), logs.requires_grad_()
    for per in ("token", "sequence"):
        assert torch.autograd.gradcheck(
            lambda x, w, per=per: standard_error(x, where, log_weights=w, per=per), (x, w)
        )
        assert torch.autograd.gradcheck(
            lambda x, w, per=per: confidence_interval(x, where, log_weights=w, per=per), (x, w)
        )
    assert torch.autograd.gradcheck(lambda w: effective_sample_size(w, axis=0), (w,))


@pytest.mark.parametrize("name", ["torch", "jax"])
def test_derivatives_are_finite_where_values_are_not_of_use(name):
    backend = BACKENDS[name]
    values, where, _ = sample()
    with backend.active():
        mask = backend.make(where)
        soiled = np.where(where, values, np.inf)
        (slope,) = backend.pull(backend, lambda x: standard_error(x, mask), [soiled])
        (clean,) = backend.pull(backend, lambda x: standard_error(x, mask), [values])
        close(slope, clean)
        assert (slope[~where] == 0).all()
        (slope,) = backend.pull(backend, standard_error, [np.ones((3, 2))])
        assert (slope == 0).all()
        nothing = backend.make(np.zeros_like(where))
        (slope,) = backend.pull(
            backend, lambda x: confidence_interval(x, nothing).estimate, [soiled]
        )
        assert (slope == 0).all()
        for logs in ([-np.inf] * 4, [-np.inf, 0.0, 1e4, -1e4], [0.0] * 4):
            (slope,) = backend.pull(backend, effective_sample_size, [np.array(logs)])
            assert np.isfinite(slope).all()


@pytest.mark.parametrize("method", ["normal", "bootstrap"])
@pytest.mark.parametrize("name", ["torch", "jax"])
def test_what_is_nan_has_no_derivative(name, method):
    """Of a single sequence; what the mask excludes has one of zero still."""
    backend = BACKENDS[name]
    linear = {"normal": "cluster"}.get(method, method)
    where = np.array([[True, True, False], [False] * 3])
    values = np.arange(6.0).reshape(2, 3)
    with backend.active():
        mask = backend.make(where)

        def error(x, logs=None):
            return standard_error(x, mask, log_weights=logs, method=linear, seed=0)

        def low(x):
            return confidence_interval(x, mask, method=method, seed=0).low

        def estimate(x):
            return confidence_interval(x, mask, method=method, seed=0).estimate

        for function in (error, low):
            (slope,) = backend.pull(backend, function, [values])
            assert np.array_equal(np.isnan(slope), where)
            assert (slope[~where] == 0).all()
        for slope in backend.pull(backend, error, [values, values]):
            assert np.array_equal(np.isnan(slope), where)
        (slope,) = backend.pull(backend, estimate, [values])
        close(slope, where / 2)


# --- edges -------------------------------------------------------------------------------


def test_what_is_masked_cannot_leak():
    values, where, logs = sample()
    for soil in (np.nan, np.inf, -np.inf):
        x, w = np.where(where, values, soil), np.where(where, logs + 0 * values, soil)
        assert standard_error(x, where) == standard_error(values, where)
        for method in ("normal", "bootstrap"):
            options = {"method": method, "seed": 0}
            assert (
                confidence_interval(x, where, log_weights=w, **options)
                == confidence_interval(values, where, log_weights=logs + 0 * values, **options)
            )  # fmt: skip
        assert effective_sample_size(w, where) == effective_sample_size(
            logs + 0 * values, where
        )
        row = np.where(where.any(1, keepdims=True), logs, soil)
        found = standard_error(x, where, log_weights=row, per="sequence")
        assert found == standard_error(values, where, log_weights=logs, per="sequence")


@pytest.mark.parametrize("per", ["token", "sequence"])
def test_what_is_selected_is_not_hidden(per):
    values, where, logs = sample()
    for bad in (np.nan, np.inf, -np.inf):
        x = values.copy()
        x[0, 0] = bad
        assert np.isnan(standard_error(x, where, per=per))
        estimate, low, high = confidence_interval(x, where, per=per)
        assert np.array_equal(estimate, bad, equal_nan=True)
        assert np.isnan([low, high]).all()
        assert np.isnan(confidence_interval(x, where, per=per, method="bootstrap")[1:]).all()
    logs[0] = np.nan
    assert np.isnan(standard_error(values, where, log_weights=logs, per=per))


def test_a_weight_of_zero_takes_an_infinite_value_away_but_no_nan():
    values, where, logs = sample()
    logs[0], logs[1] = -np.inf, -np.inf
    values[0] = np.inf
    error = standard_error(values, where, log_weights=logs)
    zeroed = values.copy()
    zeroed[0] = 0
    close(error, by_hand(zeroed, where, logs)[1])
    values[0] = np.nan
    assert np.isnan(standard_error(values, where, log_weights=logs))


def test_fewer_than_two_sequences_have_no_error():
    one = np.array([[1.0, 2.0, 6.0]])
    assert np.isnan(standard_error(one))
    for method in ("normal", "bootstrap"):
        estimate, low, high = confidence_interval(one, method=method)
        assert estimate == 3
        assert np.isnan([low, high]).all()
    two = np.array([[1.0, 2.0, 6.0], [np.nan, 0.0, 0.0]])
    only = np.array([[True], [False]])
    assert confidence_interval(two, only).estimate == 3
    assert np.isnan(standard_error(two, only, method="bootstrap"))


@pytest.mark.parametrize("method", ["normal", "bootstrap"])
@pytest.mark.parametrize("shape", [(0, 5), (3, 0), (3, 5)])
def test_an_empty_selection_is_zero_without_an_error(shape, method):
    estimate, low, high = confidence_interval(
        np.full(shape, np.nan), np.zeros(shape, dtype=bool), method=method,
        log_weights=np.full(shape, np.nan),
    )  # fmt: skip
    assert estimate == 0
    assert np.isnan([low, high]).all()


def test_weights_that_are_all_zero_have_no_mean():
    values, _, logs = sample()
    assert np.isnan(confidence_interval(values, log_weights=logs - np.inf)).all()


def test_equal_values_have_no_error():
    _, where, _ = sample()
    assert standard_error(np.full((8, 5), 0.1), where) < 1e-17
    assert standard_error(np.full((8, 5), 0.25), where) == 0
    assert confidence_interval(np.ones((8, 5)), method="bootstrap") == (1, 1, 1)


@pytest.mark.parametrize("scale", [2.0**-1000, 1e-200, 1e200])
def test_no_square_leaves_the_range(scale):
    values, where, _ = sample()
    close(standard_error(values * scale, where), standard_error(values, where) * scale, 1e-11)


# As far below the largest number as sums of the following need: results are in the range.
TOP = 4e307
HIGH = np.array([[1.0, 1.0], [-1.0, 1.0], [3.0, 4.0]])


@pytest.mark.parametrize("name", ["numpy", "torch", "jax", "strict-oldest", "dask"])
@pytest.mark.parametrize("method", ["normal", "bootstrap"])
def test_no_sum_leaves_the_range(name, method):
    backend = BACKENDS[name]
    with backend.active():
        options = {"method": method, "seed": 0, "level": 0.1}
        x = backend.make(HIGH * TOP)
        found = [backend.read(one) for one in confidence_interval(x, **options)]
        close(found, np.array(confidence_interval(HIGH, **options)) * TOP)
        weights = backend.make(np.array([[0.0], [-1.0], [1.0]]))
        found = [backend.read(one) for one in confidence_interval(x, log_weights=weights)[:2]]
        expected = confidence_interval(HIGH, log_weights=[[0.0], [-1.0], [1.0]])[:2]
        close(found, np.array(expected) * TOP)
    options.pop("level")
    linear = {"normal": "cluster"}.get(method, method)
    error = standard_error(HIGH * TOP, method=linear, seed=0)
    close(error, standard_error(HIGH, method=linear, seed=0) * TOP)


def test_no_sum_leaves_the_range_of_single_precision():
    """Where a device has no double precision, sums are made in this one."""
    backend = BACKENDS["strict-no-float64"]
    with backend.active():
        x = backend.make((HIGH * 8e37).astype("float32"))
        found = [backend.read(one) for one in confidence_interval(x, level=0.1)]
    close(found, np.array(confidence_interval(HIGH, level=0.1)) * 8e37, 1e-5)


def test_sums_of_sequences_may_leave_the_range_where_their_mean_does_not():
    x = np.array([[1.5, 1.5], [-1.5, -1.0], [1.0, -1.0]])
    found = confidence_interval(x * 1e308, per="sequence", level=0.1)
    close(found, np.array(confidence_interval(x, per="sequence", level=0.1)) * 1e308)
    # And nothing is hidden where the mean does.
    assert confidence_interval([[1e308, 1e308]], per="sequence").estimate == np.inf


def test_an_infinite_value_without_weight_does_not_make_others_coarse():
    logs = np.array([[0.0], [0.0], [-np.inf]])
    x = np.array([[1.0], [2.0], [np.inf]])
    usual = standard_error(x, log_weights=logs)
    close(standard_error(x * 1e-310, log_weights=logs), usual * 1e-310, 1e-10)


@pytest.mark.parametrize("name", ["torch", "jax"])
def test_derivatives_do_not_depend_on_the_scale(name):
    backend = BACKENDS[name]
    logs = np.array([[0.0], [-1.0], [1.0]])
    with backend.active():
        weights = backend.make(logs)
        for per in ("token", "sequence"):

            def error(x, per=per):
                return 30 * standard_error(x, log_weights=weights, per=per)

            def mean(x, per=per):
                return 30 * confidence_interval(x, log_weights=weights, per=per).estimate

            for function in (error, mean):
                (usual,) = backend.pull(backend, function, [HIGH])
                assert (usual != 0).any()
                for scale in (2.0**-1000, 2.0**1010):
                    (slope,) = backend.pull(backend, function, [HIGH * scale])
                    close(slope, usual)


def test_a_large_offset_costs_only_its_own_digits():
    """The residuals are differences of entries, not of sums of squares."""
    values, where, _ = sample()
    values = np.round(values * 2**20) / 2**20
    close(standard_error(values + 2.0**20, where), standard_error(values, where), 1e-9)


# --- the bootstrap -----------------------------------------------------------------------


def test_the_bootstrap_agrees_with_the_formula():
    rng = np.random.default_rng(5)
    values = rng.normal(size=(300, 1)) + rng.normal(size=(300, 6))
    where = rng.random(values.shape) < 0.7
    error = standard_error(values, where)
    drawn = standard_error(values, where, method="bootstrap", resamples=4000, seed=0)
    close(drawn, error, 0.05)
    normal = confidence_interval(values, where)
    found = confidence_interval(values, where, method="bootstrap", resamples=4000, seed=0)
    np.testing.assert_allclose(found, normal, rtol=0, atol=0.15 * error)


def test_few_sequences_have_the_variance_of_the_formula():
    values = np.random.default_rng(6).normal(size=(4, 3))
    drawn = standard_error(values, method="bootstrap", resamples=20_000, seed=0)
    close(drawn, standard_error(values), 0.03)


def test_the_bootstrap_follows_a_skewed_distribution():
    values = np.random.default_rng(7).lognormal(sigma=1.5, size=(60, 1))
    estimate, low, high = confidence_interval(values, method="bootstrap", seed=0)
    assert high - estimate > 1.1 * (estimate - low)


def test_a_seed_decides():
    values, where, _ = sample()

    def found(seed):
        return confidence_interval(values, where, method="bootstrap", seed=seed)

    assert found(3) == found(3) != found(4)
    assert found(None) != found(None)
    generator = np.random.default_rng(3)
    first, second = found(generator), found(generator)
    assert first != second
    assert first == found(np.random.default_rng(3))


def test_rows_of_padding_change_nothing():
    values, where, _ = sample()
    longer = np.concatenate([values, np.full((1100, 5), np.nan)])
    mask = np.concatenate([where, np.zeros((1100, 5), dtype=bool)])
    found = confidence_interval(longer, mask, method="bootstrap", seed=0)
    close(found, confidence_interval(values, where, method="bootstrap", seed=0))


def test_blocks_of_sequences_have_weights_of_their_own():
    """Equal weights in all blocks would make the deviation as large as that of one block."""
    values = np.random.default_rng(8).normal(size=(4096, 1))
    drawn = standard_error(values, method="bootstrap", resamples=1000, seed=0)
    close(drawn, standard_error(values), 0.1)


def test_intervals_hold_the_truth_as_often_as_they_say():
    rng = np.random.default_rng(9)
    hits = {10: 0, 50: 0}
    naive = 0
    runs = 2000
    for n in hits:
        for _ in range(runs):
            values = rng.normal(size=(n, 1)) + rng.normal(size=(n, 5))
            _, low, high = confidence_interval(values)
            hits[n] += low < 0 < high
            if n == 50:
                _, low, high = confidence_interval(values, axis=())
                naive += low < 0 < high
    assert 0.89 < hits[10] / runs < 0.94
    assert 0.93 < hits[50] / runs < 0.96
    assert naive / runs < 0.8  # as if tokens were independent


# --- effective sample size ---------------------------------------------------------------


def test_effective_sample_sizes_by_hand():
    logs = np.random.default_rng(10).normal(size=(4, 6)) * 2
    w = np.exp(logs)
    close(effective_sample_size(logs), w.sum() ** 2 / (w**2).sum())
    close(effective_sample_size(logs, axis=1), w.sum(1) ** 2 / (w**2).sum(1))
    close(effective_sample_size(logs, axis=(0, 1)), effective_sample_size(logs))


@pytest.mark.parametrize("shift", [0.0, 1e4, -1e4])
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_log_weights_may_be_of_any_size(shift, dtype):
    logs = np.array([shift, shift, shift], dtype=dtype)
    assert effective_sample_size(logs) == 3
    assert effective_sample_size(np.array([1e4, 1e4, -1e4], dtype=dtype)) == 2


def test_limits_of_the_effective_sample_size():
    assert effective_sample_size(np.full(5, -np.inf)) == 0
    assert effective_sample_size(np.zeros(0)) == 0
    assert effective_sample_size(np.zeros((2, 0)), axis=1).tolist() == [0, 0]
    assert effective_sample_size(np.zeros((0, 2)), axis=1).shape == (0,)
    assert effective_sample_size(np.zeros(3), np.zeros(3, dtype=bool)) == 0
    assert effective_sample_size(np.array([-np.inf, 700.0])) == 1
    assert np.isnan(effective_sample_size(np.array([np.nan, 0.0, -np.inf])))
    assert np.isnan(effective_sample_size(np.array([np.inf, 0.0])))


# --- refusals ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "error", "match"),
    [
        ({"method": "jackknife"}, ValueError, "method must be one of"),
        ({"per": "batch"}, ValueError, "per must be one of"),
        ({"axis": 2}, ValueError, "axis 2 is out of bounds"),
        ({"where": np.ones((3, 5), dtype=bool)}, ValueError, "where of shape"),
        ({"where": np.ones((8, 5))}, TypeError, "where must be boolean"),
        ({"log_weights": np.ones(3)}, ValueError, "do not broadcast"),
        ({"log_weights": np.ones((8, 5)), "per": "sequence"}, ValueError, "several for each"),
        ({"resamples": 1, "method": "bootstrap"}, ValueError, "at least 2"),
        ({"resamples": 1.5, "method": "bootstrap"}, TypeError, "resamples must be an integer"),
        ({"seed": "a", "method": "bootstrap"}, TypeError, "seed must be"),
        ({"seed": -1, "method": "bootstrap"}, ValueError, "seed must not be negative"),
    ],
)
def test_refusals(options, error, match):
    values, _, _ = sample()
    for function in (standard_error, confidence_interval):
        with pytest.raises(error, match=match):
            function(values, **options)


@pytest.mark.parametrize("level", [0, 1, 1.5])
def test_levels_are_probabilities(level):
    with pytest.raises(ValueError, match="level must be between 0 and 1"):
        confidence_interval(np.ones((2, 2)), level=level)
    with pytest.raises(TypeError, match="level must be a number"):
        confidence_interval(np.ones((2, 2)), level="95%")


@pytest.mark.parametrize("method", ["normal", "bootstrap"])
def test_levels_may_be_next_to_their_bounds(method):
    values, _, _ = sample()

    def found(level):
        return confidence_interval(values, level=level, method=method, seed=0)

    least, usual, most = found(5e-324), found(0.99), found(1 - 2.0**-53)
    assert most.low < usual.low < least.low
    assert least.high < usual.high < most.high < np.inf


def test_quantiles_keep_their_digits_next_to_one():
    """What is left beyond them, by an expansion of the tail (Abramowitz and Stegun 26.2.12)."""
    estimate, _, high = confidence_interval(np.array([[-1.0], [1.0]]), level=1 - 2.0**-53)
    z = high - estimate  # the standard error is one
    terms = 1 - 1 / z**2 + 3 / z**4 - 15 / z**6 + 105 / z**8 - 945 / z**10
    tail = 2 * math.exp(-(z**2) / 2) / (z * math.sqrt(2 * math.pi)) * terms
    close(tail, 2.0**-53, 1e-6)


def test_other_arrays_are_refused():
    torch = pytest.importorskip("torch")
    with pytest.raises(TypeError, match="different libraries"):
        standard_error(np.ones((2, 2)), log_weights=torch.ones(2, 2))
    with pytest.raises(TypeError, match="bool"):
        effective_sample_size(np.ones(3, dtype=bool))
