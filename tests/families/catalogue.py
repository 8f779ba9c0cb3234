"""All families that tests run over."""

import pytest

from . import circular, counting, extremes, locations, shapes

FAMILIES = [
    *locations.FAMILIES,
    *counting.FAMILIES,
    *shapes.FAMILIES,
    *extremes.FAMILIES,
    *circular.FAMILIES,
]

each = pytest.mark.parametrize("family", FAMILIES, ids=lambda one: one.name)
