"""Gradients of heads under torch against the composed form in float64."""

import importlib

import numpy as np
import pytest

import relentropy
from relentropy import heads
from relentropy._autodiff.heads.job import HeadJob, Side
from relentropy._formulas.cross_entropy import CrossEntropy
from relentropy._formulas.f_divergence import FDivergence
from relentropy._formulas.generators import SkewJensenShannon, SquaredHellinger
from relentropy._formulas.kl_logits import KLFromLogits
from relentropy._formulas.tempered import Tempered
from relentropy._formulas.token import TokenLogProb

from .given import MEMORIES, drawn

torch = pytest.importorskip("torch")
NAMESPACES = importlib.import_module("relentropy._arrays.torch_namespace").NAMESPACES
functional = torch.nn.functional
RNG = np.random.default_rng(3)


def tensors(given, dtype=torch.float64):
    return [torch.tensor(one, dtype=dtype, requires_grad=True) for one in given.arrays]


def composed(measure, **more):
    """With all logits at once."""

    def call(
        hidden_p, weight_p, hidden_q, weight_q, bias_p, bias_q, temperature=1.0, where=None
    ):
        a = functional.linear(hidden_p, weight_p, bias_p) / temperature
        b = functional.linear(hidden_q, weight_q, bias_q) / temperature
        mask = None if where is None else where[:, None]
        return measure(a, b, from_logits=True, where=mask, **more)

    return call


MEASURES = {
    "kl": (heads.linear_kl_divergence, {}, composed(relentropy.kl_divergence)),
    "js": (heads.linear_js_divergence, {}, composed(relentropy.js_divergence)),
    "skewed js": (
        heads.linear_js_divergence,
        {"mixture": 0.2},
        composed(relentropy.js_divergence, weight=0.2),
    ),
}
every = pytest.mark.parametrize(("fn", "more", "whole"), MEASURES.values(), ids=MEASURES)


def close(found, wanted, rtol=1e-12):
    for one, other in zip(found, wanted, strict=True):
        one, other = one.double(), other.double()
        assert torch.isfinite(one).all()
        torch.testing.assert_close(one, other, rtol=0, atol=rtol * float(other.abs().max()))


@every
@pytest.mark.parametrize("memory", MEMORIES)
def test_by_all_arrays(fn, more, whole, memory):
    given = drawn(rows=5, words=30) if memory == 1 else drawn()
    rows = len(given.hidden_p)
    seeds, mask = (
        torch.from_numpy(RNG.standard_normal(rows)),
        torch.from_numpy(RNG.random(rows) > 0.3),
    )
    options = {"temperature": 1.7, "where": mask}
    own, other = tensors(given), tensors(given)
    value = given.call(fn, *own, gradient="both", memory=memory, **options, **more)
    found = torch.autograd.grad(value, own, seeds)
    wanted = torch.autograd.grad(whole(*other, **options), other, seeds)
    close(found, wanted)


@every
def test_one_side_alone_by_default(fn, more, whole):
    given = drawn()
    own = tensors(given)
    value = given.call(fn, *own, **more).sum()
    found = torch.autograd.grad(value, own, allow_unused=True)
    assert [one is None for one in found] == [True, True, False, False, True, False]
    other = tensors(given)
    wanted = torch.autograd.grad(whole(*other).sum(), [other[i] for i in (2, 3, 5)])
    close([one for one in found if one is not None], wanted)
    value = given.call(fn, *own, gradient="p", **more).sum()
    found = torch.autograd.grad(value, own, allow_unused=True)
    assert [one is None for one in found] == [False, False, True, True, False, True]


