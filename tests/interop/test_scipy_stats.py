"""entropy, jensenshannon and the special names against SciPy's, and where SciPy is wrong."""

import inspect
import itertools
import math

import numpy as np
import pytest
from mpmath import mp

from relentropy.interop import scipy_stats
from relentropy.interop.scipy_stats import entropy, jensenshannon
from relentropy.testing import assert_ulp

from ..suite.backends import BACKENDS, combinations

scipy_special = pytest.importorskip("scipy.special")
stats = pytest.importorskip("scipy.stats")
distance = pytest.importorskip("scipy.spatial.distance")

INF, NAN = math.inf, math.nan


def exact_kl(p, q):
    with mp.workprec(400):
        p, q = ([mp.mpf(v) for v in side] for side in (p, q))
        p, q = ([v / mp.fsum(side) for v in side] for side in (p, q))
        return mp.fsum(a * mp.log(a / b) for a, b in zip(p, q, strict=True) if a)


def weights(*shape, seed=0):
    return np.random.default_rng(seed).random(shape)


def same(actual, expected, rtol=1e-12, atol=1e-15):
    assert np.shape(actual) == np.shape(expected)
    assert actual.dtype == expected.dtype
    np.testing.assert_allclose(actual, expected, rtol=rtol, atol=atol)


# --- entropy ------------------------------------------------------------------------------


@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize("axis", [0, 1, -1, (0, 2), (2, 1), None])
def test_axes(axis, keepdims):
    p, q = weights(3, 4, 5), weights(3, 4, 5, seed=1)
    options = {"axis": axis, "keepdims": keepdims}
    same(entropy(p, **options), stats.entropy(p, **options))
    same(entropy(p, q, 2, **options), stats.entropy(p, q, 2, **options))


def test_the_default_axis_is_the_first():
    p, q = weights(3, 4), weights(3, 4, seed=1)
    same(entropy(p), stats.entropy(p))
    same(entropy(p, q), stats.entropy(p, q))


@pytest.mark.parametrize(
    ("p", "q", "axis"),
    [
        ((3,), (2, 1), -1), ((1,), (3,), 0), ((2, 3), (3,), -1), ((2, 3), (1, 3), 0),
        ((2, 3), (3, 2), None), ((2, 3), (6,), None), ((3, 1), (1, 3), None),
        ((2, 3), (1,), None), ((1, 1), (6,), None), ((), (), 0), ((), (3,), 0),
        ((0, 3), (0, 3), 0), ((3, 0), (3, 0), 0), ((3, 0), (3, 0), 1),
    ],
    ids=str,
)  # fmt: skip
@pytest.mark.parametrize("keepdims", [False, True])
def test_broadcasting(p, q, axis, keepdims):
    p, q = weights(*p), weights(*q, seed=1)
    options = {"axis": axis, "keepdims": keepdims}
    same(entropy(p, q, **options), stats.entropy(p, q, **options))


@pytest.mark.parametrize("shapes", [((3, 2), (2, 2)), ((10, 1, 12), (11, 2))], ids=str)
def test_shapes_that_do_not_broadcast(shapes):
    for axis in (0, None):
        with pytest.raises(ValueError, match=r"pk has shape .*, qk has shape"):
            entropy(*(np.ones(shape) for shape in shapes), axis=axis)


@pytest.mark.parametrize("base", [None, 2, 10, 1.5, math.e, 0.5, INF, 1])
def test_bases(base):
    p, q = [0.5, 0.25, 0.25], [0.2, 0.2, 0.6]
    with np.errstate(divide="ignore"):
        same(entropy(p, base=base), stats.entropy(p, base=base))
        same(entropy(p, q, base), stats.entropy(p, q, base))


@pytest.mark.parametrize("function", [entropy, jensenshannon])
def test_impossible_bases(function):
    for base in (0, -2):
        with pytest.raises(ValueError, match=r"base`? must be a positive number"):
            function([0.5, 0.5], [0.5, 0.5], base)


