"""All families that tests run over."""

import pytest

from . import counting, locations, shapes

FAMILIES = [*locations.FAMILIES, *counting.FAMILIES, *shapes.FAMILIES]

each = pytest.mark.parametrize("family", FAMILIES, ids=lambda one: one.name)
