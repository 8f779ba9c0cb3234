"""Triton's kernels through its interpreter, on the host, against the formulas."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import relentropy
from relentropy import special
from relentropy._engines import config
from relentropy._engines import triton as engine
from relentropy.testing import assert_ulp

from ..oracle import evaluate

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


def both(call, *args, **more):
    """By the kernels, and by the formulas."""
    launched = []
    with pytest.MonkeyPatch.context() as patch, config.using("triton"):
        for name in ("run_rows", "run_slopes"):
            real = getattr(engine, name)
            patch.setattr(engine, name, lambda *a, real=real: launched.append(1) or real(*a))
        found = call(*args, **more)
    assert launched, "no kernel was asked"
    with config.using("generic"):
        return found, call(*args, **more)


def kl(a, b, **more):
    return relentropy.kl_divergence(a, b, from_logits=True, **more)


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


LAYOUTS = {
    "rows": lambda x: (x, {}),
    "columns": lambda x: (x.T, {"axis": 0}),
    "every second": lambda x: (x.repeat_interleave(2, 1)[:, ::2], {}),
    "one row for all": lambda x: (x[:1].expand(x.shape), {}),
    "a middle axis": lambda x: (x.reshape(2, 2, -1).transpose(1, 2), {"axis": 1}),
    "two axes apart": lambda x: (x.reshape(4, 5, -1).transpose(0, 1), {"axis": (0, 2)}),
    "all": lambda x: (x, {"axis": None}),
}


CASES = [(dtype, layout) for layout in LAYOUTS for dtype in ("float32", "float64")]
CASES += [(dtype, "columns") for dtype in ("float16", "bfloat16")]


@pytest.mark.parametrize(("dtype", "layout"), CASES)
def test_layouts(dtype, layout):
    a, b = pair(0.3, (4, 300), dtype)
    (a, more), (b, _) = LAYOUTS[layout](a), LAYOUTS[layout](b)
    mask = torch.from_numpy(np.random.default_rng(0).random(tuple(a.shape)) > 0.2)
    assert_close(*both(kl, a, b, where=mask, base=2, **more), ULP[dtype])


@pytest.mark.parametrize("n", [1, 33, 600])
@pytest.mark.parametrize("gap", [1e-6, 0.1, 60.0])
def test_float32_is_true(gap, n):
    a, b = pair(gap, (2, n))
    found, _ = both(kl, a, b)
    truth = [
        evaluate("kl_divergence", x.tolist(), y.tolist(), from_logits=True)
        for x, y in zip(a, b, strict=True)
    ]
    assert_ulp(found.numpy(), truth, 2)


@pytest.mark.parametrize("gap", [1e-15, 1e-6, 3.0, 900.0])
def test_float64_is_true(gap):
    a, b = pair(gap, (2, 300), "float64")
    found, _ = both(kl, a, b)
    truth = [
        evaluate("kl_divergence", x.tolist(), y.tolist(), from_logits=True)
        for x, y in zip(a, b, strict=True)
    ]
    assert_ulp(found.numpy(), truth, 4)


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
]
FARTHER = [
    ([0.0, -100.0, -1e30], [0.0, -1e30, -1e30]),
    ([0.0, 1.0, -3e38], [0.0, 1.5, -3e38]),
    ([-3e38, 1.0, 3e38], [3e38, 1.5, -3e38]),
]


@pytest.mark.parametrize("long", [False, True])
@pytest.mark.parametrize("dtype", ["bfloat16", "float32", "float64"])
def test_edges(dtype, long):
    """Alone, and in rows of several tiles of which one has them."""
    edges = EDGES if dtype == "float16" else EDGES + FARTHER
    if long:  # whose exponents, and differences of 1e30 ulp, no merge has words for
        edges = [edge for edge in edges if edge[0][2] not in {3e38, -1e30}]
    if dtype == "bfloat16":  # of whose subnormal numbers the interpreter makes others
        edges = [edge for edge in edges if edge[0][1] not in {-95.0, -100.0}]
        edges = [edge for edge in edges if edge[0][2] != 3e38]
    a, b = (torch.tensor(x, dtype=torch.float64) for x in zip(*edges, strict=True))
    if long:
        fill = torch.full((len(edges), 300), -50.0, dtype=torch.float64)
        fill[:, ::7] = -INF
        a, b = (torch.cat([fill[:, :160], x, fill[:, 160:]], 1) for x in (a, b))
    a, b = (x.to(getattr(torch, dtype)) for x in (a, b))
    assert_close(*both(kl, a, b), ULP[dtype])
    found, wanted = both(gradients, a, b)
    for one, other in zip(found, wanted, strict=True):
        size = other.abs().double().nan_to_num(0, 0, 0).amax(-1, keepdim=True)
        inside = torch.isfinite(other)
        torch.testing.assert_close(one[~inside], other[~inside], rtol=0, atol=0, equal_nan=True)
        error = (one.double() - other.double()).abs().where(inside, 0.0)
        assert bool((error <= 4 * torch.finfo(one.dtype).eps * size).all())


def gradients(a, b, weights=None, **more):
    a, b = a.clone().requires_grad_(), b.clone().requires_grad_()
    value = kl(a, b, **more)
    unit = torch.linspace(-1, 2, max(1, value.numel())).reshape(value.shape)
    return torch.autograd.grad((value * unit).sum(), (a, b))


CASES = [(dtype, "rows") for dtype in DTYPES]
CASES += [("float32", layout) for layout in ("columns", "two axes apart")]


@pytest.mark.parametrize(("dtype", "layout"), CASES)
def test_gradients(dtype, layout):
    for gap in (1e-4, 2.0) if layout == "rows" else (0.3,):
        a, b = pair(gap, (4, 300), dtype)
        (a, more), (b, _) = LAYOUTS[layout](a), LAYOUTS[layout](b)
        mask = torch.from_numpy(np.random.default_rng(0).random(tuple(a.shape)) > 0.2)
        for keywords in ({}, {"where": mask, "base": 2}):
            found, wanted = both(gradients, a, b, **more, **keywords)
            axes = more.get("axis", -1)
            size = scale_of(a, b, axes, keywords.get("where"))
            for one, other in zip(found, wanted, strict=True):
                eps = torch.finfo(one.dtype).eps
                scale = torch.maximum(other.double().abs(), 2 * size)
                error = (one.double() - other.double()).abs()
                assert bool((error <= 3 * eps * scale).all()), (error / (eps * scale)).max()


def scale_of(a, b, axes, mask):
    """What a gradient's terms are before they cancel: p times the log-ratios of its row."""
    axes = axes if isinstance(axes, tuple) else (axes,)
    a, b = (x.double() for x in (a, b))
    if mask is not None:
        a, b = (x.masked_fill(~mask, -INF) for x in (a, b))
    d = (b - b.logsumexp(axes, keepdim=True)) - (a - a.logsumexp(axes, keepdim=True))
    p = (a - a.logsumexp(axes, keepdim=True)).exp()
    d = d.abs().nan_to_num(0.0)
    return p * torch.maximum(d, (p * d).sum(axes, keepdim=True))


