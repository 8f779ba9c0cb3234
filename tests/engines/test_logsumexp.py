"""Compiled logsumexp, softmax, entropies and token log-probabilities, on hard rows.

Rows of float64 are held against mpmath, narrower ones against the formulas bit for bit, for
every instruction set of this machine, thread counts, strides and masks.
"""

import functools

import numpy as np
import pytest
from mpmath import mp

import relentropy
from relentropy import special
from relentropy._engines import config
from relentropy.estimators import token_log_probs

_cpu = pytest.importorskip("relentropy._engines._cpu")
torch = pytest.importorskip("torch")

SETS = _cpu.instruction_sets()
LENGTHS = (1, 2, 5, 64, 1024, 1300)


def rows(kind, shape, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=shape)
    if kind == "wide":
        x *= 30
    elif kind == "far":
        x *= 300
    elif kind == "huge":
        x *= 1e30
    elif kind == "peaked":
        x[..., 0] += 40
    elif kind == "certain":
        x[..., -1] += 720
    elif kind == "rising":
        x += np.linspace(0, 25, shape[-1])
    elif kind == "tied":
        x = np.round(2 * x) / 2
    elif kind == "masked":
        x[rng.random(shape) < 0.3] = -np.inf
    elif kind == "unknown":
        x[rng.random(shape) < 0.1] = np.nan
        x[rng.random(shape) < 0.1] = np.inf
    elif kind == "none":
        x[::2] = -np.inf
    return x


FINITE = ("plain", "wide", "far", "huge", "peaked", "certain", "rising", "tied", "masked")
KINDS = (*FINITE, "unknown", "none")


# --- float64 against mpmath ------------------------------------------------------------------


def ulps(got, true):
    """Off by how many ulp; at the range's end every term of a row may be off by one."""
    nearest = float(true)
    if not np.isfinite(nearest) or got == nearest:
        return 0.0 if got == nearest else np.inf
    unit = max(np.spacing(abs(nearest)), max(LENGTHS) * 5e-324)
    return float(abs(mp.mpf(float(got)) - true) / unit)


def truths(row, token):
    """What the functions ought to be, of a row with a finite largest entry."""
    with mp.workprec(1200):
        x = [mp.mpf(float(v)) for v in row]
        top = max(x)
        weights = [mp.exp(v - top) for v in x]
        mass = mp.fsum(weights)
        loss = mp.log(mass)
        gaps = [mp.mpf(0) if w == 0 else top - v for w, v in zip(weights, x, strict=True)]
        mean = mp.fsum(w * g for w, g in zip(weights, gaps, strict=True)) / mass
        return {
            "logsumexp": top + loss,
            "softmax": [w / mass for w in weights],
            "log_softmax": [v - top - loss for v in x],
            "entropy": mean + loss,
            "token": x[token] - top - loss,
        }


