"""torch's own sample inputs: what it computes of them, the look-alikes do too."""

import pytest
import torch
from torch.testing._internal.common_methods_invocations import op_db

from relentropy import special
from relentropy.interop import torch_functional


def axis(x, dim):
    """torch lets a single number have one axis."""
    return dim if x.ndim else None


LOOKALIKES = {
    ("nn.functional.kl_div", ""): torch_functional.kl_div,
    ("xlogy", ""): special.xlogy,
    ("special.xlog1py", ""): special.xlog1py,
    ("special.entr", ""): special.entr,
    ("logsumexp", ""): lambda x, dim, keepdim=False: special.logsumexp(
        x, axis(x, dim), keepdims=keepdim
    ),
    ("softmax", ""): lambda x, dim: special.softmax(x, axis(x, dim)),
    ("log_softmax", ""): lambda x, dim: special.log_softmax(x, axis(x, dim)),
}
OPS = [op for op in op_db if (op.name, op.variant_test_name) in LOOKALIKES]
FLOATS = (torch.float64, torch.float32, torch.bfloat16, torch.float16)
TOLERANCES = {
    torch.float64: 1e-12, torch.float32: 1e-4, torch.bfloat16: 5e-2, torch.float16: 1e-2,
}  # fmt: skip


def test_every_lookalike_has_samples():
    assert {(op.name, op.variant_test_name) for op in OPS} == set(LOOKALIKES)


@pytest.mark.filterwarnings("ignore:reduction. 'mean'")
@pytest.mark.parametrize("dtype", FLOATS, ids=str)
@pytest.mark.parametrize("op", OPS, ids=lambda op: op.name)
def test_samples(op, dtype):
    samples = list(op.sample_inputs("cpu", dtype, requires_grad=True))
    assert samples
    for sample in samples:
        lookalike = LOOKALIKES[op.name, op.variant_test_name]
        results = [fn(sample.input, *sample.args, **sample.kwargs) for fn in (op.op, lookalike)]
        tensors = [
            one
            for one in (sample.input, *sample.args)
            if isinstance(one, torch.Tensor) and one.requires_grad
        ]
        close(*results, dtype)
        theirs, ours = (torch.autograd.grad(one.sum(), tensors) for one in results)
        for one, other in zip(theirs, ours, strict=True):
            close(one, other, dtype)


def close(theirs, ours, dtype):
    """The same shape and dtype, and values as close as torch's are to the truth."""
    tolerance = TOLERANCES[dtype]
    known = ~torch.isnan(theirs)  # its nan at 0*log(0) and the like are no truth
    assert ours.shape == theirs.shape
    zero = torch.zeros_like(ours)
    torch.testing.assert_close(
        torch.where(known, ours, zero),
        torch.where(known, theirs, zero),
        rtol=tolerance,
        atol=tolerance,
    )
