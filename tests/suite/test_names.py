"""Names that mean one number agree bit for bit: relative entropy has one implementation."""

from functools import partial

import numpy as np
import pytest

import relentropy as re
from relentropy.estimators import rao_blackwell_kl
from relentropy.families import kl_categorical
from relentropy.interop.scipy_stats import entropy
from relentropy.objectives import distillation_loss
from relentropy.streaming import KLState

from .backends import BACKENDS, combinations
from .samples import numpy_dtype, same_bits

ROWS = (7, 51)
FLAGS = [(False, False), (True, True), (True, False), (False, True)]
flags = pytest.mark.parametrize("from_logits", FLAGS, ids=["weights", "logits", "lw", "wl"])
normalized = pytest.mark.parametrize("normalize", [True, False], ids=["shares", "masses"])


def exchanged(function, p, q, from_logits=(False, False), **options):
    return function(q, p, from_logits=from_logits[::-1], **options)


# Names of D(p‖q), by the options that they take beside from_logits, where and keepdims.
OF_MASSES = {
    "f": partial(re.f_divergence, generator="kl"),
    "reverse": partial(exchanged, partial(re.f_divergence, generator="reverse-kl")),
    "alpha of 1": partial(re.alpha_divergence, alpha=1),
    "alpha of 0": partial(exchanged, partial(re.alpha_divergence, alpha=0)),
    "tsallis": partial(re.tsallis_divergence, alpha=1.0),
}
IN_A_BASE = {"skew": partial(re.skew_kl_divergence, weight=1)}
OF_SHARES_IN_A_BASE = {"renyi": partial(re.renyi_divergence, alpha=np.float64(1))}


def names_of(*, normalize=True, base=None):
    """The functions that have these options, with them."""
    found = OF_MASSES if base is None else {}
    found = found | IN_A_BASE | (OF_SHARES_IN_A_BASE if normalize else {})
    options = {} if base is None else {"base": base}
    return {
        name: partial(
            function, **options, **({} if name == "renyi" else {"normalize": normalize})
        )
        for name, function in found.items()
    }


def operands(from_logits, shape=ROWS, dtype="float64", gap=0.3, zeros=True):
    """Two sides about so far apart, in rows of different kinds."""
    rng = np.random.default_rng([sum(shape), FLAGS.index(from_logits)])
    p = 2 * rng.normal(size=shape)
    sides = [p, p + gap * rng.normal(size=shape)]
    if zeros:
        sides[0][0, :5] = -np.inf
        sides[1][0, :3] = -np.inf
        sides[1][1, 4] = -np.inf
        sides[1][2] = sides[0][2]
        sides[0][3, 0] = np.nan
    return [
        (side if is_log else np.exp(side)).astype(numpy_dtype(dtype))
        for side, is_log in zip(sides, from_logits, strict=True)
    ]


EAGER = (
    "numpy", "numpy-formulas", "numpy-tiles", "torch", "torch-formulas", "torch-cuda", "strict",
    "strict-no-float64", "dask", "cupy",
)  # fmt: skip


@pytest.mark.parametrize(("backend", "dtype"), combinations(EAGER))
@normalized
@flags
def test_every_name_of_relative_entropy(backend, dtype, from_logits, normalize):
    p, q = operands(from_logits, dtype=dtype)
    mask = np.arange(p.size).reshape(p.shape) % 3 != 1
    mask[5] = False
    with backend.active():
        sides = [backend.make(side) for side in (p, q)]
        for base, where in ((None, None), (2, None), (None, mask), (2, mask)):
            options = {"normalize": normalize, "base": base}
            more = {"from_logits": from_logits}
            more |= {} if where is None else {"where": backend.make(where)}
            wanted = backend.read(re.kl_divergence(*sides, **options, **more))
            for name, function in names_of(**options).items():
                value = backend.read(function(*sides, **more))
                assert same_bits(value, wanted), (name, options)


