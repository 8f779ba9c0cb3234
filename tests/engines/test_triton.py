"""Triton's kernels through its interpreter, against the oracle and the formulas."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import relentropy
from relentropy import special
from relentropy._engines import config
from relentropy._engines import triton as engine
from relentropy._records import ESTIMATES, RECORDS
from relentropy.estimators import token_log_probs
from relentropy.testing import ulp_error

from ..oracle import estimates, evaluate, slopes
from ..suite import derived, measured
from ..suite.backends import BACKENDS

torch = pytest.importorskip("torch")
triton = pytest.importorskip("triton")
interpreter = pytest.importorskip("triton.runtime.interpreter")
pytestmark = [
    pytest.mark.skipif(os.environ["TRITON_INTERPRET"] != "1", reason="kernels are compiled"),
    # The interpreter is numpy, which warns of infinities that are selected away.
    pytest.mark.filterwarnings("ignore::RuntimeWarning"),
]

DTYPES = ("float16", "bfloat16", "float32", "float64")
ULP = {"float16": 1.0, "bfloat16": 1.0, "float32": 2.0, "float64": 5.0}
INF, NAN = float("inf"), float("nan")


@pytest.fixture(autouse=True)
def small_tiles(monkeypatch):
    """Rows of several tiles that need not be long; and one patch of Triton's language."""
    monkeypatch.setattr(engine.Sizes, "tile", 256)
    monkeypatch.setattr(engine.Sizes, "share", 4)
    monkeypatch.setattr(engine.Sizes, "group", 2)
    # Every call of every function would patch the language again.
    patched = interpreter._patch_lang(triton.language.sum.fn)
    monkeypatch.setattr(
        interpreter.InterpretedFunction,
        "__call__",
        lambda self, *a, **k: self.rewrite()(*a, **k),
    )
    yield
    patched.restore()


def pair(gap, shape, dtype="float32", seed=3):
    """Two sets of rows about as far apart as the gap says, with a common offset."""
    rng = np.random.default_rng(seed)
    a = 3 * rng.standard_normal(shape)
    b = a + gap * rng.standard_normal(shape) + 2.5
    return tuple(torch.from_numpy(x).to(getattr(torch, dtype)) for x in (a, b))


def kernels(call, *args, **more):
    """By the kernels, which have to have been asked."""
    launched = []
    with pytest.MonkeyPatch.context() as patch, config.using("triton"):
        for name in ("run_rows", "run_slopes"):
            real = getattr(engine, name)
            patch.setattr(engine, name, lambda *a, real=real: launched.append(1) or real(*a))
        found = call(*args, **more)
    assert launched, "no kernel was asked"
    return found


def both(call, *args, **more):
    """By the kernels, and by the formulas."""
    found = kernels(call, *args, **more)
    with config.using("generic"):
        return found, call(*args, **more)


def kl(a, b, **more):
    return relentropy.kl_divergence(a, b, from_logits=True, **more)


def gradients(call, *operands, **more):
    """The value, and the derivatives of a sum with signs."""
    given = [one.clone().requires_grad_() for one in operands]
    value = call(*given, **more)
    unit = torch.linspace(-1, 2, max(1, value.numel())).reshape(value.shape)
    return value.detach(), torch.autograd.grad((value * unit).sum(), given)


def assert_close(found, wanted, ulp):
    assert found.dtype == wanted.dtype
    assert found.shape == wanted.shape
    eps = torch.finfo(found.dtype).eps
    found, wanted = found.double(), wanted.double()
    exactly = torch.isfinite(wanted)
    same = torch.where(exactly, 0.0, found), torch.where(exactly, 0.0, wanted)
    torch.testing.assert_close(*same, rtol=0, atol=0, equal_nan=True)
    found, wanted = found[exactly], wanted[exactly]
    assert bool(((found - wanted).abs() <= ulp * eps * wanted.abs()).all())


