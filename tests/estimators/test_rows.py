"""Exact rows at visited positions, and rows of which only the top entries are known."""

import itertools

import numpy as np
import pytest

from relentropy import kl_divergence
from relentropy._records import ESTIMATES
from relentropy.estimators import partial_kl, rao_blackwell_kl, token_log_probs
from relentropy.testing import ulp_error

from ..oracle import estimates as oracle
from ..suite.backends import BACKENDS, combinations

INF, NAN = np.inf, np.nan
RECORD = ESTIMATES["partial_kl"]


# --- Rao-Blackwell --------------------------------------------------------------------------


class Markov:
    """A model of three tokens whose next one depends on the last, for three steps."""

    steps, size = 3, 3

    def __init__(self, seed):
        import torch

        generator = torch.Generator().manual_seed(seed)
        shape = (self.size + 1, self.size)
        self.table = torch.randn(shape, generator=generator, dtype=torch.float64)

    def logits(self, sequences):
        """At every position of all sequences."""
        import torch

        start = torch.full((len(sequences), 1), self.size)
        return self.table[torch.cat([start, sequences[:, :-1]], 1)]

    def log_probs(self, sequences):
        return token_log_probs(self.logits(sequences), sequences)


@pytest.fixture(name="models")
def _models():
    torch = pytest.importorskip("torch")
    model, ref = Markov(1), Markov(2)
    model.table.requires_grad_()
    tokens = itertools.product(range(Markov.size), repeat=Markov.steps)
    return model, ref, torch.tensor(list(tokens))


def test_the_sum_is_unbiased_and_so_is_the_full_gradient(models):
    import torch

    model, ref, all_ = models
    log_probs = model.log_probs(all_)
    weights = log_probs.sum(-1).exp()
    exact = (weights * (log_probs - ref.log_probs(all_)).sum(-1)).sum()
    (truth,) = torch.autograd.grad(exact, model.table, retain_graph=True)
    found = {}
    for gradient in ("partial", "full"):
        more = {"log_probs": log_probs} if gradient == "full" else {}
        each = rao_blackwell_kl(
            model.logits(all_), ref.logits(all_), gradient=gradient, **more
        ).sum(-1)
        loss = (weights.detach() * each).sum()
        torch.testing.assert_close(loss, exact, rtol=1e-13, atol=0)
        (found[gradient],) = torch.autograd.grad(loss, model.table, retain_graph=True)
    torch.testing.assert_close(found["full"], truth, rtol=1e-12, atol=1e-14)
    assert (found["partial"] - truth).abs().max() > 1e-2  # visits are held fixed


def test_it_varies_less_than_what_the_samples_say(models):
    model, ref, all_ = models
    log_probs = model.log_probs(all_).detach()
    weights = log_probs.sum(-1).exp()
    k1 = (log_probs - ref.log_probs(all_)).sum(-1)
    exact = rao_blackwell_kl(model.logits(all_).detach(), ref.logits(all_)).sum(-1)

    def variance(x):
        return (weights * x**2).sum() - (weights * x).sum() ** 2

    assert variance(exact) < 0.5 * variance(k1)


def test_masked_positions_count_for_nothing(models):
    import torch

    model, ref, all_ = models
    mask = torch.ones(all_.shape, dtype=torch.bool)
    mask[:, 1] = False
    logits, log_probs = model.logits(all_), model.log_probs(all_)
    dirty = torch.where(mask[..., None], logits, torch.nan)
    dirty_probs = torch.where(mask, log_probs, torch.nan)
    value = rao_blackwell_kl(
        dirty, ref.logits(all_), where=mask, gradient="full", log_probs=dirty_probs
    )
    assert torch.all(value[:, 1] == 0)
    (by,) = torch.autograd.grad(value.sum(), model.table)
    assert torch.all(torch.isfinite(by))


@pytest.mark.parametrize("library", ["numpy", "torch", "jax", "strict-oldest", "dask"])
def test_full_gradients_leave_the_value(library):
    backend = BACKENDS[library]
    rng = np.random.default_rng(0)
    logits, ref = rng.normal(size=(2, 2, 3, 4))
    log_probs = -rng.exponential(size=(2, 3))
    with backend.active():
        made = [backend.make(x) for x in (logits, ref, log_probs)]
        got = backend.read(rao_blackwell_kl(*made[:2], gradient="full", log_probs=made[2]))
        np.testing.assert_allclose(
            got, kl_divergence(logits, ref, from_logits=True), rtol=1e-14
        )


