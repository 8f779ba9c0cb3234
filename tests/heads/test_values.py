"""Values of heads against the composed form in float64."""

from dataclasses import replace

import mpmath
import numpy as np
import pytest

import relentropy
from relentropy import heads
from relentropy._autodiff.heads.job import HeadJob
from relentropy._records import HEADS
from relentropy.estimators import partial_kl, token_log_probs
from relentropy.testing import assert_ulp, ulp_error

from ..oracle import evaluate
from .given import DIVERGENCES, MEMORIES, Given, drawn, log_softmax, logits, truth

every = pytest.mark.parametrize(
    ("fn", "by_book", "more"), DIVERGENCES.values(), ids=DIVERGENCES
)
TILES = pytest.mark.parametrize("memory", MEMORIES)
RNG = np.random.default_rng(7)


@every
@TILES
@pytest.mark.parametrize("temperature", [1.0, 2.5])
def test_divergences(fn, by_book, more, memory, temperature):
    given = drawn(rows=9, words=120) if memory == 1 else drawn()
    wanted = truth(by_book, given, temperature)
    found = given.call(fn, temperature=temperature, memory=memory, **more)
    np.testing.assert_allclose(found, wanted, rtol=1e-12)


@every
def test_narrow_heads_are_multiplied_in_float32(fn, by_book, more):
    """What a product rounded to 16 bits would be off by is a thousand times more."""
    ml_dtypes = pytest.importorskip("ml_dtypes")
    for dtype in (np.float16, ml_dtypes.bfloat16, np.float32):
        given = drawn().mapped(lambda x, dtype=dtype: x.astype(dtype))
        found = given.call(fn, memory=60_000, **more)
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, truth(by_book, given), rtol=2e-5)


def spread(shape, seed=0):
    """Logits as far apart as those of real models."""
    return np.random.default_rng(seed).standard_normal(shape) * 4


@pytest.mark.parametrize("name", ["kl_divergence", "js_divergence"])
def test_bounds_of_the_record_where_products_are_exact(name):
    """Of an identity for a weight the logits are the hidden states."""
    own, composed = getattr(heads, f"linear_{name}"), getattr(relentropy, name)
    a, eye = spread((40, 300)), np.eye(300)
    for gap in (1e-12, 1e-6, 1e-2, 3.0):
        b = a + gap * spread(a.shape, 1)
        found = own(a, eye, b, eye, memory=40_000)
        wanted = composed(a, b, from_logits=True)
        assert ulp_error(found, wanted).max() <= HEADS[f"linear_{name}"].ulp["float64"]


def test_token_bounds_where_products_are_exact():
    a, eye = spread((40, 300)), np.eye(300)
    tokens = np.arange(40) * 7
    a[0, 0] = 60.0  # all but certain
    found = heads.linear_token_log_probs(a, eye, tokens, return_entropy=True, memory=40_000)
    wanted = token_log_probs(a, tokens, return_entropy=True)
    for got, true in zip(found, wanted, strict=True):
        assert ulp_error(got, true).max() <= HEADS["linear_token_log_probs"].ulp["float64"]


def test_equal_heads_are_exactly_nothing_apart():
    given = drawn()
    equal = Given(given.hidden_p, given.weight_p, given.hidden_p, given.weight_p)
    for fn, _, more in DIVERGENCES.values():
        for memory in MEMORIES[:2]:
            assert not equal.call(fn, memory=memory, **more).any()


@TILES
def test_tokens(memory):
    given = drawn(rows=9, words=120) if memory == 1 else drawn()
    scores = logits(given.hidden_q, given.weight_q, given.bias_q, 0.7)
    logs = log_softmax(scores)
    rows, words = logs.shape
    own = (given.hidden_q, given.weight_q)
    more = {"bias": given.bias_q, "temperature": 0.7, "memory": memory}
    tokens = RNG.integers(0, words, rows)
    one = heads.linear_token_log_probs(*own, tokens, **more)
    np.testing.assert_allclose(one, logs[np.arange(rows), tokens], rtol=1e-12)
    _, entropies = heads.linear_token_log_probs(*own, tokens, return_entropy=True, **more)
    np.testing.assert_allclose(entropies, -(np.exp(logs) * logs).sum(-1), rtol=1e-12)
    several = np.stack([RNG.permutation(words)[:5] for _ in range(rows)])
    found = heads.linear_token_log_probs(*own, several, **more)
    np.testing.assert_allclose(found, np.take_along_axis(logs, several, 1), rtol=1e-12)
    loss = heads.linear_cross_entropy(*own, tokens, **more)
    np.testing.assert_array_equal(loss, -one)
    soft = RNG.random((rows, words))
    loss = heads.linear_cross_entropy(*own, soft, **more)
    shares = soft / soft.sum(-1, keepdims=True)
    np.testing.assert_allclose(loss, -(shares * logs).sum(-1), rtol=1e-12)


