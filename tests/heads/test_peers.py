"""Where others have documented what a head with a loss means, this one means the same.

From the documentation of cut-cross-entropy's ``linear_cross_entropy``, of Liger-Kernel's
``LigerFusedLinearCrossEntropyLoss`` and its issues, and of torch's ``linear_cross_entropy``.
"""

import numpy as np
import pytest

from relentropy import heads

from .given import drawn

torch = pytest.importorskip("torch")
functional = torch.nn.functional


def given():
    found = drawn(rows=12, words=50, bias=True)
    hidden, weight, bias = (
        torch.tensor(one, dtype=torch.float32, requires_grad=True)
        for one in (found.hidden_q, found.weight_q, found.bias_q)
    )
    targets = torch.arange(12) * 5 % 50
    targets[[2, 7, 8]] = -100
    return hidden, weight, bias, targets


def gradients(loss, *arrays):
    return torch.autograd.grad(loss, arrays)


@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
def test_cce_is_cross_entropy_of_the_logits_in_float32(reduction):
    """cut-cross-entropy: "this computes F.cross_entropy((e @ c.T).float(), targets)"."""
    e, c, _, targets = given()
    own = heads.linear_cross_entropy(e, c, targets, reduction=reduction)
    peer = functional.cross_entropy((e @ c.T).float(), targets, reduction=reduction)
    torch.testing.assert_close(own, peer)
    for one, other in zip(gradients(own.sum(), e, c), gradients(peer.sum(), e, c), strict=True):
        torch.testing.assert_close(one, other)


def test_cce_keeps_the_targets_shape_and_ignores_an_index():
    """cut-cross-entropy: embeddings (..., D), targets (...), and ``ignore_index``."""
    e, c, _, targets = given()
    own = heads.linear_cross_entropy(e.reshape(3, 4, -1), c, targets.reshape(3, 4))
    assert own.shape == (3, 4)
    assert (own.flatten() == 0).tolist() == (targets == -100).tolist()
    other = torch.where(targets == -100, 3, targets)
    ignoring = heads.linear_cross_entropy(e, c, other, ignore_index=3)
    torch.testing.assert_close(ignoring[other != 3], own.flatten()[other != 3])
    assert not ignoring[other == 3].any()


def test_liger_divides_by_the_tokens_that_count():
    """Liger: the mean is over the targets that are not ``ignore_index``."""
    e, c, b, targets = given()
    own = heads.linear_cross_entropy(e, c, targets, bias=b, reduction="mean")
    peer = functional.cross_entropy(functional.linear(e, c, b), targets)
    torch.testing.assert_close(own, peer)
    for one, other in zip(gradients(own, e, c, b), gradients(peer, e, c, b), strict=True):
        torch.testing.assert_close(one, other)


def test_liger_issue_968_weights_of_tokens_reach_the_gradients():
    """Liger-Kernel issue 968: gradients after ``reduction="none"`` and weights of tokens."""
    e, c, b, targets = given()
    weights = torch.linspace(0, 2, 12)
    own = heads.linear_cross_entropy(e, c, targets, bias=b)
    peer = functional.cross_entropy(functional.linear(e, c, b), targets, reduction="none")
    for one, other in zip(
        gradients((own * weights).sum(), e, c, b),
        gradients((peer * weights).sum(), e, c, b),
        strict=True,
    ):
        torch.testing.assert_close(one, other)


def test_liger_distillation_divides_both_sides_by_the_temperature():
    hidden, weight, _, _ = given()
    other = torch.flip(weight.detach(), (1,))
    own = heads.linear_kl_divergence(hidden.detach(), other, hidden, weight, temperature=4.0)
    teacher = (hidden.detach() @ other.T / 4).log_softmax(-1)
    student = (hidden @ weight.T / 4).log_softmax(-1)
    peer = functional.kl_div(student, teacher, reduction="none", log_target=True).sum(-1)
    torch.testing.assert_close(own, peer)


@pytest.mark.skipif(
    not hasattr(functional, "linear_cross_entropy"), reason="torch does not have it yet"
)
@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
def test_torch_linear_cross_entropy(reduction):
    e, c, _, targets = given()
    own = heads.linear_cross_entropy(e, c, targets, reduction=reduction)
    peer = functional.linear_cross_entropy(
        e, c, targets, reduction=reduction, ignore_index=-100
    )
    torch.testing.assert_close(own, peer)


def test_where_torch_has_nan_the_mean_of_nothing_is_zero():
    e, c, _, targets = given()
    nothing = torch.full_like(targets, -100)
    own = heads.linear_cross_entropy(e, c, nothing, reduction="mean")
    assert own.item() == 0
    assert not any(one.any() for one in gradients(own, e, c))
    assert np.isnan(functional.cross_entropy(e @ c.T, nothing).item())


def test_a_label_out_of_range_is_nan_where_torch_raises():
    e, c, _, targets = given()
    targets[0] = 50
    own = heads.linear_cross_entropy(e, c, targets)
    assert own.isnan().tolist() == [True] + [False] * 11
