"""The records of estimates against their functions, docstrings and definitions."""

import inspect
import re

import pytest

from relentropy import estimators
from relentropy._records import ESTIMATES

from ..oracle import estimates as oracle

each = pytest.mark.parametrize("record", ESTIMATES.values(), ids=ESTIMATES)
DEFINITIONS = {
    "kl_estimate": (oracle.estimate, oracle.estimate_slope),
    "token_log_probs": (oracle.token_log_prob, oracle.token_slopes),
    "partial_kl": (oracle.partial_kl, oracle.partial_slopes),
}


@each
def test_every_record_has_a_function_and_a_definition(record):
    assert record.name in estimators.__all__
    assert record.source
    if record.name == "rao_blackwell_kl":  # a divergence of logits, which has its own record
        return
    assert len(DEFINITIONS[record.oracle]) == 2


@each
def test_every_docstring_states_the_bounds(record):
    text = " ".join(inspect.getdoc(getattr(estimators, record.name)).split())
    value, slope = (
        {dtype: f"{ulp[dtype]:g}" for dtype in ("float64", "float32")}
        for ulp in (record.ulp, record.slope_ulp)
    )
    assert f"Errors are at most {value['float64']} ulp in float64" in text
    assert re.search(rf"float64.{{0,80}} {value['float32']} in float32", text)
    stated = text.partition("erivatives")[2] + text.partition("Gradients (torch")[2]
    assert f"{slope['float64']} ulp" in stated
    assert f"{slope['float32']} in float32" in stated
    if record.tiled_ulp is not None:
        assert f"({record.tiled_ulp:g} where a row" in text