def assert_true(name, operands, found, options, *, mask=None):
    """Values and gradients by seeds of one, within the record's bounds of every element."""
    value, by = found
    record, dtype = RECORDS[name], str(value.dtype).removeprefix("torch.")
    for row in range(len(value)):
        kept = (
            torch.ones_like(operands[0][row], dtype=torch.bool) if mask is None else mask[row]
        )
        inputs = [one[row][kept].double().tolist() for one in operands]
        truth = evaluate(name, *inputs, **options)
        truth = truth[0] if name == "logsumexp" else truth  # and the sign behind it
        assert ulp_error(read(value[row]), truth) <= record.ulp[dtype]
        for one, true in zip(by, slopes(name, inputs, options), strict=True):
            assert bool((one[row][~kept] == 0).all())
            error = ulp_error(read(one[row][kept]), np.array([v for v, _ in true]))
            error = error / np.array([float(condition) for _, condition in true])
            assert np.max(error) <= record.slope_ulp[dtype]


def read(tensor):
    return BACKENDS["torch"].read(tensor)


def of_seeds_one(call, *operands, **more):
    """The value of every row, and its derivatives."""
    given = [one.clone().requires_grad_() for one in operands]
    value = call(*given, **more)
    return value.detach(), torch.autograd.grad(value.sum(), given)


# --- every measure ---------------------------------------------------------------------------

DIVERGENCES = ("kl_divergence", "js_divergence", "hellinger_distance", "total_variation")
OF_LOGITS = (*DIVERGENCES, "entropy", "cross_entropy", "logsumexp")
EVERY = [(name, True) for name in OF_LOGITS] + [(name, False) for name in DIVERGENCES]


def called(name, from_logits):
    if name == "logsumexp":
        return lambda a, **more: special.logsumexp(a, axis=-1, **more)
    function = getattr(relentropy, name)
    return lambda *x, **more: function(*x, from_logits=from_logits, **more)


def inputs_of(name, from_logits, gap, shape, dtype):
    """Logits or weights, with entries that neither has and, where that is finite, one has."""
    a, b = pair(gap, shape, "float64")
    a[:, 5], a[:, 7], b[:, 7] = -INF, -INF, -INF
    if name in DIVERGENCES[1:]:
        b[:, 9] = -INF
    if not from_logits:
        a, b = a.exp(), b.exp()
    kind = getattr(torch, dtype)
    return (a.to(kind), b.to(kind))[: 1 if name in ("entropy", "logsumexp") else 2]


QUICK = {(*one, "float32") for one in EVERY} | {
    ("kl_divergence", True, "bfloat16"), ("kl_divergence", True, "float64"),
    ("js_divergence", True, "float64"), ("kl_divergence", False, "float64"),
    ("js_divergence", False, "bfloat16"),
}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "from_logits", "dtype"),
    [
        pytest.param(
            name, from_logits, dtype,
            marks=[] if (name, from_logits, dtype) in QUICK else pytest.mark.full,
        )
        for name, from_logits in EVERY
        for dtype in ("bfloat16", "float32", "float64")
    ],
)  # fmt: skip
def test_values_and_derivatives_are_true(name, from_logits, dtype):
    """Of close and of unrelated rows, longer than a tile, with a mask and without."""
    call, options = called(name, from_logits), {"from_logits": from_logits}
    options = {} if name == "logsumexp" else options
    for gap in (1e-4, 2.0) if dtype != "bfloat16" else (0.3,):
        operands = inputs_of(name, from_logits, gap, (1, 150), dtype)
        assert_true(name, operands, kernels(of_seeds_one, call, *operands), options)
    if name != "logsumexp":
        mask = torch.from_numpy(np.random.default_rng(0).random((1, 150)) > 0.2)
        found = kernels(of_seeds_one, call, *operands, where=mask)
        assert_true(name, operands, found, options, mask=mask)


