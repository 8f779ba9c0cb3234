"""token_log_probs: digits of values and derivatives, one pass, no array of the logits' size."""

import tracemalloc

import numpy as np
import pytest

from relentropy import entropy
from relentropy._formulas import token
from relentropy._records import ESTIMATES
from relentropy.estimators import token_log_probs
from relentropy.special import log_softmax
from relentropy.testing import ulp_error

from ..oracle import estimates as oracle
from ..suite.backends import BACKENDS, combinations

INF, NAN = np.inf, np.nan
RECORD = ESTIMATES["token_log_probs"]


def rows(dtype):
    """Flat, certain, tied and masked rows; the token is the largest, the smallest, any."""
    import ml_dtypes  # registers bfloat16

    assert ml_dtypes
    rng = np.random.default_rng(1)
    logits = rng.normal(size=(9, 7)) * np.array([0.1, 1, 5, 30, 1, 1, 1, 1, 1])[:, None]
    logits[4] = [40, 0, 0, 0, 0, 0, 0]
    logits[5] = [3, 3, 3, 3, 3, 3, 3]
    logits[6] = [9, 9, 0, 0, 0, 0, -5]
    logits[7, 2:5] = -INF
    logits[8] += 1000
    tokens = np.array([3, 0, 6, int(np.argmax(logits[3])), 0, 5, 1, 6, 2])
    return logits.astype(dtype), tokens


@pytest.mark.parametrize(("backend", "dtype"), combinations())
def test_every_library_has_all_digits(backend, dtype):
    logits, tokens = rows(dtype)
    result = "float64" if dtype == "float64" else "float32"
    most = RECORD.ulp["float64" if not backend.has_float64 else result]
    with backend.active():

        def call(x, t):
            return token_log_probs(x, t, return_entropy=True)

        got = backend.wrap(call)(backend.make(logits), backend.make(tokens.astype(np.int32)))
        log_probs, entropies = (backend.read(one) for one in got)
        assert log_probs.dtype.name == entropies.dtype.name == result
        truth = [oracle.token_log_prob(*row) for row in zip(logits, tokens, strict=True)]
        assert ulp_error(log_probs, truth).max() <= most
        truth = [oracle.row_entropy(row) for row in logits]
        assert ulp_error(entropies, truth).max() <= most
        alone = token_log_probs(backend.make(logits), backend.make(tokens.astype(np.int32)))
        np.testing.assert_allclose(backend.read(alone), log_probs, rtol=1e-15)


@pytest.mark.parametrize("temperature", [0.25, 0.7, 3.0])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float64"])
def test_temperatures(dtype, temperature):
    logits, tokens = rows(dtype)
    if dtype == "float64" and temperature != 0.25:
        # The division is rounded, as it would be outside: an ulp of the largest gap.
        logits, tokens = logits[:2], tokens[:2]
    got = token_log_probs(logits, tokens, temperature=temperature, return_entropy=True)
    most = 8 if dtype == "float64" else 2
    truth = [
        oracle.token_log_prob(row, t, temperature)
        for row, t in zip(logits, tokens, strict=True)
    ]
    assert ulp_error(got[0], truth).max() <= most
    truth = [oracle.row_entropy(row, temperature) for row in logits]
    assert ulp_error(got[1], truth).max() <= most


@pytest.mark.parametrize("library", ["torch", "jax", "jax-x32"])
@pytest.mark.parametrize("temperature", [1.0, 0.5])
def test_derivatives_have_all_digits(library, temperature):
    backend = BACKENDS[library]
    dtype = "float64" if backend.has_float64 else "float32"
    logits, tokens = rows(dtype)
    with backend.active():
        chosen = backend.make(tokens.astype(np.int32))
        (got,) = backend.pull(
            backend, lambda x: token_log_probs(x, chosen, temperature=temperature), [logits]
        )
        for row, token_, by in zip(logits, tokens, got, strict=True):
            truth = oracle.token_slopes(row, token_, temperature)
            tiny = np.finfo(dtype).tiny  # jax flushes what is not normal
            keep = [abs(t) == 0 or abs(t) > tiny for t in truth]
            assert ulp_error(by, truth)[keep].max() <= RECORD.slope_ulp["float64"]
        # At a token that is all but certain 1 - p has digits, which p has not.
        truth = oracle.token_slopes(logits[4], 0, temperature)[0]
        assert 0 < truth < 1e-15
        assert ulp_error(got[4, 0], truth) <= 6


@pytest.mark.parametrize("library", ["torch", "jax"])
def test_both_results_have_derivatives(library):
    backend = BACKENDS[library]
    logits, tokens = rows("float64")
    with backend.active():
        chosen = backend.make(tokens)

        def both(x):
            log_probs, entropies = token_log_probs(x, chosen, return_entropy=True)
            return 2.0 * log_probs + 0.5 * entropies

        (together,) = backend.pull(backend, both, [logits])
        (one,) = backend.pull(backend, lambda x: token_log_probs(x, chosen), [logits])
        (other,) = backend.pull(backend, lambda x: entropy(x, from_logits=True), [logits])
        np.testing.assert_allclose(together, 2 * one + 0.5 * other, rtol=1e-13, atol=1e-300)


