"""Derivatives where there is no mass, nothing selected, nothing to see, or too much.

Each edge is a test of its own, in torch and in jax. What is infinite in mathematics is
infinite here; what a loss does not depend on gets zero, whatever lies under it.
"""

import numpy as np
import pytest

from relentropy import cross_entropy, entropy, kl_divergence, special

from .backends import BACKENDS
from .samples import MASKED

INF, NAN = np.inf, np.nan
both = pytest.mark.parametrize("library", ["torch", "jax"])


def _both_with(name, values, slow):
    """Both libraries with every value; in jax those that take it a minute to compile, which
    are the ones with weights' logarithms in three words, only when asked for."""
    return pytest.mark.parametrize(
        ("library", name),
        [
            pytest.param(
                library,
                value,
                id=f"{library}-{getattr(value, 'name', value)}",
                marks=[pytest.mark.full] if library == "jax" and slow(value) else [],
            )
            for library in ("torch", "jax")
            for value in values
        ],
    )


KINDS = [(False, False), (True, True), (False, True), (True, False)]
every_kind = _both_with("from_logits", KINDS, lambda kinds: kinds[0] != kinds[1])
every_masked = _both_with("call", MASKED, lambda call: call.slow_to_compile)


@pytest.fixture(autouse=True)
def backend(library):
    with BACKENDS[library].active():
        yield BACKENDS[library]


def pull(backend, function, *rows, seeds=None):
    """Gradients of a function of float64 rows."""
    arrays = [np.asarray(row, dtype=np.float64) for row in rows]
    seeds = None if seeds is None else np.asarray(seeds, dtype=np.float64)
    return backend.pull(backend, function, arrays, seeds)


def second(backend, function, *rows):
    """All second derivatives by the last operand."""
    *fixed, row = (backend.make(np.asarray(row, dtype=np.float64)) for row in rows)
    if backend.library == "torch":
        import torch

        return backend.read(torch.func.hessian(lambda x: function(*fixed, x))(row))
    import jax

    return backend.read(jax.hessian(lambda x: function(*fixed, x))(row))


def as_given(row, is_log):
    with np.errstate(divide="ignore"):
        return np.log(row) if is_log else np.asarray(row)


def kl(from_logits, **options):
    return lambda p, q: kl_divergence(p, q, from_logits=from_logits, **options)


# --- no mass ------------------------------------------------------------------------------


@every_kind
def test_p_is_zero(backend, from_logits):
    p, q = [0.5, 0.5, 0.0], [0.4, 0.35, 0.25]
    rows = [as_given(row, flag) for row, flag in zip((p, q), from_logits, strict=True)]
    by_p, by_q = pull(backend, kl(from_logits), *rows)
    # By a weight of zero the divergence falls infinitely fast; a logit of -inf stays.
    assert by_p[2] == (0 if from_logits[0] else -INF)
    assert np.all(np.isfinite(by_p[:2]))
    expected = np.subtract(q, p) if from_logits[1] else 1 - np.divide(p, q)
    np.testing.assert_allclose(by_q, expected, rtol=1e-14)


@every_kind
def test_q_is_zero_where_p_is(backend, from_logits):
    p, q = [0.5, 0.5, 0.0], [0.25, 0.75, 0.0]
    rows = [as_given(row, flag) for row, flag in zip((p, q), from_logits, strict=True)]
    short = [row[:2] for row in rows]
    together, apart = (pull(backend, kl(from_logits), *each) for each in (rows, short))
    for got, alone in zip(together, apart, strict=True):
        assert np.all(np.isfinite(got))
        np.testing.assert_allclose(got[:2], alone, rtol=1e-14)


@both
def test_logits_of_both_sides_are_minus_infinity(backend):
    p, q = [0.3, -1.0, -INF, -INF], [0.1, 0.7, -INF, -INF]
    for function in (kl_divergence, cross_entropy):
        by_p, by_q = pull(backend, lambda a, b, f=function: f(a, b, from_logits=True), p, q)
        assert np.all(by_p[2:] == 0)
        assert np.all(by_q[2:] == 0)
        assert np.all(np.isfinite(by_p + by_q))
        hessian = second(backend, lambda a, b, f=function: f(a, b, from_logits=True), p, q)
        assert np.all(np.isfinite(hessian))
        assert np.all(hessian[2:] == 0)
        assert np.all(hessian[:, 2:] == 0)


