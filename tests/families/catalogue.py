"""All families that tests run over."""

import pytest

from . import counting, locations

FAMILIES = [*locations.FAMILIES, *counting.FAMILIES]

each = pytest.mark.parametrize("family", FAMILIES, ids=lambda one: one.name)