def test_transforms():
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(3)
    x = torch.tensor(rng.normal(size=(2, 3, 4)), requires_grad=True)
    tokens = torch.tensor(rng.integers(0, 4, (2, 3)))

    def call(x):
        return token_log_probs(x, tokens, return_entropy=True, temperature=0.8)

    assert torch.autograd.gradcheck(
        call, x, check_forward_ad=True, check_batched_grad=True, check_batched_forward_grad=True
    )
    assert torch.autograd.gradgradcheck(call, x)
    one = torch.func.vmap(token_log_probs)(x.detach(), tokens)
    torch.testing.assert_close(one, token_log_probs(x.detach(), tokens), rtol=0, atol=0)

    def loss(x):
        log_probs, entropies = call(x)
        return (log_probs - 0.1 * entropies).sum()

    compiled = torch.compile(loss, fullgraph=True, backend="aot_eager")
    torch.testing.assert_close(compiled(x), loss(x))
    found = [torch.autograd.grad(f(x), x)[0] for f in (compiled, loss)]
    torch.testing.assert_close(*found)


def test_one_pass():
    for with_entropy in (False, True):
        assert len(token.TokenLogProb(with_entropy).passes(xp=None)) == 1


@pytest.mark.parametrize("with_entropy", [False, True])
def test_no_array_of_the_logits_size(with_entropy):
    logits = np.random.default_rng(0).normal(size=(16, 128_256)).astype(np.float32)
    tokens = np.arange(16)
    token_log_probs(logits[:, :100], tokens)
    tracemalloc.start()
    try:
        token_log_probs(logits, tokens, return_entropy=with_entropy, temperature=0.7)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < logits.nbytes / 2  # tiles and positions; 128256 of them are an eighth


def test_long_rows_are_merged_from_tiles():
    rng = np.random.default_rng(4)
    logits = rng.normal(size=(2, 50_000)) * 3
    tokens = np.array([49_999, 17_000])
    got = token_log_probs(logits, tokens, return_entropy=True)
    np.testing.assert_allclose(
        got[0], log_softmax(logits, axis=-1)[np.arange(2), tokens], rtol=1e-15
    )
    np.testing.assert_allclose(got[1], entropy(logits, from_logits=True), rtol=1e-15)


# --- limits and arguments ------------------------------------------------------------------


def test_limits():
    logits = np.array([[0.0, -INF, 1.0], [NAN, 0, 0], [INF, 0, 0], [-INF] * 3, [0, 1, 2]])
    got = token_log_probs(logits, [1, 0, 0, 0, -100])
    np.testing.assert_array_equal(got, [-INF, NAN, NAN, NAN, NAN])
    where = np.array([[1, 1, 0], [0, 1, 1], [0, 1, 0], [0, 0, 0], [1, 0, 0]], bool)
    got = token_log_probs(logits, [0, 0, 1, 0, 0], where=where)
    np.testing.assert_array_equal(got, [0, -INF, 0, 0, 0])


def test_a_token_that_is_ignored_has_no_gradient():
    torch = pytest.importorskip("torch")
    x = torch.randn(3, 5, dtype=torch.float64, requires_grad=True)
    tokens = torch.tensor([1, -100, 4])
    log_probs = token_log_probs(x, tokens)
    loss = torch.where(tokens >= 0, log_probs, 0.0).sum()
    (by,) = torch.autograd.grad(loss, x)
    assert torch.all(by[1] == 0)
    assert torch.all(torch.isfinite(by))
    masked = token_log_probs(x, tokens, where=(tokens >= 0)[:, None])
    assert masked[1].item() == 0
    torch.testing.assert_close(torch.autograd.grad(masked.sum(), x)[0], by)


def test_other_axes_and_lists():
    rng = np.random.default_rng(5)
    logits = rng.normal(size=(4, 3, 2))
    tokens = rng.integers(0, 3, (4, 2))
    moved = token_log_probs(np.moveaxis(logits, 1, -1), tokens)
    np.testing.assert_array_equal(token_log_probs(logits, tokens, axis=1), moved)
    np.testing.assert_array_equal(token_log_probs(logits, tokens.tolist(), axis=-2), moved)
    assert token_log_probs(np.zeros((0, 3)), np.zeros(0, int)).shape == (0,)
    assert token_log_probs(np.zeros((0, 3)), []).shape == (0,)
    big_endian = token_log_probs(logits[:, :, 0], tokens[:, 0].astype(">i8"))
    np.testing.assert_array_equal(big_endian, token_log_probs(logits[:, :, 0], tokens[:, 0]))
    assert token_log_probs([0.0, 0.0], 1) == np.log(0.5)


@pytest.mark.parametrize(
    ("tokens", "options", "error", "words"),
    [
        (np.zeros(2), {}, TypeError, "tokens must be integers, not float64"),
        (np.zeros(2, bool), {}, TypeError, "tokens must be integers, not bool"),
        (np.zeros((2, 3), int), {}, ValueError, "tokens must have the shape of logits without"),
        (np.zeros(3, int), {}, ValueError, r"without axis 1, \(2,\), not \(3,\)"),
        (np.zeros(2, int), {"temperature": 0}, ValueError, "temperature must be positive"),
        (np.zeros(2, int), {"axis": None}, TypeError, "axis must be one integer"),
        (np.zeros(2, int), {"axis": 2}, ValueError, "out of bounds"),
        (np.zeros(2, int), {"return_entropy": 1}, TypeError, "return_entropy must be True"),
    ],
)
def test_impossible_arguments(tokens, options, error, words):
    with pytest.raises(error, match=words):
        token_log_probs(np.zeros((2, 3)), tokens, **options)


def test_tokens_of_another_library():
    torch = pytest.importorskip("torch")
    with pytest.raises(TypeError, match="tokens is a numpy array"):
        token_log_probs(torch.zeros(2, 3), np.zeros(2, int))
