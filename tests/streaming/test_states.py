"""A state is that of all its blocks, in whatever order and groups they came."""

import itertools
import json
import math
import pickle

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relentropy import cross_entropy, entropy, kl_divergence
from relentropy._records import RECORDS
from relentropy.streaming import (
    CrossEntropyState,
    EntropyState,
    KLState,
    LogSumExpState,
    State,
)
from relentropy.testing import assert_ulp
from relentropy.testing._rows import rows

from ..oracle import evaluate
from ..suite.backends import BACKENDS
from ..suite.samples import on

FUNCTIONS = {
    KLState: kl_divergence,
    CrossEntropyState: cross_entropy,
    EntropyState: entropy,
}
EVERY = tuple(FUNCTIONS)
REGIMES = {
    (inputs, dtype): list(rows(inputs, dtype, long=False))
    for inputs in ("probs", "weights", "logits", "log_probs")
    for dtype in ("float64", "float32")
}


def bound(kind, dtype):
    record = RECORDS[FUNCTIONS[kind].__name__]
    return record.tiled_ulp if dtype == "float64" else record.ulp[dtype]


def of(kind, p, q):
    """The operands that a state of this kind takes."""
    return (p,) if kind is EntropyState else (p, q)


def grouped(empty, operands, data):
    """One state from entries in any order, cut anywhere and merged in any tree."""
    size = operands[0].shape[-1]
    order = data.draw(st.permutations(range(size)))
    operands = [one[..., order] for one in operands]
    cuts = data.draw(st.lists(st.integers(0, size), max_size=size))
    edges = [0, *sorted(cuts), size]
    states = [
        empty.update(*(one[..., a:b] for one in operands)) for a, b in itertools.pairwise(edges)
    ]
    while len(states) > 1:
        one = states.pop(data.draw(st.integers(0, len(states) - 1)))
        other = states.pop(data.draw(st.integers(0, len(states) - 1)))
        states.append(one + other)
    return states[0]


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("inputs", ["probs", "weights", "logits", "log_probs"])
@given(data=st.data())
@settings(deadline=None, max_examples=60, derandomize=True, database=None)
def test_order_and_grouping_stay_within_the_bound(inputs, dtype, data):
    kind = data.draw(st.sampled_from(EVERY))
    regime = data.draw(st.sampled_from(REGIMES[inputs, dtype]))
    normalize = data.draw(st.booleans()) or kind is not KLState
    logs = inputs in {"logits", "log_probs"}
    operands = [np.array(one, dtype=dtype) for one in regime.operands]
    operands = of(kind, *np.broadcast_arrays(*operands))
    state = grouped(kind(from_logits=logs, normalize=normalize), operands, data)
    name = FUNCTIONS[kind].__name__
    truth = [
        evaluate(name, *row, from_logits=logs, normalize=normalize)
        for row in zip(*(one.tolist() for one in operands), strict=True)
    ]
    found = state.finish()
    assert found.dtype == dtype
    if kind is KLState and normalize and inputs == "weights" and regime.name == "equal":
        # On scales of their own: what three words of a logarithm lack, squared.
        assert np.all(np.abs(found) < (1e-57 if dtype == "float64" else 1e-27))
    else:
        assert_ulp(found, truth, bound(kind, dtype))


@given(data=st.data(), weighted=st.booleans())
@settings(deadline=None, max_examples=60, derandomize=True, database=None)
def test_a_sum_of_exponentials(data, weighted):
    entry = st.floats(-800, 800) if data.draw(st.booleans()) else st.floats(-2, 2)
    a = np.array(data.draw(st.lists(entry, min_size=1, max_size=9)))
    b = np.linspace(-1, 2, len(a)) if weighted else np.ones_like(a)
    empty = LogSumExpState(weighted=weighted, return_sign=weighted)
    state = grouped(empty, (a, b) if weighted else (a,), data)
    with mpmath.workdps(800):
        terms = [mpmath.mpf(y) * mpmath.exp(mpmath.mpf(x)) for x, y in zip(a, b, strict=True)]
        total, sizes = mpmath.fsum(terms), mpmath.fsum(map(abs, terms))
        truth = mpmath.log(abs(total))
        slopes = mpmath.fsum(abs(t * mpmath.mpf(x)) for t, x in zip(terms, a, strict=True))
        condition = (slopes + sizes) / abs(total * truth) if total * truth else mpmath.inf
    value, sign = state.finish() if weighted else (state.finish(), 1.0)
    if condition < 1e6:
        assert_ulp(value, truth, 6 * max(1.0, float(condition)))
        assert sign == mpmath.sign(total)


