"""The divergence is that of the densities, which shares nothing with a closed form."""

import pytest
from mpmath import mp

from .catalogue import FAMILIES

POINTS = [
    pytest.param(family, row, id=f"{family.name}-{row}")
    for family in FAMILIES
    for row in family.moderate
]


@pytest.mark.parametrize("family", [f for f in FAMILIES if f.log_density], ids=lambda f: f.name)
def test_densities_have_mass_one_and_points_to_try(family):
    assert family.moderate
    row = [mp.mpf(x) for x in family.moderate[0]]
    p = row[: len(row) // 2]
    assert expected(family, p, lambda x: 1) == pytest.approx(1, rel=1e-12)


def expected(family, p, of):
    """p's expectation, by a sum or by quadrature."""

    def weighted(x):
        log = family.log_density(x, *p)
        return mp.exp(log) * of(x) if mp.isfinite(log) else mp.mpf(0)

    support = family.support(*p)
    if family.counts:
        return mp.fsum(weighted(mp.mpf(k)) for k in support)
    return mp.quad(weighted, support)


@pytest.mark.parametrize(("family", "row"), POINTS)
def test_closed_forms_are_integrals_of_densities(family, row):
    half = len(row) // 2
    p, q = ([mp.mpf(x) for x in part] for part in (row[:half], row[half:]))

    def log_ratio(x):
        return family.log_density(x, *p) - family.log_density(x, *q)

    with mp.workprec(80):
        truth = expected(family, p, log_ratio)
        assert abs(truth - family.truth(row)) <= 1e-12 * truth
    assert float(family(*row)) == pytest.approx(float(truth), rel=1e-12)
