"""The records against what they speak of: functions, oracle, tables, backends, docstrings."""

import inspect
import re

import numpy as np
import pytest

import relentropy
from relentropy import special
from relentropy._records import BACKENDS as CLAIMABLE
from relentropy._records import RECORDS

from ..oracle import DEFINITIONS
from ..tables.load import load
from .backends import BACKENDS, DTYPES
from .measured import function_of
from .samples import CALLS, TABLES

MODULES = {"relentropy": relentropy, "relentropy.special": special}
SETTINGS = {"get_num_threads", "set_num_threads", "show_config"}  # these compute nothing
PUBLIC = {
    f"{home}.{name}": getattr(module, name)
    for home, module in MODULES.items()
    for name in module.__all__
    if inspect.isfunction(getattr(module, name)) and name not in SETTINGS
}
each = pytest.mark.parametrize("record", RECORDS.values(), ids=RECORDS)


@pytest.mark.parametrize("name", PUBLIC)
def test_every_public_function_has_a_record(name):
    function = PUBLIC[name]
    assert function.__name__ in RECORDS
    assert function_of(RECORDS[function.__name__]) is function


@each
def test_every_record_is_of_a_public_function(record):
    assert any(function.__name__ == record.name for function in PUBLIC.values())


@each
def test_every_record_has_a_definition_in_the_oracle(record):
    assert record.oracle in DEFINITIONS
    assert record.source


@pytest.mark.parametrize("dtype", DTYPES)
@each
def test_every_record_has_a_table_and_a_bound_for_every_dtype(record, dtype):
    cases = load(record.name, dtype)
    assert sum(case.truth_hi.size for case in cases) >= 20
    assert all(case.inputs[0].dtype.name == dtype for case in cases)
    assert 0.5 <= record.ulp[dtype] <= 4
    assert set(record.ulp) == set(DTYPES)


@each
def test_every_record_is_called_by_the_generated_suite(record):
    calls = [call for call in CALLS + TABLES if call.record is record]
    assert calls, "add its operands to tests/suite/samples.py"
    defaults = inspect.signature(function_of(record)).parameters
    for flag in {"from_logits", "normalize"} & set(defaults):
        values = {repr(call.options.get(flag, defaults[flag].default)) for call in calls}
        assert {"True", "False"} <= values


@pytest.mark.parametrize("backend", CLAIMABLE)
@each
def test_every_claim_has_a_backend_that_tests_it(record, backend):
    assert backend in record.backends or backend not in CLAIMABLE
    running = [b for b in BACKENDS.values() if b.library == backend]
    assert running
    assert set(record.backends) <= set(CLAIMABLE)


@each
def test_every_exemption_names_backend_regime_and_cause(record):
    for exemption in record.exemptions:
        assert exemption.backend in record.backends
        assert set(exemption.dtypes) <= set(DTYPES)
        assert exemption.regime in {"subnormal", "without float64"} | {
            case.regime for dtype in DTYPES for case in load(record.name, dtype)
        }
        assert len(exemption.cause) > 20
        assert exemption.ulp > min(record.ulp[dtype] for dtype in exemption.dtypes)


@each
def test_exempt_regimes_without_float64_are_measured(record):
    for exemption in record.exemptions:
        if exemption.regime == "without float64":
            lacking = [b for b in BACKENDS.values() if not b.has_float64]
            libraries = {b.library for b in lacking}
            # torch lacks it on Apple's devices only, which no machine of ours has.
            assert exemption.backend in libraries | {"torch"}


SECTIONS = ("Parameters", "Returns", "Raises", "Notes", "Examples")


def section(text, title):
    """The body of a numpydoc section."""
    found = re.search(rf"^{title}\n-+\n(.*?)(?=^\w[\w ]*\n-+\n|\Z)", text, re.M | re.S)
    return found.group(1) if found else ""


@each
def test_every_docstring_has_its_sections_in_order(record):
    text = inspect.getdoc(function_of(record))
    titles = re.findall(r"^(\w[\w ]*)\n-+$", text, re.M)
    assert [title for title in titles if title in SECTIONS] == list(SECTIONS)
    assert text.splitlines()[0].endswith(".")
    assert ".. math::" in text


@each
def test_every_parameter_is_described_with_its_default(record):
    function = function_of(record)
    body = section(inspect.getdoc(function), "Parameters")
    described = re.findall(r"^(\w+) : (.+)$", body, re.M)
    parameters = inspect.signature(function).parameters
    assert [name for name, _ in described] == list(parameters)
    for name, kind in described:
        default = parameters[name].default
        if default is inspect.Parameter.empty or default is None:
            assert "default" not in kind or "None" in kind
        else:
            assert f"default {default}" in kind


@each
def test_every_docstring_states_the_bound_and_shows_an_example(record):
    text = inspect.getdoc(function_of(record))
    notes = section(text, "Notes")
    assert re.search(rf"at\s+most\s+{record.ulp['float64']:g}\s+ulp\s+in\s+float64", notes)
    if record.tiled_ulp is not None:
        assert re.search(rf"\({record.tiled_ulp:g} where", notes)
    assert ">>> " in section(text, "Examples")
    assert "inf" in text or "nan" in text or "-inf" in text or "overflow" in text


@each
def test_every_derivative_has_a_bound_that_the_docstring_states(record):
    assert set(record.slope_ulp) == set(DTYPES)
    notes = " ".join(section(inspect.getdoc(function_of(record)), "Notes").split())
    (stated,) = re.findall(r"at most (\d) ulp off in float64", notes)
    assert float(stated) == record.slope_ulp["float64"]
    assert re.search(rf"{record.slope_ulp['float32']:g} in float32", notes)


def test_records_are_frozen():
    record = next(iter(RECORDS.values()))
    with pytest.raises(AttributeError):
        record.name = "other"
    assert np.isfinite(list(record.ulp.values())).all()
