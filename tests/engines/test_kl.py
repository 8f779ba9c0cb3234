"""Kernels of relative entropy: what the generated suite does not look at."""

import functools

import numpy as np
import pytest

import relentropy
from relentropy._engines import config, front
from relentropy.testing import assert_ulp

from ..oracle import evaluate

_cpu = config.engine()
pytestmark = pytest.mark.skipif(_cpu is None, reason="the engine is not built")
SETS = _cpu.instruction_sets() if _cpu else ()
DTYPES = ("float16", "bfloat16", "float32", "float64")


@pytest.fixture(params=SETS)
def instruction_set(request):
    with config.using(request.param):
        yield request.param


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


def by_formula(call, **more):
    with config.using("generic"):
        return call(**more)


LAYOUTS = {
    "rows": lambda x: x,
    "reversed": lambda x: x[:, ::-1],
    "every third": lambda x: np.repeat(x, 3, axis=1)[:, ::3],
    "turned": np.asfortranarray,
    "one row for all": lambda x: np.broadcast_to(x[:1], x.shape),
}


@pytest.mark.parametrize("from_logits", [True, False])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("axis", [-1, 0, None])
def test_narrow_results_are_those_of_the_formulas(
    axis, layout, dtype, from_logits, instruction_set
):
    rng = np.random.default_rng(3)
    for gap in (1e-6, 0.05, 0.7, 20.0):
        p, q = (
            LAYOUTS[layout](x)
            for x in rows(rng, gap, (23, 1300), dtype, from_logits=from_logits)
        )
        mask = rng.random(p.shape) > 0.2

        def call(p=p, q=q, **more):
            return relentropy.kl_divergence(p, q, axis=axis, from_logits=from_logits, **more)

        for more in ({}, {"where": mask}, {"base": 2}):
            found, wanted = call(**more), by_formula(call, **more)
            if dtype == "float64":
                np.testing.assert_allclose(found, wanted, rtol=2e-15)
            else:
                np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize("from_logits", [True, False])
@pytest.mark.parametrize("n", [1, 2, 7, 64, 1500])
@pytest.mark.parametrize("gap", [1e-15, 1e-11, 1e-7, 1e-3, 0.3, 2.0, 40.0, 700.0])
def test_wide_results_are_true(gap, n, from_logits, instruction_set):
    a, b, truth = known(gap, n, from_logits)
    found = relentropy.kl_divergence(a, b, from_logits=from_logits)
    assert_ulp(found, truth, 3)


@functools.cache
def known(gap, n, from_logits):
    """Rows and the truth, once for all instruction sets."""
    shape = (3 if n < 1000 else 1, n)
    a, b = rows(np.random.default_rng(n), gap, shape, from_logits=from_logits)
    pairs = zip(a, b, strict=True)
    return (
        a,
        b,
        [
            evaluate("kl_divergence", list(x), list(y), from_logits=from_logits)
            for x, y in pairs
        ],
    )


@pytest.mark.parametrize("from_logits", [True, False])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", [(1, 300_001), (3, 140_000), (40, 9000)])
def test_threads_change_no_bit(shape, dtype, from_logits, threads, instruction_set):
    p, q = rows(np.random.default_rng(1), 0.3, shape, dtype, from_logits=from_logits)
    results = []
    for count in (1, 2, 5):
        threads(count)
        results.append(relentropy.kl_divergence(p, q, from_logits=from_logits))
        results.append(
            relentropy.kl_divergence(p.T.copy(), q.T.copy(), axis=0, from_logits=from_logits)
        )
    for one in results[1:]:
        np.testing.assert_array_equal(one, results[0])


@pytest.mark.parametrize("from_logits", [True, False])
@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_gradients_are_those_of_the_formulas(dtype, from_logits, instruction_set):
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(5)
    for gap in (1e-6, 0.05, 0.7, 20.0):
        a, b = (torch.from_numpy(x) for x in rows(rng, gap, (9, 1300)))
        if not from_logits:
            a, b = torch.softmax(a, -1), torch.softmax(b, -1)
        a, b = (x.to(getattr(torch, dtype)) for x in (a, b))
        mask = torch.from_numpy(rng.random((9, 1300)) > 0.2)

        def call(a=a, b=b, mask=mask, **more):
            p, q = a.clone().requires_grad_(), b.clone().requires_grad_()
            value = relentropy.kl_divergence(p, q, from_logits=from_logits, **more)
            return torch.autograd.grad(value.sum(), (p, q))

        for more in ({}, {"where": mask}, {"axis": 0}):
            found, wanted = call(**more), by_formula(call, **more)
            for one, other in zip(found, wanted, strict=True):
                if dtype != "float64":
                    torch.testing.assert_close(one, other, rtol=0, atol=0, equal_nan=True)
                else:  # of entries that are no difference of nearly equal numbers
                    size = other.abs().amax(-1, keepdim=True)
                    assert (one - other).abs().max() <= 1e-14 * size.max()


