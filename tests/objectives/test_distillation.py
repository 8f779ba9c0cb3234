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


@pytest.mark.parametrize("weight", [1e-9, 1e-15, 1e-17, 1e-100])
def test_a_small_weight_keeps_its_digits(weight):
    torch = pytest.importorskip("torch")
    found = []
    for options in ({"divergence": "js", "js_weight": weight}, {"divergence": "forward"}):
        pair = [torch.tensor(one, requires_grad=True) for one in (TEACHER, STUDENT)]
        distilled = distillation_loss(*pair, **options)
        distilled.backward()
        found.append((distilled.item(), *(one.grad.numpy() for one in pair)))
    small, forward = found
    # They differ by a share of the weight, times a chi-squared of 1000 at most.
    assert small[0] / weight == pytest.approx(forward[0], rel=1e-12 + 1000 * weight)
    for one, other in zip(small[1:], forward[1:], strict=True):
        limits = {"rtol": 1e-12 + 1e4 * weight, "atol": 1e-13 + 100 * weight}
        np.testing.assert_allclose(one / weight, other, **limits)


@pytest.mark.parametrize("weight", [0.25, 0.5 - 2.0**-54, 0.75, 1 - 2.0**-53])
def test_teacher_and_student_change_places_with_the_weights(weight):
    one = distillation_loss(TEACHER, STUDENT, divergence="js", js_weight=weight)
    other = distillation_loss(STUDENT, TEACHER, divergence="js", js_weight=1 - weight)
    assert one == pytest.approx(other, rel=1e-14)


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


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("temperature", [1e30, 1e150, 1e300, 1e-30, 1e-200])
def test_no_temperature_raises(dtype, temperature):
    logits = TEACHER.astype(dtype), STUDENT.astype(dtype)
    found = distillation_loss(*logits, temperature=temperature)
    assert found.dtype == dtype
    if dtype == "float32" and temperature == 1e-200:
        assert found == np.inf  # as the divergence of such logits is
    else:
        assert np.isfinite(found)
    if temperature in (1e30, 1e150) and dtype == "float64":
        gap = TEACHER - STUDENT  # the limit: half the variance of the differences
        assert found == pytest.approx(gap.var(axis=-1).mean() / 2, rel=1e-9)


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
        *(
            ({"where": np.ones(shape, bool)}, rf"where .*\(batch, time\), \(3, 4\), .*{words}")
            for shape, words in (
                ((3, 4, 5), r"\(3, 4, 5\)"),
                ((3,), r"\(3,\)"),
                ((4, 3), r"\(4, 3\)"),
                ((2, 1), r"\(2, 1\)"),
            )
        ),
        ({"denominator": -1}, "denominator"),
        ({"axis": 3}, "out of bounds"),
    ],
)
def test_refusals_name_the_argument(options, words):
    with pytest.raises(ValueError, match=words):
        distillation_loss(TEACHER, STUDENT, **options)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"temperature": True}, "temperature"),
        ({"js_weight": True, "divergence": "js"}, "js_weight"),
        ({"js_weight": None, "divergence": "js"}, "js_weight"),
        ({"denominator": "4"}, "denominator"),
        ({"where": "all"}, "where"),
        ({"teacher_logits": None}, "teacher_logits must be an array, not None"),
        ({"student_logits": None}, "student_logits must be an array, not None"),
        ({"student_logits": "none"}, "student_logits must be an array"),
    ],
)
def test_what_is_no_number_or_array_is_named(options, words):
    usual = {"teacher_logits": TEACHER, "student_logits": STUDENT}
    with pytest.raises(TypeError, match=words):
        distillation_loss(**{**usual, **options})


def test_numpys_numbers_are_numbers():
    plain = distillation_loss(TEACHER, STUDENT, divergence="js", js_weight=0.25, temperature=2)
    numpys = {"js_weight": np.float32(0.25), "temperature": np.int64(2)}
    assert distillation_loss(TEACHER, STUDENT, divergence="js", **numpys) == plain


@pytest.mark.parametrize("mask", [MASK[:1], MASK[0], MASK[:, :1], True])
def test_masks_broadcast(mask):
    found = distillation_loss(TEACHER, STUDENT, where=mask)
    want = distillation_loss(TEACHER, STUDENT, where=np.broadcast_to(mask, MASK.shape))
    assert found == want


def test_other_shapes_are_refused():
    with pytest.raises(ValueError, match=r"\(batch, time, vocabulary\)"):
        distillation_loss(TEACHER[0], STUDENT[0])
    with pytest.raises(ValueError, match=r"same shape, not \(3, 4, 5\) and \(3, 4, 3\)"):
        distillation_loss(TEACHER, STUDENT[..., :3])
    with pytest.raises(ValueError, match=r"same shape, not \(3, 4, 5\) and \(1, 4, 5\)"):
        distillation_loss(TEACHER, STUDENT[:1])