@pytest.mark.parametrize("memory", MEMORIES)
def test_of_tokens(memory):
    given = drawn(rows=5, words=30) if memory == 1 else drawn()
    rows, words = len(given.hidden_q), len(given.weight_q)
    tokens = torch.from_numpy(RNG.integers(0, words, rows))
    several = torch.from_numpy(np.stack([RNG.permutation(words)[:4] for _ in range(rows)]))
    soft = torch.from_numpy(RNG.random((rows, words)))
    mask = torch.from_numpy(RNG.random(rows) > 0.3)
    seeds = torch.from_numpy(RNG.standard_normal((rows, 4)))

    def logs(hidden, weight, bias):
        return (functional.linear(hidden, weight, bias) / 0.8).log_softmax(-1)

    def one(*own):
        return logs(*own).gather(1, tokens[:, None])[:, 0]

    def entropy(*own):
        return -(logs(*own).exp() * logs(*own)).sum(-1)

    more = {"temperature": 0.8, "memory": memory, "where": mask}
    pairs = [
        (
            lambda h, w, b: heads.linear_token_log_probs(h, w, tokens, bias=b, **more),
            lambda *own: one(*own) * mask,
        ),
        (
            lambda h, w, b: sum(
                heads.linear_token_log_probs(h, w, tokens, bias=b, return_entropy=True, **more)
            ),
            lambda *own: (one(*own) + entropy(*own)) * mask,
        ),
        (
            lambda h, w, b: heads.linear_token_log_probs(h, w, several, bias=b, **more),
            lambda *own: logs(*own).gather(1, several) * mask[:, None],
        ),
        (
            lambda h, w, b: heads.linear_cross_entropy(h, w, soft, bias=b, **more),
            lambda *own: -(soft / soft.sum(-1, keepdim=True) * logs(*own)).sum(-1) * mask,
        ),
    ]
    for fn, whole in pairs:
        own, other = ([tensors(given)[i] for i in (2, 3, 5)] for _ in range(2))
        value, wanted = fn(*own), whole(*other)
        seed = seeds if value.ndim == 2 else seeds[:, 0]
        close(torch.autograd.grad(value, own, seed), torch.autograd.grad(wanted, other, seed))


def test_by_a_teacher_of_logits_and_of_largest_log_probabilities():
    given = drawn()
    hidden, weight = (torch.from_numpy(x) for x in (given.hidden_q, given.weight_q))
    a = torch.from_numpy(given.hidden_p @ given.weight_p.T).requires_grad_()
    value = heads.linear_kl_divergence(
        a, None, hidden, weight, temperature=2.0, gradient="both", memory=60_000, vocab_size=590
    )
    (found,) = torch.autograd.grad(value.sum(), a)
    b = hidden @ weight.T
    wanted = relentropy.kl_divergence(a[:, :590] / 2, b[:, :590] / 2, from_logits=True)
    close((found,), torch.autograd.grad(wanted.sum(), a))
    assert not found[:, 590:].any()

    top, largest = a.detach().log_softmax(-1).topk(6)
    own, other = (torch.from_numpy(given.hidden_q).requires_grad_() for _ in range(2))
    kl = heads.linear_kl_divergence(top, None, own, weight, indices_p=largest, memory=60_000)
    wanted = relentropy.estimators.partial_kl(
        top, (other @ weight.T).log_softmax(-1).gather(1, largest)
    ).kl
    close(torch.autograd.grad(kl.sum(), own), torch.autograd.grad(wanted.sum(), other))


def test_late_in_training_gradients_keep_their_digits():
    """Student and teacher all but equal: q - p in float32 would have no digit left."""
    given = drawn(sizes=(8, 8), bias=False)
    weight = given.weight_p.astype(np.float32)
    hidden = given.hidden_p.astype(np.float32)
    moved = hidden + 1e-6 * RNG.standard_normal(hidden.shape).astype(np.float32)
    own = torch.tensor(moved, requires_grad=True)
    p, w = torch.tensor(hidden), torch.tensor(weight)
    value = heads.linear_kl_divergence(p, w, own, w, memory=60_000)
    (found,) = torch.autograd.grad(value.sum(), own)
    # The products round in float32: the truth is that of the logits that they give.
    a, b = (p @ w.T).double(), (own.detach() @ w.T).double()
    by_logits = b.softmax(-1) - a.softmax(-1)
    scale = float((by_logits @ w.double()).abs().max())
    torch.testing.assert_close(
        found.double(), by_logits @ w.double(), rtol=0, atol=1e-3 * scale
    )