@pytest.mark.parametrize("kind", EVERY)
@pytest.mark.parametrize("merged", [False, True])
def test_a_thousand_blocks_cost_no_more_than_a_few(kind, merged):
    """Each higher than all before, so that every sum is rescaled every time."""
    rng = np.random.default_rng(3)
    a = np.linspace(-3, 3, 1000) + 1e-4 * rng.normal(size=1000)
    b = a + 0.1 * rng.normal(size=1000)
    empty = kind(from_logits=True)
    state = empty
    for i in range(1000):
        block = of(kind, a[i : i + 1], b[i : i + 1])
        state = empty.update(*block) + state if merged else state.update(*block)
    assert state.blocks == 1000
    name = FUNCTIONS[kind].__name__
    truth = evaluate(name, *(x.tolist() for x in of(kind, a, b)), from_logits=True)
    assert_ulp(state.finish(), truth, bound(kind, "float64"))


@pytest.mark.parametrize("kind", EVERY)
@pytest.mark.parametrize("options", [{}, {"normalize": False}, {"base": 2}], ids=str)
@pytest.mark.parametrize("dtype", ["float64", "float32", "float16"])
@on("numpy", "torch", "strict")
def test_every_library_axis_mask_and_option(backend, dtype, options, kind):
    if dtype not in backend.dtypes:
        pytest.skip("not a dtype of this backend")
    rng = np.random.default_rng(0)
    p, q = (rng.uniform(0.05, 2, (12, 2, 3)).astype(dtype) for _ in "pq")
    p[3], q[4], q[5, 0] = 0, p[4], p[5, 0]
    mask = rng.random((12, 1, 3)) < 0.7
    mask[:, 0, 1] = False
    with backend.active():
        operands = [backend.make(x) for x in of(kind, p, q)]
        where = backend.make(mask)
        state = kind(axis=0, **options)
        for part in (slice(0, 5), slice(5, 5), slice(5, 6), slice(6, 12)):
            state = state.update(*(x[part, :, :] for x in operands), where=where[part, :, :])
        found = state.finish()
        expected = FUNCTIONS[kind](*operands, axis=0, where=where, **options)
        assert type(found) is type(expected)
        found, expected = backend.read(found), backend.read(expected)
    assert found.shape == (2, 3) == state.rows
    assert found.dtype == expected.dtype
    assert np.all(found[:, 1] == 0)
    rtol = {"float64": 2e-15, "float32": 4e-7, "float16": 2e-3}[dtype]
    np.testing.assert_allclose(found.astype(float), expected.astype(float), rtol=rtol)


@pytest.mark.parametrize("flags", [(True, False), (False, True)])
def test_sides_may_be_given_in_different_forms(flags):
    rng = np.random.default_rng(1)
    p, q = rng.uniform(0.1, 1, (2, 40))
    one, two = (np.log(x) if flag else x for x, flag in zip((p, q), flags, strict=True))
    state = KLState(from_logits=flags).update(one[:7], two[:7]).update(one[7:], two[7:])
    assert_ulp(state.finish(), evaluate("kl_divergence", one, two, from_logits=flags), 6)


def test_what_is_impossible_stays_so_whatever_follows():
    a, b = np.array([0.0, 1.0]), np.array([1.0, -np.inf])
    state = KLState(from_logits=True).update(a, b)
    assert state.finish() == np.inf
    assert (state + state).finish() == np.inf
    assert np.isnan(state.update(np.array([np.nan]), np.array([0.0])).finish())
    assert np.isnan(KLState().update(a, np.zeros(2)).finish())
    assert KLState().update(a, np.zeros(2)).update(a, np.ones(2)).finish() == np.inf
    assert EntropyState().update(np.array([])).finish() == 0
    assert LogSumExpState().update(np.array([])).finish() == -np.inf
    empty = EntropyState().update(np.array([]))
    assert empty.update(np.array([1.0, 1.0])).finish() == math.log(2)


def test_gradients_are_left_out_and_results_say_so():
    torch = pytest.importorskip("torch")
    logits = torch.randn(5, requires_grad=True)
    value = EntropyState(from_logits=True).update(logits).finish()
    assert not value.requires_grad
    torch.testing.assert_close(value, entropy(logits, from_logits=True).detach())


@pytest.mark.parametrize("kind", [KLState, EntropyState])
def test_states_work_inside_jit(kind):
    jax = pytest.importorskip("jax")

    def streamed(*operands):
        state = kind(from_logits=True)
        for part in (slice(0, 3), slice(3, 8)):
            state = state.update(*(one[:, part] for one in operands))
        return state.finish()

    operands = of(kind, *np.random.default_rng(2).normal(size=(2, 4, 8)))
    expected = FUNCTIONS[kind](*operands, from_logits=True)
    with BACKENDS["jax"].active():
        found = np.asarray(jax.jit(streamed)(*operands))
    np.testing.assert_allclose(found, expected, rtol=2e-15)