def test_temperature_of_bfloat16_logits():
    torch = pytest.importorskip("torch")
    x = torch.randn(3, 50, generator=torch.Generator().manual_seed(0)) * 8
    p, q = x.bfloat16(), (x + 0.02 * torch.randn_like(x)).bfloat16()
    got = rao_blackwell_kl(p, q, temperature=0.7)
    assert got.dtype == torch.float32
    expected = kl_divergence(p.double() / 0.7, q.double() / 0.7, from_logits=True)
    torch.testing.assert_close(got.double(), expected, rtol=1e-7, atol=0)


@pytest.mark.parametrize("temperature", [0.9, 3.0])
@pytest.mark.parametrize("gap", [1e-3, 1e-8, 1e-13])
def test_temperatures_leave_close_models_their_digits(gap, temperature):
    # Logits that are divided one by one are rounded by more than they differ.
    rng = np.random.default_rng(1)
    p = 3 * rng.normal(size=20)
    q = p + gap * rng.normal(size=20)
    q[3] = p[4] = -INF
    p[3] = -INF
    q[4] = -INF
    got = rao_blackwell_kl(p, q, temperature=temperature)
    live = np.isfinite(p)
    truth = oracle.kl_at_temperature(p[live], q[live], temperature)
    assert ulp_error(got, truth) <= ESTIMATES["rao_blackwell_kl"].ulp["float64"]


@pytest.mark.parametrize("library", ["torch", "jax", "jax-x32"])
def test_derivatives_at_a_temperature(library):
    backend = BACKENDS[library]
    dtype, gap = ("float64", 1e-9) if backend.has_float64 else ("float32", 1e-3)
    rng = np.random.default_rng(2)
    p = (3 * rng.normal(size=12)).astype(dtype)
    q = (p + gap * rng.normal(size=12)).astype(dtype)
    with backend.active():
        _, by_q = backend.pull(
            backend, lambda p, q: rao_blackwell_kl(p, q, temperature=0.9), [p, q]
        )
    truth = [float(x) for x in oracle.kl_slopes_at_temperature(p, q, 0.9)]
    np.testing.assert_allclose(by_q, truth, rtol=2e-13 if backend.has_float64 else 2e-4)


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"gradient": "all"}, ValueError, "gradient must be one of"),
        ({"gradient": "full"}, TypeError, "needs log_probs"),
        ({"log_probs": np.zeros((2, 3))}, TypeError, "are for the full gradient"),
        (
            {"gradient": "full", "log_probs": np.zeros(3)},
            ValueError,
            "log_probs must have the shape of the positions",
        ),
        ({"where": np.ones((2, 3, 4), bool)}, ValueError, "where of shape"),
        ({"where": np.ones((2, 2), bool)}, ValueError, "where of shape"),
    ],
)
def test_impossible_arguments(options, error, words):
    with pytest.raises(error, match=words):
        rao_blackwell_kl(np.zeros((2, 3, 4)), np.zeros((2, 3, 4)), **options)


# --- top entries --------------------------------------------------------------------------


def top(rng, k, size=40, gap=1.0, scale=3.0):
    """A teacher's k largest log-probabilities, and a student's of the same entries."""
    p = rng.normal(size=size) * scale
    q = p + gap * rng.normal(size=size)
    p, q = (x - np.log(np.sum(np.exp(x - x.max()))) - x.max() for x in (p, q))
    order = np.argsort(-p)[:k]
    return p, q, p[order], q[order]


def condition(row):
    """How much of a rounded log-probability's error the rest sees."""
    kept = float(np.sum(np.exp(row)))
    return 1 + 2 * kept / max(1 - kept, 1e-300) * np.abs(row).max()


