"""Every record's derivative against the oracle's, in every dtype that has one."""

import ml_dtypes
import numpy as np
import pytest
from mpmath import mp

import relentropy
from relentropy import kl_divergence
from relentropy._arrays.plan import Plan
from relentropy._records import RECORDS
from relentropy.testing import ulp_error

from ..oracle import slopes
from .backends import BACKENDS
from .derived import PULLING, allowed, run
from .measured import each_record

PARAMETERS = [
    pytest.param(
        BACKENDS[name], dtype, id=f"{name}-{dtype}",
        marks=[pytest.mark.gpu] if name == "torch-cuda" else [],
    )
    for name, dtypes in PULLING.items()
    for dtype in dtypes
]  # fmt: skip
DIFFERENTIABLE = [record for record in RECORDS.values() if record.slope_ulp]


ROWS_OF_TWO = [record for record in DIFFERENTIABLE if record.kind != "table"]


@each_record(PARAMETERS, records=DIFFERENTIABLE, dtypes=("float16", "float32"), derived=True)
def test_hard_cases(record, backend, dtype):
    check(record, backend, dtype, mixed=backend.library != "jax")


@pytest.mark.full
@pytest.mark.parametrize("name", ["jax", "jax-x32"])
@pytest.mark.parametrize("record", ROWS_OF_TWO, ids=lambda record: record.name)
def test_hard_cases_of_weights_beside_logits(record, name):
    check(record, BACKENDS[name], *PULLING[name], mixed=True)


def check(record, backend, dtype, *, mixed):
    with backend.active():
        failures, cases = [], 0
        for derived in run(record, dtype, backend, mixed=mixed):
            cases += 1
            error, line = derived.worst()
            if not error <= allowed(record, dtype, backend):
                failures.append(line)
        assert cases, "a record without a table"
        assert not failures, f"{len(failures)} of {cases} cases:\n" + "\n".join(failures)


@pytest.mark.parametrize("from_logits", [True, False])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("scale", "gap"), [(1, 1e-6), (1, 1e-3), (5, 1e-2), (1, None), (5, None), (30, None)]
)
def test_rows_that_nobody_chose(scale, gap, dtype, from_logits):
    """Close and unrelated ones; 30 is as far as logits of a language model get."""
    backend = BACKENDS["torch"]
    with backend.active():
        rng = np.random.default_rng(11)
        p, q = scale * rng.standard_normal((2, 12, 7))
        q = q if gap is None else p + gap * q
        p, q = (x.astype(dtype) if from_logits else np.exp(x).astype(dtype) for x in (p, q))
        found = backend.pull(
            backend, lambda a, b: kl_divergence(a, b, from_logits=from_logits), [p, q]
        )
        for row in range(len(p)):
            truths = slopes("kl_divergence", [p[row], q[row]], {"from_logits": from_logits})
            for got, true in zip(found, truths, strict=True):
                error = ulp_error(got[row], np.array([value for value, _ in true]))
                error = error / np.array([float(condition) for _, condition in true])
                assert np.max(error) <= RECORDS["kl_divergence"].slope_ulp[dtype]


FAR = {"float32": [-3e38, -1e30, -1e17, -4e5, -1e5, -300.0, -80.0]}
FAR["float64"] = [-1e300, *FAR["float32"]]
TABLE = ["kl_divergence", "js_divergence", "hellinger_distance", "total_variation"]


@pytest.mark.parametrize("tiles", [False, True])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", ["torch", "torch-formulas"])
@pytest.mark.parametrize("divergence", TABLE)
def test_logits_that_stand_for_a_mask(divergence, name, dtype, tiles, monkeypatch):
    """A student's logit of -1e30 takes the mean of log-ratios with it, and nothing else."""
    backend, call = BACKENDS[name], getattr(relentropy, divergence)
    if tiles:
        monkeypatch.setattr("relentropy._arrays.plan.TILED", Plan(leaf=3, tile=12))
    p = np.array([0.3, -0.2, 1.0, 0.5] * 3).astype(dtype)
    with backend.active():
        for i, low in enumerate(FAR[dtype][:: 1 if divergence == "kl_divergence" else 3]):
            for side in (0, 1) if i % 3 == 0 else (1,):
                given = [p.copy(), np.linspace(-0.4, 0.7, 12).astype(dtype)]
                given[side][i] = low
                found = backend.pull(backend, lambda a, b: call(a, b, from_logits=True), given)
                truths = slopes(divergence, given, {"from_logits": True})
                for got, true in zip(found, truths, strict=True):
                    error = ulp_error(got, np.array([value for value, _ in true]))
                    error = error / np.array([float(condition) for _, condition in true])
                    assert np.max(error) <= RECORDS[divergence].slope_ulp[dtype]