def test_certain_tokens_have_gradients_of_their_own():
    """1 - p of a token that is all but certain, one token or several."""
    hidden = torch.tensor([[30.0, 0.0]], requires_grad=True)
    weight = torch.eye(2)
    wanted = float(np.exp(-30.0))
    for tokens in (torch.tensor([0]), torch.tensor([[0]])):
        value = heads.linear_token_log_probs(hidden, weight, tokens)
        (found,) = torch.autograd.grad(value.sum(), hidden)
        assert found[0, 0].item() == pytest.approx(
            wanted, rel=1e-5 if tokens.ndim == 1 else 1e-3
        )


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32])
@pytest.mark.parametrize("memory", [None, 60_000])
def test_narrow_heads(dtype, memory):
    given = drawn()
    own = tensors(given, dtype)
    value = given.call(heads.linear_kl_divergence, *own, gradient="both", memory=memory)
    assert value.dtype == torch.float32
    found = torch.autograd.grad(value.sum(), own)
    wide = [one.detach().double().requires_grad_() for one in own]
    wanted = torch.autograd.grad(MEASURES["kl"][2](*wide).sum(), wide)
    assert [one.dtype for one in found] == [dtype] * 6
    # Rounded once: half an ulp of each component, and what float32 sums are off by.
    unit = torch.finfo(dtype).eps
    for one, other in zip(found, wanted, strict=True):
        off = (one.double() - other).abs()
        assert (off <= 0.51 * unit * other.abs() + 1e-5 * other.abs().max()).all()


def test_masked_rows_and_infinite_biases_leave_no_nan():
    given = drawn()
    given.bias_p[::4] = given.bias_q[::4] = -np.inf
    mask = np.arange(23) % 3 > 0
    given.hidden_q[~mask] = np.nan
    given.hidden_p[~mask] = np.inf
    for fn, more, _ in MEASURES.values():
        own = tensors(given)
        value = given.call(
            fn, *own, gradient="both", where=torch.from_numpy(mask), memory=60_000, **more
        )
        found = torch.autograd.grad(value.sum(), own)
        assert all(torch.isfinite(one).all() for one in found)
        assert not found[0][~mask].any()
        assert not found[3][::4].any()


def test_a_padded_head_has_gradients_of_zero_there():
    given = drawn(words=512)
    own = tensors(given)
    value = given.call(heads.linear_kl_divergence, *own, gradient="both", vocab_size=500)
    for one in torch.autograd.grad(value.sum(), own):
        assert one.any()
        if len(one) == 512:
            assert not one[500:].any()


def test_nothing_has_gradients_of_zero():
    given = drawn()
    own = tensors(given)
    value = given.call(heads.linear_kl_divergence, *own, gradient="both", vocab_size=0)
    assert not any(one.any() for one in torch.autograd.grad(value.sum(), own))


# --- what torch does around it ---------------------------------------------------------------


def test_twice_in_a_graph_and_into_grad():
    given = drawn()
    own, other = tensors(given), tensors(given)

    def loss(fn, arrays):
        first = fn(*arrays).mean()
        return first + 2 * fn(arrays[0], arrays[1], arrays[2] * 0.5, *arrays[3:]).mean()

    def ours(*arrays):
        return given.call(heads.linear_kl_divergence, *arrays, memory=60_000)

    for _ in range(2):  # gradients of micro-batches add up
        loss(ours, own).backward()
        loss(MEASURES["kl"][2], other).backward()
    close([own[i].grad for i in (2, 3, 5)], [other[i].grad for i in (2, 3, 5)])
    assert own[1].grad is None


def test_tied_weights():
    """An embedding that is the head too: the hidden states depend on the weight."""
    given = drawn(sizes=(12, 12))
    hidden_p, weight_p = torch.from_numpy(given.hidden_p), torch.from_numpy(given.weight_p)
    tokens = torch.arange(23)
    found = []
    for whole in (False, True):
        weight = torch.tensor(given.weight_q, requires_grad=True)
        hidden = torch.tanh(weight[tokens])
        if whole:
            value = relentropy.kl_divergence(
                hidden_p @ weight_p.T, hidden @ weight.T, from_logits=True
            )
        else:
            value = heads.linear_kl_divergence(hidden_p, weight_p, hidden, weight)
        (first,) = torch.autograd.grad(value.sum(), weight, create_graph=True)
        (second,) = torch.autograd.grad((first**2).sum(), weight)
        found.append((first.detach(), second))
    close(*found, rtol=1e-9)


