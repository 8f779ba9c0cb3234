"""The state of a part of rows: compiled as by the formulas, and parts merge to the whole."""

import functools
import itertools

import numpy as np
import pytest

from relentropy._arrays.axes import Layout
from relentropy._arrays.drivers import merged
from relentropy._arrays.prepared import Prepared
from relentropy._arrays.words import words_of
from relentropy._autodiff.states import state_of
from relentropy._engines import config, front
from relentropy._formulas.cross_entropy import CrossEntropy
from relentropy._formulas.f_divergence import FDivergence
from relentropy._formulas.generators import JensenShannon
from relentropy._formulas.kl_logits import KLFold, KLFromLogits
from relentropy._formulas.logsumexp import LogSumExp
from relentropy._formulas.token import TokenLogProb

_cpu = config.engine()
ENGINES = (*(_cpu.instruction_sets() if _cpu else ()), "generic")
KINDS = ("plain", "far", "masked", "unknown", "none")
MEASURES = {
    "kl": KLFromLogits((True, True), True, None),
    "generalised kl": KLFromLogits((True, True), False, None),
    "kl of weights": KLFromLogits((False, True), True, None),
    "logsumexp": LogSumExp(),
    "entropy": CrossEntropy((True, True), None, same=True),
    "entropy of weights": CrossEntropy((False, False), None, same=True),
    "cross-entropy": CrossEntropy((True, True), None),
    "cross-entropy of weights": CrossEntropy((False, False), None),
    "token": TokenLogProb(with_entropy=False),
    "token and entropy": TokenLogProb(with_entropy=True),
    "js": FDivergence(JensenShannon(), (True, True)),
}


@pytest.fixture(params=ENGINES)
def engine(request):
    with config.using(request.param):
        yield request.param


def operands(name, kind, shape, dtype="float64", seed=0):
    """As many as the measure has, without a token and its places."""
    rng = np.random.default_rng(seed)
    arrays = [3 * rng.standard_normal(shape) for _ in range(2)]
    if kind == "far":
        arrays[1] *= 300
    if kind in ("masked", "none"):
        for one in arrays:
            one[rng.random(shape) < 0.3] = -np.inf
    if kind == "none":
        arrays[0][:, ::2] = -np.inf
        arrays[1][1] = -np.inf
    if kind == "unknown":
        arrays[1][0, 5], arrays[0][1, 7] = np.nan, np.inf
    measure = MEASURES[name]
    if "weights" in name:
        both = measure.from_logits == (False, False)
        small = [np.exp(np.minimum(one, 80)) for one in arrays]
        arrays = [small[0], small[1] if both else arrays[1]]
    count = sum(fill is not None for fill in measure.fills)
    return tuple(one.astype(dtype) for one in arrays[:count])


def part(name, arrays, begin, end, mask=None, stats=()):
    measure = MEASURES[name]
    given = Prepared(dict(enumerate(arrays)), None, None)
    rows = arrays[0].shape[0]
    more = ()
    if "token" in name:
        token = (np.arange(rows) * 97 % arrays[0].shape[1])[:, None]
        positions = np.arange(end - begin, dtype=np.int32)
        more = tuple(map(given.raw.asarray, (token - begin, positions)))
    parts = tuple(one[:, begin:end] for one in arrays)
    mask = None if mask is None else mask[:, begin:end]
    layout = Layout((rows, end - begin), (1,))
    with np.errstate(all="ignore"):
        return state_of(measure, layout, (*parts, *more), mask, xp=given.xp, stats=stats)


def finished(name, arrays, cuts, mask=None):
    measure = MEASURES[name]
    xp = Prepared(dict(enumerate(arrays)), None, None).xp
    stats = ()
    with np.errstate(all="ignore"):
        for one in measure.passes(xp=xp):
            parts = [part(name, arrays, i, j, mask, stats) for i, j in itertools.pairwise(cuts)]
            stats += (merged(parts, one, xp=xp),)
        return measure.finish(stats, xp=xp)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", MEASURES)
def test_parts_end_in_what_the_whole_ends_in(name, kind, dtype, engine):
    arrays = operands(name, kind, (3, 2600), dtype)
    with np.errstate(all="ignore"):
        whole = finished(name, arrays, (0, 2600))
        for cuts in (
            (0, 1, 2, 2600),
            (0, 0, 1100, 1100, 2599, 2600),
            (0, 650, 1300, 1950, 2600),
        ):
            for got, wanted in zip(finished(name, arrays, cuts), whole, strict=True):
                assert got.shape == (1, 3)
                np.testing.assert_allclose(got, wanted, rtol=3e-15)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", MEASURES)
def test_a_mask_excludes_what_it_excludes(name, kind, engine):
    arrays = operands(name, kind, (3, 900))
    mask = np.random.default_rng(1).random((3, 900)) > 0.4
    cuts = (0, 400, 900)
    fills = MEASURES[name].fills
    with np.errstate(all="ignore"):
        left = tuple(np.where(mask, x, f) for x, f in zip(arrays, fills, strict=False))
        wanted = finished(name, left, cuts)
    for got, true in zip(finished(name, arrays, cuts, mask), wanted, strict=True):
        np.testing.assert_array_equal(got, true)