@pytest.mark.parametrize("rest", ["bucket", "renormalize", "drop"])
@pytest.mark.parametrize("gap", [3.0, 1e-2, 1e-7, 1e-12])
def test_digits(rest, gap):
    rng = np.random.default_rng(8)
    for k in (1, 3, 10, 39):
        _, _, p, q = top(rng, k, gap=gap)
        got = partial_kl(p, q, rest=rest)
        truth = oracle.partial_kl(rest, p, q)
        # Rows whose terms have both signs are as uncertain as their largest terms.
        both = float(np.sum(np.exp(p) * np.abs(p - q)) / abs(truth)) if rest == "drop" else 1
        allowed = RECORD.ulp["float64"] * max(both, condition(p) if rest == "bucket" else 1)
        if rest == "renormalize" and k == 1:
            assert got.kl == 0
            continue
        assert ulp_error(got.kl, truth) <= allowed
        assert got.teacher_mass == pytest.approx(np.exp(p).sum(), rel=1e-15)
        assert got.student_mass == pytest.approx(np.exp(q).sum(), rel=1e-15)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_rows_that_are_known_whole_leave_no_rest(dtype):
    rng = np.random.default_rng(12)
    logits = 3 * rng.standard_normal((2, 400, 30))
    logs = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    p, q = logs.astype(dtype)
    # The student's mass may be any side of 1, and so may the teacher's.
    found = partial_kl(p, q)
    whole = kl_divergence(p, q, from_logits=True)
    eps = np.finfo(dtype).eps
    assert np.all(np.isfinite(found.kl))
    np.testing.assert_allclose(found.kl, whole, rtol=16 * eps, atol=16 * eps)
    short = np.log(np.array([[0.5, 0.4]], dtype=dtype)), np.log(np.array([[0.5, 0.5]]))
    assert partial_kl(*short).kl == np.inf  # more is missing than rounding takes


@pytest.mark.parametrize(("backend", "dtype"), combinations())
def test_every_library(backend, dtype):
    import ml_dtypes  # registers bfloat16

    assert ml_dtypes
    rng = np.random.default_rng(9)
    pairs = [top(rng, 5, gap=gap)[2:] for gap in (2.0, 0.1)]
    teacher, student = (np.stack(rows).astype(dtype) for rows in zip(*pairs, strict=True))
    with backend.active():

        def call(p, q):
            return partial_kl(p, q).kl

        got = backend.read(backend.wrap(call)(backend.make(teacher), backend.make(student)))
        truth = [
            oracle.partial_kl("bucket", p, q) for p, q in zip(teacher, student, strict=True)
        ]
        narrow = dtype != "float64" and backend.has_float64
        most = RECORD.ulp["float32"]
        if not narrow:
            most = RECORD.ulp["float64"] * max(condition(p.astype(float)) for p in teacher)
        assert got.dtype.name == ("float64" if dtype == "float64" else "float32")
        assert ulp_error(got, truth).max() <= most


@pytest.mark.parametrize("library", ["torch", "jax"])
def test_derivatives_have_digits_where_the_models_are_close(library):
    backend = BACKENDS[library]
    rng = np.random.default_rng(10)
    with backend.active():
        for gap in (1.0, 1e-3, 1e-8):
            _, _, p, q = top(rng, 6, gap=gap)
            p = p.astype(np.float32).astype(np.float64)  # digits to spare in the rest
            by_p, by_q = backend.pull(backend, lambda p, q: partial_kl(p, q).kl, [p, q])
            truth = [float(x) for x in oracle.partial_slopes(p, q)]
            np.testing.assert_allclose(by_q, truth, rtol=1e-12 * max(1, 1e-3 / gap))
            assert np.all(np.isfinite(by_p))


def test_equal_rows_are_exactly_zero():
    torch = pytest.importorskip("torch")
    p = torch.log_softmax(torch.randn(4, 30, dtype=torch.float64), -1)[:, :5]
    for rest in ("bucket", "renormalize", "drop"):
        a, b = p.clone().requires_grad_(), p.clone().requires_grad_()
        value = partial_kl(a, b, rest=rest).kl
        assert torch.all(value == 0)
        if rest == "drop":
            continue  # its derivative, -p, is none of a divergence
        for by in torch.autograd.grad(value.sum(), (a, b)):
            assert torch.all(by == 0)


def test_a_bucket_is_a_lower_bound_that_grows_with_k():
    rng = np.random.default_rng(11)
    for _ in range(50):
        p, q, *_ = top(rng, 1)
        whole = kl_divergence(p, q, from_logits=True)
        order = np.argsort(-p)
        found = [partial_kl(p[order[:k]], q[order[:k]]).kl for k in (1, 2, 5, 20, 39)]
        assert found[0] >= 0
        assert np.all(np.diff(found) >= -1e-12)
        assert found[-1] <= whole * (1 + 1e-9)