NANS = [
    ([1.0, NAN, 2.0], None), ([[1.0, NAN], [2.0, 3.0]], None), ([NAN, NAN], None),
    ([1.0, 2.0, 3.0], [NAN, 2.0, 4.0]), ([[NAN, 1.0], [NAN, 3.0]], [1.0, 2.0]),
]  # fmt: skip


@pytest.mark.parametrize("axis", [0, -1])
@pytest.mark.parametrize("policy", ["propagate", "omit"])
@pytest.mark.parametrize(("p", "q"), NANS, ids=str)
def test_nan_policies(p, q, policy, axis):
    options = {"axis": axis, "nan_policy": policy}
    same(entropy(p, q, **options), stats.entropy(p, q, **options))


def test_nan_raised():
    for p, q in NANS:
        with pytest.raises(ValueError, match="input contains nan"):
            entropy(p, q, nan_policy="raise")
    same(entropy([1, 2], nan_policy="raise"), stats.entropy([1, 2]))
    with pytest.raises(ValueError, match="nan_policy must be one of"):
        entropy([1, 2], nan_policy="ignore")
    da = pytest.importorskip("dask.array")
    with pytest.raises(NotImplementedError, match="lazy"):
        entropy(da.ones(3), nan_policy="raise")


@pytest.mark.parametrize(("backend", "dtype"), combinations())
def test_every_library(backend, dtype):
    p = np.array([[0.5, 0.25], [0.125, 0.5], [0.375, 0.25]]).astype(dtype_of(dtype))
    q = np.array([0.25, NAN]).astype(dtype_of(dtype))
    with backend.active():
        one, other = backend.make(p), backend.make(q)
        for policy in ("propagate", "omit"):
            found = backend.read(entropy(one, other, 2, nan_policy=policy))
            expected = stats.entropy(
                p.astype(np.float64), q.astype(np.float64), 2, nan_policy=policy
            )
            assert found.dtype.name == dtype
            assert_ulp(found, expected, 20.0 if dtype == "float64" else 2.0)


def dtype_of(name):
    from ..oracle.exact import FORMATS

    return FORMATS[name].dtype


def test_limits_of_entropy():
    with np.errstate(all="ignore"):
        for p, q in [([0.0, 0.0], None), ([1.0, 2.0], [0.0, 0.0]), ([INF, 1.0], None)]:
            assert np.isnan(stats.entropy(p, q))
            assert np.isnan(entropy(p, q))
    assert entropy([0.5, 0.5], [1.0, 0.0]) == stats.entropy([0.5, 0.5], [1.0, 0.0]) == INF
    assert entropy([1.0, 0.0], [0.5, 0.5]) == stats.entropy([1.0, 0.0], [0.5, 0.5])
    assert np.isnan(entropy([-1.0, 2.0]))


# --- jensenshannon ------------------------------------------------------------------------


@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize("axis", [0, 1, -1, (0, 1), None])
def test_axes_of_a_distance(axis, keepdims):
    p, q = weights(3, 4), weights(3, 4, seed=1)
    for base in (None, 2, INF):
        options = {"axis": axis, "keepdims": keepdims}
        same(
            jensenshannon(p, q, base, **options), distance.jensenshannon(p, q, base, **options)
        )


def test_rows_broadcast_beside_the_axis():
    p, q = weights(4), weights(3, 4, seed=1)
    same(jensenshannon(p, q, axis=-1), distance.jensenshannon(p, q, axis=-1))
    same(jensenshannon(1.0, 2.0), distance.jensenshannon(1.0, 2.0))
    with pytest.raises(ValueError, match="along the reduced axis 0"):
        jensenshannon(p, q)


def test_a_base_below_one():
    with np.errstate(invalid="ignore"):
        expected = distance.jensenshannon([0.5, 0.5], [0.2, 0.8], 0.5)
    same(jensenshannon([0.5, 0.5], [0.2, 0.8], 0.5), expected)


# --- special ------------------------------------------------------------------------------

