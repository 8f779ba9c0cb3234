"""Where the families of divergences are hardest: all but equal, all but disjoint, at an order
that is all but special. Float64, against the definitions."""

import math

import numpy as np
import pytest

import relentropy as re
from relentropy.testing import assert_ulp

from ..oracle import evaluate
from ..tables.families import OF_ENTRIES, OF_ONE_ROW, PARAMETERS
from .backends import BACKENDS
from .families import COLUMNS, EVERY
from .samples import on

P = [0.1, 0.25, 3.0, 0.7, 1e-5]
UP = [math.nextafter(P[0], 1), *P[1:]]
DOWN = [*P[:2], math.nextafter(P[2], 0), P[3], math.nextafter(P[4], 1)]
LOGITS = [-1.5, 0.3, 2.0, 0.0, -20.0]
LOGITS_UP = [*LOGITS[:3], 2.0**-1000, math.nextafter(LOGITS[4], 0)]
FAR = [1.0, 1e-20, 1e-20], [1e-20, 1.0, 2e-20]
FAR_LOGITS = [0.0, -46.0, -47.0], [-46.0, 0.0, -45.0]
CASES = {
    "one ulp up": (P, UP, False),
    "an ulp each way": (DOWN, UP, False),
    "logits an ulp apart": (LOGITS, LOGITS_UP, True),
    "an overlap of 1e-20": (*FAR, False),
    "logits with hardly an overlap": (*FAR_LOGITS, True),
}
every_case = pytest.mark.parametrize("case", CASES.values(), ids=CASES)
ORDERS = (
    5e-324, 1e-300, 1e-17, 1e-8, 0.3, 0.5, 1 - 1e-8, 1 - 2.0**-53, 1.0, 1 + 2.0**-52,
    1 + 1e-8, 2.0, 40.0, math.inf,
)  # fmt: skip
# Those of two distributions alone.
NAMES = {
    name: options[0] for name, options in PARAMETERS.items()
    if options == ({},) and name not in OF_ONE_ROW | OF_ENTRIES | {"chernoff_information"}
} | {"js_divergence": {}, "chi2_divergence": {"kind": "neyman"}}  # fmt: skip


def check(backend, name, case, **options):
    p, q, from_logits = case
    with backend.active():
        rows = [backend.make(np.array(row)) for row in (p, q)]
        found = backend.read(getattr(re, name)(*rows, from_logits=from_logits, **options))
    assert_ulp(found, evaluate(name, p, q, from_logits=from_logits, **options), 4)


@every_case
@pytest.mark.parametrize("name", NAMES)
@on("numpy", "torch")
def test_a_divergence(backend, name, case):
    check(backend, name, case, **NAMES[name])


@every_case
@pytest.mark.parametrize("weight", [1e-10, 0.25, 1 - 2.0**-53])
@pytest.mark.parametrize("name", ["js_divergence", "skew_kl_divergence"])
def test_a_mixture(name, weight, case):
    check(BACKENDS["numpy"], name, case, weight=weight)


@every_case
@on("numpy", "torch")
def test_renyi_divergences_at_special_orders(backend, case):
    for alpha in ORDERS:
        check(backend, "renyi_divergence", case, alpha=alpha)


@every_case
def test_alpha_and_tsallis_divergences_at_special_orders(case):
    for alpha in ORDERS[:-3]:
        check(BACKENDS["numpy"], "alpha_divergence", case, alpha=alpha)
        if alpha > 1e-20:  # below it, its product with the divergence may be subnormal
            check(BACKENDS["numpy"], "tsallis_divergence", case, alpha=alpha)


@every_case
def test_chernoff_information(case):
    p, q, from_logits = case
    found = re.chernoff_information(np.array(p), np.array(q), from_logits=from_logits)
    truth, exponent = evaluate("chernoff_information", p, q, from_logits=from_logits)
    assert_ulp(found.information, truth, 4)
    assert found.exponent == pytest.approx(float(exponent), rel=1e-7)


@pytest.mark.parametrize("row", [[1.0, 1e-20], [1.0, 1 - 2.0**-53], [0.3, 0.3, 0.4]], ids=repr)
def test_entropies_at_special_orders(row):
    for alpha in ORDERS:
        truth = evaluate("renyi_entropy", row, alpha=alpha)
        assert_ulp(re.renyi_entropy(row, alpha), truth, 4)
        truth = evaluate("tsallis_entropy", row, alpha=alpha)
        assert_ulp(re.tsallis_entropy(row, alpha), truth, 4)


# --- at equality --------------------------------------------------------------------------

SINGLE = {name: function for name, function in EVERY.items() if name not in COLUMNS} | {
    "alpha": lambda p, q, **options: re.alpha_divergence(p, q, 0.3, **options),
    "tsallis": lambda p, q, **options: re.tsallis_divergence(p, q, 2.0, **options),
    "renyi": lambda p, q, **options: re.renyi_divergence(p, q, 0.7, **options),
    "chernoff": lambda p, q, **options: re.chernoff_information(p, q, **options).information,
    "generalized js": lambda p, q, **options: re.generalized_js_divergence([p, q], **options),
}


@pytest.mark.parametrize("name", SINGLE)
@pytest.mark.parametrize("from_logits", [False, True])
@on("numpy", "torch", "strict")
def test_equal_rows_have_no_divergence(backend, from_logits, name):
    with backend.active():
        row = backend.make(np.array([P, LOGITS_UP if from_logits else DOWN]))
        value = backend.read(SINGLE[name](row, row, from_logits=from_logits))
    assert np.all(value == 0)
    assert not np.any(np.signbit(value))


@pytest.mark.parametrize("name", SINGLE)
@pytest.mark.parametrize("from_logits", [False, True])
def test_equal_rows_have_no_gradient(from_logits, name):
    """In torch; of the distances in jax as well, in `test_regressions`."""
    with BACKENDS["torch"].active():
        rows = [np.array(LOGITS if from_logits else [*P, 0.0])] * 2
        by_p, by_q = BACKENDS["torch"].pull(
            BACKENDS["torch"], lambda p, q: SINGLE[name](p, q, from_logits=from_logits), rows
        )
    count = len(LOGITS)
    assert np.all(by_p[:count] == 0)
    assert np.all(by_q[:count] == 0)