# --- as objects ---------------------------------------------------------------------------


def some(kind=KLState, seed=0, library="numpy", **options):
    rng = np.random.default_rng(seed)
    blocks = [of(kind, *rng.normal(size=(2, 3, 4))) for _ in range(3)]
    state = kind(from_logits=True, **options)
    for block in blocks:
        state = state.update(*(BACKENDS[library].make(x) for x in block))
    return state


@pytest.mark.parametrize("kind", EVERY)
def test_a_state_survives_json_and_pickle_bit_for_bit(kind):
    state = some(kind, base=2)
    for again in (
        kind.from_dict(json.loads(json.dumps(state.to_dict()))),
        State.from_dict(state.to_dict()),
        pickle.loads(pickle.dumps(state)),
    ):
        assert again == state
        assert again.blocks == 3
        assert np.array_equal(again.finish(), state.finish())
        assert again + state == state + state
    for empty in (kind(), kind(axis=(0, 1), from_logits=True, dtype="float32")):
        assert kind.from_dict(json.loads(json.dumps(empty.to_dict()))) == empty


def test_a_pickle_holds_nothing_but_the_numbers():
    torch = pytest.importorskip("torch")
    logits = torch.zeros(2, 1000, 4)
    state = KLState(from_logits=True).update(*logits)
    assert len(pickle.dumps(state)) < 1000 * 13 * 8 + 10_000


def test_infinities_and_nans_survive_as_well():
    a = np.array([[np.nan, 1.0], [-np.inf, -np.inf], [np.inf, 0.0]])
    state = LogSumExpState().update(a)
    text = json.dumps(state.to_dict(), allow_nan=False)
    assert LogSumExpState.from_dict(json.loads(text)) == state
    assert state == LogSumExpState().update(a)
    signed = LogSumExpState(weighted=True, return_sign=True).update(a, -a)
    assert State.from_dict(signed.to_dict()) == signed


def test_a_state_moves_to_another_library():
    torch = pytest.importorskip("torch")
    state = some(library="torch")
    assert type(state.finish()) is torch.Tensor
    moved = KLState.from_dict(state.to_dict())
    assert type(moved.finish()) is np.ndarray
    assert moved == state
    back = KLState.from_dict(moved.to_dict(), like=torch.zeros(1))
    assert torch.equal(back.finish(), state.finish())


def test_equality_is_of_options_and_of_every_bit():
    state = some()
    assert state == some()
    assert state != some(seed=1)
    assert state != some(base=2)
    assert state != some(EntropyState)
    assert state != KLState(from_logits=True)
    assert KLState() == KLState()
    assert state != 3
    with pytest.raises(TypeError, match="unhashable"):
        hash(state)


def test_updating_leaves_the_state_as_it_was():
    state = some()
    before = pickle.dumps(state)
    state.update(np.zeros((3, 1)), np.ones((3, 1)))
    state.merge(state)
    state.finish()[...] = 7
    assert pickle.dumps(state) == before


def test_a_sum_of_states():
    states = [some(seed=i) for i in range(4)]
    assert sum(states) == ((states[0] + states[1]) + states[2]) + states[3]
    assert KLState(from_logits=True) + states[0] == states[0]
    with pytest.raises(TypeError):
        3 + states[0]


# What version 1 is, for good: a later release must read this.
VERSION_ONE = {
    "format": "relentropy.streaming",
    "version": 1,
    "kind": "entropy",
    "options": {
        "axis": -1, "dtype": None, "from_logits": False, "normalize": True,
        "base": "0x1.0000000000000p+1",
    },
    "data": {
        "result": "float64",
        "rows": [],
        "parts": [
            {
                "blocks": 1,
                "working": "float64",
                "exact": True,
                "selected": [True],
                "state": {
                    "p_top": ["0x1.0000000000000p+1"], "mass": ["0x1.8000000000000p+0"],
                    "surprise": ["0x1.62e42fefa39efp-2"], "q_top": ["0x1.0000000000000p+1"],
                    "others": ["0x1.0000000000000p-1"], "lost": [False], "valid": [True],
                },
            }
        ],
    },
}  # fmt: skip


def test_the_first_version_stays_readable():
    state = EntropyState(base=2).update(np.array([1.0, 2.0]))
    assert state.to_dict() == VERSION_ONE
    assert State.from_dict(VERSION_ONE) == state


def test_dictionaries_that_are_none():
    data = some().to_dict()
    with pytest.raises(ValueError, match="version 2"):
        KLState.from_dict(data | {"version": 2})
    with pytest.raises(ValueError, match="kind 'entropy' is wanted, not 'kl'"):
        EntropyState.from_dict(data)
    with pytest.raises(ValueError, match="no dictionary of format"):
        KLState.from_dict({})
    with pytest.raises(ValueError, match="no dictionary of format"):
        KLState.from_dict([1])
    changed = json.loads(json.dumps(data))
    del changed["data"]["parts"][0]["state"]["top"]
    with pytest.raises(ValueError, match="top"):
        KLState.from_dict(changed)


