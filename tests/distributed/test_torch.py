"""Rows that are shared out over ranks are those of one machine, and so are their gradients."""

import subprocess
import sys

import pytest

torch = pytest.importorskip("torch")
if not torch.distributed.is_available() or not torch.distributed.is_gloo_available():
    pytest.skip("torch has no gloo here", allow_module_level=True)

import relentropy  # noqa: E402
from relentropy.estimators import token_log_probs  # noqa: E402
from relentropy.special import logsumexp  # noqa: E402

from . import ranks, sharded_heads  # noqa: E402

RTOL = {torch.float64: 4e-15, torch.float32: 4e-7, torch.bfloat16: 8e-3}


@pytest.fixture(scope="module", params=[2, 3])
def group(request, tmp_path_factory):
    """What each rank of a group has saved, and how it ended."""
    world, folder = request.param, tmp_path_factory.mktemp("ranks")
    started = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.distributed.ranks", str(rank), str(world), folder],
            stderr=subprocess.PIPE, text=True,
        )
        for rank in range(world)
    ]  # fmt: skip
    try:
        ends = [one.communicate(timeout=120) for one in started]
    finally:
        for one in started:
            one.kill()
    codes = [one.returncode for one in started]
    assert codes == [0] * (world - 1) + [7], "\n".join(error for _, error in ends)
    saved = [torch.load(folder / f"{rank}.pt") for rank in range(world)]
    failed = [torch.load(folder / f"failed-{rank}.pt") for rank in range(world - 1)]
    return world, saved, failed


def on_one_machine(name, where=None):
    function, kind, dtype, options = ranks.CASES[name]
    operands, options = ranks.operands_of(function, kind, dtype), dict(options)
    if function == "token_log_probs":
        found = token_log_probs(*operands, torch.tensor(ranks.TOKENS), where=where, **options)
    elif function == "logsumexp":
        x = operands[0] if where is None else torch.where(where, operands[0], -torch.inf)
        found = logsumexp(x, -1)
    else:
        found = getattr(relentropy, function)(*operands, where=where, **options)
    ranks.loss_of(found).backward()
    found = found if isinstance(found, tuple) else (found,)
    return [one.detach() for one in found], [one.grad for one in operands]


def check(world, saved, name, expected):
    values, gradients = expected
    for value, *others in zip(values, *(one[name][0] for one in saved), strict=True):
        rtol = RTOL[value.dtype]
        torch.testing.assert_close(others[0], value, rtol=rtol, atol=0, equal_nan=True)
        for other in others[1:]:
            assert torch.equal(other.nan_to_num(-7), others[0].nan_to_num(-7))
    for i, gradient in enumerate(gradients):
        found = torch.cat([one[name][1][i] for one in saved], dim=1)
        rtol = RTOL[gradient.dtype]
        # Components that cancel are as good as the largest one of their row.
        size = gradient.abs().amax(1, keepdim=True).to(torch.float64)
        error = (found.to(torch.float64) - gradient).abs()
        lost = rtol if name.startswith("cross") else 0.0  # q - p is no better than q
        assert torch.all(error <= 4 * rtol * (gradient.abs() + 1e-2 * size) + lost), name


@pytest.mark.parametrize("name", ranks.CASES)
def test_values_and_gradients(group, name):
    world, saved, _ = group
    check(world, saved, name, on_one_machine(name))


@pytest.mark.parametrize("name", ranks.MASKED)
def test_masked_values_and_gradients(group, name):
    world, saved, _ = group
    check(world, saved, f"{name}, masked", on_one_machine(name, where=ranks.mask()))


def test_a_loss_of_which_every_rank_has_a_part(group):
    world, saved, _ = group
    own = ranks.drawn("logits", torch.float64)[1]
    value = relentropy.entropy(own, from_logits=True)
    ranks.loss_of(value).backward()
    check(world, saved, "parts of a loss", ([value.detach()], [own.grad]))


def test_the_place_of_a_shard_may_be_given(group):
    world, saved, _ = group
    check(world, saved, "first is given", (on_one_machine("tokens")[0], []))


@pytest.mark.parametrize("name", ["kl", "tokens"])
def test_dtensors(group, name):
    _, saved, _ = group
    values, gradients = on_one_machine(name)
    for one in saved:
        found = one[f"DTensor {name}"]
        for x, y in zip((*found[0], *found[1]), (*values, *gradients), strict=True):
            torch.testing.assert_close(x, y, rtol=1e-12, atol=1e-14, equal_nan=True)


