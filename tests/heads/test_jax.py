"""Heads under jax: few compilations, as each takes seconds."""

import numpy as np
import pytest

from relentropy import heads

from .given import DIVERGENCES, drawn, truth

jax = pytest.importorskip("jax")
torch = pytest.importorskip("torch")


@pytest.fixture(autouse=True)
def _wide():
    with jax.enable_x64(True):
        yield


def test_values_and_gradients_of_a_divergence():
    """Rows in tiles the last of which reaches back; masked rows that hold nan."""
    given = drawn(rows=11, words=40).mapped(lambda x: x.astype(np.float32))
    mask = np.arange(11) % 4 > 0
    seeds = np.linspace(-1, 2, 11, dtype=np.float32)
    given.hidden_q[~mask] = np.nan
    more = {"gradient": "both", "temperature": 1.5}

    def weighted(*arrays):
        value = given.call(
            heads.linear_kl_divergence, *arrays, where=jax.numpy.asarray(mask),
            memory=40 * 4 * 16, **more,
        )  # fmt: skip
        return (value * seeds).sum(), value

    both = jax.jit(jax.value_and_grad(weighted, argnums=range(6), has_aux=True))
    (_, value), found = both(*map(jax.numpy.asarray, given.arrays))
    with np.errstate(invalid="ignore"):
        wanted = np.where(mask, truth(DIVERGENCES["kl"][1], given, 1.5), 0.0)
    np.testing.assert_allclose(value, wanted, rtol=1e-5)
    tensors = [torch.tensor(one, requires_grad=True) for one in given.arrays]
    same = given.call(
        heads.linear_kl_divergence, *tensors, where=torch.from_numpy(mask), **more
    )
    slopes = torch.autograd.grad(same, tensors, torch.from_numpy(seeds))
    for one, other in zip(found, slopes, strict=True):
        assert one.dtype == np.float32
        scale = float(other.abs().max())
        np.testing.assert_allclose(one, other.numpy(), rtol=0, atol=1e-6 * scale)


def test_tokens_in_16_bits():
    given = drawn(rows=11, words=40)
    hidden, weight = (
        jax.numpy.asarray(one, dtype="bfloat16") for one in (given.hidden_q, given.weight_q)
    )
    tokens = np.random.default_rng(0).permuted(np.tile(np.arange(40), (11, 1)), axis=1)[:, :3]

    def summed(hidden, weight):
        chosen = jax.numpy.asarray(tokens)
        value = heads.linear_token_log_probs(hidden, weight, chosen, memory=40 * 4 * 16)
        return value.sum(), value

    both = jax.value_and_grad(summed, argnums=(0, 1), has_aux=True)
    (_, value), found = both(hidden, weight)
    wide = [
        torch.tensor(np.asarray(one, dtype=np.float64), requires_grad=True)
        for one in (hidden, weight)
    ]
    wanted = (wide[0] @ wide[1].T).log_softmax(-1).gather(1, torch.from_numpy(tokens))
    assert value.dtype == np.float32
    np.testing.assert_allclose(value, wanted.detach().numpy(), rtol=1e-6)
    for one, other in zip(found, torch.autograd.grad(wanted.sum(), wide), strict=True):
        assert one.dtype == "bfloat16"
        off = np.abs(np.asarray(one, dtype=np.float64) - other.numpy())
        assert off.max() <= 2.0**-7 * float(other.abs().max())