@both
def test_logits_of_the_teacher_alone_are_minus_infinity(backend):
    p, q = [0.3, -1.0, -INF], [0.1, 0.7, 0.2]
    by_p, by_q = pull(backend, kl(True), p, q)
    share = np.exp(q) / np.exp(q).sum()
    np.testing.assert_allclose(by_q[2], share[2], rtol=1e-14)
    assert by_p[2] == 0
    assert np.all(np.isfinite(by_p + by_q))
    hessian = second(backend, kl(True), p, q)
    np.testing.assert_allclose(hessian, np.diag(share) - np.outer(share, share), atol=1e-14)


@both
def test_logits_of_the_student_alone_are_minus_infinity(backend):
    by_p, by_q = pull(backend, kl(True), [0.3, -1.0, 0.5], [0.1, 0.7, -INF])
    p = np.exp([0.3, -1.0, 0.5])
    assert list(by_p) == [-INF, -INF, INF]
    np.testing.assert_allclose(by_q[2], -p[2] / p.sum(), rtol=1e-14)
    assert np.all(np.isfinite(by_q))


@both
def test_q_is_zero_where_p_is_not(backend):
    by_p, by_q = pull(backend, kl(False), [0.3, 0.2, 0.5], [0.5, 0.5, 0.0])
    assert list(by_p) == [-INF, -INF, INF]
    np.testing.assert_allclose(by_q[:2], [0.4, 0.6], rtol=1e-14)
    assert by_q[2] == -INF


@both
def test_entropy_of_a_zero(backend):
    (by_weight,) = pull(backend, entropy, [0.5, 0.5, 0.0])
    assert by_weight[2] == INF
    assert list(by_weight[:2]) == [0, 0]
    logits = [0.0, 0.5, -INF]
    (by_logit,) = pull(backend, lambda a: entropy(a, from_logits=True), logits)
    assert by_logit[2] == 0
    assert np.all(np.isfinite(by_logit))
    hessian = second(backend, lambda a: entropy(a, from_logits=True), logits)
    assert np.all(np.isfinite(hessian))
    assert np.all(hessian[2] == 0)


@both
def test_one_hot_targets(backend):
    def loss(p, q):
        return cross_entropy(p, q, from_logits=(False, True))

    target, logits = [0.0, 1.0, 0.0], [0.3, 40.0, -2.0]
    by_p, by_q = pull(backend, loss, target, logits)
    share = np.exp(logits) / np.exp(logits).sum()
    np.testing.assert_allclose(by_q[[0, 2]], share[[0, 2]], rtol=1e-13)
    assert by_q[1] == pytest.approx(-share[0] - share[2], abs=1e-16)
    assert np.all(np.isfinite(by_p))
    hessian = second(backend, loss, target, logits)
    np.testing.assert_allclose(hessian, np.diag(share) - np.outer(share, share), atol=1e-15)


@both
def test_a_row_without_mass(backend):
    (share,) = pull(backend, lambda a: special.logsumexp(a, axis=-1), [-INF, -INF])
    assert list(share) == [0, 0]
    (by,) = pull(backend, lambda a: entropy(a, from_logits=True), [-INF, -INF])
    assert np.all(np.isnan(by))  # of what has no value
    one, other = pull(backend, special.logaddexp, [-INF], [-INF])
    assert (one[0], other[0]) == (0, 0)


# --- nothing selected, nothing to see -----------------------------------------------------


@every_masked
def test_fully_masked_rows(backend, call):
    mask = np.array([[True, True, False], [False, False, False]])
    rows = call.draw(2, 3)
    where = backend.make(mask)
    found = pull(backend, lambda *xs: call.rows(*xs, where=where), *rows)
    alone = pull(backend, call.rows, *(row[:1, :2] for row in rows))
    for got, expected in zip(found, alone, strict=True):
        assert np.all(got[~mask] == 0)
        np.testing.assert_allclose(got[:1, :2], expected, rtol=1e-13)


@every_masked
def test_what_is_masked_does_not_leak(backend, call):
    mask = np.array([True, True, False, True])
    where = backend.make(mask)
    clean = pull(backend, lambda *xs: call.rows(*xs, where=where), *call.draw(4))
    for dirt in (NAN, INF, -INF, 1e308):
        rows = [np.where(mask, row, dirt) for row in call.draw(4)]
        found = pull(backend, lambda *xs: call.rows(*xs, where=where), *rows)
        for got, expected in zip(found, clean, strict=True):
            np.testing.assert_array_equal(got, expected)


