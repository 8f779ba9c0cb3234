"""What heads refuse, and what they say; and records, which name what there is."""

import inspect

import numpy as np
import pytest

import relentropy
from relentropy import heads
from relentropy._records import HEADS

from .given import drawn

KL, JS = heads.linear_kl_divergence, heads.linear_js_divergence
CE, TOKENS = heads.linear_cross_entropy, heads.linear_token_log_probs
GIVEN = drawn(rows=4, words=9, bias=False)
HP, WP, HQ, WQ = GIVEN.arrays
FOUR = np.zeros(4, dtype=int)
EACH = FOUR[:, None]
A, B = HP @ WP.T, HQ @ WQ.T
Q = (HP, WP, HQ, WQ)

REFUSED = {
    "rows": (ValueError, "same rows", lambda: KL(HP[:3], WP, HQ, WQ)),
    "weight": (
        ValueError, r"weight_q must have the shape \(vocabulary, 7\)",
        lambda: KL(HP, WP, HQ, WP),
    ),
    "turned": (ValueError, "weight must have", lambda: CE(HQ, WQ.T, FOUR)),
    "vocabularies": (ValueError, "vocab_size=5", lambda: KL(HP, WP, HQ, WQ[:5])),
    "too many": (ValueError, "more than the 9", lambda: KL(*Q, vocab_size=10)),
    "no words": (ValueError, "vocab_size", lambda: KL(*Q, vocab_size=-1)),
    "bias": (
        ValueError, r"bias_p must have the shape \(9,\)",
        lambda: KL(*Q, bias_p=FOUR * 1.0),
    ),
    "bias alone": (
        ValueError, "there is no weight_p",
        lambda: KL(A, None, HQ, WQ, bias_p=WP[:, 0]),
    ),
    "no head": (ValueError, "from_logits=True", lambda: JS(A, None, B, None)),
    "no weight": (TypeError, "weight must be", lambda: TOKENS(HQ, None, FOUR)),
    "nothing": (TypeError, "hidden_q must be", lambda: KL(HP, WP, None, WQ)),
    "a number": (ValueError, "at least one axis", lambda: CE(1.0, WQ, 0)),
    "integers": (TypeError, "floating-point", lambda: CE(HQ.astype(int), WQ, FOUR)),
    "targets": (ValueError, "targets must have", lambda: CE(HQ, WQ, FOUR[:3])),
    "no targets": (TypeError, "targets must be", lambda: CE(HQ, WQ, None)),
    "soft targets": (
        ValueError, "vocabularies of 8 and 9",
        lambda: CE(HQ, WQ, np.ones((4, 8))),
    ),
    "tokens": (ValueError, r"\(4,\) or \(4, 'k'\)", lambda: TOKENS(HQ, WQ, FOUR[None])),
    "float tokens": (TypeError, "tokens must be integers", lambda: TOKENS(HQ, WQ, FOUR * 1.0)),
    "entropies": (ValueError, "one token", lambda: TOKENS(HQ, WQ, EACH, return_entropy=True)),
    "mask": (ValueError, "where of shape", lambda: KL(*Q, where=np.ones((4, 1), bool))),
    "mask of 1": (TypeError, "boolean", lambda: CE(HQ, WQ, FOUR, where=np.ones(4))),
    "reduction": (
        ValueError, "'none', 'sum', 'mean'",
        lambda: CE(HQ, WQ, FOUR, reduction="batchmean"),
    ),
    "gradient": (ValueError, "gradient must be", lambda: KL(*Q, gradient="all")),
    "rest": (ValueError, "rest must be", lambda: KL(*Q, rest="all")),
    "memory": (ValueError, "memory must be at least 1", lambda: KL(*Q, memory=0)),
    "temperature": (ValueError, "temperature must be", lambda: KL(*Q, temperature=0)),
    "mixture": (ValueError, "mixture must be", lambda: JS(*Q, mixture=2)),
    "indices": (
        ValueError, "must have the shape",
        lambda: KL(HP, None, HQ, WQ, indices_p=EACH),
    ),
    "indices of a head": (ValueError, "no weight_p", lambda: KL(*Q, indices_p=EACH)),
    "float indices": (
        TypeError, "indices_p must be integers",
        lambda: KL(HP[:, :1], None, HQ, WQ, indices_p=HP[:, :1]),
    ),
}  # fmt: skip


@pytest.mark.parametrize(("error", "says", "call"), REFUSED.values(), ids=REFUSED)
def test_refused(error, says, call):
    with pytest.raises(error, match=says):
        call()


def test_two_libraries():
    torch = pytest.importorskip("torch")
    with pytest.raises(TypeError, match="hidden_q is a torch array"):
        KL(HP, WP, torch.from_numpy(HQ), WQ)


def test_lazy_arrays():
    array = pytest.importorskip("dask.array")
    with pytest.raises(TypeError, match="map_blocks"):
        KL(*(array.from_array(one) for one in GIVEN.arrays))


def test_lists_and_mixed_dtypes():
    wanted = KL(HP, WP, HQ, WQ)
    np.testing.assert_array_equal(KL(HP.tolist(), WP, HQ, WQ), wanted)
    mixed = KL(HP.astype(np.float32), WP.astype(np.float32), HQ, WQ)
    assert mixed.dtype == np.float64
    np.testing.assert_allclose(mixed, wanted, rtol=1e-4)
    assert KL(*Q, dtype="float32").dtype == np.float32
    np.testing.assert_array_equal(
        CE(HQ, WQ, FOUR.tolist(), where=[True, True, False, True]),
        CE(HQ, WQ, FOUR) * [1, 1, 0, 1],
    )


def test_records_are_of_the_public_functions():
    assert set(HEADS) == set(heads.__all__)
    assert relentropy.heads is heads
    for record in HEADS.values():
        text = " ".join(inspect.getdoc(getattr(heads, record.name)).split())
        assert f"errors are at most {record.ulp['float64']:g} ulp in float64" in text
        assert f"and {record.ulp['float32']:g} in float32" in text
        slopes = f"{record.slope_ulp['float64']:g} and {record.slope_ulp['float32']:g} times"
        assert slopes in text
        assert not record.lazy


def test_labels_are_integers_or_soft():
    given = drawn(rows=3, words=9)
    hidden, weight = given.hidden_q, given.weight_q
    with pytest.raises(TypeError, match="targets must be integers"):
        heads.linear_cross_entropy(hidden, weight, np.array([0.0, 1.0, 2.0]))
    assert heads.linear_cross_entropy(hidden[:0], weight, []).shape == (0,)
    assert heads.linear_token_log_probs(hidden[:0], weight, []).shape == (0,)
    labels = np.array([0, 1, 2])
    plain = heads.linear_cross_entropy(hidden, weight, labels)
    np.testing.assert_array_equal(
        heads.linear_cross_entropy(hidden, weight, labels, where=True), plain
    )
    assert not heads.linear_cross_entropy(hidden, weight, labels, where=False).any()