MEASURES = {
    "logsumexp": lambda a, b, **k: special.logsumexp(a, axis=-1),
    "entropy": lambda a, b, **k: relentropy.entropy(a, from_logits=True, **k),
    "cross-entropy": lambda a, b, **k: relentropy.cross_entropy(a, b, from_logits=True, **k),
}


@pytest.mark.parametrize(
    ("dtype", "masked"), [("bfloat16", True), ("float32", False), ("float64", True)]
)
@pytest.mark.parametrize("name", MEASURES)
def test_other_measures(name, dtype, masked):
    mask = torch.from_numpy(np.random.default_rng(0).random((3, 300)) > 0.2)
    more = {"where": mask} if masked else {}
    measure, left = MEASURES[name], 2 if name == "cross-entropy" else 1

    def slopes(a, b):
        given = [x.clone().requires_grad_() for x in (a, b)]
        value = measure(*given, **more)
        return torch.autograd.grad((value * torch.linspace(-1, 2, 3)).sum(), given[:left])

    for spread in (0.3, 4.0):
        a, b = (spread * x for x in pair(1.0, (3, 300), dtype))
        if masked:
            a[:, ::5] = -INF
        found, wanted = both(measure, a, b, **more)
        assert_close(found, wanted, ULP[dtype])
        # What gradients are before they cancel: shares, of all entries or of those selected.
        sides = [x.double() for x in (a, b)]
        sides += [x.masked_fill(~mask, -INF) for x in sides]
        scale = sum(torch.softmax(x, -1) for x in sides)
        scale = scale * (1 + wanted.double().abs().nan_to_num(0, 0, 0)[:, None])
        for one, other in zip(*both(slopes, a, b), strict=True):
            same = (one == other) | (one.isnan() & other.isnan())
            error = (one.double() - other.double()).abs().where(~same, 0.0)
            info, size = torch.finfo(one.dtype), other.double().abs().nan_to_num(0, 0, 0)
            assert bool((error <= 4 * info.eps * (scale + size) + info.tiny).all())


