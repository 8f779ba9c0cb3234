"""Kernels of the table of divergences: what the generated suite does not look at."""

import functools

import numpy as np
import pytest

import relentropy
from relentropy._engines import config
from relentropy.testing import assert_ulp, ulp_error

from ..oracle import evaluate
from ..oracle.derivatives import slopes

_cpu = config.engine()
pytestmark = pytest.mark.skipif(_cpu is None, reason="the engine is not built")
SETS = _cpu.instruction_sets() if _cpu else ()
FUNCTIONS = {
    "jeffreys": ("jeffreys_divergence", {}),
    "js": ("js_divergence", {}),
    "skew js": ("js_divergence", {"weight": 0.2}),
    "hellinger": ("hellinger_distance", {}),
    "variation": ("total_variation", {}),
    "pearson": ("chi2_divergence", {}),
    "neyman": ("chi2_divergence", {"kind": "neyman"}),
    "triangular": ("triangular_discrimination", {}),
    "skew kl": ("skew_kl_divergence", {"weight": 0.3}),
    "kl": ("skew_kl_divergence", {"weight": 1.0}),
}
LAYOUTS = {
    "rows": lambda x: x,
    "every third": lambda x: np.repeat(x, 3, axis=1)[:, ::3],
    "turned": np.asfortranarray,
    "one row for all": lambda x: np.broadcast_to(x[:1], x.shape),
}


@pytest.fixture(params=SETS)
def instruction_set(request):
    with config.using(request.param):
        yield request.param


@pytest.fixture(params=FUNCTIONS)
def function(request):
    name, options = FUNCTIONS[request.param]

    def call(p, q, **more):
        return getattr(relentropy, name)(p, q, **options, **more)

    call.truth = lambda p, q, **more: evaluate(name, list(p), list(q), **options, **more)
    return call


@pytest.fixture
def threads():
    """Puts the number of threads back."""
    yield relentropy.set_num_threads
    relentropy.set_num_threads(None)


def dtype_of(name):
    if name == "bfloat16":
        return pytest.importorskip("ml_dtypes").bfloat16
    return np.dtype(name)


def rows(rng, gap, shape, dtype="float64", *, from_logits=True):
    """Two sets of rows about as far apart as the gap says, with a common offset."""
    a = 3 * rng.standard_normal(shape)
    b = a + gap * rng.standard_normal(shape) + 2.5
    if not from_logits:
        a, b = (np.exp(np.minimum(x - 6, 5)) for x in (a, b))
    return a.astype(dtype_of(dtype)), b.astype(dtype_of(dtype))


def by_formula(call, *operands, **more):
    with config.using("generic"):
        return call(*operands, **more)


@pytest.mark.parametrize("from_logits", [True, False])
@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
def test_narrow_results_are_those_of_the_formulas(
    function, dtype, from_logits, instruction_set
):
    rng = np.random.default_rng(3)
    for gap, layout in zip((1e-6, 0.05, 0.7, 20.0), LAYOUTS.values(), strict=True):
        p, q = (layout(x) for x in rows(rng, gap, (5, 700), dtype, from_logits=from_logits))
        mask = rng.random(p.shape) > 0.2
        for more in ({}, {"where": mask, "axis": 0}):
            found = function(p, q, from_logits=from_logits, **more)
            wanted = by_formula(function, p, q, from_logits=from_logits, **more)
            np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize("from_logits", [True, False])
@pytest.mark.parametrize("n", [1, 3, 64])
def test_wide_results_are_true(function, n, from_logits, instruction_set):
    rng = np.random.default_rng(n)
    for gap in (1e-15, 1e-11, 1e-7, 1e-3, 0.3, 2.0, 40.0, 700.0):
        a, b = rows(rng, gap, (2, n), from_logits=from_logits)
        found = function(a, b, from_logits=from_logits)
        pairs = zip(a, b, strict=True)
        truth = [function.truth(*pair, from_logits=from_logits) for pair in pairs]
        assert_ulp(found, truth, 3)


