"""Rows in several chunks: states merge in a tree, and no row is ever in one place."""

import math

import numpy as np
import pytest

import relentropy
from relentropy.special import logsumexp
from relentropy.streaming import CrossEntropyState, EntropyState, KLState, LogSumExpState
from relentropy.testing import assert_ulp

from ..oracle import evaluate

dask = pytest.importorskip("dask")
da = pytest.importorskip("dask.array")

from relentropy.distributed.dask import update  # noqa: E402

CHUNKS = [(2, 3), (3, 1), ((1, 5), (4, 0, 5))]
MEASURES = {
    "kl_divergence": {},
    "js_divergence": {},
    "hellinger_distance": {},
    "renyi_divergence": {"alpha": 0.5},
    "chi2_divergence": {},
    "cross_entropy": {},
    "bhattacharyya_distance": {},
}


def drawn(dtype="float64", shape=(6, 9)):
    rng = np.random.default_rng(0)
    return [rng.uniform(0.05, 2, shape).astype(dtype) for _ in "pq"]


def computed(x, scheduler="synchronous"):
    return x.compute(scheduler=scheduler)


@pytest.mark.parametrize("chunks", CHUNKS, ids=str)
@pytest.mark.parametrize("name", MEASURES)
def test_any_chunks_are_within_rounding_of_the_whole(name, chunks):
    measure, options = getattr(relentropy, name), MEASURES[name]
    for dtype, rtol in (("float64", 1e-15), ("float32", 2e-7)):
        p, q = drawn(dtype)
        lazy = [da.from_array(x, chunks=chunks) for x in (p, q)]
        for axis in (0, 1, None):
            found = computed(measure(*lazy, axis=axis, **options))
            expected = measure(p, q, axis=axis, **options)
            assert found.dtype == dtype
            np.testing.assert_allclose(found, expected, rtol=rtol)
        logits = [da.log(x) for x in lazy]
        found = computed(measure(*logits, from_logits=True, **options))
        np.testing.assert_allclose(found, measure(p, q, **options), rtol=max(rtol, 1e-14))


def test_rows_longer_than_a_leaf_are_within_the_bound():
    rng = np.random.default_rng(1)
    a = 3 * rng.normal(size=17_000)
    b = a + 1e-7 * rng.normal(size=17_000)
    truth = evaluate("kl_divergence", a.tolist(), b.tolist(), from_logits=True)
    for chunks in (2_000, (17, 16_983)):
        lazy = [da.from_array(x, chunks=(chunks,)) for x in (a, b)]
        assert_ulp(computed(relentropy.kl_divergence(*lazy, from_logits=True)), truth, 6)


def test_masks_teachers_of_one_row_and_kept_dimensions():
    p, q = drawn()
    mask = np.random.default_rng(2).random((6, 9)) < 0.5
    mask[3] = False
    lazy = da.from_array(p[:1], chunks=(1, 4)), da.from_array(q, chunks=(4, 3))
    where = da.from_array(mask, chunks=(2, 2))
    found = relentropy.kl_divergence(*lazy, where=where, keepdims=True, base=2)
    assert found.shape == (6, 1)
    expected = relentropy.kl_divergence(p[:1], q, where=mask, keepdims=True, base=2)
    np.testing.assert_allclose(computed(found), expected, rtol=1e-15)
    assert computed(found)[3] == 0
    of_rows = da.from_array(mask[:, :1], chunks=(3, 1))
    found = computed(relentropy.entropy(lazy[1], where=of_rows))
    np.testing.assert_allclose(found, relentropy.entropy(q, where=mask[:, :1]), rtol=1e-15)


def test_a_number_of_rows_that_is_not_known():
    p, q = drawn()
    lazy = [
        da.from_array(x, chunks=(2, 4))[da.from_array(p[:, 0] > 0.5, chunks=2)] for x in (p, q)
    ]
    assert math.isnan(lazy[0].shape[0])
    found = computed(relentropy.js_divergence(*lazy))
    kept = p[:, 0] > 0.5
    np.testing.assert_allclose(found, relentropy.js_divergence(p[kept], q[kept]), rtol=1e-15)


def test_a_size_of_rows_that_is_not_known_is_asked_for():
    p = da.from_array(drawn()[0], chunks=(2, 4))
    p = p[:, da.from_array(np.arange(9) < 5, chunks=4)]
    with pytest.raises(ValueError, match="compute_chunk_sizes"):
        relentropy.entropy(p)
    with pytest.raises(ValueError, match="compute_chunk_sizes"):
        EntropyState().update(p)


def test_a_sum_of_exponentials_and_its_weights():
    a, b = drawn()
    lazy = [da.from_array(x, chunks=(2, 4)) for x in (a, b)]
    np.testing.assert_allclose(computed(logsumexp(lazy[0], 1)), logsumexp(a, 1), rtol=1e-15)
    found = computed(logsumexp(lazy[0], 0, b=lazy[1][:1]))
    np.testing.assert_allclose(found, logsumexp(a, 0, b=b[:1]), rtol=1e-15)