@pytest.mark.skipif(_cpu is None, reason="the engine is not built")
@pytest.mark.parametrize("kind", ["plain", "masked"])
@pytest.mark.parametrize(
    "name", [name for name in MEASURES if name not in ("js", "kl of weights")]
)
def test_compiled_states_are_those_of_the_formulas(name, kind):
    arrays = operands(name, kind, (4, 1000))
    compiled = words_of(part(name, arrays, 0, 1000))
    with config.using("generic"):
        formulas = words_of(part(name, arrays, 0, 1000))
    assert len(compiled) == len(formulas)
    for got, wanted in zip(compiled, formulas, strict=True):
        assert got.dtype == wanted.dtype
        assert got.shape == wanted.shape == (1, 4)
        # What rounding a mean left differs, and both sides keep account of it.
        np.testing.assert_allclose(got, wanted, rtol=1e-12, atol=1e-11)


@pytest.mark.skipif(_cpu is None, reason="the engine is not built")
def test_kernels_serve_where_they_are(monkeypatch):
    """A twin that is never found would pass every other test."""
    served = []
    state = front.state

    @functools.wraps(state)
    def noted(*args):
        found = state(*args)
        served.append(found is not None)
        return found

    monkeypatch.setattr(front, "state", noted)
    for name in MEASURES:
        finished(name, operands(name, "plain", (2, 50)), (0, 50))
    without = {"js", "kl of weights"}  # the second pass of js needs the first's results
    assert served == [name not in without for name in MEASURES]


def test_a_part_without_entries_changes_nothing(engine):
    for name, measure in MEASURES.items():
        arrays = operands(name, "plain", (3, 40))
        nothing = part(name, arrays, 7, 7)
        one = measure.passes(xp=Prepared({"a": arrays[0]}, None, None).xp)[0]
        some = part(name, arrays, 0, 40)
        xp = Prepared({"a": arrays[0]}, None, None).xp
        if name == "js":
            continue
        with np.errstate(all="ignore"):
            wanted = measure.finish((some,), xp=xp)
            for pair in ((some, nothing), (nothing, some)):
                got = measure.finish((merged(pair, one, xp=xp),), xp=xp)
                np.testing.assert_array_equal(got, wanted)


def test_many_rows_are_in_the_order_of_the_batch(engine):
    """Tasks of rows, in which the formulas work, are put together again."""
    rng = np.random.default_rng(2)
    a, b = rng.standard_normal((2, 5, 70, 300))
    xp = Prepared({"a": a}, None, None).xp
    layout = Layout(a.shape, (2,))
    state = state_of(MEASURES["kl"], layout, (a, b), None, xp=xp)
    fold = state_of(KLFold((True, True), True), layout, (a, b), None, xp=xp)
    for one, other in zip(words_of(state), words_of(fold), strict=True):
        np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(state.top[0], a.max(axis=2).ravel())
    np.testing.assert_array_equal(state.q_top[0], b.max(axis=2).ravel())


def test_torch_states_stay_with_torch(engine):
    torch = pytest.importorskip("torch")
    a, b = torch.randn(2, 6, 50, dtype=torch.float64, generator=torch.manual_seed(0))
    xp = Prepared({"a": a}, None, None).xp
    state = state_of(MEASURES["kl"], Layout((6, 50), (1,)), (a, b), None, xp=xp)
    assert all(isinstance(word, torch.Tensor) for word in words_of(state))
    value = MEASURES["kl"].finish((state,), xp=xp)[0]
    wanted = torch.nn.functional.kl_div(
        b.log_softmax(-1), a.log_softmax(-1), log_target=True, reduction="none"
    )
    torch.testing.assert_close(value[0], wanted.sum(-1))


@pytest.mark.parametrize("library", ["numpy", "torch"])
@pytest.mark.parametrize("where", [np.int32, np.int64])
def test_tokens_are_numbered_as_in_the_whole_row(library, where, engine):
    """Kernels number a part's entries from 0, and do not read their places."""
    raw = pytest.importorskip(library)
    rng = np.random.default_rng(0)
    arrays = rng.normal(size=(4, 30)), np.array([[3], [17], [29], [-100]]), np.arange(30)
    logits, tokens, places = map(raw.asarray, (*arrays[:2], arrays[2].astype(where)))
    measure, xp = TokenLogProb(False), Prepared({"a": logits}, None, None).xp
    with np.errstate(all="ignore"):
        states = [
            state_of(
                measure, Layout((4, own.shape[1]), (1,)), (own, tokens, place), None, xp=xp
            )
            for own, place in (
                (logits[:, part], places[part]) for part in (slice(0, 12), slice(12, 30))
            )
        ]
        whole = merged(states, measure.passes(xp=xp)[0], xp=xp)
        found = np.asarray(measure.finish((whole,), xp=xp)[0])[0]
    logs = arrays[0] - np.log(np.exp(arrays[0]).sum(1, keepdims=True))
    np.testing.assert_allclose(found[:3], logs[range(3), [3, 17, 29]], rtol=1e-14)
    assert np.isnan(found[3])
