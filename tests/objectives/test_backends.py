"""The objectives on every library: the same numbers, of the same type, lazy and compiled."""

import numpy as np
import pytest

from relentropy.objectives import (
    aggregate,
    distillation_loss,
    group_advantages,
    grpo_loss,
    masked_mean,
    rlhf_objective,
)
from tests.suite.backends import BACKENDS

RNG = np.random.default_rng(0)
SHAPE = (4, 6)
OLD, NEW, REF = -RNG.exponential(size=(3, *SHAPE))
MASK = np.arange(6) < np.array([[6], [3], [0], [1]])
NEW[2], OLD[1, 4] = np.nan, -np.inf  # masked
REWARDS = RNG.normal(size=4)
TEACHER, STUDENT = RNG.normal(size=(2, *SHAPE, 5))
GROUPS = np.arange(4) < np.array([[4], [1], [0], [3]])

CALLS = {
    "masked_mean": (lambda x, m: masked_mean(x, m, axis=-1), (NEW, MASK)),
    "aggregate": (
        lambda x, m, n: aggregate(x, m, mode="seq-mean-token-mean", denominator=n),
        (NEW, MASK, np.array(3.0)),
    ),
    "group_advantages": (
        lambda r, m: group_advantages(r, where=m, eps=1e-4),
        (OLD[:, :4], GROUPS),
    ),
    "grpo_loss": (
        lambda a, b, r, c, m: grpo_loss(a, b, r, c, where=m, kl_weighted=True, dual_clip=3.0),
        (NEW, OLD, REWARDS, REF, MASK),
    ),
    "gspo": (
        lambda a, b, r, m: grpo_loss(a, b, r, where=m, ratio="sequence-token", denominator=4),
        (NEW, OLD, REWARDS, MASK),
    ),
    "rlhf_objective": (
        lambda r, a, b, m: rlhf_objective(r, a, b, beta=0.1, where=m),
        (REWARDS, NEW, REF, MASK),
    ),
    "rlhf_loss": (
        lambda r, a, b, m: rlhf_objective(
            r, a, b, beta=0.1, where=m, form="loss", estimator="k3"
        ),
        (REWARDS, NEW, REF, MASK),
    ),
    "distillation_loss": (
        lambda p, q, m: distillation_loss(
            p, q, where=m, divergence="js", js_weight=0.3, temperature=2.0
        ),
        (TEACHER, STUDENT, MASK),
    ),
}
each = pytest.mark.parametrize("name", CALLS)
NAMES = (
    "numpy-readonly torch torch-cuda jax jax-x32 strict strict-oldest strict-device "
    "strict-no-float64 dask cupy"
).split()


def results(found):
    return found if isinstance(found, tuple) else (found,)


@each
@pytest.mark.parametrize(
    "backend",
    [
        pytest.param(name, marks=[pytest.mark.gpu] if name in ("torch-cuda", "cupy") else [])
        for name in NAMES
    ],
)
def test_the_numbers_and_the_type_are_those_of_the_library(name, backend):
    if backend == "jax-x32" and name != "grpo_loss":
        pytest.skip("one compilation without float64 is enough")
    function, arrays = CALLS[name]
    want = results(function(*arrays))
    backend = BACKENDS[backend]
    dtype = "float64" if backend.has_float64 else "float32"
    with backend.active():
        made = [backend.make(one if one.dtype == bool else one.astype(dtype)) for one in arrays]
        found = results(function(*made))
        for one, other in zip(found, want, strict=True):
            assert type(one) is type(made[0]) or backend.library == "numpy"
            if backend.library not in ("jax", "dask"):
                assert getattr(one, "device", None) == getattr(made[0], "device", None)
            read = backend.read(one)
            assert read.dtype == dtype
            assert read.shape == other.shape
            tolerance = 1e-12 if dtype == "float64" else 2e-5
            np.testing.assert_allclose(read, other, rtol=tolerance, atol=tolerance / 10)


@each
def test_dask_computes_nothing_by_itself(name):
    dask = pytest.importorskip("dask")
    backend = BACKENDS["dask"]
    function, arrays = CALLS[name]

    def never(*_, **__):
        raise AssertionError("something was computed")

    with dask.config.set(scheduler=never):
        function(*map(backend.make, arrays))


def losses(a, b, r, c, m):
    """Rewards to a loss; distillation's divergences are compiled in a suite of their own."""
    shaped = group_advantages(r.reshape(2, 2)).reshape(4)
    return grpo_loss(
        a, b, shaped, c, where=m, ratio="sequence", denominator=3.0
    ).loss + rlhf_objective(shaped, a, c, beta=0.1, where=m, form="loss")


ALL = (NEW, OLD, REWARDS, REF, MASK)


def gradients():
    torch = pytest.importorskip("torch")
    made = [torch.tensor(one) for one in ALL]
    made[0].requires_grad_()
    value = losses(*made)
    return made, value, *torch.autograd.grad(value, made[0])


def test_torch_compiles_it_whole():
    torch = pytest.importorskip("torch")
    made, value, slopes = gradients()
    again = torch.compile(losses, fullgraph=True, backend="aot_eager")(*made)
    assert again.item() == pytest.approx(value.item(), rel=1e-14)
    (found,) = torch.autograd.grad(again, made[0])
    torch.testing.assert_close(found, slopes, rtol=1e-13, atol=1e-16)
    assert torch.all(torch.isfinite(found))


def test_jax_compiles_it_and_has_torchs_gradients():
    jax = pytest.importorskip("jax")
    _, value, slopes = gradients()
    with BACKENDS["jax"].active():
        made = [jax.numpy.asarray(one) for one in ALL]
        again, found = jax.jit(jax.value_and_grad(losses))(*made)
        assert float(again) == pytest.approx(value.item(), rel=1e-13)
        np.testing.assert_allclose(np.asarray(found), slopes.numpy(), rtol=1e-12, atol=1e-16)
