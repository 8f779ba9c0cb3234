"""What libraries do with a function: every call under every transform.

Operands are such that all derivatives exist; what happens where they do not stands in
test_edges.py, how accurate they are in test_derivatives.py.
"""

import numpy as np
import pytest

from .samples import CALLS, every

torch = pytest.importorskip("torch")
# Signs and infinities of derivatives matter to no transform, but finite differences do.
SMOOTH = [call for call in CALLS if call.record.slope_ulp]


def operands(call, *shape, dtype="float64", seed=0):
    """Tensors that require gradients."""
    return [
        torch.tensor(x.astype(np.float64), dtype=getattr(torch, dtype), requires_grad=True)
        for x in call.draw(*shape, dtype=dtype, seed=seed)
    ]


def first(call):
    """The call along the last axis as a function of tensors, with one output."""

    def function(*tensors):
        result = call.rows(*tensors)
        return result[0] if isinstance(result, tuple) else result

    return function


def gradients(function, tensors):
    """By autograd, with cotangents that differ."""
    value = function(*tensors)
    seed = torch.linspace(1, 2, value.numel(), dtype=value.dtype).reshape(value.shape)
    return torch.autograd.grad(value, tensors, seed)


def assert_close(got, expected, tolerance=1e-12):
    for one, other in zip(got, expected, strict=True):
        assert one.dtype == other.dtype
        torch.testing.assert_close(one, other, rtol=tolerance, atol=tolerance)


# --- derivatives of both orders, in both modes --------------------------------------------


@every(SMOOTH)
def test_gradcheck(call):
    assert torch.autograd.gradcheck(
        first(call), operands(call, 2, 4), check_forward_ad=True, check_batched_grad=True,
        check_batched_forward_grad=True, check_undefined_grad=True,
    )  # fmt: skip


@every(SMOOTH)
def test_gradgradcheck(call):
    assert torch.autograd.gradgradcheck(first(call), operands(call, 2, 3))


@every(SMOOTH)
def test_forward_over_reverse(call):
    assert torch.autograd.gradgradcheck(
        first(call), operands(call, 2, 3), check_fwd_over_rev=True, check_rev_over_rev=False,
        check_undefined_grad=False,
    )  # fmt: skip


@every([call for call in SMOOTH if len(call.kinds) == 2])
@pytest.mark.parametrize("which", [0, 1])
def test_only_the_gradient_that_is_wanted_is_computed(call, which, monkeypatch):
    tensors = operands(call, 2, 4)
    both = gradients(first(call), tensors)
    tensors[1 - which] = tensors[1 - which].detach()
    from relentropy._autodiff.jobs import Job

    asked, pulls = [], {}
    for kind in Job.__subclasses__():
        pulls[kind] = kind.vjp

        def watched(self, arrays, kept, seed, need):
            asked.append(need)
            return pulls[type(self)](self, arrays, kept, seed, need)

        monkeypatch.setattr(kind, "vjp", watched)
    value = first(call)(*tensors)
    seed = torch.linspace(1, 2, value.numel(), dtype=value.dtype).reshape(value.shape)
    (one,) = torch.autograd.grad(value, [tensors[which]], seed)
    assert [need[:2] for need in asked] == [tuple(i == which for i in range(2))]
    assert torch.equal(one, both[which])


# --- torch.func ---------------------------------------------------------------------------


@every(SMOOTH)
def test_vmap_is_a_loop(call):
    function, batch = first(call), [x.detach() for x in operands(call, 3, 2, 4)]
    mapped = torch.func.vmap(function)(*batch)
    looped = [function(*row) for row in zip(*batch, strict=True)]
    assert torch.equal(mapped, torch.stack(looped))
    last = [x.movedim(0, -1) for x in batch]
    ends = torch.func.vmap(function, in_dims=-1, out_dims=-1)(*last)
    assert torch.equal(ends, mapped.movedim(0, -1))


@every(SMOOTH)
def test_vmap_of_grad_is_autograd(call):
    function, batch = first(call), operands(call, 3, 2, 4)
    count = tuple(range(len(batch)))
    detached = [x.detach() for x in batch]
    mapped = torch.func.vmap(torch.func.grad(lambda *xs: function(*xs).sum(), count))(*detached)
    assert_close(mapped, torch.autograd.grad(function(*batch).sum(), batch), 0)


@every([call for call in SMOOTH if len(call.kinds) == 2])
def test_vmap_over_one_operand(call):
    function = first(call)
    p, q = (x.detach() for x in operands(call, 3, 4))
    mapped = torch.func.vmap(torch.func.grad(lambda a, b: function(a, b).sum(), 1), (None, 0))
    alone = [torch.func.grad(lambda b: function(p[0], b).sum())(row) for row in q]
    assert torch.equal(mapped(p[0], q), torch.stack(alone))