def test_dropping_the_rest_can_be_negative():
    # As trl's and verl's top-k sums are: the student's mass outside is not seen.
    p, q = np.log([0.5, 0.1]), np.log([0.6, 0.2])
    assert partial_kl(p, q, rest="drop").kl < 0 < partial_kl(p, q).kl


def test_a_student_far_above_the_teacher_takes_no_digits():
    # Terms p*log(p/q) that are small beside the student's masses.
    for p, q in (
        ([-118.28], [-1.4]),
        ([-40.0], [-1.0]),
        ([-20.0, -20.0], [-0.7, -1.0]),
        ([-20.0, -20.0], [-0.7, -39.0]),
        (np.float32([-30]), np.float32([-0.5])),
    ):
        truth = oracle.partial_kl("drop", p, q)
        terms = np.exp(p) * np.abs(np.subtract(p, q, dtype=np.float64))
        got = partial_kl(p, q, rest="drop").kl
        assert ulp_error(got, truth) <= 4 * terms.sum() / abs(float(truth))


@pytest.mark.parametrize("rest", ["bucket", "renormalize", "drop"])
def test_compilers(rest):
    torch = pytest.importorskip("torch")
    p, q = torch.log_softmax(torch.randn(2, 3, 9, dtype=torch.float64), -1)[..., :4]
    q = q.requires_grad_()
    mask = torch.tensor([True, False, True])

    def call(p, q):
        partial = partial_kl(p, q, rest=rest, where=mask).kl
        return (partial + rao_blackwell_kl(p, q, where=mask, temperature=0.7)).sum()

    compiled = torch.compile(call, fullgraph=True, backend="eager")
    torch.testing.assert_close(compiled(p, q), call(p, q), rtol=1e-13, atol=0)


def test_masses_of_one_and_padding():
    p = np.log([0.25, 0.75])
    q = np.log([0.5, 0.25])
    # The teacher has no rest, the student a quarter.
    assert partial_kl(p, q).kl == pytest.approx(0.25 * np.log(0.5) + 0.75 * np.log(3))
    assert partial_kl([-0.5], [0.0]).kl == INF
    assert partial_kl(p, p).kl == 0
    padded = [np.append(x, -INF) for x in (p, q)]
    np.testing.assert_allclose(partial_kl(*padded), partial_kl(p, q), rtol=1e-15)
    assert np.isnan(partial_kl([0.0, -1.0], [NAN, -2.0]).kl)
    assert partial_kl([-1.0], [-INF]).kl == INF
    assert partial_kl([-INF], [-1.0]).kl == pytest.approx(-np.log(1 - np.exp(-1)))


def test_far_students_do_not_overflow():
    p = np.array([-800.0, np.log(0.5)])
    q = np.array([np.log(0.5), -800.0])
    # 0.5*log(0.5/e^-800) + 0.5*log(0.5/0.5)
    assert partial_kl(p, q).kl == pytest.approx(0.5 * (800 + np.log(0.5)), rel=1e-14)


def test_masked_rows():
    torch = pytest.importorskip("torch")
    p = torch.tensor([[-1.0, -2.0], [torch.nan, 5.0]], dtype=torch.float64)
    q = (p - 0.1).requires_grad_()
    found = partial_kl(p, q, where=torch.tensor([True, False]))
    assert found.kl[1] == found.teacher_mass[1] == found.student_mass[1] == 0
    (by,) = torch.autograd.grad(found.kl.sum(), q)
    assert torch.all(by[1] == 0)
    assert torch.all(torch.isfinite(by))


@pytest.mark.parametrize("rest", ["bucket", "renormalize", "drop"])
def test_transforms(rest):
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(12)
    rows = [top(rng, 3)[2:] for _ in range(2)]
    p, q = (torch.tensor(np.stack(x), requires_grad=True) for x in zip(*rows, strict=True))

    def call(p, q):
        return partial_kl(p, q, rest=rest).kl

    assert torch.autograd.gradcheck(call, (p, q), check_forward_ad=True)
    assert torch.autograd.gradgradcheck(call, (p, q))


def test_impossible_rest():
    with pytest.raises(ValueError, match="rest must be one of"):
        partial_kl([-1.0], [-1.0], rest="ignore")
    with pytest.raises(ValueError, match="shapes do not broadcast"):
        partial_kl(np.zeros((2, 3)), np.zeros((2, 4)))
