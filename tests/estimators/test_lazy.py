"""Nothing of a lazy array is computed to estimate with it."""

import numpy as np
import pytest

from relentropy.estimators import kl_estimate, partial_kl, rao_blackwell_kl, token_log_probs

da = pytest.importorskip("dask.array")


def unreadable(shape, dtype="float64"):
    """An array whose chunks raise when they are computed."""

    def chunk():
        raise AssertionError("computed")

    from dask import delayed

    return da.from_delayed(delayed(chunk)(), shape, dtype)


def test_nothing_is_computed():
    logits, tokens = unreadable((2, 3, 5)), unreadable((2, 3), "int64")
    made = unreadable((2, 3)), unreadable((2, 3))
    found = [
        *token_log_probs(logits, tokens, return_entropy=True, temperature=0.5),
        *(kl_estimate(*made, estimator=name) for name in ("k1", "k2", "k3", "abs", "cv")),
        kl_estimate(*made, log_weights=unreadable((2, 1)), where=unreadable((2, 3), bool)),
        rao_blackwell_kl(logits, logits, where=unreadable((2, 3), bool)),
        rao_blackwell_kl(logits, logits, gradient="full", log_probs=made[0]),
        *(partial_kl(logits, logits, rest=rest).kl for rest in ("bucket", "drop")),
    ]
    assert all(isinstance(one, da.Array) and one.shape == (2, 3) for one in found)


def test_chunks_agree_with_whole_arrays():
    rng = np.random.default_rng(0)
    logits, tokens = rng.normal(size=(4, 3, 7)), rng.integers(0, 7, (4, 3))
    lazy = da.from_array(logits, chunks=(2, 2, 3)), da.from_array(tokens, chunks=(3, 1))
    for one, other in zip(
        token_log_probs(*lazy, return_entropy=True),
        token_log_probs(logits, tokens, return_entropy=True),
        strict=True,
    ):
        np.testing.assert_allclose(one.compute(), other, rtol=1e-15)  # merged from chunks
    p, r = -rng.exponential(size=(2, 6, 5))
    mask = rng.random((6, 5)) < 0.6
    made = [da.from_array(x, chunks=(2, 3)) for x in (p, r, mask)]
    for name in ("k3", "cv"):
        one = kl_estimate(*made[:2], estimator=name, where=made[2])
        np.testing.assert_allclose(
            one.compute(), kl_estimate(p, r, estimator=name, where=mask), rtol=1e-12
        )
