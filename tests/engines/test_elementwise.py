"""The elementwise kernels: digits against the definitions, bits against the formulas."""

import math

import numpy as np
import pytest
from mpmath import mp

import relentropy
from relentropy import special
from relentropy._arrays.library import quiet
from relentropy._engines import config
from tests.oracle.derivatives import derivatives
from tests.oracle.evaluate import evaluate

try:
    from relentropy._engines import _cpu
except ImportError:
    _cpu = None

pytestmark = pytest.mark.skipif(_cpu is None, reason="the engine is not built")

NAMES = {
    "kl_div": 2, "rel_entr": 2, "entr": 1, "xlogy": 2, "xlog1py": 2, "expm1mx": 1, "log1pmx": 1,
    "log1mexp": 1, "log1pexp": 1, "logaddexp": 2, "logsubexp": 2,
}  # fmt: skip
SETS = _cpu.instruction_sets() if _cpu else ()
EDGES = [0.0, 1.0, 2.0, 0.5, 1 / math.e, 1e-45, 1e-40, 1e-30, 3e38, 100.0, 800.0, 7e4, math.inf]
EDGES_64 = [
    *EDGES,
    5e-324,
    1e-310,
    2.0**-1022,
    1e-300,
    2.0**-500,
    2.0**960,
    1e308,
    745.2,
    709.9,
]


@pytest.fixture(params=SETS)
def instruction_set(request):
    with config.using(request.param):
        yield request.param


def every(names=tuple(NAMES)):
    return pytest.mark.parametrize("name", names)


def close(x, rng):
    """Numbers that are a few, or a few thousand, last bits away."""
    steps = rng.choice([1, -1, 2, -3, 5, 1e3, -1e6, 1e9, 1e12], x.shape)
    with quiet("numpy"):
        return x * (1 + steps * 2.0**-52)


def positive(n, rng):
    wide = np.exp2(rng.uniform(-1074, 1023.9, n))
    x = np.concatenate(
        [wide, np.exp2(rng.uniform(-4, 4, 2 * n)), 2.0 ** rng.choice([-1073, 1023], n)]
    )
    with quiet("numpy"):
        others = [
            close(x, rng),
            x * np.exp(rng.uniform(-1, 1, x.size)),
            x * 2.0 ** rng.uniform(0.4, 0.6, x.size),
            close(x / math.e, rng),
            rng.permutation(x),
        ]
    x, y = np.tile(x, len(others)), np.concatenate(others)
    known = (y > 0) & (y < math.inf)
    return x[known], y[known]


def anywhere(n, rng):
    tiny = rng.choice([-1, 1], n) * np.exp2(rng.uniform(-1074, 2, n))
    return np.concatenate([rng.uniform(-r, r, n) for r in (1, 3, 40, 700)] + [tiny])


def operands(name, n, seed=0):
    """Hard points inside the domain, float64."""
    rng = np.random.default_rng(seed)
    if name in {"kl_div", "rel_entr", "xlogy"}:
        return positive(n, rng)
    if name == "entr":
        return (np.concatenate([positive(n, rng)[0], close(np.full(n, 1 / math.e), rng)]),)
    x = anywhere(2 * n, rng)
    if name in {"logaddexp", "logsubexp"}:
        y = np.concatenate(
            [x[: 5 * n] + rng.uniform(-1, 1, 5 * n), rng.permutation(x[5 * n :])]
        )
        return (x, y) if name == "logaddexp" else (np.maximum(x, y), np.minimum(x, y))
    x = np.maximum(x, -1 + 1e-9) if name in {"log1pmx", "xlog1py"} else x
    x = -abs(x) if name == "log1mexp" else x
    return (rng.normal(size=x.size), x) if name == "xlog1py" else (x,)


def grid(name, edges):
    signed = np.array([*edges, *(-x for x in edges), math.nan])
    return tuple(np.stack(np.meshgrid(*[signed] * NAMES[name])).reshape(NAMES[name], -1))


def ulps(found, true, unit):
    """The error in last bits of ``unit``."""
    if not math.isfinite(found) or not mp.isfinite(true):
        return 0.0 if found == float(true) or (found != found and mp.isnan(true)) else math.inf
    return float(abs(found - true) / math.ulp(float(unit)))


def bits(array):
    """What can be compared: all nan alike, and the zeros told apart."""
    array = np.asarray(array)
    whole = array.view({2: np.uint16, 4: np.uint32, 8: np.uint64}[array.itemsize])
    return np.where(np.isnan(array), whole.dtype.type(1), whole)


@every()
def test_values_are_right_to_two_last_bits(name, instruction_set):
    given = operands(name, 8)
    found = getattr(special, name)(*given)
    for point, value in zip(zip(*given, strict=True), found, strict=True):
        true = evaluate(name, *map(float, point))
        unit = true
        if name in {"logaddexp", "logsubexp"} and mp.isfinite(true):
            # Where the larger operand and the rest cancel, the rest's last bits count.
            unit = max(abs(true), abs(true - point[0]), key=abs)
        assert ulps(float(value), true, unit) <= 2, point