@functools.cache
def hard_rows():
    found = []
    for kind in FINITE:
        for n in LENGTHS:
            row = rows(kind, (n,), seed=n)
            row = np.where(np.isfinite(row).any(), row, 0.0)
            found.append((row, n // 2, truths(row, n // 2)))
    return found


@pytest.mark.parametrize("name", SETS)
def test_float64_against_mpmath(name):
    worst = dict.fromkeys(("logsumexp", "softmax", "log_softmax", "entropy", "token"), 0.0)
    with config.using(name):
        for row, token, true in hard_rows():
            log_prob, entropy = token_log_probs(
                row[None], np.array([token]), return_entropy=True
            )
            assert relentropy.entropy(row, from_logits=True) == entropy[0]
            got = {
                "logsumexp": special.logsumexp(row),
                "softmax": special.softmax(row),
                "log_softmax": special.log_softmax(row),
                "entropy": entropy[0],
                "token": log_prob[0],
            }
            for key, value in got.items():
                pairs = zip(np.atleast_1d(value), np.atleast_1d(true[key]), strict=True)
                worst[key] = max(worst[key], *(ulps(a, b) for a, b in pairs))
    assert worst["logsumexp"] <= 1, worst
    assert worst["softmax"] <= 2, worst
    assert worst["log_softmax"] <= 1, worst
    assert worst["entropy"] <= 3, worst
    assert worst["token"] <= 1, worst


def exact_cross_entropy(p, q, from_logits):
    with mp.workprec(400):
        p, q = ([mp.mpf(float(v)) for v in row] for row in (p, q))
        if from_logits:
            p, q = ([mp.exp(v) for v in row] for row in (p, q))
        p_mass, q_mass = mp.fsum(p), mp.fsum(q)
        if any(y == 0 < x for x, y in zip(p, q, strict=True)):
            return mp.inf
        live = ((x, y) for x, y in zip(p, q, strict=True) if x)
        return mp.fsum(-x * mp.log(y / q_mass) for x, y in live) / p_mass


@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize("from_logits", [True, False])
def test_cross_entropy_against_mpmath(name, from_logits):
    worst = 0.0
    with config.using(name):
        for kind in ("plain", "wide", "far", "peaked", "rising", "tied"):
            for n in (1, 2, 17, 1500):
                p, q = rows(kind, (n,), 1), rows(kind, (n,), 2)
                if not from_logits:
                    p, q = np.exp(p / 2), np.exp(q / 2)
                    p[0], q[-1] = (p[0], 5e-324) if n > 1 else (p[0], q[-1])
                got = relentropy.cross_entropy(p, q, from_logits=from_logits)
                worst = max(worst, ulps(got, exact_cross_entropy(p, q, from_logits)))
                got = relentropy.entropy(p, from_logits=from_logits)
                worst = max(worst, ulps(got, exact_cross_entropy(p, p, from_logits)))
    assert worst <= 3


# --- narrower data against the formulas ------------------------------------------------------

TOKENS = [3, 0, 2, -1]


def _weights(x):
    x = abs(x)
    return torch.where(x == float("inf"), torch.zeros_like(x), x)


CALLS = {
    "logsumexp": lambda x, y: special.logsumexp(x, axis=-1),
    "softmax": lambda x, y: special.softmax(x, axis=-1),
    "log_softmax": lambda x, y: special.log_softmax(x, axis=-1),
    "entropy": lambda x, y: relentropy.entropy(x, from_logits=True, base=2),
    "entropy of weights": lambda x, y: relentropy.entropy(_weights(x)),
    "cross-entropy": lambda x, y: relentropy.cross_entropy(x, y, from_logits=True),
    "cross-entropy of weights": lambda x, y: relentropy.cross_entropy(_weights(x), _weights(y)),
    "tokens": lambda x, y: token_log_probs(x, torch.tensor(TOKENS[: x.shape[0]])),
    "tokens and entropy": lambda x, y: sum(
        token_log_probs(
            x, torch.tensor(TOKENS[: x.shape[0]]), return_entropy=True, temperature=3.0
        )
    ),
}


def bits(x):
    return torch.where(x != x, torch.full_like(x, float("nan")), x).view(
        {2: torch.int16, 4: torch.int32, 8: torch.int64}[x.element_size()]
    )


def with_gradients(call, x, y):
    x, y = (one.clone().requires_grad_() for one in (x, y))
    found = call(x, y)
    seed = torch.linspace(-1, 2, found.numel()).reshape(found.shape).to(found.dtype)
    grads = torch.autograd.grad(found, (x, y), seed, allow_unused=True)
    return found.detach(), [one for one in grads if one is not None]


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
@pytest.mark.parametrize("name", SETS)
def test_narrow_data_as_the_formulas(name, call):
    """Values bit for bit; gradients but for what cancels in both."""
    different = count = 0
    for dtype in (torch.float16, torch.bfloat16, torch.float32):
        for kind in KINDS:
            for shape in ((4, 5), (3, 1100)):
                x, y = (torch.tensor(rows(kind, shape, i)).to(dtype) for i in (1, 2))
                with config.using(name):
                    value, grads = with_gradients(call, x, y)
                with config.using("generic"):
                    want, slopes = with_gradients(call, x, y)
                if value.dtype == torch.float32:  # torch itself rounds to narrower ones twice
                    assert torch.equal(bits(value), bits(want)), kind
                else:
                    torch.testing.assert_close(value, want, equal_nan=True, **_ulp(dtype))
                for one, other in zip(grads, slopes, strict=True):
                    same = (one == other) | (one.isnan() & other.isnan())
                    different, count = different + int((~same).sum()), count + same.numel()
    assert different <= 1e-4 * count, (different, count)


def _ulp(dtype):
    return {"rtol": 2.0**-10 if dtype == torch.float16 else 2.0**-7, "atol": 6e-8}


# --- layouts, masks, threads -----------------------------------------------------------------


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_strides_do_not_matter(call, dtype):
    x, y = (torch.tensor(rows("wide", (4, 1500), i)).to(dtype) for i in (1, 2))
    want = with_gradients(call, x, y)
    turned = (x.T.contiguous().T, y.T.contiguous().T)
    sparse = [torch.zeros(4, 3000, dtype=dtype) for _ in range(2)]
    for to, one in zip(sparse, (x, y), strict=True):
        to[:, ::2] = one
    for views in (turned, [one[:, ::2] for one in sparse]):
        value, grads = with_gradients(call, *views)
        assert torch.equal(bits(value), bits(want[0]))
        assert all(map(torch.equal, map(bits, grads), map(bits, want[1])))


@pytest.mark.parametrize("of", [special.logsumexp, special.softmax, special.log_softmax])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", [(400_000,), (3, 150_000)])
def test_threads_do_not_matter(of, dtype, shape):
    x = rows("wide", shape).astype(dtype)
    before = config.get_num_threads()
    try:
        found = []
        for threads in (1, 3):
            config.set_num_threads(threads)
            found.append(of(x, axis=-1))
    finally:
        config.set_num_threads(before)
    np.testing.assert_array_equal(*found)


@pytest.mark.parametrize("from_logits", [True, False])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_masks(from_logits, dtype):
    x = np.exp(rows("plain", (5, 1300))).astype(dtype)
    mask = np.random.default_rng(3).random(x.shape) < 0.5
    mask[2] = False
    poisoned = np.where(mask, x, np.nan)
    got = relentropy.entropy(poisoned, from_logits=from_logits, where=mask)
    chosen = [a[m] for a, m in zip(x, mask, strict=True)]
    want = [relentropy.entropy(one, from_logits=from_logits) for one in chosen]
    assert got[2] == 0
    np.testing.assert_allclose(got, want, rtol=1e-6 if dtype == "float32" else 1e-14)
    tokens = np.argmax(mask, axis=-1)
    got = token_log_probs(poisoned, tokens, where=mask)
    log_shares = [special.log_softmax(one)[:1].sum() for one in chosen]
    np.testing.assert_allclose(got, log_shares, rtol=1e-6 if dtype == "float32" else 1e-14)
    excluded = token_log_probs(poisoned, np.argmin(mask, axis=-1), where=mask)
    np.testing.assert_array_equal(excluded, [-np.inf, -np.inf, 0, -np.inf, -np.inf])


@pytest.mark.parametrize("kind", ["int32", "int64", "int8"])
def test_tokens_of_any_width(kind):
    x = rows("plain", (4, 50)).astype("float32")
    tokens = np.array([3, 49, 50, -1])
    got = token_log_probs(x, tokens.astype(kind))
    want = special.log_softmax(x, axis=-1)[[0, 1], [3, 49]]
    np.testing.assert_array_equal(got, [*want, np.nan, np.nan])