@pytest.mark.parametrize("from_logits", FLAGS[:2], ids=["weights", "logits"])
def test_every_name_of_relative_entropy_in_jax(from_logits):
    """Which compiles every call: for few of them."""
    backend, sides = BACKENDS["jax"], operands(from_logits)
    with backend.active():
        sides = [backend.make(side) for side in sides]
        wanted = backend.read(re.kl_divergence(*sides, from_logits=from_logits))
        for name, function in names_of().items():
            value = backend.read(function(*sides, from_logits=from_logits))
            assert same_bits(value, wanted), name


@pytest.mark.parametrize("gap", [1e-15, 1e-7, 1e-2, 1.0, 30.0])
@pytest.mark.parametrize("size", [1, 3, 50, 20_000])
@flags
def test_rows_of_every_length_and_gap(from_logits, size, gap):
    """The 63 of 200 random rows that differed once were such."""
    p, q = operands(from_logits, (200 if size < 100 else 3, size), gap=gap, zeros=False)
    for layout in (np.asarray, np.asfortranarray):
        sides = layout(p), layout(q)
        wanted = re.kl_divergence(*sides, from_logits=from_logits)
        for name, function in names_of().items():
            assert same_bits(function(*sides, from_logits=from_logits), wanted), name


def test_one_function_has_two_names():
    assert re.relative_entropy is re.kl_divergence


@pytest.mark.parametrize("engine", ["torch", "torch-formulas"])
@normalized
@flags
def test_gradients(engine, from_logits, normalize):
    """By both sides, and by one of them alone."""
    backend, sides = BACKENDS[engine], operands(from_logits)

    def gradients(function):
        both = backend.pull(backend, partial(function, from_logits=from_logits), sides)
        p, q = (backend.make(side) for side in sides)
        by_p = backend.pull(
            backend, lambda p: function(p, q, from_logits=from_logits), sides[:1]
        )
        by_q = backend.pull(
            backend, lambda q: function(p, q, from_logits=from_logits), sides[1:]
        )
        return [*both, *by_p, *by_q]

    with backend.active():
        wanted = gradients(partial(re.kl_divergence, normalize=normalize))
        for name, function in names_of(normalize=normalize).items():
            for value, one in zip(gradients(function), wanted, strict=True):
                assert same_bits(value, one), name


@pytest.mark.parametrize("engine", ["numpy", "numpy-formulas", "torch"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@flags
def test_names_elsewhere(engine, dtype, from_logits):
    """A parametric family, SciPy's name, the loss of a student, and a stream of one block."""
    backend = BACKENDS[engine]
    with backend.active():
        p, q = (backend.make(side) for side in operands(from_logits, dtype=dtype))
        wanted = re.kl_divergence(p, q, from_logits=from_logits)
        found = [kl_categorical(p, q, from_logits=from_logits)]
        if from_logits == (False, False):
            found.append(entropy(p, q, axis=-1))
        else:  # normalized weights are streamed by their logarithms
            found.append(KLState(from_logits=from_logits).update(p, q).finish())
        if from_logits == (True, True):
            found.append(rao_blackwell_kl(p, q))
            row, student, teacher = wanted[0], q[None, :1], p[None, :1]
            for divergence, sides in (
                ("forward", (teacher, student)),
                ("reverse", (student, teacher)),
            ):
                loss = distillation_loss(*sides, divergence=divergence)
                assert same_bits(backend.read(loss), backend.read(row))
        for value in found:
            assert same_bits(backend.read(value), backend.read(wanted))


@pytest.mark.parametrize("engine", ["numpy", "numpy-formulas", "torch", "strict", "dask"])
@flags
def test_limits_among_an_array_of_orders(engine, from_logits):
    """Whatever the order comes in, and beside others."""
    backend, orders = BACKENDS[engine], [0.0, 0.5, 1.0]
    with backend.active():
        p, q = (backend.make(side) for side in operands(from_logits))
        column = backend.make(np.array(orders)[:, None])
        wanted = backend.read(re.kl_divergence(p, q, from_logits=from_logits))
        reverse = backend.read(re.kl_divergence(q, p, from_logits=from_logits[::-1]))
        for function in (re.alpha_divergence, re.tsallis_divergence, re.renyi_divergence):
            value = backend.read(function(p, q, column, from_logits=from_logits))
            assert same_bits(value[2], wanted)
            if function is re.alpha_divergence:
                assert same_bits(value[0], reverse)
