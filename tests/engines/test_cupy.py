"""CuPy's path without a GPU: its Python on a stand-in, its kernels as plain C++."""

import collections
import functools
import itertools
import json
import math
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import relentropy
from relentropy import _call, special
from relentropy._arrays.axes import Layout
from relentropy._arrays.library import quiet
from relentropy._arrays.prepared import Prepared
from relentropy._arrays.words import words_of
from relentropy._autodiff.jobs import EntryJob
from relentropy._engines import config, manifest
from relentropy._engines import cupy as engine
from relentropy._formulas.elementwise import KL_DIV
from relentropy.estimators import token_log_probs
from relentropy.heads import linear_kl_divergence
from relentropy.streaming import KLState
from relentropy.testing import assert_ulp

from ..oracle import evaluate
from . import fake_cupy, test_states
from .test_elementwise import EDGES_64, NAMES, arguments, bits, grid, operands, ulps
from .test_generators import FUNCTIONS

KINDS = {"float16": (0, 0), "bfloat16": (1, 8), "float32": (2, 2), "float64": (3, 3)}
"""Of each dtype, the type that is read and the one that is written."""


def kernels_of_entries():
    """Those that the tests ask for: each is compiled by itself."""
    found = [
        engine.entrywise("kl_div", given, (2,), masked)
        for given in ((0, 2), (2, 0), (1, 2), (2, 1))
        for masked in (False, True)
    ]
    found += [
        engine.entrywise("kl_div_exact", given, (3,), False) for given in ((2, 3), (3, 0))
    ]
    for name, count in NAMES.items():
        for given, to in KINDS.values():
            exact = "_exact" if given == 3 else ""
            needs = [(True,)] if count == 1 else [(True, True), (True, False), (False, True)]
            for masked in (False, True):
                found.append(engine.entrywise(name + exact, (given,) * count, (to,), masked))
                found += [
                    engine.entrywise(
                        f"{name}_slopes{exact}", (given,) * (count + 1), (to,) * sum(need),
                        masked, need,
                    )
                    for need in needs
                ]  # fmt: skip
    return found


@pytest.fixture(scope="module")
def compiled(tmp_path_factory):
    rows = [name for name in fake_cupy.kernel_names() if not engine.is_entrywise(name)]
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent  # one for all processes
    counted = os.environ.get("RELENTROPY_TESTS_COVERAGE")
    options = ["--coverage"] if counted else []
    return fake_cupy.Compiled(rows, kernels_of_entries(), Path(counted or folder), options)


@pytest.fixture
def cupy(compiled, monkeypatch):
    """CuPy's stand-in; `launches` are those of the test."""
    monkeypatch.setattr(config._Settled, "choice", config._Choice(None, ""))
    with fake_cupy.installed(compiled) as module:
        compiled.launches.clear()
        module.launches = compiled.launches
        yield module


def both_ways(cupy, call, arrays, seed=None):
    """A call's outputs by kernels, and by the formulas; with a seed, its gradients too.

    Seeds are ``seed`` of every output's shape. ``call`` is a public function of the arrays.
    """

    def outputs(make):
        with quiet("numpy"):
            given = [make(one) for one in arrays]
            if seed is None:
                return [call(*given)]
            return _pulled(call, given, lambda like: make(seed(like.shape).astype(like.dtype)))

    cupy.launches.clear()
    found = [one.get() for one in outputs(cupy.asarray)]
    assert cupy.launches, "no kernel was asked"
    with config.using("generic"):
        return found, outputs(np.asarray)


def _pulled(call, given, seed):
    """Neither numpy's arrays nor CuPy's have derivatives: the job is asked that has them."""
    kept, done = [], _call.evaluate

    def noted(job, arrays):
        kept.append((job, arrays))
        return done(job, arrays)

    _call.evaluate = noted
    try:
        call(*given)
    finally:
        _call.evaluate = done
    ((job, arrays),) = kept
    raw, shape = job.xp.raw, job.layout.shape
    arrays = tuple(raw.broadcast_to(one, shape) for one in arrays)
    constants = getattr(job, "constants", (False,) * job.operands)
    values = job.value(arrays, keep=True)
    count = getattr(job, "outputs", 1)
    seeds = tuple(seed(one) for one in values[: getattr(job, "varying", 1)])
    need = tuple(not constant for constant in constants)
    return [*values[:count], *job.vjp(arrays, values[count:], seeds, need)]