def test_what_does_not_fit_is_refused():
    state = some()
    one = np.zeros((3, 4))
    with pytest.raises(ValueError, match=r"rows of shape \(2,\), and the state \(3,\)"):
        state.update(one[:2], one[:2])
    with pytest.raises(TypeError, match="float32, and the state of float64"):
        state.update(one.astype("float32"), one.astype("float32"))
    with pytest.raises(ValueError, match="shapes do not broadcast"):
        state.update(one, one[:, :2])
    with pytest.raises(ValueError, match=r"base=None and base=2\.0 do not merge"):
        state.merge(some(base=2))
    with pytest.raises(TypeError, match="KLState, not EntropyState"):
        state.merge(some(EntropyState))
    with pytest.raises(TypeError, match="KLState, not int"):
        state.merge(1)
    with pytest.raises(ValueError, match="no block has been given"):
        KLState().finish()
    with pytest.raises(TypeError, match="axis must be an integer"):
        KLState(axis="last")
    with pytest.raises(ValueError, match="base must be greater than 1"):
        EntropyState(base=1)
    with pytest.raises(TypeError, match="class labels"):
        CrossEntropyState().update(np.array([1, 2, 3]), one)
    with pytest.raises(TypeError, match="weighted=False"):
        LogSumExpState().update(one, one)
    with pytest.raises(TypeError, match="weighted=True"):
        LogSumExpState(weighted=True).update(one)
    with pytest.raises(ValueError, match="weighted=True"):
        LogSumExpState(return_sign=True)
    torch = pytest.importorskip("torch")
    with pytest.raises(TypeError, match="is of torch, and the state of numpy"):
        state.update(torch.zeros(3, 4), torch.zeros(3, 4))


def test_a_dtype_of_the_state_takes_blocks_of_several():
    rng = np.random.default_rng(4)
    a, b = rng.normal(size=(2, 8))
    state = KLState(from_logits=True, dtype="float32")
    state = state.update(a[:4].astype("float32"), b[:4].astype("float32"))
    state = state.update(a[4:], b[4:])
    mixed = [np.concatenate([x[:4].astype("float32"), x[4:]]) for x in (a, b)]
    assert state.finish().dtype == np.float32
    assert_ulp(state.finish(), evaluate("kl_divergence", *mixed, from_logits=True), 2)


def _with(data, path, new):
    """The same with another member; without it if there is no new one."""
    name, *rest = path
    changed = dict(data) if isinstance(data, dict) else list(data)
    if rest:
        changed[name] = _with(data[name], rest, new)
    elif new is None:
        del changed[name]
    else:
        changed[name] = new
    return changed


PART = ("data", "parts", 0)
DAMAGE = {
    "no version": (("version",), None),
    "a version that is not whole": (("version",), 1.0),
    "no kind": (("kind",), None),
    "no options": (("options",), None),
    "an option too few": (("options", "axis"), None),
    "an option too many": (("options", "axes"), 1),
    "a base that is no number": (("options", "base"), "two"),
    "no data": (("data",), None),
    "another result": (("data", "result"), "int32"),
    "negative rows": (("data", "rows"), [-1]),
    "more rows": (("data", "rows"), [7]),
    "no parts": (("data", "parts"), []),
    "three blocks": ((*PART, "blocks"), 3),
    "no blocks": ((*PART, "blocks"), 0),
    "blocks that are not whole": ((*PART, "blocks"), 1.5),
    "exact as a word": ((*PART, "exact"), "no"),
    "another working precision": ((*PART, "working"), "float16"),
    "an entry too few": ((*PART, "selected"), [True]),
    "flags that are numbers": ((*PART, "selected"), [1, 0]),
    "a number out of range": ((*PART, "state", "top"), ["0x1p5000"] * 2),
    "a number as such": ((*PART, "state", "top"), [1.0, 2.0]),
    "a field too few": ((*PART, "state", "top"), None),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_damaged_dictionaries_are_refused(damage):
    data = KLState().update(np.ones((2, 3)), np.arange(6.0).reshape(2, 3)).to_dict()
    assert State.from_dict(data).to_dict() == data
    with pytest.raises(ValueError, match=r"must|wanted|version|has"):
        State.from_dict(_with(data, *DAMAGE[damage]))


def test_a_state_says_what_it_is_of():
    assert repr(KLState()) == "<KLState>"
    state = KLState(base=2, axis=0).update(np.ones((3, 2)), np.ones((3, 2)))
    assert repr(state + state) == "<KLState axis=0 base=2.0 rows=(2,) blocks=2>"