@every_kind
def test_equal_inputs(backend, from_logits):
    p = np.array([0.2, 0.5, 0.3])
    rows = [as_given(p, flag) for flag in from_logits]
    found = pull(backend, kl(from_logits), *rows)
    for got in found:
        assert np.all(np.abs(got) < 1e-15)
        if from_logits[0] == from_logits[1]:
            assert np.all(got == 0)
    fisher = np.diag(p) - np.outer(p, p) if from_logits[1] else np.diag(1 / p) - 1
    hessian = second(backend, kl(from_logits), *rows)
    np.testing.assert_allclose(hessian, fisher, rtol=1e-11, atol=1e-13)


@both
def test_equal_terms(backend):
    by_x, by_y = pull(backend, special.rel_entr, [0.5], [0.5])
    assert (by_x[0], by_y[0]) == (1, -1)
    by_x, by_y = pull(backend, special.kl_div, [0.5], [0.5])
    assert (by_x[0], by_y[0]) == (0, 0)
    one, other = pull(backend, special.logaddexp, [3.0], [3.0])
    assert (one[0], other[0]) == (0.5, 0.5)
    hessian = second(backend, lambda x, y: special.kl_div(x, y).sum(), [0.5], [0.5])
    np.testing.assert_allclose(hessian, [[2.0]])


@both
def test_tied_logits(backend):
    tied = [1.0, 1.0, 1.0, 0.0]
    share = np.exp(tied) / np.exp(tied).sum()

    def lse(a):
        return special.logsumexp(a, axis=-1)

    np.testing.assert_allclose(pull(backend, lse, tied)[0], share, rtol=1e-15)
    hessian = np.diag(share) - np.outer(share, share)
    np.testing.assert_allclose(second(backend, lse, tied), hessian, atol=1e-15)
    for teacher in ([1.0, 1.0, 1.0, 0.5], [2.0, 1.0, 2.0, 0.5]):
        found = second(backend, kl(True), teacher, tied)
        np.testing.assert_allclose(found, hessian, atol=1e-14)


@every_kind
def test_one_outcome(backend, from_logits):
    for got in pull(backend, kl(from_logits), [0.7], [1.9]):
        assert np.all(got == 0)


@both
def test_empty_rows(backend):
    for got in pull(backend, kl(True), np.zeros((2, 0)), np.zeros((2, 0))):
        assert got.shape == (2, 0)
    for got in pull(backend, kl(True), np.zeros((0, 3)), np.zeros((0, 3))):
        assert got.shape == (0, 3)


# --- zero times what overflowed -----------------------------------------------------------


@both
@pytest.mark.parametrize("q", [[0.1, 0.7, -INF], [0.1, NAN, 0.3], [0.1, INF, 0.3]])
def test_a_mask_after_the_fact_hides_an_infinite_divergence(backend, q):
    """``where(mask, kl, 0)``: what lies under the mask may be anything."""
    p = [[0.3, -1.0, 0.5], [0.3, -1.0, 0.5]]
    q = [q, [0.2, 0.1, 0.4]]
    by_p, by_q = pull(backend, kl(True), p, q, seeds=[0.0, 1.0])
    assert np.all(by_p[0] == 0)
    assert np.all(by_q[0] == 0)
    alone = pull(backend, kl(True), p[1], q[1])
    np.testing.assert_allclose(by_p[1], alone[0], rtol=1e-14)
    np.testing.assert_allclose(by_q[1], alone[1], rtol=1e-14)


@both
def test_a_zero_advantage_times_an_estimate_that_overflowed(backend):
    ratio = [800.0, 1e-6, NAN]
    (by,) = pull(backend, special.expm1mx, ratio, seeds=[0.0, 1.0, 0.0])
    np.testing.assert_allclose(by, [0.0, np.expm1(1e-6), 0.0], rtol=1e-15)
    (by,) = pull(backend, special.expm1mx, ratio, seeds=[-2.0, 0.0, 1.0])
    assert by[0] == -INF
    assert by[1] == 0
    assert np.isnan(by[2])