@pytest.mark.parametrize("dtype", ["bfloat16", "float32", "float64"])
@pytest.mark.parametrize("name", ["torch", "torch-formulas"])
@pytest.mark.parametrize("divergence", TABLE)
def test_a_row_that_is_masked_as_a_whole_is_uniform(divergence, name, dtype, monkeypatch):
    backend, call = BACKENDS[name], getattr(relentropy, divergence)
    q = np.array([1.0, 2.0, 3.0, -4.0, 0.5, 0.25, 0.0]).astype(getattr(ml_dtypes, dtype, dtype))
    for plan in (None, Plan(leaf=3, tile=12)):
        if plan:
            monkeypatch.setattr("relentropy._arrays.plan.TILED", plan)
        for low in (-3e8, -1e15, -1e30, -3e38):
            for side in (0, 1):
                even, masked = [q, q], [q, q]
                even[side], masked[side] = np.zeros_like(q), np.full_like(q, low)

                def pulled(given):
                    with backend.active():
                        return backend.pull(
                            backend, lambda a, b: call(a, b, from_logits=True), given
                        )

                # Both are within their bounds, times condition numbers.
                near = 16 * float(ml_dtypes.finfo(q.dtype).eps)
                for one, other in zip(pulled(masked), pulled(even), strict=True):
                    one, other = (np.asarray(x, dtype=np.float64) for x in (one, other))
                    np.testing.assert_allclose(one, other, rtol=near, atol=near * 1e-2)


@pytest.mark.parametrize("tiles", [False, True])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", ["torch", "torch-formulas"])
@pytest.mark.parametrize("low", [-1.0, -50.0, -800.0])
def test_a_student_without_what_the_teacher_mostly_has(low, name, dtype, tiles, monkeypatch):
    """Its divergence is infinite; its own derivatives are shares of both sides all the same."""
    backend = BACKENDS[name]
    if tiles:
        monkeypatch.setattr("relentropy._arrays.plan.TILED", Plan(leaf=3, tile=12))
    p = np.array([low, low, 0.0, 1.0, 2.0], dtype=dtype)
    q = np.array([low, low, -np.inf, -np.inf, -np.inf], dtype=dtype)
    with backend.active():
        found = backend.pull(
            backend, lambda a, b: kl_divergence(a, b, from_logits=True), [p, q]
        )
    truths = slopes("kl_divergence", [p, q], {"from_logits": True})[1]
    assert np.max(ulp_error(found[1], np.array([float(value) for value, _ in truths]))) <= 2


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", ["torch", "torch-formulas"])
def test_total_variation_where_an_entry_agrees(name, dtype):
    """The same logits in two orders have one normaliser; an entry in its place has no slope."""
    backend = BACKENDS[name]
    p = np.array([-1.75, -3.25, -3.5, 2.5, 1.75, -3.125, 3.25, -1.5], dtype=dtype)
    q = p[[7, 0, 1, 2, 3, 4, 6, 5]]
    with backend.active():
        found = backend.pull(
            backend, lambda a, b: relentropy.total_variation(a, b, from_logits=True), [p, q]
        )
    for got, true in zip(
        found, slopes("total_variation", [p, q], {"from_logits": True}), strict=True
    ):
        error = ulp_error(got, np.array([value for value, _ in true]))
        error = error / np.array([float(condition) for _, condition in true])
        assert np.max(error) <= RECORDS["total_variation"].slope_ulp[dtype]


@pytest.mark.parametrize("from_logits", [True, False])
@pytest.mark.parametrize("gap", [1e-6, 1.0])
def test_long_rows_that_are_merged_from_tiles(gap, from_logits):
    torch = pytest.importorskip("torch")
    n = 40_000
    rng = np.random.default_rng(3)
    a = rng.standard_normal(n)
    b = a + gap * rng.standard_normal(n)
    if not from_logits:
        a, b = np.exp(a), np.exp(b)
    p, q = (torch.tensor(x, requires_grad=True) for x in (a, b))
    kl_divergence(p, q, from_logits=from_logits).backward()
    some = rng.choice(n, 200)
    for got, true in zip((p.grad, q.grad), _long_truth(a, b, from_logits, some), strict=True):
        error = ulp_error(got.numpy()[some], [value for value, _ in true])
        assert np.max(error / [float(condition) for _, condition in true]) <= 8


def _long_truth(a, b, from_logits, some):
    """The textbook's gradients at some entries, and how much their last sum cancels."""
    with mp.workdps(60):
        logs = [[mp.mpf(v) if from_logits else mp.log(mp.mpf(v)) for v in x] for x in (a, b)]
        masses = [[mp.exp(v) for v in x] for x in logs]
        totals = [mp.fsum(x) for x in masses]
        p = [v / totals[0] for v in masses[0]]
        shift = mp.log(totals[1]) - mp.log(totals[0])
        d = [v - u - shift for u, v in zip(*logs, strict=True)]
        value = -mp.fsum(x * y for x, y in zip(p, d, strict=True))
        by_p, by_q = [], []
        for i in some:
            slopes = (1, 1) if from_logits else (1 / masses[0][i], 1 / masses[1][i])
            size = abs(d[i]) + value + abs(d[i] + value)
            by_p.append((-p[i] * (d[i] + value) * slopes[0], size / abs(d[i] + value)))
            by_q.append((p[i] * mp.expm1(d[i]) * slopes[1], size / abs(d[i])))
        return by_p, by_q