@every()
def test_slopes_are_right_to_four_last_bits(name, instruction_set):
    torch = pytest.importorskip("torch")
    given = operands(name, 4, seed=1)
    tensors = [torch.tensor(x, requires_grad=True) for x in given]
    getattr(special, name)(*tensors).sum().backward()
    for i, point in enumerate(zip(*given, strict=True)):
        true = derivatives(name, list(map(float, point)))
        for tensor, slope in zip(tensors, true, strict=True):
            assert ulps(tensor.grad[i].item(), slope, slope) <= 4, (point, slope)


def arguments(name, dtype):
    """Edges, and numbers that data have."""
    rng = np.random.default_rng(2)
    n = 3000
    if name in {"kl_div", "rel_entr", "entr", "xlogy"}:
        x = np.exp(3 * rng.normal(size=n))
        y = x * np.exp(rng.normal(size=n) * rng.choice([1, 1e-3, 1e-6], n))
    else:
        x = 4 * rng.normal(size=n)
        y = x + rng.normal(size=n) * rng.choice([1, 1e-3], n)
    both = zip(grid(name, EDGES), (x, y)[: NAMES[name]], strict=True)
    with quiet("numpy"):
        return [np.concatenate(pair).astype(dtype) for pair in both]


@every()
@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_values_of_few_digits_have_the_bits_of_the_formulas(name, dtype, instruction_set):
    given = arguments(name, dtype)
    found = getattr(special, name)(*given)
    with config.using("generic"):
        wanted = getattr(special, name)(*given)
    np.testing.assert_array_equal(bits(found), bits(wanted))


@every()
@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
def test_tensors_and_their_slopes_have_the_bits_of_the_formulas(name, dtype, instruction_set):
    torch = pytest.importorskip("torch")
    given = arguments(name, "float32")
    seed = np.random.default_rng(3).choice([0.0, -0.0, 1.0, -2.0, 0.3], given[0].size)

    def all_of():
        tensors = [torch.tensor(x).to(getattr(torch, dtype)).requires_grad_() for x in given]
        value = getattr(special, name)(*tensors)
        value.backward(torch.tensor(seed).to(value.dtype))
        # What 16 bits hold, float32 does.
        return [bits(x.float().numpy()) for x in (value.detach(), *(t.grad for t in tensors))]

    found = all_of()
    with config.using("generic"):
        wanted = all_of()
    for one, other in zip(found, wanted, strict=True):
        np.testing.assert_array_equal(one, other)


@every()
def test_limits_of_float64_are_those_of_the_formulas(name, instruction_set):
    torch = pytest.importorskip("torch")
    given = grid(name, EDGES_64)

    def all_of():
        tensors = [torch.tensor(x, requires_grad=True) for x in given]
        value = getattr(special, name)(*tensors)
        value.sum().backward()
        return [x.numpy() for x in (value.detach(), *(t.grad for t in tensors))]

    found = all_of()
    with config.using("generic"):
        wanted = all_of()
    for one, other in zip(found, wanted, strict=True):
        limits = ~np.isfinite(other) | (other == 0)
        np.testing.assert_array_equal(bits(one[limits]), bits(other[limits]))
        # Close to the rest, but for results that are what two numbers of size 1 differ by.
        scale = np.maximum(abs(other[~limits]), 1e-3 if name.startswith("log") else 0)
        with quiet("numpy"):
            error = abs(one[~limits] / scale - other[~limits] / scale)
        assert error.max(initial=0) < 1e-12


@every()
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_an_entry_does_not_depend_on_its_neighbours(name, dtype, instruction_set):
    with quiet("numpy"):
        given = [x.astype(dtype) for x in operands(name, 40, seed=4)]
    alone = getattr(special, name)(*given)
    beside = [np.concatenate([x[:1] + math.nan, x]) for x in given]
    careful = getattr(special, name)(*beside)
    np.testing.assert_array_equal(bits(alone), bits(careful[1:]))


@pytest.mark.parametrize("threads", [1, 3])
def test_layouts_broadcasting_and_threads_change_no_bit(threads, instruction_set):
    rng = np.random.default_rng(5)
    x, y = rng.random((700, 521), dtype=np.float32), rng.random((1, 521), dtype=np.float32)
    whole = special.kl_div(np.ascontiguousarray(x), np.tile(y, (700, 1)))
    before = relentropy.get_num_threads()
    relentropy.set_num_threads(threads)
    try:
        found = [
            special.kl_div(x, y),
            special.kl_div(np.asfortranarray(x), y),
            special.kl_div(np.repeat(x, 2, axis=1)[:, ::2], y),
            special.kl_div(x[::-1, ::-1], y[:, ::-1])[::-1, ::-1],
            special.kl_div(x.astype(">f4"), y),
            special.kl_div(x.T, y.T).T,
        ]
    finally:
        relentropy.set_num_threads(before if before > 1 else None)
    for one in found:
        np.testing.assert_array_equal(bits(np.ascontiguousarray(one)), bits(whole))