@every
def test_a_teacher_of_logits(fn, by_book, more):
    given = drawn()
    a = logits(given.hidden_p, given.weight_p, given.bias_p)
    wanted = truth(by_book, given, 3.0)
    own = (given.hidden_q, given.weight_q)
    options = {"bias_q": given.bias_q, "temperature": 3.0, "memory": 60_000, **more}
    np.testing.assert_allclose(fn(a, None, *own, **options), wanted, rtol=1e-12)


@pytest.mark.parametrize("rest", ["bucket", "renormalize", "drop"])
def test_a_teacher_of_largest_log_probabilities(rest):
    given = drawn()
    p, q = (
        log_softmax(logits(*own)) for own in (
            (given.hidden_p, given.weight_p, given.bias_p),
            (given.hidden_q, given.weight_q, given.bias_q),
        )
    )  # fmt: skip
    largest = np.argsort(-p, axis=1)[:, :8]
    top = np.take_along_axis(p, largest, 1)
    found = heads.linear_kl_divergence(
        top, None, given.hidden_q, given.weight_q, bias_q=given.bias_q, indices_p=largest,
        rest=rest, base=2, memory=60_000,
    )  # fmt: skip
    wanted = partial_kl(top, np.take_along_axis(q, largest, 1), rest=rest).kl / np.log(2)
    np.testing.assert_allclose(found, wanted, rtol=1e-11)


@every
@pytest.mark.parametrize("memory", MEMORIES[:2])
def test_masked_tokens_may_hold_anything(fn, by_book, more, memory):
    given = drawn()
    mask = RNG.random(23) > 0.4
    wanted = np.where(mask, truth(by_book, given), 0.0)
    for side in (given.hidden_p, given.hidden_q):
        side[~mask] = np.nan
    found = given.call(fn, where=mask, memory=memory, **more)
    np.testing.assert_allclose(found, wanted, rtol=1e-12)
    nothing = given.call(fn, where=np.zeros(23, dtype=bool), memory=memory, **more)
    assert not nothing.any()


def test_masked_tokens_of_heads_cost_nothing(monkeypatch):
    given = drawn()
    rows = []
    logits_of = HeadJob.logits

    def noted(self, *args):
        rows.append(self.rows)
        return logits_of(self, *args)

    monkeypatch.setattr(HeadJob, "logits", noted)
    given.call(heads.linear_kl_divergence, where=np.arange(23) % 4 == 0)
    assert rows == [6]


@every
@pytest.mark.parametrize("memory", MEMORIES[:2])
def test_words_that_biases_exclude(fn, by_book, more, memory):
    given = drawn()
    given.bias_p[::3] = given.bias_q[::3] = -np.inf
    kept = np.arange(600) % 3 > 0
    fewer = Given(
        given.hidden_p, given.weight_p[kept], given.hidden_q, given.weight_q[kept],
        given.bias_p[kept], given.bias_q[kept],
    )  # fmt: skip
    found = given.call(fn, memory=memory, **more)
    np.testing.assert_allclose(found, truth(by_book, fewer), rtol=1e-12)
    given.bias_q[1] = -np.inf  # the student alone has no mass there
    if by_book is DIVERGENCES["kl"][1]:
        assert (given.call(fn, memory=memory) == np.inf).all()


@every
def test_padded_vocabularies(fn, by_book, more):
    given = drawn(words=512)
    wanted = truth(by_book, given, words=500)
    for one in (given.weight_p, given.weight_q, given.bias_p, given.bias_q):
        one[500:] = np.nan
    for memory in MEMORIES[:2]:
        found = given.call(fn, vocab_size=500, memory=memory, **more)
        np.testing.assert_allclose(found, wanted, rtol=1e-12)
    shorter = Given(given.hidden_p, given.weight_p[:500], given.hidden_q, given.weight_q)
    with pytest.raises(ValueError, match="vocab_size=500"):
        shorter.call(fn)
    assert np.isfinite(shorter.call(fn, vocab_size=500)).all()


def test_axes_of_a_batch_are_kept():
    given = drawn(rows=24)
    flat = given.call(heads.linear_kl_divergence)
    shape = (2, 3, 4, -1)
    deep = Given(
        given.hidden_p.reshape(shape), given.weight_p, given.hidden_q.reshape(shape),
        given.weight_q, given.bias_p, given.bias_q,
    )  # fmt: skip
    found = deep.call(heads.linear_kl_divergence, where=np.ones((3, 1), dtype=bool))
    np.testing.assert_array_equal(found, flat.reshape(2, 3, 4))
    one = heads.linear_kl_divergence(
        given.hidden_p[0], given.weight_p, given.hidden_q[0], given.weight_q
    )
    assert isinstance(one, np.float64)


