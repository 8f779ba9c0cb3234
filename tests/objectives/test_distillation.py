"""Distillation: the divergences by their sums, GKD's limits, temperature and masks."""

import numpy as np
import pytest

from relentropy.objectives import distillation_loss

RNG = np.random.default_rng(0)
TEACHER, STUDENT = RNG.normal(size=(2, 3, 4, 5)) * 2
MASK = np.array([[True] * 4, [True, True, False, False], [False] * 4])


def softmax(x):
    shares = np.exp(x - x.max(axis=-1, keepdims=True))
    return shares / shares.sum(axis=-1, keepdims=True)


def kl(p, q):
    return (p * np.log(p / q)).sum(axis=-1)


def gkd(p, q, beta):
    """Section 2 of the paper: the teacher's weight in the mixture is beta."""
    m = beta * p + (1 - beta) * q
    return beta * kl(p, m) + (1 - beta) * kl(q, m)


DIVERGENCES = {
    "forward": ({"divergence": "forward"}, kl),
    "reverse": ({"divergence": "reverse"}, lambda p, q: kl(q, p)),
    "js": ({"divergence": "js"}, lambda p, q: gkd(p, q, 0.5)),
    "js-0.1": ({"divergence": "js", "js_weight": 0.1}, lambda p, q: gkd(p, q, 0.1)),
    "js-0.9": ({"divergence": "js", "js_weight": 0.9}, lambda p, q: gkd(p, q, 0.9)),
}
every = pytest.mark.parametrize(("options", "by_sum"), DIVERGENCES.values(), ids=DIVERGENCES)


@every
@pytest.mark.parametrize("temperature", [1.0, 2.5])
def test_the_mean_over_tokens(options, by_sum, temperature):
    tokens = by_sum(softmax(TEACHER / temperature), softmax(STUDENT / temperature))
    want = tokens[MASK].mean()
    options = {**options, "temperature": temperature, "where": MASK}
    found = distillation_loss(TEACHER, STUDENT, **options, scale=False)
    assert found == pytest.approx(want, rel=1e-12)
    scaled = distillation_loss(TEACHER, STUDENT, **options)
    assert scaled == pytest.approx(want * temperature**2, rel=1e-12)
    first = distillation_loss(
        *(np.moveaxis(one, -1, 0) for one in (TEACHER, STUDENT)), axis=0, **options
    )
    assert first == pytest.approx(scaled, rel=1e-14)


def test_gkd_goes_to_forward_for_small_weights_and_to_reverse_for_large_ones():
    small = distillation_loss(TEACHER, STUDENT, divergence="js", js_weight=1e-9)
    forward = distillation_loss(TEACHER, STUDENT)
    assert small / 1e-9 == pytest.approx(forward, rel=1e-6)
    weight = 1 - 2.0**-30
    large = distillation_loss(TEACHER, STUDENT, divergence="js", js_weight=weight)
    reverse = distillation_loss(TEACHER, STUDENT, divergence="reverse")
    assert large / (1 - weight) == pytest.approx(reverse, rel=1e-6)
    assert abs(forward - reverse) > 0.1


def test_its_ends_would_be_no_loss():
    for weight, name in ((0, "forward"), (1, "reverse")):
        with pytest.raises(ValueError, match=f"js_weight.*divergence='{name}'"):
            distillation_loss(TEACHER, STUDENT, divergence="js", js_weight=weight)


@pytest.mark.parametrize(
    ("aggregation", "options", "weights"),
    [
        ("token-mean", {}, [1 / 6, 1 / 6, 0]),
        ("seq-mean-token-mean", {}, [1 / 8, 1 / 4, 0]),
        ("seq-mean-token-sum", {}, [1 / 2, 1 / 2, 0]),
        ("seq-mean-token-sum-norm", {"max_length": 10}, [1 / 20, 1 / 20, 0]),
        ("token-mean", {"denominator": 24}, [1 / 24, 1 / 24, 0]),
    ],
)
def test_other_averages(aggregation, options, weights):
    tokens = kl(softmax(TEACHER), softmax(STUDENT))
    want = (tokens * MASK * np.array(weights)[:, None]).sum()
    found = distillation_loss(TEACHER, STUDENT, where=MASK, aggregation=aggregation, **options)
    assert found == pytest.approx(want, rel=1e-13)


@every
def test_equal_and_close_models(options, by_sum):
    assert distillation_loss(TEACHER, TEACHER, **options) == 0
    one = np.zeros((1, 1, 2))
    moved = np.array([[[1e-9, 0.0]]])
    # Half the variance 1/4 of the change of the logits; GKD's is beta*(1 - beta) of that.
    weight = options.get("js_weight", 0.5)
    share = weight * (1 - weight) if options["divergence"] == "js" else 1
    found = distillation_loss(one, moved, **options)
    assert found == pytest.approx(share * 1e-18 / 8, rel=1e-8)


@every
def test_gradients(options, by_sum):
    torch = pytest.importorskip("torch")
    teacher, student = (torch.tensor(one) for one in (TEACHER, STUDENT))
    poisoned = student.clone()
    poisoned[2] = float("nan")
    poisoned.requires_grad_()
    options = {**options, "where": torch.tensor(MASK), "temperature": 1.5}
    loss = distillation_loss(teacher, poisoned, **options)
    loss.backward()
    assert teacher.grad is None
    assert torch.all(poisoned.grad[~torch.tensor(MASK)] == 0)
    p, x = softmax(TEACHER / 1.5), STUDENT.copy()
    step = 1e-5
    for index in ((0, 1, 2), (1, 0, 4)):
        ends = []
        for sign in (1, -1):
            x[index] = STUDENT[index] + sign * step
            ends.append(by_sum(p, softmax(x / 1.5))[MASK].mean() * 1.5**2)
        x[index] = STUDENT[index]
        slope = (ends[0] - ends[1]) / (2 * step)
        assert poisoned.grad[index].item() == pytest.approx(slope, rel=1e-6)
    both = [one.clone().requires_grad_() for one in (teacher, student)]
    distillation_loss(*both, **options).backward()
    assert both[0].grad.abs().sum() > 0


def test_narrow_logits_have_a_loss_of_float32():
    narrow = TEACHER.astype(np.float16), STUDENT.astype(np.float16)
    found = distillation_loss(*narrow, where=MASK)
    assert found.dtype == np.float32
    wide = distillation_loss(*(one.astype(np.float64) for one in narrow), where=MASK)
    assert found == pytest.approx(wide, rel=1e-6)


def test_nothing_selected_is_zero():
    nothing = np.zeros_like(MASK)
    assert distillation_loss(TEACHER * np.nan, STUDENT, where=nothing) == 0


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"divergence": "tv"}, "divergence must be one of"),
        ({"js_weight": 1.5, "divergence": "js"}, "js_weight"),
        ({"temperature": 0.0}, "temperature"),
        ({"aggregation": "mean"}, "aggregation must be one of"),
        ({"max_length": 4}, "max_length"),
        ({"where": np.ones((3, 4, 5), bool)}, "where"),
        ({"axis": 3}, "out of bounds"),
    ],
)
def test_refusals_name_the_argument(options, words):
    with pytest.raises(ValueError, match=words):
        distillation_loss(TEACHER, STUDENT, **options)


def test_other_shapes_are_refused():
    with pytest.raises(ValueError, match=r"\(batch, time, vocabulary\)"):
        distillation_loss(TEACHER[0], STUDENT[0])
    with pytest.raises(ValueError, match="student_logits has shape"):
        distillation_loss(TEACHER, STUDENT[..., :3])