def same(found, wanted, dtype):
    """Every limit, and bits of at most 32; of 64, the last few ones may differ."""
    for one, other in zip(found, wanted, strict=True):
        assert (one.dtype, one.shape) == (other.dtype, other.shape)
        if dtype != "float64":
            np.testing.assert_array_equal(bits(one), bits(other))
            continue
        limits = ~np.isfinite(other) | (other == 0)
        np.testing.assert_array_equal(one[limits], other[limits])
        assert_ulp(one[~limits], other[~limits], 4)


def alike(found, wanted, axis=-1):
    """Every limit, and the rest but for a last bit, and for what rounding leaves of a row.

    Kernels and formulas add up in different orders, and slopes are differences from the value,
    of which nothing but rounding may be left.
    """
    value = np.asarray(wanted[0], dtype=np.float64)
    value = 1.0 + abs(np.where(np.isfinite(value), value, 0.0))
    value = value if value.ndim == np.ndim(wanted[-1]) else np.expand_dims(value, axis)
    for i, (one, other) in enumerate(zip(found, wanted, strict=True)):
        assert (one.dtype, one.shape) == (other.dtype, other.shape)
        unit = {"float16": 2.0**-10, "bfloat16": 2.0**-7, "float32": 2.0**-23}
        unit = unit.get(one.dtype.name, 2.0**-50)
        one, other = one.astype(np.float64), other.astype(np.float64)
        known = np.isfinite(other)
        np.testing.assert_array_equal(one[~known], other[~known])
        size, noise = abs(np.where(known, other, 0.0)), 0.0
        if i > 0:
            noise = 1e-13 * size.max(axis=axis, keepdims=True) + 1e-15 * value
        with quiet("numpy"):
            wrong = np.argwhere(known & ~(abs(one - other) <= unit * size + noise))
        assert not wrong.size, [(at, one[tuple(at)], other[tuple(at)]) for at in wrong[:3]]


def numbers(array, dtype):
    if dtype == "bfloat16":
        dtype = pytest.importorskip("ml_dtypes").bfloat16
    with quiet("numpy"):
        return np.asarray(array).astype(dtype)


# --- entries ---------------------------------------------------------------------------------


def seeds(shape):
    return np.random.default_rng(3).choice([0.0, -0.0, 1.0, -2.0, 0.3], shape)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
@pytest.mark.parametrize("name", NAMES)
def test_entries_of_few_digits_have_the_bits_of_the_formulas(name, dtype, cupy):
    given = [numbers(one, dtype)[::3] for one in arguments(name, "float32")]
    found, wanted = both_ways(cupy, getattr(special, name), given, seeds)
    same(found, wanted, dtype)


@pytest.mark.parametrize("name", NAMES)
def test_entries_of_float64_are_true(name, cupy):
    given = operands(name, 2)
    found = getattr(special, name)(*map(cupy.asarray, given)).get()
    assert cupy.launches
    for point, value in zip(zip(*given, strict=True), found, strict=True):
        true = unit = evaluate(name, *map(float, point))
        if name in {"logaddexp", "logsubexp"}:  # sums that cancel
            unit = max(abs(true), abs(true - point[0]))
        assert ulps(float(value), true, unit) <= 2, point


@pytest.mark.parametrize("name", NAMES)
def test_limits_of_float64_are_those_of_the_formulas(name, cupy):
    found, wanted = both_ways(cupy, getattr(special, name), grid(name, EDGES_64), np.ones)
    for one, other in zip(found, wanted, strict=True):
        limits = ~np.isfinite(other) | (other == 0)
        np.testing.assert_array_equal(bits(one[limits]), bits(other[limits]))
        scale = np.maximum(abs(other[~limits]), 1e-3 if name.startswith("log") else 0)
        with quiet("numpy"):
            error = abs(one[~limits] / scale - other[~limits] / scale)
        assert error.max(initial=0) < 1e-12


LAYOUTS = {
    "broadcast": lambda x, y, mask: (x, y, mask),
    "the other first": lambda x, y, mask: (y, x, mask),
    "turned": lambda x, y, mask: (x.T, y[None].T, mask.T),
    "reversed": lambda x, y, mask: (x[::-1, :, ::-1], y[::-1], mask[:, :, ::-1]),
    "every other": lambda x, y, mask: (x[:, ::2], y[::2], mask),
    "of no axis": lambda x, y, mask: (x[0, 0, 0], y[0, 0], mask[0, 0, 0]),
    "one entry": lambda x, y, mask: (x[:1, :1, :1], y[:1], mask[:1, :, :1]),
}


