"""All families that tests run over."""

import pytest

from . import counting, extremes, locations, shapes

FAMILIES = [*locations.FAMILIES, *counting.FAMILIES, *shapes.FAMILIES, *extremes.FAMILIES]

each = pytest.mark.parametrize("family", FAMILIES, ids=lambda one: one.name)