@pytest.mark.parametrize("name", MEASURES)
def test_edges_of_other_measures(name):
    for dtype in ("float32", "float64"):
        a, b = (torch.tensor(x).to(getattr(torch, dtype)) for x in zip(*EDGES, strict=True))
        assert_close(*both(MEASURES[name], a, b), ULP[dtype])
        fill = torch.full((len(EDGES), 300), -50.0, dtype=a.dtype)
        a, b = (torch.cat([fill[:, :160], x, fill[:, 160:]], 1) for x in (a, b))
        assert_close(*both(MEASURES[name], a, b), ULP[dtype])


def test_one_gradient_alone():
    a, b = pair(0.1, (2, 300))
    (by_a, by_b), _ = both(gradients, a, b)
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
        assert engine.rows.__name__ == "rows"
        plain = kl(a, b, normalize=False)
        mixed = relentropy.kl_divergence(a.exp(), b, from_logits=(False, True))
        empty = kl(a[:, :0], b[:, :0])
    with config.using("generic"):
        torch.testing.assert_close(plain, kl(a, b, normalize=False))
        wanted = relentropy.kl_divergence(a.exp(), b, from_logits=(False, True))
        torch.testing.assert_close(mixed, wanted)
    assert torch.equal(empty, torch.zeros(3))


def test_compiled_for_a_gpu_nothing_is_contracted():
    """To PTX, which needs no GPU: what may not be fused says that it is rounded."""
    script = Path(__file__).with_name("to_ptx.py")
    environment = os.environ | {"TRITON_INTERPRET": "0"}
    done = subprocess.run(
        [sys.executable, script], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    for line in done.stdout.splitlines():
        name, additions, contractible = line.split()
        assert int(additions) > 0, name
        assert int(contractible) == 0, name
    assert len(done.stdout.splitlines()) >= 5


def test_the_benchmark_runs():
    """On sizes of which no time means anything."""
    from bench import gpu

    with config.using("triton"):
        bandwidth = gpu.copied(torch.device("cpu"), 1 << 16)
        lines = list(
            gpu.measured("cpu", ((3, 40),), ("float32",), bandwidth, rounds=2, compiled=False)
        )
    assert [line.name.split(", ")[-1] for line in lines] == ["forward", "both"]
    assert all(line.ulp <= 2 for line in lines)
    assert all(set(line.ratios) >= {"torch"} for line in lines)
    assert gpu.table(lines).count("\n") == 3
    assert "Not measured" in gpu.report() or torch.cuda.is_available()