def test_a_gradient_of_one_side_alone():
    torch = pytest.importorskip("torch")
    a, b = (torch.from_numpy(x) for x in rows(np.random.default_rng(2), 0.1, (4, 50)))
    both = [x.clone().requires_grad_() for x in (a, b)]
    relentropy.kl_divergence(*both, from_logits=True).sum().backward()
    for i in (0, 1):
        given = [a.clone(), b.clone()]
        given[i].requires_grad_()
        relentropy.kl_divergence(*given, from_logits=True).sum().backward()
        assert torch.equal(given[i].grad, both[i].grad)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("low", [-1e15, -1e30, -3e38, -np.inf])
@pytest.mark.parametrize(
    "name", ["kl_divergence", "js_divergence", "total_variation", "hellinger_distance"]
)
def test_blocks_that_are_masked_as_a_whole(name, low, dtype, instruction_set):
    """Of the teacher, of the student or of both: differences of a block are alike then."""
    torch, call = pytest.importorskip("torch"), getattr(relentropy, name)
    rng = np.random.default_rng(7)
    for masked in (
        slice(0, 1024),
        slice(1024, 2048),
        slice(2048, 2049),
        slice(5, 1100),
        slice(0, None),
    ):
        for gap in (1e-4, 0.3, 4.0):
            a, b = rows(rng, gap, (2049,))
            for sides in ((a,), (b,), (a, b)):
                if masked == slice(0, None) and low == -np.inf:
                    continue  # no distribution
                p, q = (x.astype(dtype) for x in (a, b))
                for side in sides:
                    (p if side is a else q)[masked] = low

                def value_and_slopes(p=p, q=q):
                    given = [torch.from_numpy(x).requires_grad_() for x in (p, q)]
                    value = call(*given, from_logits=True, dtype=torch.float64)
                    return [value.detach(), *torch.autograd.grad(value, given)]

                found = value_and_slopes()
                wanted = by_formula(
                    value_and_slopes, p=p.astype("float64"), q=q.astype("float64")
                )
                for one, other in zip(found, wanted, strict=True):
                    near = 1e-12 if dtype == "float64" else 2e-7
                    torch.testing.assert_close(
                        one.double(), other, rtol=near, atol=near * 1e-3, equal_nan=True
                    )


@pytest.mark.full
@pytest.mark.parametrize("from_logits", [True, False])
def test_near_ties_are_all_that_differs(from_logits, instruction_set):
    """Of ten million float32 results, at most ten are rounded the other way."""
    rng, different = np.random.default_rng(11), 0
    for gap in np.geomspace(1e-7, 30, 100):
        p, q = rows(rng, gap, (100_000, 3), "float32", from_logits=from_logits)
        found = relentropy.kl_divergence(p, q, from_logits=from_logits)
        wanted = by_formula(relentropy.kl_divergence, p=p, q=q, from_logits=from_logits)
        different += int(np.sum((found != wanted) & ~(np.isnan(found) & np.isnan(wanted))))
    assert different <= 10


# --- calls like one before ------------------------------------------------------------------


def test_a_second_call_asks_nothing_again(monkeypatch):
    p, q = rows(np.random.default_rng(8), 0.1, (10,), from_logits=False)
    first = relentropy.kl_divergence(p, q, axis=0)
    monkeypatch.setattr("relentropy._call.Prepared", None)
    assert relentropy.kl_divergence(p, q, axis=0) == first
    assert type(relentropy.kl_divergence(p, q, axis=0)) is np.float64
    np.testing.assert_array_equal(relentropy.kl_divergence(2 * p, q, axis=0), first)


