"""What jax does with a function: every call, differentiated twice, mapped and compiled."""

import numpy as np
import pytest

from .backends import BACKENDS
from .samples import CALLS, every

jax = pytest.importorskip("jax")
JAX = BACKENDS["jax"]
SMOOTH = [call for call in CALLS if call.record.slope_ulp]


def _always(calls, always):
    """Compiling derivatives takes jax up to a minute a call: these always, others if asked."""
    return pytest.mark.parametrize(
        "call",
        [
            pytest.param(call, id=call.name, marks=[] if always(call) else [pytest.mark.full])
            for call in calls
        ],
    )


one_mode = _always(
    SMOOTH,
    lambda call: (
        not call.slow_to_compile
        and call.name in {call.record.name, f"{call.record.name}-logits"}
    ),
)


@pytest.fixture(autouse=True)
def float64():
    with JAX.active():
        yield


def operands(call, *shape):
    return tuple(JAX.make(x) for x in call.draw(*shape))


def first(call):
    """The call along the last axis as a function of arrays, with one output."""

    def function(*arrays):
        result = call.rows(*arrays)
        return result[0] if isinstance(result, tuple) else result

    return function


@one_mode
def test_check_grads(call):
    from jax.test_util import check_grads

    # Compiled once: what is checked is called a dozen times.
    function = jax.jit(first(call))
    check_grads(function, operands(call, 2, 3), order=2, modes=("rev",), rtol=1e-4)


@pytest.mark.full
@every(SMOOTH)
def test_check_grads_in_all_combinations_of_modes(call):
    from jax.test_util import check_grads

    function = jax.jit(first(call))
    check_grads(function, operands(call, 2, 3), order=2, modes=("fwd", "rev"), rtol=1e-4)


@one_mode
def test_jit_vmap_and_grad_compose(call):
    function, (batch) = first(call), operands(call, 3, 4)
    count = tuple(range(len(batch)))

    def loss(*arrays):
        return function(*arrays).sum()

    plain = jax.grad(loss, count)(*batch)
    mapped = jax.jit(jax.vmap(jax.grad(loss, count)))(*batch)
    for one, other in zip(mapped, plain, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-13, atol=1e-15)


@one_mode
def test_hessian_is_the_jacobian_of_the_gradient(call):
    row = operands(call, 3)
    count = tuple(range(len(row)))

    def loss(*arrays):
        return first(call)(*arrays).sum()

    forward = jax.hessian(loss, count)(*row)
    backward = jax.jacrev(jax.grad(loss, count), count)(*row)
    for rows in zip(forward, backward, strict=True):
        for one, other in zip(*rows, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-11, atol=1e-11)


@every([call for call in SMOOTH if len(call.kinds) == 2])
@pytest.mark.parametrize("which", [0, 1])
def test_only_the_gradient_that_is_wanted_is_computed(call, which, monkeypatch):
    from relentropy._autodiff.jobs import Job

    asked, pushes = [], {}
    for kind in Job.__subclasses__():
        pushes[kind] = kind.jvp

        def watched(self, arrays, tangents):
            asked.append(tuple(tangent is not None for tangent in tangents))
            return pushes[type(self)](self, arrays, tangents)

        monkeypatch.setattr(kind, "jvp", watched)
    batch = operands(call, 2, 7)  # a shape that nothing else compiles
    jax.make_jaxpr(jax.grad(lambda *arrays: first(call)(*arrays).sum(), which))(*batch)
    assert {need[:2] for need in asked} == {tuple(i == which for i in range(2))}


def test_gradients_flow_through_a_scan():
    from relentropy import kl_divergence

    p, q = jax.numpy.asarray(np.random.default_rng(0).standard_normal((2, 4, 5)))

    def loss(q):
        def step(carry, pair):
            return carry + kl_divergence(*pair, from_logits=True), None

        return jax.lax.scan(step, 0.0, (p, q))[0]

    expected = jax.grad(lambda q: kl_divergence(p, q, from_logits=True).sum())(q)
    np.testing.assert_allclose(jax.grad(loss)(q), expected, rtol=1e-13)
    checkpointed = jax.grad(jax.checkpoint(loss))(q)
    np.testing.assert_allclose(checkpointed, expected, rtol=1e-13)