@pytest.mark.full
@pytest.mark.parametrize("entries", [None, 4])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", [*OF_LOGITS, "js_distance"])
def test_the_table_of_hard_cases(name, dtype, entries, monkeypatch):
    """Of every record, whole and in tiles of few entries."""

    def cut(rows, n, mode, **more):
        N = min(engine._power(n), entries)
        R, parts = min(64, engine._power(rows)), -(-n // N)
        return engine._Cut(mode, R, N, parts, parts * -(-rows // R), 1)

    if entries:
        monkeypatch.setattr(engine, "_cut", cut)
    record = RECORDS[name]
    backend = replace(BACKENDS["torch"], setting=lambda: config.using("triton"), longest=300)
    with backend.active():
        for one in measured.run(record, dtype, backend):
            if bears(one.case, dtype):
                error, line = one.worst()
                assert error <= record.ulp[dtype], line
        for one in derived.run(record, dtype, backend, mixed=False):
            if bears(one.sample.case, dtype):
                error, line = one.worst()
                assert error <= record.slope_ulp[dtype], line


def bears(case, dtype):
    """Whether the interpreter has the numbers: of bfloat16's subnormal ones it makes others."""
    sizes = [np.abs(x.astype(float)) for x in case.inputs]
    return dtype != "bfloat16" or all((x[x > 0] > 1.2e-38).all() for x in sizes)


# --- where entries lie -----------------------------------------------------------------------

LAYOUTS = {
    "rows": lambda x: (x, {}),
    "columns": lambda x: (x.T, {"axis": 0}),
    "every second": lambda x: (x.repeat_interleave(2, 1)[:, ::2], {}),
    "one row for all": lambda x: (x[:1].expand(x.shape), {}),
    "a middle axis": lambda x: (x.reshape(2, 2, -1).transpose(1, 2), {"axis": 1}),
    "two axes apart": lambda x: (x.reshape(4, 5, -1).transpose(0, 1), {"axis": (0, 2)}),
    "all": lambda x: (x, {"axis": None}),
}


@pytest.mark.parametrize("dtype", ["float32", pytest.param("float64", marks=pytest.mark.full)])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_layouts(layout, dtype):
    """Values and gradients of tensors that lie in any way, in a base and by a mask."""
    a, b = pair(0.3, (4, 150), dtype)
    (a, more), (b, _) = LAYOUTS[layout](a), LAYOUTS[layout](b)
    mask = torch.from_numpy(np.random.default_rng(0).random(tuple(a.shape)) > 0.2)
    more = more | {"where": mask, "base": 2}
    found, wanted = both(gradients, kl, a, b, **more)
    assert_close(found[0], wanted[0], ULP[dtype])
    assert_alike(found[1], wanted[1])


def assert_alike(found, wanted):
    """Gradients but for rounding, which is a share of what they have cancelled from."""
    for one, other in zip(found, wanted, strict=True):
        assert one.shape == other.shape
        assert one.dtype == other.dtype
        size = torch.finfo(one.dtype).eps * (other.abs() + 0.2 * other.abs().max())
        assert bool(((one - other).abs() <= 4 * size).all())


def test_weights_in_columns():
    a, b = (x.exp().T for x in pair(0.3, (33, 20)))
    found, wanted = both(gradients, relentropy.js_distance, a, b, axis=0)
    assert_close(found[0], wanted[0], 2)
    assert_alike(found[1], wanted[1])


# --- extremes --------------------------------------------------------------------------------

EDGES = [
    ([0.0, 1.0, -INF], [0.0, 1.0, -INF]),
    ([0.0, 1.0, -INF], [0.0, 0.5, 2.0]),
    ([0.0, 1.0, 2.0], [0.0, 0.5, -INF]),
    ([-INF, -INF, -INF], [0.0, 1.0, 2.0]),
    ([0.0, 1.0, 2.0], [-INF, -INF, -INF]),
    ([0.0, NAN, 2.0], [0.0, 1.0, 2.0]),
    ([0.0, 1.0, 2.0], [0.0, INF, 2.0]),
    ([0.0, 1.0, 2.0], [0.0, 1.0, 2.0]),
    ([0.0, -60.0, -200.0], [0.0, -61.0, -100.0]),
    ([0.0, -95.0, -96.0], [0.0, -96.0, -97.0]),
    ([0.0, 1.0, -500.0], [0.0, 1.0, 500.0]),
    ([0.0, -2000.0, 1.0], [0.0, 3000.0, 2000.0]),
    ([3e4, 2e4, -3e4], [-3e4, 1e4, 6e4]),
    ([-6e4, -6e4, -6e4], [-6e4, -6e4, -5.9e4]),
    ([0.0, -100.0, -1e30], [0.0, -1e30, -1e30]),
    ([0.0, 1.0, -3e38], [0.0, 1.5, -3e38]),
    ([-3e38, 1.0, 3e38], [3e38, 1.5, -3e38]),
]
EXTREME = ["kl_divergence", "js_divergence", "total_variation", "entropy", "cross_entropy"]


def edges(name, dtype, *, long):
    """Alone, or in rows of several tiles of which one has them."""
    chosen = EDGES
    if dtype == "bfloat16":  # of whose subnormal numbers the interpreter makes others
        chosen = [edge for edge in EDGES if edge[0][1] not in {-95.0, -100.0}]
    if name in DIVERGENCES[1:]:  # whose log-ratios of 1e-44 the mean of 1e-14 hides
        chosen = [edge for edge in chosen if edge[0][2] != -1e30]
    a, b = (torch.tensor(x, dtype=torch.float64) for x in zip(*chosen, strict=True))
    if long:
        fill = torch.full((len(chosen), 150), -50.0, dtype=torch.float64)
        fill[:, ::7] = -INF
        a, b = (torch.cat([fill[:, :70], x, fill[:, 70:]], 1) for x in (a, b))
    kind = getattr(torch, dtype)
    return (a.to(kind), b.to(kind))[: 1 if name == "entropy" else 2]


@pytest.mark.parametrize("long", [False, True])
@pytest.mark.parametrize(
    ("name", "dtype"),
    [
        pytest.param(
            name, dtype,
            marks=[] if name == "kl_divergence" or dtype == "float32" else pytest.mark.full,
        )
        for name in EXTREME
        for dtype in ("bfloat16", "float32", "float64")
    ],
)  # fmt: skip
def test_edges(name, dtype, long):
    """Infinite, undefined, far apart and masked by anything: a number where there is one."""
    operands = edges(name, dtype, long=long)
    found, wanted = both(of_seeds_one, called(name, True), *operands)
    assert_close(found[0], wanted[0], ULP[dtype])
    # Seen beside the row's largest; element by element the oracle has its say elsewhere.
    sizes = [one.double().abs().nan_to_num(0, 0, 0).amax(-1, keepdim=True) for one in wanted[1]]
    size = torch.stack(sizes).amax(0).clamp(min=0.1)
    for i, (one, other) in enumerate(zip(found[1], wanted[1], strict=True)):
        # Of what is infinite the formulas may not know the student's derivative.
        told = ~((found[0] == INF)[:, None] & (i == 1)).expand(one.shape)
        inside = torch.isfinite(other)
        torch.testing.assert_close(
            one[told & ~inside], other[told & ~inside], rtol=0, atol=0, equal_nan=True
        )
        error = (one.double() - other.double()).abs().where(inside, 0.0)
        assert bool((error <= 4 * torch.finfo(one.dtype).eps * size).all())


@pytest.mark.parametrize("tile", [256, 16])
@pytest.mark.parametrize(
    ("name", "dtype"),
    [
        ("kl_divergence", "float32"), ("kl_divergence", "float64"),
        pytest.param("js_divergence", "float32", marks=pytest.mark.full),
        pytest.param("js_divergence", "float64", marks=pytest.mark.full),
        pytest.param("total_variation", "float64", marks=pytest.mark.full),
        pytest.param("hellinger_distance", "float64", marks=pytest.mark.full),
    ],
)  # fmt: skip
def test_logits_that_stand_for_a_mask(name, dtype, tile, monkeypatch):
    """A student's logit of -1e30 takes the mean of log-ratios with it, and nothing else."""
    monkeypatch.setattr(engine.Sizes, "tile", tile)
    lows = [torch.finfo(getattr(torch, dtype)).min, -1e30, -4e5, -300.0]
    p = torch.tensor([0.3, -0.2, 1.0, 0.5] * 3).to(getattr(torch, dtype))
    q = torch.linspace(-0.4, 0.7, 12).to(p.dtype).repeat(len(lows), 1)
    for i, low in enumerate(lows):
        q[i, 3 * i + 2] = low
    operands = (p.expand(q.shape).contiguous(), q)
    found = kernels(of_seeds_one, called(name, True), *operands)
    assert_true(name, operands, found, {"from_logits": True})


SMALL = [
    ([1.0, 1e-300, 0.0], [1.0, 2e-300, 0.0]),
    ([3.0, 1e-300, 0.0], [7.0, 2e-300, 0.0]),
    ([1e-310, 3e-310, 2e-310], [2e-310, 1e-310, 5e-310]),
    ([1e308, 5e307, 1e300], [1e307, 7e307, 1e-300]),
    ([3.0, 1.0, 5.0], [9.0, 3.0, 15.0]),
    ([1.0, 2.0, 3.0], [1.0, 2.0, 0.0]),
    ([1.0, 0.0, 3.0], [1.0, 2.0, 3.0000000000000004]),
]


@pytest.mark.parametrize("name", DIVERGENCES)
def test_weights_of_any_size(name):
    """To the ends of float64's range, in proportion, and with zeros on either side."""
    for fill in (0, 150):  # in one tile and in several
        p, q = (torch.tensor(x, dtype=torch.float64) for x in zip(*SMALL, strict=True))
        p, q = (torch.cat([x.new_zeros((len(x), fill)), x], 1) for x in (p, q))
        value = kernels(called(name, False), p, q)
        # What is 1e-300 of a weight is taken for rounding, which only here is half of it all.
        for row in range(2 if name == "total_variation" else 0, len(p)):
            truth = evaluate(name, p[row].tolist(), q[row].tolist(), from_logits=False)
            lost = RECORDS[name].lost_below
            if not 0 < truth < lost:
                assert ulp_error(value[row].numpy(), truth) <= RECORDS[name].ulp["float64"]


@pytest.mark.parametrize("invalid", [NAN, INF, -1.0])
def test_what_is_no_weight(invalid):
    p, q = (x.exp() for x in pair(0.3, (2, 150)))
    q[1, 140] = invalid
    value, by = kernels(of_seeds_one, relentropy.js_divergence, p, q)
    assert value.isnan().tolist() == [False, True]
    assert [one.isnan().all(-1).tolist() for one in by] == [[False, True]] * 2


# --- one entry of every row ------------------------------------------------------------------


def token_rows(dtype, n):
    """Flat, certain, tied and masked rows; their largest token, smallest, any, and none."""
    logits = torch.from_numpy(np.random.default_rng(1).normal(size=(7, n)))
    logits *= torch.tensor([0.1, 1, 5, 30, 1, 1, 1])[:, None]
    logits[4, 1:], logits[4, 0] = 0, 40
    logits[5] = 3
    logits[6, 2:9] = -INF
    tokens = torch.tensor([3, n - 1, 6, int(logits[3].argmax()), 0, 5, n + 3])
    return logits.to(getattr(torch, dtype)), tokens.to(torch.int32)


@pytest.mark.parametrize(
    ("dtype", "n", "temperature"),
    [("float32", 150, 0.7), ("float32", 9, 1.0), ("float64", 150, 1.0), ("bfloat16", 150, 3.0)],
)
def test_tokens(dtype, n, temperature):
    logits, tokens = token_rows(dtype, n)
    given = logits.clone().requires_grad_()

    def both_results():
        first, second = token_log_probs(
            given, tokens, temperature=temperature, return_entropy=True
        )
        grads = [
            torch.autograd.grad(x.sum(), given, retain_graph=True)[0] for x in (first, second)
        ]
        return first.detach(), second.detach(), *grads

    first, second, by_token, by_entropy = kernels(both_results)
    record, result = ESTIMATES["token_log_probs"], str(first.dtype).removeprefix("torch.")
    assert first[6].isnan()
    assert bool(by_token[6].isnan().any())
    for row in range(6):
        x = logits[row].double().tolist()
        truth = estimates.token_log_prob(x, int(tokens[row]), temperature)
        assert ulp_error(read(first[row]), truth) <= record.ulp[result]
        truth = estimates.row_entropy(x, temperature)
        assert ulp_error(read(second[row]), truth) <= record.ulp[result]
        truth = estimates.token_slopes(x, int(tokens[row]), temperature)
        most = {"float64": 6, "float32": 2, "bfloat16": 1}[dtype]
        assert np.max(ulp_error(read(by_token[row]), truth)) <= most
    with config.using("generic"):
        wanted = both_results()
    torch.testing.assert_close(
        by_entropy[:6],
        wanted[3][:6],
        rtol=2e-2 if n == 150 and dtype == "bfloat16" else 1e-5,
        atol=1e-9,
    )
    assert torch.equal(
        kernels(token_log_probs, logits, tokens, temperature=temperature)[:6], first[:6]
    )


def test_one_gradient_alone():
    a, b = pair(0.1, (2, 300))
    _, (by_a, by_b) = kernels(gradients, kl, a, b)
    for i in (0, 1):
        given = [a.clone(), b.clone()]
        given[i].requires_grad_()
        with config.using("triton"):
            value = kl(*given)
            (value * torch.linspace(-1, 2, 2)).sum().backward()
        assert torch.equal(given[i].grad, (by_a, by_b)[i])


def test_second_derivatives_and_transforms_go_to_the_formulas():
    a, b = pair(0.1, (2, 40), "float64")
    b.requires_grad_()

    def twice(a, b):
        (first,) = torch.autograd.grad(kl(a, b).sum(), b, create_graph=True)
        return torch.autograd.grad((first**2).sum(), b)[0]

    found, wanted = both(twice, a, b)
    torch.testing.assert_close(found, wanted, rtol=1e-12, atol=1e-15)
    with config.using("triton"):
        found = torch.func.vmap(kl)(a, b.detach())
        torch.testing.assert_close(found, kl(a, b).detach(), rtol=1e-13, atol=0)


def test_compiled_calls_are_operators():
    a, b = pair(0.1, (3, 300))
    b.requires_grad_()

    def loss(a, b):
        return kl(a, b, where=a > -4).sum()

    with config.using("triton"):
        seen = []

        def backend(graph, inputs):
            inside = (one for one in graph.modules() if hasattr(one, "graph"))
            seen.extend(str(node.target) for one in inside for node in one.graph.nodes)
            return graph.forward

        torch._dynamo.reset()
        value = torch.compile(loss, fullgraph=True, backend=backend)(a, b)
        assert any("relentropy.rows" in name for name in seen)
        torch._dynamo.reset()
        compiled = torch.compile(loss, fullgraph=True, backend="aot_eager")
        (found,) = torch.autograd.grad(compiled(a, b), b)
    (wanted,) = torch.autograd.grad(loss(a, b), b)
    torch.testing.assert_close(value, loss(a, b), rtol=3e-7, atol=0)
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-9)


def test_what_kernels_do_not_have_goes_to_the_formulas():
    a, b = pair(0.1, (3, 40))
    with config.using("triton"):
        assert engine.reduce.__name__ == "reduce"
        plain = kl(a, b, normalize=False)
        mixed = relentropy.kl_divergence(a.exp(), b, from_logits=(False, True))
        empty = kl(a[:, :0], b[:, :0])
    with config.using("generic"):
        torch.testing.assert_close(plain, kl(a, b, normalize=False))
        wanted = relentropy.kl_divergence(a.exp(), b, from_logits=(False, True))
        torch.testing.assert_close(mixed, wanted)
    assert torch.equal(empty, torch.zeros(3))


@pytest.mark.parametrize("which", ["quick", pytest.param("--full", marks=pytest.mark.full)])
def test_compiled_for_a_gpu_nothing_is_contracted(which):
    """To machine code, which needs no GPU: what may not be fused says that it is rounded."""
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-m", "tests.engines.to_ptx", which],
        env=os.environ | {"TRITON_INTERPRET": "0"}, cwd=root, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    seen = set()
    for line in done.stdout.splitlines():
        _, kernel, additions, contractible = line.split()
        assert int(additions) > 0, line
        assert int(contractible) == 0, line
        seen.add(kernel)
    kinds = {"tiles", "slopes"}
    assert seen == kinds | {f"{one}_again" for one in kinds} | {"merge_groups", "merge_rows"}


def test_the_benchmark_runs():
    """On sizes of which no time means anything."""
    from bench import gpu

    with config.using("triton"):
        bandwidth = gpu.copied(torch.device("cpu"), 1 << 16)
        lines = list(
            gpu.measured(
                "cpu",
                ("float32",),
                bandwidth,
                rounds=2,
                loops=1,
                shapes=((2, 140),),
                compiled=False,
            )
        )
    assert [line.name.split(", ")[0] for line in lines] == [x for x in gpu.WORK for _ in "fb"]
    assert all(line.ulp <= 2 for line in lines)
    assert all(set(line.ratios) >= {"torch"} for line in lines)
    assert {line.moves > 1 for line in lines} == {False, True}
    assert gpu.table(lines).count("\n") == 9
    assert "Not measured" in gpu.report() or torch.cuda.is_available()