@both
def test_zero_cotangents_of_softmax(backend):
    logits = [[INF, 0.0], [1.0, 2.0]]
    for function in (special.softmax, special.log_softmax):
        (by,) = pull(
            backend, lambda a, f=function: f(a, axis=-1), logits, seeds=[[0, 0], [1, 0]]
        )
        assert list(by[0]) == [0, 0]
        assert np.all(np.isfinite(by[1]))
        (by,) = pull(
            backend, lambda a, f=function: f(a, axis=-1), logits, seeds=[[1, 0], [1, 0]]
        )
        assert np.all(np.isnan(by[0]))


@both
@pytest.mark.parametrize(
    ("function", "point", "expected"),
    [
        (special.log1mexp, [0.0], [-INF]),
        (special.log1mexp, [1.0], [NAN]),
        (special.log1pmx, [-1.0], [INF]),
        (special.entr, [0.0], [INF]),
        (special.entr, [-1.0], [NAN]),
        (special.rel_entr, [0.0, 0.0], [0, 0]),
        (special.rel_entr, [0.0, 1.0], [-INF, 0]),
        (special.rel_entr, [1.0, 0.0], [INF, -INF]),
        (special.kl_div, [0.0, 0.0], [0, 1]),
        (special.kl_div, [0.0, 1.0], [-INF, 1]),
        (special.kl_div, [1.0, 0.0], [INF, -INF]),
        (special.xlogy, [0.0, 0.0], [0, 0]),
        (special.xlogy, [1.0, 0.0], [-INF, INF]),
        (special.logsubexp, [1.0, 1.0], [INF, -INF]),
        (special.logsubexp, [1.0, -INF], [1, 0]),
        (special.log1pexp, [0.0], [0.5]),
        (special.expm1mx, [0.0], [0]),
    ],
)
def test_limits_of_terms(backend, function, point, expected):
    found = pull(backend, function, *([x] for x in point))
    np.testing.assert_array_equal([one[0] for one in found], expected)


@both
def test_weights_of_zero_in_a_sum_of_exponentials(backend):
    a, b = [0.0, 1.0, 2.0], [1.0, 0.0, 3.0]
    by_a, by_b = pull(backend, lambda x, w: special.logsumexp(x, b=w, axis=-1), a, b)
    total = np.exp(0.0) + 3 * np.exp(2.0)
    np.testing.assert_allclose(by_b, np.exp(a) / total, rtol=1e-14)
    np.testing.assert_allclose(by_a, b * np.exp(a) / total, rtol=1e-14)


# --- dtypes -------------------------------------------------------------------------------


@both
@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
def test_narrow_gradients_are_not_zero_where_the_sides_are_close(backend, dtype):
    import ml_dtypes

    kind = ml_dtypes.bfloat16 if dtype == "bfloat16" else np.dtype(dtype)
    p = np.array([1.0, 2.0, 3.0, 0.5], dtype=kind)
    q = p.copy()
    q[1] = np.nextafter(q[1], kind.type(9)) if dtype != "bfloat16" else q[1] + q[1] / 128
    exact = backend.pull(backend, kl(True), [x.astype(np.float64) for x in (p, q)])
    found = backend.pull(backend, kl(True), [p, q])
    for got, true in zip(found, exact, strict=True):
        assert got.dtype == kind
        np.testing.assert_allclose(
            got.astype(np.float64), true, rtol=float(ml_dtypes.finfo(kind).eps), atol=0
        )


@both
def test_counts_get_none_and_let_others_have_theirs(backend):
    counts = backend.make(np.array([3, 5, 2]))
    (by_q,) = pull(backend, lambda q: kl_divergence(counts, q), [1.0, 1.0, 1.0])
    np.testing.assert_allclose(by_q, (1 - np.array([0.9, 1.5, 0.6])) / 3, rtol=1e-14)


@both
def test_two_dtypes_and_a_wider_result(backend):
    p = np.array([1.0, 2.0, 3.0], dtype=np.float32)
    q = np.array([1.5, 2.0, 2.5], dtype=np.float16)
    wide = backend.pull(backend, kl(True), [p.astype(np.float64), q.astype(np.float64)])
    for options in ({}, {"dtype": "float64"}):
        by_p, by_q = backend.pull(backend, kl(True, **options), [p, q])
        assert (by_p.dtype, by_q.dtype) == (np.float32, np.float16)
        np.testing.assert_allclose(by_p, wide[0], rtol=1e-6)
        np.testing.assert_allclose(by_q, wide[1], rtol=1e-3)