@pytest.mark.parametrize(
    "change",
    [
        lambda p, q: (p.astype(">f8"), q),
        lambda p, q: (p.astype("f4"), q),
        lambda p, q: (p[:, ::-1], q),
        lambda p, q: (p[:1], q),
        lambda p, q: (p[:, :5], q[:, :5]),
        lambda p, q: (p.tolist(), q),
    ],
)
def test_a_call_unlike_one_before_is_looked_at(change):
    p, q = rows(np.random.default_rng(8), 0.1, (6, 10), from_logits=False)
    relentropy.kl_divergence(p, q)
    relentropy.kl_divergence(p, q)
    given = change(p, q)
    fresh = by_formula(lambda: relentropy.kl_divergence(*given))
    found = relentropy.kl_divergence(*given)
    assert found.dtype == fresh.dtype
    np.testing.assert_allclose(found, fresh, rtol=1e-15)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_calls_that_are_known_read_any_layout(dtype):
    p, q = rows(np.random.default_rng(8), 0.1, (6, 10), dtype, from_logits=False)
    frozen = p.copy()
    frozen.flags.writeable = False
    broadcast = np.broadcast_to(p[0], p.shape)
    for x, y in [(p[::-2], q[1::2]), (p[:, ::-1], q), (p.T, q.T), (frozen, q), (broadcast, q)]:
        first = relentropy.kl_divergence(x, y)
        np.testing.assert_array_equal(relentropy.kl_divergence(x, y), first)
        np.testing.assert_array_equal(relentropy.kl_divergence(x.copy(), y.copy()), first)


def test_what_is_refused_stays_refused():
    p, q = rows(np.random.default_rng(8), 0.1, (6, 10), from_logits=False)
    for _ in range(2):
        relentropy.kl_divergence(p, q)
        with pytest.raises(TypeError, match="axis must be an integer"):
            relentropy.kl_divergence(p, q, axis=True)
        with pytest.raises(ValueError, match="sizes along the reduced axis"):
            relentropy.kl_divergence(p, q[:, :1])
        with pytest.raises(TypeError, match="masked array"):
            relentropy.kl_divergence(np.ma.masked_array(p), q)


def test_no_more_calls_are_kept_than_a_few():
    rng = np.random.default_rng(0)
    for n in range(2, 2 + front._MOST + 50):
        relentropy.kl_divergence(*rows(rng, 0.1, (n,), from_logits=False))
    assert len(front._repeated) == front._MOST


def test_a_result_is_nobody_elses():
    p, q = rows(np.random.default_rng(8), 0.1, (6, 10), from_logits=False)
    one, other = (relentropy.kl_divergence(p, q) for _ in range(2))
    one[:] = 0
    assert other.all()
    kept = relentropy.kl_divergence(p, q, keepdims=True)
    assert kept.shape == relentropy.kl_divergence(p, q, keepdims=True).shape == (6, 1)


def test_results_are_where_the_operands_are():
    torch = pytest.importorskip("torch")
    p, q = (torch.from_numpy(x) for x in rows(np.random.default_rng(8), 0.1, (6, 10)))
    wanted = relentropy.kl_divergence(p, q, from_logits=True)
    student = q.clone().requires_grad_()
    try:
        torch.set_default_device("meta")
        found = [relentropy.kl_divergence(p, q, from_logits=True) for _ in range(2)]
        relentropy.kl_divergence(p, student, from_logits=True).sum().backward()
    finally:
        torch.set_default_device(None)
    assert all(torch.equal(one, wanted) for one in found)
    assert student.grad.device.type == "cpu"


def test_what_is_traced_or_recorded_goes_to_the_formulas():
    torch = pytest.importorskip("torch")
    from torch.fx.experimental.proxy_tensor import make_fx

    p, q = (torch.from_numpy(x) for x in rows(np.random.default_rng(8), 0.1, (6, 10)))
    relentropy.kl_divergence(p, q, from_logits=True)
    traced = make_fx(lambda p, q: relentropy.kl_divergence(p, q, from_logits=True))(p, q)
    other = q.flip(0)
    wanted = relentropy.kl_divergence(p, other, from_logits=True)
    torch.testing.assert_close(traced(p, other), wanted)
    with torch.autograd.forward_ad.dual_level():
        dual = torch.autograd.forward_ad.make_dual(q, torch.ones_like(q))
        found = relentropy.kl_divergence(p, dual, from_logits=True)
        assert torch.autograd.forward_ad.unpack_dual(found).tangent is not None