def test_a_side_without_the_others_mass(instruction_set):
    """The student's mass is then seen beside its own largest logit."""
    function = relentropy.js_divergence
    a, b = np.array([0.0, -50.0, -700.0]), np.array([-np.inf, -1000.0, -1002.0])
    for p, q in ((a, b), (b, a)):
        truth = evaluate("js_divergence", list(p), list(q), from_logits=True)
        assert_ulp(function(p, q, from_logits=True), truth, 3)
    p, q = np.array([0.0, -1.0, -700.0]), np.array([0.0, -1.0, -np.inf])
    truth = evaluate("js_divergence", list(p), list(q), from_logits=True)
    assert_ulp(function(p, q, from_logits=True), truth, 3)


@pytest.mark.parametrize("from_logits", [True, False])
@pytest.mark.parametrize("shape", [(1, 300_001), (3, 140_000)])
def test_threads_change_no_bit(shape, from_logits, threads, instruction_set):
    p, q = rows(np.random.default_rng(1), 0.3, shape, from_logits=from_logits)
    results = []
    for count in (1, 5):
        threads(count)
        results.append(relentropy.js_divergence(p, q, from_logits=from_logits))
        turned = (x.T.copy() for x in (p, q))
        results.append(relentropy.js_divergence(*turned, axis=0, from_logits=from_logits))
    for one in results[1:]:
        np.testing.assert_array_equal(one, results[0])


@pytest.mark.parametrize("from_logits", [True, False])
@pytest.mark.parametrize("dtype", ["bfloat16", "float32"])
def test_narrow_gradients_are_those_of_the_formulas(
    function, dtype, from_logits, instruction_set
):
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(5)
    for gap in (1e-6, 0.05, 0.7, 20.0):
        a, b = (torch.from_numpy(x) for x in rows(rng, gap, (3, 301)))
        if not from_logits:
            a, b = torch.softmax(a, -1), torch.softmax(b, -1)
        a, b = (x.to(getattr(torch, dtype)) for x in (a, b))
        mask = torch.from_numpy(rng.random((3, 301)) > 0.2)

        def call(a=a, b=b, **more):
            p, q = a.clone().requires_grad_(), b.clone().requires_grad_()
            value = function(p, q, from_logits=from_logits, **more)
            return torch.autograd.grad(value.sum(), (p, q))

        for more in ({}, {"where": mask}):
            for one, other in zip(call(**more), by_formula(call, **more), strict=True):
                known = torch.isfinite(other)
                torch.testing.assert_close(one[~known], other[~known], equal_nan=True)
                different = known & (one != other)
                assert different.sum() <= 1  # a near-tie


@functools.cache
def true_slopes(name, n, from_logits):
    """Pairs of rows of n, with each component of their gradients and its condition number."""
    function, options = FUNCTIONS[name]
    found = []
    for gap in (1e-6, 0.05, 0.7, 3.0, 20.0):
        rng = np.random.default_rng(n)
        for a, b in zip(*rows(rng, gap, (120 // n // 8 + 1, n)), strict=True):
            if not from_logits:
                a, b = (np.exp(x) / np.exp(x).sum() for x in (a, b))
            truth = slopes(function, [list(a), list(b)], options | {"from_logits": from_logits})
            found.append((a, b, truth))
    return found


@pytest.mark.parametrize("from_logits", [True, False])
@pytest.mark.parametrize("n", [3, 40])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_wide_gradients_are_true(name, n, from_logits, instruction_set):
    """The formulas' own are up to 3.8 ulp off, times the condition number."""
    torch = pytest.importorskip("torch")
    function, options = FUNCTIONS[name]
    for a, b, truth in true_slopes(name, n, from_logits):
        p, q = (torch.from_numpy(x).requires_grad_() for x in (a, b))
        value = getattr(relentropy, function)(p, q, from_logits=from_logits, **options)
        for found, wanted in zip(torch.autograd.grad(value, (p, q)), truth, strict=True):
            for component, (true, condition) in zip(found.tolist(), wanted, strict=True):
                if condition < 1e13:
                    assert ulp_error(np.asarray(component), true) <= 4 * float(condition)