def test_no_task_holds_more_than_a_chunk():
    """No layer brings chunks together, and what goes from task to task is a row's state."""
    n = 64
    lazy = [da.from_array(x, chunks=(3, 1)) for x in drawn(shape=(3, n))]
    for measure in (relentropy.kl_divergence, relentropy.js_divergence):
        graph = measure(*lazy).dask
        assert not any("rechunk" in name for name in graph.layers)
        seen = []

        def note(key, value, *rest, seen=seen):
            seen.append(getattr(value, "size", 0))

        with dask.callbacks.Callback(posttask=note):
            computed(measure(*lazy))
        assert max(seen) <= 3
    whole = drawn(shape=(3, n))
    assert [x.size for x in whole] == [3 * n] * 2


def test_threads_change_no_bit():
    lazy = [da.from_array(x, chunks=(3, 10)) for x in drawn(shape=(6, 300))]
    measure = relentropy.kl_divergence(*lazy)
    expected = computed(measure)
    for _ in range(3):
        assert np.array_equal(computed(measure, "threads"), expected)


# --- states -------------------------------------------------------------------------------


@pytest.mark.parametrize("axis", [0, 1, None])
@pytest.mark.parametrize("kind", [KLState, CrossEntropyState, EntropyState])
def test_a_state_takes_dask_arrays(kind, axis):
    blocks = drawn() if kind is not EntropyState else drawn()[:1]
    lazy = [da.from_array(x, chunks=((1, 2, 3), (4, 5))) for x in blocks]
    mask = np.random.default_rng(3).random((6, 9)) < 0.5
    where = da.from_array(mask, chunks=(2, 2))
    state = kind(axis=axis).update(*blocks, where=mask)
    later = update(state, *lazy, where=where)
    with dask.config.set(scheduler="synchronous"):
        now = state.update(*lazy, where=where)
        assert later.compute() == now
    assert now.rows == state.rows
    twice = state.update(*blocks, where=mask).finish()
    np.testing.assert_allclose(now.finish(), twice, rtol=1e-15)


def test_what_is_no_state_and_no_dask_array_is_refused():
    p, q = drawn()
    lazy = [da.from_array(x) for x in (p, q)]
    with pytest.raises(TypeError, match="state must be one of"):
        update(3, *lazy)
    with pytest.raises(TypeError, match="q must be a dask array"):
        update(KLState(), lazy[0], q)
    with pytest.raises(TypeError, match="takes a: got 2"):
        update(LogSumExpState(), *lazy)
    with pytest.raises(ValueError, match="rows of shape"):
        update(EntropyState().update(p[:3]), lazy[0]).compute(scheduler="synchronous")


# --- processes ----------------------------------------------------------------------------


def slow(block):
    """A chunk that is not there at once, so that a worker can be lost over it."""
    import time

    time.sleep(0.05)
    return np.sin(np.arange(block.size, dtype=float) * (1 + block.flat[0])).reshape(block.shape)


@pytest.fixture(scope="module")
def cluster():
    distributed = pytest.importorskip("distributed")
    settings = {
        "distributed.scheduler.allowed-failures": 10,
        "distributed.worker.daemon": True,
        "distributed.comm.timeouts.connect": "10s",
    }
    with (
        dask.config.set(settings),
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None,
            memory_limit=0, silence_logs="CRITICAL",
        ) as made,
        distributed.Client(made) as client,
    ):  # fmt: skip
        yield client


def lazy_logits(seed, columns=30):
    starts = da.from_array(
        np.repeat(np.arange(columns) + 100.0 * seed, 50)[None].repeat(4, 0), chunks=(4, 50)
    )
    return starts.map_blocks(slow, dtype=float)


@pytest.mark.filterwarnings("ignore")  # of sockets and processes, which are distributed's
def test_processes_and_a_worker_that_is_killed_change_no_bit(cluster):
    import os
    import signal
    import time

    a, b = lazy_logits(1), lazy_logits(2)
    measure = relentropy.kl_divergence(a, b, from_logits=True)
    expected = measure.compute(scheduler="synchronous")
    one, two = (computed(x) for x in (a, b))
    np.testing.assert_allclose(
        expected, relentropy.kl_divergence(one, two, from_logits=True), rtol=1e-15
    )
    assert np.array_equal(cluster.compute(measure, sync=True), expected)

    again = cluster.compute(relentropy.kl_divergence(a + 0, b, from_logits=True))
    time.sleep(0.5)
    assert not again.done()
    victim = next(iter(cluster.run(os.getpid).values()))
    os.kill(victim, signal.SIGKILL)
    assert np.array_equal(again.result(timeout=60), expected)

    later = update(KLState(from_logits=True), a, b)
    state = cluster.compute(later, sync=True)
    assert np.array_equal(state.finish(), expected)


def test_the_same_call_has_the_same_key():
    p, q = (
        da.from_array(x, chunks=(2, 3), name=name)
        for name, x in zip("pq", drawn(), strict=True)
    )
    for call in (
        lambda: relentropy.kl_divergence(p, q).name,
        lambda: relentropy.special.entr(p).name,
        lambda: update(KLState(base=2).update(*drawn()), p, q).key,
    ):
        assert call() == call()
    assert update(KLState(), p, q).key != update(KLState(base=2), p, q).key


def test_chunks_that_are_tensors_are_refused():
    torch = pytest.importorskip("torch")
    p = da.from_array(drawn()[0], chunks=(2, 3))
    tensors = p.map_blocks(torch.tensor, meta=torch.zeros((0, 0), dtype=torch.float64))
    with pytest.raises(TypeError, match="q is a dask array of tensors"):
        relentropy.kl_divergence(p, tensors)