def test_second_derivatives():
    given = drawn(rows=2, words=5, sizes=(2, 3))
    own = tensors(given)
    tokens = torch.tensor([[0, 2], [3, 4]])

    def kl(*arrays):
        return given.call(heads.linear_kl_divergence, *arrays, gradient="both", temperature=0.7)

    assert torch.autograd.gradgradcheck(kl, own)
    for chosen in (tokens, tokens[:, 0]):
        assert torch.autograd.gradgradcheck(
            lambda h, w, b, t=chosen: heads.linear_token_log_probs(h, w, t, bias=b),
            [own[i] for i in (2, 3, 5)],
        )


def test_torch_func():
    given = drawn()
    own = tensors(given)
    found = torch.func.grad(
        lambda hidden: given.call(heads.linear_kl_divergence, *own[:2], hidden, *own[3:]).sum()
    )(own[2].detach())
    wanted = torch.autograd.grad(given.call(heads.linear_kl_divergence, *own).sum(), own[2])
    close((found.detach(),), wanted)


def test_forward_mode_and_vmap_take_the_whole_form():
    given = drawn()
    arrays = [torch.from_numpy(one) for one in given.arrays]
    tangent = torch.from_numpy(RNG.standard_normal(given.hidden_q.shape))

    def kl(hidden):
        return given.call(heads.linear_kl_divergence, *arrays[:2], hidden, *arrays[3:])

    value, pushed = torch.func.jvp(kl, (arrays[2],), (tangent,))
    step = 1e-6
    difference = (kl(arrays[2] + step * tangent) - kl(arrays[2] - step * tangent)) / (2 * step)
    torch.testing.assert_close(value, kl(arrays[2]))
    torch.testing.assert_close(pushed, difference, rtol=1e-6, atol=1e-8)
    mapped = torch.func.vmap(kl)(torch.stack([arrays[2], 2 * arrays[2]]))
    torch.testing.assert_close(mapped, torch.stack([kl(arrays[2]), kl(2 * arrays[2])]))


def test_autocast():
    given = drawn()
    own = tensors(given, torch.float32)
    narrow = [one.detach().bfloat16().requires_grad_() for one in own]
    with torch.autocast("cpu", dtype=torch.bfloat16):
        value = given.call(heads.linear_kl_divergence, *own)
        loss = value.sum()
    wanted = given.call(heads.linear_kl_divergence, *narrow)
    assert value.dtype == torch.float32
    assert torch.equal(value, wanted)
    loss.backward()
    wanted.sum().backward()
    for i in (2, 3, 5):
        assert own[i].grad.dtype == torch.float32
        assert torch.equal(own[i].grad, narrow[i].grad.float())


def test_compiled_it_is_one_graph_with_the_same_bits():
    given = drawn()
    mask = torch.from_numpy(RNG.random(23) > 0.3)
    tokens = torch.from_numpy(RNG.integers(0, 600, 23))

    def loss(*arrays):
        hidden, weight, bias = arrays[2], arrays[3], arrays[5]
        found = given.call(
            heads.linear_kl_divergence, *arrays, where=mask, temperature=2.0, memory=60_000
        ).mean()
        found = found + given.call(heads.linear_js_divergence, *arrays, mixture=0.3).mean()
        found = found + heads.linear_cross_entropy(
            hidden, weight, tokens, bias=bias, reduction="mean"
        )
        logs, entropies = heads.linear_token_log_probs(
            hidden, weight, tokens, bias=bias, return_entropy=True
        )
        return found + (logs * entropies).mean()

    own, other = tensors(given, torch.float32), tensors(given, torch.float32)
    torch._dynamo.reset()
    compiled = torch.compile(loss, fullgraph=True, backend="aot_eager")
    compiled(*own).backward()
    loss(*other).backward()
    for i in (2, 3, 5):
        torch.testing.assert_close(own[i].grad, other[i].grad, rtol=1e-6, atol=1e-9)


def test_threads_change_no_bit_where_products_do_not():
    given = drawn(rows=100, words=5000)
    results = []
    before = torch.get_num_threads()
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            own = tensors(given, torch.float32)
            a = own[2].detach() @ own[3].detach()[:256].T
            value = given.call(heads.linear_kl_divergence, *own, memory=1 << 20)
            value.sum().backward()
            results.append((a, value.detach(), own[2].grad, own[3].grad))
    finally:
        torch.set_num_threads(before)
    same = [torch.equal(*both) for both in zip(*results, strict=True)]
    if not same[0]:
        pytest.skip("this matrix product has other bits on another number of threads")
    assert all(same)