def test_what_is_refused(group):
    _, saved, _ = group
    found = saved[0]["refused"]
    assert found["rows"].startswith("ValueError: p must be sharded along axis 1")
    assert found["copies"].startswith("ValueError: p must be sharded along axis 1")
    assert found["mixture"].startswith("TypeError: q is a DTensor, and the others are not")
    assert found["group"].startswith("ValueError: group is that of the DTensors' mesh")
    assert found["numpy"] == "TypeError: p must be a torch tensor, not ndarray"
    assert found["temperature"].startswith("ValueError: temperature is for logits")
    assert found["labels"].startswith("TypeError: tokens must be integers")
    assert found["twice"].startswith("RuntimeError: gradients over ranks")
    assert found["forwards"].startswith("RuntimeError: measures over ranks have gradients by")


# --- heads ----------------------------------------------------------------------------------

HEADS = [*sharded_heads.CASES, "tokens, first is given"]
HEADS += [f"DTensor {name}" for name in ("kl", "kl of logits", "labels", "soft targets")]


@pytest.mark.parametrize("name", HEADS)
def test_heads_of_which_every_rank_has_some_words(group, name):
    world, saved, _ = group
    found = [one["heads"][name] for one in saved]
    values, (whole, own) = sharded_heads.on_one_machine(
        name.removeprefix("DTensor ").partition(",")[0]
    )
    for value, *others in zip(values, *(one[0] for one in found), strict=True):
        rtol = {torch.float64: 1e-13, torch.float32: 2e-5}[value.dtype]
        torch.testing.assert_close(others[0], value, rtol=rtol, atol=rtol, equal_nan=True)
        assert all(torch.equal(one.nan_to_num(-7), others[0].nan_to_num(-7)) for one in others)
    for key, gradient in whole.items():  # the same on every rank
        for one in found:
            assert_near(one[1][key], gradient)
            assert gradient is None or torch.equal(one[1][key], found[0][1][key])
    for key, gradient in own.items():
        parts = [one[2][key] for one in found]
        if gradient is None:
            assert parts == [None] * world
        elif name.startswith("DTensor"):
            assert_near(parts[0], gradient)
        else:
            assert_near(torch.cat(parts, dim=int(key == "hidden_p")), gradient)


def assert_near(found, wanted):
    """To the digits of products of the dtype."""
    if wanted is None:
        assert found is None
        return
    rtol = {torch.float64: 1e-12, torch.float32: 1e-4, torch.bfloat16: 1e-2}[wanted.dtype]
    torch.testing.assert_close(found, wanted, rtol=rtol, atol=rtol * float(wanted.abs().max()))


def test_heads_that_are_refused(group):
    _, saved, _ = group
    for one in saved:
        found = one["heads"]["refused"]
        assert found["numpy"] == "TypeError: hidden must be a torch tensor, not ndarray"
        assert found["no weight"] == "TypeError: weight must be an array, not None"
        assert found["sizes"].startswith("ValueError: weight must be sharded along axis 0")
        assert found["hidden"].startswith("ValueError: hidden must be replicated")
        assert found["mixture"].startswith("TypeError: weight_q is no DTensor")
        assert found["group"].startswith("TypeError: group must be a process group")
        assert found["tokens"].startswith("ValueError: tokens must have the shape")
        assert found["labels"].startswith("TypeError: tokens must be integers")
        assert found["logits"].startswith("ValueError: weight_p or weight_q must be given")
        assert found["twice"].startswith("RuntimeError: gradients over ranks")
        assert found["forwards"].startswith(
            "RuntimeError: measures over ranks have gradients by"
        )
        assert found["first"].startswith("ValueError: first is known of DTensors")


def test_heads_of_no_tokens_can_be_trained(group):
    _, saved, _ = group
    for one in saved:
        value, gradient = one["heads"]["no tokens"]
        assert value == 0
        assert gradient.shape == (0, 3)


def test_a_rank_that_fails_ends_the_others_within_the_time_out(group):
    world, _, failed = group
    for seconds, error in failed:
        assert seconds < 6, error  # the rank that stays away sleeps for longer
        assert error != "no error"
    if world == 2:
        assert failed[0][0] > 1.5