def test_nothing():
    given = drawn()
    for fn, _, more in DIVERGENCES.values():
        none = fn(
            given.hidden_p[:0], given.weight_p, given.hidden_q[:0], given.weight_q, **more
        )
        assert none.shape == (0,)
        empty = given.call(fn, vocab_size=0, **more)
        np.testing.assert_array_equal(empty, np.zeros(23))
    tokens = np.zeros((0, 4), dtype=int)
    assert heads.linear_token_log_probs(given.hidden_q[:0], given.weight_q, tokens).shape == (
        0,
        4,
    )
    loss = heads.linear_cross_entropy(
        given.hidden_q[:0], given.weight_q, tokens[:, 0], reduction="mean"
    )
    assert loss == 0


def test_nan_is_not_hidden():
    given = drawn()
    given.hidden_q[3, 0] = np.nan
    for fn, _, more in DIVERGENCES.values():
        found = given.call(fn, memory=60_000, **more)
        np.testing.assert_array_equal(np.isnan(found), np.arange(23) == 3)
    tokens = np.full(23, 5)
    tokens[[1, 2]] = -100, 600
    found = heads.linear_token_log_probs(given.hidden_q, given.weight_q, tokens, memory=60_000)
    np.testing.assert_array_equal(np.flatnonzero(np.isnan(found)), [1, 2, 3])
    several = heads.linear_token_log_probs(given.hidden_q, given.weight_q, tokens[:, None])
    np.testing.assert_array_equal(np.isnan(several[:, 0]), np.isnan(found))


@pytest.mark.parametrize("memory", [1, 5000, 60_000, 1 << 20, 1 << 30])
@pytest.mark.parametrize(("rows", "words"), [(1, 1), (7, 100_000), (3000, 50), (2048, 131_072)])
def test_tiles_keep_to_their_budget(memory, rows, words):
    given = drawn(rows=1, words=2)
    jobs = []

    def noted(self, arrays, **_):
        jobs.append(self)
        return (np.zeros(1),)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(HeadJob, "value", noted)
        given.mapped(lambda x: x.astype(np.float32)).call(
            heads.linear_kl_divergence, memory=memory
        )
    (job,) = jobs
    job = replace(job, rows=rows, vocabulary=words)
    height, width = job.tile
    assert 1 <= height <= rows
    assert 1 <= width <= words
    assert height * width * 12 <= max(memory, 12 * 16 * 16)
    assert sum(one.stop - one.start for one in job.blocks) == rows
    assert sum(one.stop - one.start for one in job.columns) == words
    if memory >= 1 << 20:
        assert height * width >= min(rows * words, memory // 12 // 3)  # and make use of it


def test_tiles_change_results_by_rounding_alone_and_the_same_tiles_not_at_all():
    given = drawn()
    fn = heads.linear_kl_divergence
    several = [given.call(fn, memory=memory) for memory in (2000, 60_000, 500_000, 1 << 24)]
    for one in several:
        np.testing.assert_allclose(one, several[0], rtol=1e-13)
    np.testing.assert_array_equal(given.call(fn, memory=60_000), several[1])


@pytest.mark.parametrize("temperature", [0.1, 2.0, 3.0, 7.3])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_temperatures_cost_no_digits_of_close_heads(dtype, temperature):
    """Logits that were rounded after the division would differ by that, and by little else."""
    rng = np.random.default_rng(1)
    a = (3 * rng.standard_normal((2, 20))).astype(dtype)
    b = (a * (1 + 1e-5 * rng.standard_normal(a.shape))).astype(dtype)
    unit = np.eye(2, dtype=dtype)  # products are exact
    for function in ("kl_divergence", "js_divergence"):
        with mpmath.workprec(200):
            truth = [
                evaluate(
                    function,
                    *([mpmath.mpf(float(x)) / temperature for x in row] for row in rows),
                    from_logits=True,
                )
                for rows in zip(a, b, strict=True)
            ]
        by = getattr(heads, f"linear_{function}")
        for teacher, head in ((unit, a.T.copy()), (a, None)):
            found = by(teacher, head, unit, b.T.copy(), temperature=temperature)
            assert_ulp(found, truth, 6)


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_a_teacher_whose_words_are_all_given_leaves_no_rest(dtype):
    rng = np.random.default_rng(4)
    hidden, weight = np.ones((100, 1)), rng.normal(size=(4, 1))
    logs = rng.normal(size=(100, 4))
    logs -= np.log(np.exp(logs).sum(-1, keepdims=True))
    indices = np.broadcast_to(np.arange(4), (100, 4))
    found = heads.linear_kl_divergence(
        logs.astype(dtype), None, hidden, weight, indices_p=indices
    )
    wanted = relentropy.kl_divergence(logs, (hidden @ weight.T), from_logits=True)
    np.testing.assert_allclose(found, wanted, atol=20 * np.finfo(dtype).eps)