@pytest.mark.parametrize("dtype", ["bfloat16", "float32", "float64"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_entries_broadcast_and_have_strides_and_masks(layout, dtype, cupy):
    rng = np.random.default_rng(5)
    x, y = (numbers(rng.random(shape), dtype) for shape in ((7, 5, 4), (5, 1)))
    chosen = rng.random((7, 1, 4)) > 0.4

    def call(x, y, mask):
        x, y, mask = LAYOUTS[layout](x, y, mask)
        where = {"where": mask} if masked and type(x) is fake_cupy.ndarray else {}
        return _call.elementwise(KL_DIV, {"x": x, "y": y}, **where)

    for masked in (False, True):  # the formulas have no mask: it selects what they have
        for seed in (None, np.ones):
            found, wanted = both_ways(cupy, call, (x, y, chosen), seed)
            if masked:
                mask = LAYOUTS[layout](x, y, chosen)[2]
                wanted = [np.where(mask, one, one.dtype.type(0)) for one in wanted]
            same(found, wanted, dtype)


@pytest.mark.parametrize("names", [("float16", "float32"), ("bfloat16", "float32")])
def test_entries_of_two_dtypes(names, cupy):
    rng = np.random.default_rng(6)
    x, y = (numbers(rng.random(50), name) for name in names)
    for given in ((x, y), (y, x)):
        found, wanted = both_ways(cupy, special.kl_div, given)
        same(found, wanted, "float32")
    found, wanted = both_ways(cupy, special.kl_div, (y, x.astype(np.float64)))
    same(found, wanted, "float64")


def test_slopes_that_nobody_wants_are_not_made(cupy):
    x, y = cupy.asarray(np.array([0.2, 0.0, 3.0])), cupy.asarray(np.array([0.5, 1.0, 0.1]))
    job = EntryJob(Layout((3,), ()), x.dtype, Prepared({"x": x}, None, None).xp, KL_DIV)
    seed = cupy.asarray(np.array([1.0, 2.0, -1.0]))
    both = job.vjp((x, y), (), (seed,), (True, True))
    for i, need in enumerate([(True, False), (False, True)]):
        (one,) = job.vjp((x, y), (), (seed,), need)
        np.testing.assert_array_equal(one.get(), both[i].get())
    assert [launch.kernel for launch in cupy.launches] == ["relentropy_kl_div_slopes_exact"] * 3


# --- rows ------------------------------------------------------------------------------------

N = 171  # several rounds of the threads, the last of them not of all
ROWS = {
    "kl": ("kl_divergence", {}),
    "kl in bits": ("kl_divergence", {"base": 2}),
    "cross-entropy": ("cross_entropy", {}),
    "entropy": ("entropy", {}),
    "js distance": ("js_distance", {}),
    **FUNCTIONS,
    **{f"alpha of {a}": ("alpha_divergence", {"alpha": a}) for a in (0.0, 0.5, 1.0, 2.0)},
}


def logit_rows(dtype):
    """Rows that nearly agree, and others, each with what makes it hard."""
    rng = np.random.default_rng(7)
    gaps = [0.0, 1e-13, 1e-6, 0.05, 0.7, 3.0, 40.0, 700.0, *[1.0] * 13]
    a = 3 * rng.standard_normal((len(gaps), N))
    b = a + np.array(gaps)[:, None] * rng.standard_normal(a.shape) + 2.5
    a[8, ::3] = b[8, ::3] = -np.inf
    a[9, ::3] = -np.inf
    b[10, 5] = -np.inf  # mass of p where q has none
    a[11], b[12] = -np.inf, -np.inf
    a[13, 4], b[14, 7] = np.nan, np.inf
    a[15, ::2], b[15, 1::2] = -40.0, -50.0
    for one in (a, b):
        one[16, ::4] -= 725.0  # masses that are subnormal
    a[17, ::4] -= 725.0
    b[18] = np.roll(a[18], 1)  # the same masses, and not the same sums
    a[19, ::9] -= 400.0  # a mean that overflows where it is seen from some parts
    a[20, 3::5] -= 800.0  # the entries of one thread, where q has nothing
    b[20, 3] = -np.inf
    return numbers(a, dtype), numbers(b, dtype)


def weight_rows(dtype):
    rng = np.random.default_rng(8)
    gaps = [0.0, 1e-13, 1e-6, 0.05, 0.7, 3.0, 30.0, *[1.0] * 10]
    a = np.exp(2 * rng.standard_normal((len(gaps), N)) - 3)
    b = 2.5 * a * np.exp(np.array(gaps)[:, None] * rng.standard_normal(a.shape))
    a[7, ::3] = b[7, ::3] = 0.0
    a[8, ::3] = 0.0
    b[9, 5] = 0.0
    a[10], b[11] = 0.0, 0.0
    a[12, 4], b[13, 7] = np.nan, np.inf
    tiny, huge = (1e-40, 1e30) if dtype == "float32" else (1e-310, 1e305)
    if dtype in {"float32", "float64"}:
        a[14], b[14] = a[14] * tiny, b[14] * huge
        a[15, ::2] *= tiny
        for one in (a, b):
            one[16, 3], one[16, 5:] = 5e-324, one[16, 5:] * huge
    return numbers(a, dtype), numbers(b, dtype)


def row_seeds(shape):
    return np.resize([1.0, 0.5, -2.0, 1.0, 1.0, 0.0, -0.0, 1.0], shape)


# What 16 bits are widened to has the kernels of float32.
DTYPES = {name: ["float32", "float64"] for name in ROWS}
DTYPES["js"] = ["float16", "bfloat16", "float32", "float64"]


@pytest.mark.parametrize("from_logits", [True, False])
@pytest.mark.parametrize(
    ("name", "dtype"), [(k, one) for k, of in DTYPES.items() for one in of]
)
def test_rows_and_their_slopes_are_those_of_the_formulas(name, from_logits, dtype, cupy):
    function, options = ROWS[name]
    given = (logit_rows if from_logits else weight_rows)(dtype)
    given = given[: 1 if name == "entropy" else 2]

    def call(*arrays):
        return getattr(relentropy, function)(*arrays, from_logits=from_logits, **options)

    alike(*both_ways(cupy, call, given, np.ones))
    if name in {"kl", "js", "entropy"}:
        alike(*both_ways(cupy, call, given, row_seeds))


def test_rows_of_float64_are_true(cupy):
    for from_logits in (True, False):
        a, b = (logit_rows if from_logits else weight_rows)("float64")
        for name in ("kl_divergence", "js_divergence", "cross_entropy"):
            call = getattr(relentropy, name)
            arrays = [cupy.asarray(one[:8, :40]) for one in (a, b)]
            found = call(*arrays, from_logits=from_logits).get()
            truth = [
                evaluate(name, list(one[:40]), list(other[:40]), from_logits=from_logits)
                for one, other in zip(a[:8], b[:8], strict=True)
            ]
            assert_ulp(found, truth, 3)
    assert len(cupy.launches) == 6


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", ["logsumexp", "softmax", "log_softmax"])
def test_maps_of_rows_are_those_of_the_formulas(name, dtype, cupy):
    a, _ = logit_rows(dtype)
    call = getattr(special, name)
    alike(*both_ways(cupy, lambda x: call(x, axis=-1), (a,), lambda shape: seeds(shape) + 0.1))
    alike(*both_ways(cupy, lambda x: call(x, axis=None), (a[:7],)))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("temperature", [1.0, 0.7])
@pytest.mark.parametrize("entropies", [True, False])
def test_tokens_are_those_of_the_formulas(entropies, temperature, dtype, cupy):
    a, _ = logit_rows(dtype)
    tokens = np.arange(len(a)) * 11
    tokens[3], tokens[4], tokens[5] = -100, N, N - 1
    for kind in ("int64", "int32"):

        def call(logits, kind=kind):
            own = cupy if type(logits) is fake_cupy.ndarray else np
            found = token_log_probs(
                logits, own.asarray(tokens.astype(kind)), return_entropy=entropies,
                temperature=temperature,
            )  # fmt: skip
            return found[0] if entropies else found

        alike(*both_ways(cupy, call, (a,), np.ones))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("from_logits", [True, False])
@pytest.mark.parametrize("name", ["kl", "js", "cross-entropy", "hellinger"])
def test_rows_have_masks_axes_and_strides(name, from_logits, dtype, cupy):
    name_of_function, options = ROWS[name]
    rng = np.random.default_rng(9)
    a = rng.standard_normal((3, 40, 5)).astype(dtype)
    b = (a + 0.3 * rng.standard_normal(a.shape)).astype(dtype)
    if not from_logits:
        a, b = np.exp(a), np.exp(b)
    mask = rng.random(a.shape) > 0.3
    mask[:, :, 1] = False

    def call(p, q, mask, *, axis, masked, turned):
        if turned:
            p, q, mask = (one[:, ::-1, ::2] for one in (p, q, mask))
        more = {"where": mask} if masked else {}
        function = getattr(relentropy, name_of_function)
        return function(p, q, axis=axis, from_logits=from_logits, **options, **more)

    ways = itertools.product((1, (0, 2), None), (False, True), (False, True))
    for axis, masked, turned in ways:
        way = functools.partial(call, axis=axis, masked=masked, turned=turned)
        alike(*both_ways(cupy, way, (a, b, mask)))
    way = functools.partial(call, axis=1, masked=True, turned=False)
    alike(*both_ways(cupy, way, (a, b, mask), np.ones), axis=1)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_logits_are_not_normalised_where_that_is_asked_for(dtype, cupy):
    def call(p, q):
        return relentropy.kl_divergence(p, q, from_logits=True, normalize=False)

    alike(*both_ways(cupy, call, logit_rows(dtype)))


def test_orders_may_differ_from_row_to_row(cupy):
    p, q = np.random.default_rng(10).random((2, 5, 40))
    orders = np.array([-1.0, 0.0, 0.5, 1.0, 3.0])
    for name in ("alpha_divergence", "tsallis_divergence"):
        call = functools.partial(getattr(relentropy, name), from_logits=False)
        alike(*both_ways(cupy, lambda p, q, a, call=call: call(p, q, a), (p, q, abs(orders))))


def test_sums_are_those_of_exact_arithmetic(cupy):
    """The smallest kernel, which no measure has."""
    x = np.random.default_rng(11).standard_normal((3, 400))
    x[:, ::2] -= 1e9 * x[:, 1::2]
    x[:, 1::2] *= 1e9
    given, sums = cupy.asarray(x), cupy.asarray(np.zeros(3))
    arrays = ((given.data.ptr, 3, (8, 3200)),), ((sums.data.ptr, 3, (0, 8)),)
    engine.MODULE.run("total", (400,), (3,), *arrays, (1.0, 0.0, 0.0))
    np.testing.assert_array_equal(sums.get(), [math.fsum(row) for row in x])


# --- states ----------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("kind", test_states.KINDS)
@pytest.mark.parametrize("name", sorted(set(test_states.MEASURES) - {"js", "kl of weights"}))
def test_states_are_those_of_the_formulas(name, kind, dtype, cupy):
    arrays = test_states.operands(name, kind, (3, 500), dtype)
    cuts = (0, 1, 200, 499, 500)
    mask = np.random.default_rng(1).random((3, 500)) > 0.3 if kind == "masked" else None

    def finished(make):
        given = tuple(make(one) for one in arrays)
        chosen = None if mask is None else make(mask)
        return test_states.finished(name, given, cuts, chosen)

    found = [one.get() for one in finished(cupy.asarray)]
    assert len(cupy.launches) == len(cuts) - 1
    assert "_state" in cupy.launches[0].kernel
    with config.using("generic"):
        wanted = finished(np.asarray)
    for one, other in zip(found, wanted, strict=True):
        np.testing.assert_allclose(one, other, rtol=3e-15)


def test_words_of_states_are_those_of_the_formulas(cupy):
    for name in sorted(set(test_states.MEASURES) - {"js", "kl of weights"}):
        arrays = test_states.operands(name, "plain", (4, 300))
        found = words_of(test_states.part(name, tuple(map(cupy.asarray, arrays)), 0, 300))
        with config.using("generic"):
            wanted = words_of(test_states.part(name, arrays, 0, 300))
        for one, other in zip(found, wanted, strict=True):
            assert (one.dtype, one.shape) == (other.dtype, other.shape)
            np.testing.assert_allclose(one.get(), other, rtol=1e-12, atol=1e-11)


def test_heads_and_streams_take_their_states_from_kernels(cupy):
    rng = np.random.default_rng(2)
    hidden, weight = rng.standard_normal((6, 8)), rng.standard_normal((300, 8))
    other = weight + 0.1 * rng.standard_normal(weight.shape)

    def heads(make):
        h, w, v = map(make, (hidden, weight, other))
        return linear_kl_divergence(h, w, h, v, memory=1 << 13)

    def streams(make):
        a, b = make(hidden @ weight.T), make(hidden @ other.T)
        state = KLState(from_logits=True).update(a[:, :100], b[:, :100])
        return state.update(a[:, 100:], b[:, 100:]).finish()

    for call in (heads, streams):
        cupy.launches.clear()
        found = call(cupy.asarray).get()
        assert {one.kernel for one in cupy.launches} == {"kl_logits_state_exact"}
        assert len(cupy.launches) > 1
        with config.using("generic"):
            np.testing.assert_allclose(found, call(np.asarray), rtol=1e-13)


# --- what is launched, and where -------------------------------------------------------------


def test_kernels_are_launched_where_the_arrays_are_on_the_current_stream(cupy):
    stream = cupy.cuda.Stream()
    with cupy.cuda.Device(1):
        p, q = (cupy.asarray(one) for one in np.random.default_rng(3).random((2, 4, 50)))
    with stream:
        rows, entries = relentropy.kl_divergence(p, q), special.kl_div(p, q)
    relentropy.entropy(p)
    state = test_states.part("logsumexp", (p,), 0, 50)
    assert [(one.stream, one.device) for one in cupy.launches] == [
        (stream, 1), (stream, 1), (None, 1), (None, 1),
    ]  # fmt: skip
    assert fake_cupy.Device.current == 0
    assert {one.device.id for one in (rows, entries, *words_of(state))} == {1}


def test_blocks_are_as_many_as_the_device_takes(cupy):
    a = cupy.asarray(np.zeros((5, 70)))
    relentropy.entropy(a, from_logits=True)
    special.softmax(cupy.asarray(np.zeros((1, 9000))), axis=-1)
    relentropy.entropy(cupy.asarray(np.zeros(((1 << 20) + 7, 1))), from_logits=True)
    assert [(one.blocks, one.threads) for one in cupy.launches] == [
        (5, 128), (3, 128), (1 << 20, 128),
    ]  # fmt: skip


def test_formulas_serve_where_kernels_do_not(cupy):
    p, q = (cupy.asarray(one) for one in np.random.default_rng(4).random((2, 3, 20)))
    with config.using("generic"):
        off = relentropy.kl_divergence(p, q)
    whole = cupy.asarray(np.arange(1, 21))
    others = (
        off,
        relentropy.kl_divergence(whole, whole[::-1]),
        relentropy.renyi_divergence(p, q, 0.5),
        special.kl_div(whole, 3),
        special.kl_div(p[:0], q[:0]),
        relentropy.entropy(p[:0]),
    )
    assert not cupy.launches
    assert all(type(one) is cupy.ndarray for one in others)
    np.testing.assert_allclose(off.get(), relentropy.kl_divergence(p, q).get(), rtol=1e-14)


def test_every_kernel_has_a_function():
    text = "".join(path.read_text() for path in engine.SOURCES.rglob("*.hpp"))
    for name in fake_cupy.kernel_names():
        if engine.is_entrywise(name):
            continue
        expression = manifest.EXPRESSIONS.get(name, name)
        function = re.split("[<,]", expression)[0]
        assert re.search(rf"\bvoid {function}\(", text), name
        for word in re.findall(r"\w+", expression):
            assert word in text


# --- coverage --------------------------------------------------------------------------------

# What hosts alone do: read entries that lie side by side, and round as their libraries.
OF_HOSTS = {"conversion.hpp"}


@pytest.mark.full
def test_every_line_of_the_kernels_is_run(tmp_path):
    """By this file's other tests, as gcc counts."""
    if not (shutil.which("g++") and shutil.which("gcov")):
        pytest.skip("no g++ with gcov")
    command = (sys.executable, "-m", "pytest", "-q", __file__)
    environment = {**os.environ, "RELENTROPY_TESTS_COVERAGE": str(tmp_path)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    counts = next(tmp_path.glob("*.gcda"))
    command = ("gcov", "--json-format", "--stdout", counts)
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    runs = collections.Counter()
    for file in json.loads(done.stdout)["files"]:
        if engine.SOURCES not in Path(file["file"]).parents:
            continue
        name = Path(file["file"]).relative_to(engine.SOURCES).as_posix()
        if name not in OF_HOSTS:
            for line in file["lines"]:
                runs[name, line["line_number"]] += line["count"]
    assert len(runs) > 1000
    assert not sorted(line for line, count in runs.items() if not count)