UFUNCS = {"xlogy": 2, "xlog1py": 2, "entr": 1, "rel_entr": 2, "kl_div": 2}
VALUES = (-1.0, -0.0, 0.0, 1e-300, 0.5, 1.0, 3.0, INF, NAN)


@pytest.mark.parametrize(("name", "count"), UFUNCS.items())
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_elementwise_functions(name, count):
    grid = np.array(list(itertools.product(VALUES, repeat=count))).T
    ours, theirs = (getattr(home, name)(*grid) for home in (scipy_stats, scipy_special))
    if name == "kl_div":  # SciPy's nan where one side is infinite, and the limit is
        finite = np.isfinite(grid).all(axis=0)
        ours, theirs = ours[finite], theirs[finite]
    np.testing.assert_allclose(ours, theirs, rtol=1e-13, atol=0)


@pytest.mark.parametrize("name", ["logsumexp", "softmax", "log_softmax"])
def test_signatures(name):
    ours, theirs = (
        inspect.signature(getattr(home, name)).parameters.values()
        for home in (scipy_stats, scipy_special)
    )
    assert [(one.name, one.default) for one in ours] == [
        (one.name, one.default) for one in theirs
    ]


@pytest.mark.parametrize("axis", [None, 0, 1, (0, 1)])
def test_functions_of_logits(axis):
    a, b = 10 * weights(3, 4) - 5, weights(3, 4, seed=1) - 0.5
    for name in ("softmax", "log_softmax", "logsumexp"):
        ours, theirs = (getattr(home, name)(a, axis) for home in (scipy_stats, scipy_special))
        same(ours, theirs)
    ours, theirs = (
        home.logsumexp(a, axis, b, True, True) for home in (scipy_stats, scipy_special)
    )
    for one, other in zip(ours, theirs, strict=True):
        same(one, other)


# --- what SciPy gets wrong ----------------------------------------------------------------


def test_kl_div_of_numbers_far_apart():
    assert scipy_special.kl_div(1e-300, 1e300) == -INF
    assert scipy_stats.kl_div(1e-300, 1e300) == 1e300


def test_kl_div_of_close_numbers():
    x, y = 0.3, 0.3 * (1 + 1e-8)
    with mp.workprec(300):
        truth = x * mp.log(mp.mpf(x) / y) - x + y
    assert scipy_special.kl_div(x, y) == 0
    assert_ulp(scipy_stats.kl_div(x, y), truth, 3.0)


def test_entropy_of_close_pairs_is_never_negative():
    rng = np.random.default_rng(0)
    p = rng.dirichlet(np.ones(10), size=400)
    q = p * (1 + 1e-8 * rng.standard_normal(p.shape))
    assert (stats.entropy(p, q, axis=1) < 0).sum() > 50
    found = entropy(p, q, axis=1)
    assert (found > 0).all()
    assert_ulp(found[:20], [exact_kl(*pair) for pair in zip(p[:20], q[:20], strict=True)], 4.0)


def test_jensenshannon_of_close_pairs_is_finite():
    p, q = np.array([0.1, 0.2, 0.7]), np.array([0.1 + 1e-9, 0.2 - 1e-9, 0.7])
    with np.errstate(invalid="ignore"):
        assert np.isnan(distance.jensenshannon(p, q))
    with mp.workprec(400):
        one, other = ([mp.mpf(v) for v in side] for side in (p.tolist(), q.tolist()))
        one, other = ([v / mp.fsum(side) for v in side] for side in (one, other))
        middle = [(a + b) / 2 for a, b in zip(one, other, strict=True)]
        truth = mp.sqrt((exact_kl(one, middle) + exact_kl(other, middle)) / 2)
    assert_ulp(jensenshannon(p, q), truth, 4.0)


def test_rel_entr_does_not_hide_nan_in_jax():
    jax = pytest.importorskip("jax")
    assert jax.scipy.special.rel_entr(NAN, 1.0) == INF
    backend = BACKENDS["jax"]
    with backend.active():
        assert np.isnan(scipy_stats.rel_entr(backend.make(np.array(NAN)), 1.0))