@every(SMOOTH)
def test_jacobians_agree(call):
    function, row = first(call), [x.detach() for x in operands(call, 4)]
    count = tuple(range(len(row)))
    backward = torch.func.jacrev(function, count)(*row)
    assert_close(torch.func.jacfwd(function, count)(*row), backward)
    _, along = torch.func.jvp(function, tuple(row), tuple(row))
    expected = sum((j * x).sum(-1) for j, x in zip(backward, row, strict=True))
    assert_close([along], [expected])


@every(SMOOTH)
def test_hessians_agree(call):
    row = [x.detach() for x in operands(call, 4)]
    count = tuple(range(len(row)))

    def function(*tensors):
        return first(call)(*tensors).sum()

    forward = torch.func.hessian(function, count)(*row)
    backward = torch.func.jacrev(torch.func.jacrev(function, count), count)(*row)
    for one, other in zip(forward, backward, strict=True):
        assert_close(one, other)
    recorded = torch.autograd.functional.hessian(function, tuple(row))
    for one, other in zip(forward, recorded, strict=True):
        assert_close(one, other)


# --- compilers ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "call",
    [
        # Up to a minute to trace: one mode of every record, or two.
        pytest.param(
            call,
            id=call.name,
            marks=[pytest.mark.full] if call.slow_to_compile else [],
        )
        for call in SMOOTH
    ],
)
def test_compiled_whole(call):
    tensors = operands(call, 2, 4)
    compiled = torch.compile(first(call), fullgraph=True, backend="aot_eager")
    assert_close(gradients(compiled, tensors), gradients(first(call), tensors))
    torch._dynamo.reset()


def test_compiled_training_step_with_a_mask():
    from relentropy import kl_divergence

    p, q = torch.randn(2, 3, 5, dtype=torch.float64)
    mask = torch.arange(5) < 4
    q = q.requires_grad_()

    def step(p, q):
        return kl_divergence(p, 2 * q, from_logits=True, where=mask, base=2).mean()

    compiled = torch.compile(step, fullgraph=True, backend="aot_eager")
    (got,) = torch.autograd.grad(compiled(p, q), [q])
    (expected,) = torch.autograd.grad(step(p, q), [q])
    assert_close([got], [expected])
    torch._dynamo.reset()


@pytest.mark.full
@every(SMOOTH)
def test_compiled_to_machine_code(call):
    tensors = operands(call, 2, 4)
    compiled = torch.compile(first(call), fullgraph=True)
    assert_close(gradients(compiled, tensors), gradients(first(call), tensors))
    torch._dynamo.reset()


# --- how training uses it -----------------------------------------------------------------


@every(SMOOTH)
def test_recomputed_under_activation_checkpointing(call):
    from torch.utils.checkpoint import checkpoint

    function, tensors = first(call), operands(call, 3, 4)
    expected = torch.autograd.grad(function(*tensors).sum(), tensors)
    for reentrant in (False, True):
        again = [x.detach().clone().requires_grad_() for x in tensors]
        checkpoint(function, *again, use_reentrant=reentrant).sum().backward()
        assert_close([x.grad for x in again], expected, 0)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@every(SMOOTH)
def test_autocast_changes_nothing_and_scaled_losses_are_unscaled(call, dtype):
    function = first(call)
    plain = operands(call, 3, 4, dtype=dtype)
    function(*plain).float().sum().backward()
    scaled = operands(call, 3, 4, dtype=dtype)
    scaler = torch.amp.GradScaler("cpu", init_scale=256.0)
    with torch.autocast("cpu", dtype=getattr(torch, dtype)):
        value = function(*scaled)
        assert value.dtype == plain[0].dtype
        assert torch.equal(value, function(*plain))
        loss = value.float().sum()
    scaler.scale(loss).backward()
    for one, other in zip(scaled, plain, strict=True):
        assert one.grad.dtype == one.dtype
        torch.testing.assert_close(one.grad / 256, other.grad, rtol=1e-2, atol=1e-3)


@every(SMOOTH)
def test_inference_mode_and_no_grad(call):
    function, tensors = first(call), operands(call, 3, 4)
    value = function(*tensors)
    assert value.requires_grad
    with torch.inference_mode():
        inside = function(*tensors)
        assert inside.is_inference()
        assert torch.equal(inside, value)
    with torch.no_grad():
        assert not function(*tensors).requires_grad
    with torch.inference_mode():
        made = [x.detach().clone() for x in tensors]
    assert torch.equal(function(*made), value)


@every(SMOOTH)
def test_strides_broadcasting_and_parameters(call):
    function, tensors = first(call), operands(call, 3, 4)
    expected = gradients(function, tensors)
    columns = [x.detach().T.contiguous().T.requires_grad_() for x in tensors]
    assert_close(gradients(function, columns), expected, 0)
    spaced = [torch.stack([x.detach()] * 2, -1)[..., 0].requires_grad_() for x in tensors]
    assert_close(gradients(function, spaced), expected, 0)
    parameters = [torch.nn.Parameter(x.detach().clone()) for x in tensors]
    assert_close(gradients(function, parameters), expected, 0)
    if len(tensors) == 2:
        row = tensors[1].detach()[:1].clone().requires_grad_()
        repeated = [tensors[0], row.expand(3, 4)]
        assert_close(
            gradients(function, [tensors[0], row]),
            torch.autograd.grad(
                function(*repeated), [tensors[0], row],
                torch.linspace(1, 2, function(*repeated).numel(), dtype=torch.float64)
                .reshape(function(*repeated).shape),
            ),
        )  # fmt: skip