@pytest.mark.parametrize("name", ["kl", "js"])
def test_the_side_without_derivatives_is_a_constant(name):
    by = MEASURES[name][0]
    hidden_p, weight_p, hidden_q, weight_q, *_ = tensors(drawn(rows=3, words=9))
    by(hidden_p, weight_p, hidden_q, weight_q).sum().backward()
    assert hidden_p.grad is None
    assert weight_p.grad is None
    assert hidden_q.grad is not None
    constant = (hidden_q.detach(), weight_q.detach())
    assert not by(hidden_p, weight_p, *constant).requires_grad
    assert by(hidden_p, weight_p, *constant, gradient="p").requires_grad
    soft = torch.full((3, 9), 1 / 9, dtype=torch.float64, requires_grad=True)
    assert not heads.linear_cross_entropy(*constant, soft).requires_grad


@pytest.mark.parametrize("name", ["kl", "js"])
def test_results_may_be_changed_in_place(name):
    hidden_p, weight_p, hidden_q, weight_q, *_ = tensors(drawn(rows=3, words=9))
    found = MEASURES[name][0](hidden_p, weight_p, hidden_q, weight_q)
    found *= torch.tensor([1.0, 0.0, 1.0], dtype=torch.float64)
    found[0] = 0
    found.sum().backward()
    assert (hidden_q.grad[:2] == 0).all()
    assert (hidden_q.grad[2] != 0).any()


@pytest.mark.parametrize("name", ["kl", "js"])
def test_jacobians(name):
    hidden_p, weight_p, hidden_q, weight_q, *_ = (
        one.detach() for one in tensors(drawn(rows=3, words=9))
    )

    def call(hidden):
        return MEASURES[name][0](hidden_p, weight_p, hidden, weight_q)

    wanted = torch.func.jacfwd(call)(hidden_q)
    by_vectors = torch.autograd.functional.jacobian(call, hidden_q, vectorize=True)
    for found in (torch.func.jacrev(call)(hidden_q), by_vectors):
        torch.testing.assert_close(found, wanted)
    value, pulled = torch.func.vjp(call, hidden_q)
    torch.testing.assert_close(pulled(torch.ones_like(value))[0], wanted.sum(0))


def test_tensors_without_data():
    given = [one.detach().to("meta") for one in tensors(drawn(rows=3, words=9))[:4]]
    assert heads.linear_kl_divergence(*given).shape == (3,)


def test_a_job_is_rebuilt_from_its_text():
    """A measure that heads did not have yet would become another one without a word."""
    operators = importlib.import_module("relentropy._autodiff.heads.operators")
    of = {"rows": 2, "vocabulary": 5, "several": False, "masked": False, "memory": 1 << 20}
    of |= {"temperature": 0.1, "widened": 0, "dtype": torch.float32, "tokens": False}
    sides, xp = (Side(head=False), Side(head=True)), NAMESPACES["float64", True]
    for measure in (
        KLFromLogits((True, True), True, 2.0),
        FDivergence(SquaredHellinger(), (True, True), True, None, root=True),
        FDivergence(SkewJensenShannon(0.3), (True, True)),
        CrossEntropy((False, True), None),
        Tempered(TokenLogProb(with_entropy=True), 1.7),
    ):
        job = HeadJob(measure=measure, sides=sides, xp=xp, **of)
        assert operators.rebuilt(operators.serialized(job)) == job
    with pytest.raises(TypeError, match="object cannot be an argument of an operator"):
        operators.serialized(HeadJob(measure=object(), sides=sides, xp=xp, **of))


def test_compiled_with_a_teacher_of_inference_mode():
    with torch.inference_mode():
        hidden_p, weight_p = torch.randn(3, 4), torch.randn(20, 4)
    hidden_q, weight_q = (torch.randn(*one, requires_grad=True) for one in ((3, 5), (20, 5)))

    def loss(*given):
        return heads.linear_kl_divergence(*given).sum()

    given = (hidden_p, weight_p, hidden_q, weight_q)
    wanted = torch.autograd.grad(loss(*given), (hidden_q, weight_q))
    compiled = torch.compile(loss, backend="eager", fullgraph=True)
    found = torch.autograd.grad(compiled(*given), (hidden_q, weight_q))
    for one, other in zip(found, wanted, strict=True):
        torch.testing.assert_close(one, other)