@every(SMOOTH)
def test_saves_a_few_numbers_per_row(call):
    tensors = operands(call, 3, 400)
    saved = []

    def pack(tensor):
        saved.append(tensor)
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda x: x):
        first(call)(*tensors)
    own = {x.data_ptr() for x in tensors}
    # A parameter is one number, however far it is stretched; three operands are two pairs.
    stored = (x for x in saved if x.data_ptr() not in own)
    extra = sum(min(x.numel(), x.untyped_storage().nbytes() // x.itemsize) for x in stored)
    assert extra <= 3 * 12 * max(1, len(call.kinds) - 1)


def test_used_twice_in_one_graph():
    from relentropy import kl_divergence

    p, q = torch.randn(2, 3, 5, dtype=torch.float64).unbind()
    p.requires_grad_()
    once = kl_divergence(p, q, from_logits=True).sum()
    other = kl_divergence(q, p, from_logits=True).sum()
    (got,) = torch.autograd.grad(once + other, [p])
    parts = [torch.autograd.grad(f(), [p])[0] for f in (
        lambda: kl_divergence(p, q, from_logits=True).sum(),
        lambda: kl_divergence(q, p, from_logits=True).sum(),
    )]  # fmt: skip
    assert_close([got], [parts[0] + parts[1]])


@every(SMOOTH)
def test_results_may_be_changed_in_place(call):
    tensors = operands(call, 3, 4)
    value = first(call)(*tensors)
    value *= 2
    value[0] = 0
    got = torch.autograd.grad(value.sum(), tensors)
    weights = torch.ones_like(value).detach() * 2
    weights[0] = 0
    expected = torch.autograd.grad((weights * first(call)(*tensors)).sum(), tensors)
    assert_close(got, expected, 1e-14)


def test_forward_mode_nests():
    from relentropy import kl_divergence, special

    p, q = torch.randn(2, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    twice = torch.func.jacfwd(torch.func.jacfwd(kl_divergence, argnums=1), argnums=1)
    expected = torch.func.hessian(kl_divergence, argnums=1)(p.exp(), q.exp())
    torch.testing.assert_close(twice(p.exp(), q.exp()), expected)
    third = torch.func.jacfwd(torch.func.hessian(special.expm1mx))
    torch.testing.assert_close(third(q[0]), q[0].exp())


def test_batched_gradients_can_be_differentiated():
    from relentropy import kl_divergence

    p, q = torch.randn(2, 3, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    q.requires_grad_()

    def penalty(batched):
        rows = kl_divergence(p, q, from_logits=True)
        seeds = torch.eye(3, dtype=torch.float64)
        if batched:
            options = {"is_grads_batched": True, "create_graph": True}
            (jacobian,) = torch.autograd.grad(rows, q, seeds, **options)
        else:
            parts = [torch.autograd.grad(rows, q, seed, create_graph=True)[0] for seed in seeds]
            jacobian = torch.stack(parts)
        return torch.autograd.grad(jacobian.pow(2).sum() + q.pow(2).sum(), q)[0]

    torch.testing.assert_close(penalty(True), penalty(False))


# --- tensors of torch's inference mode -----------------------------------------------------


def test_a_teacher_of_inference_mode():
    from relentropy import kl_divergence
    from relentropy.heads import linear_kl_divergence

    def drawn(*shape):
        return torch.randn(*shape, dtype=torch.float64)

    def of_logits(teacher, student):
        return kl_divergence(teacher, student, from_logits=True).sum()

    def of_heads(hidden_p, weight_p, hidden_q, weight_q):
        return linear_kl_divergence(hidden_p, weight_p, hidden_q, weight_q).sum()

    with torch.inference_mode():
        teacher = [drawn(3, 50)], [drawn(3, 4), drawn(50, 4)]
    student = [drawn(3, 50)], [drawn(3, 8), drawn(50, 8)]
    for call, given, own in zip((of_logits, of_heads), teacher, student, strict=True):
        own = [x.requires_grad_() for x in own]
        for given_twice in (given, [x.clone() for x in given]):
            found = torch.autograd.grad(call(*given_twice, *own), own)
            if given_twice is given:
                first = found
                twice = torch.autograd.grad(call(*given, *own), own, create_graph=True)
                seconds = torch.autograd.grad(sum((x * x).sum() for x in twice), own)
            else:
                assert all(map(torch.equal, found, first))
                twice = torch.autograd.grad(call(*given_twice, *own), own, create_graph=True)
                assert_close(
                    torch.autograd.grad(sum((x * x).sum() for x in twice), own), seconds
                )
