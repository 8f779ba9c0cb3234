"""A pytest plugin that puts the look-alikes in the places of SciPy's functions."""

import fnmatch
import importlib

import pytest

from relentropy.interop import scipy_stats

PLACES = {
    "scipy.stats": ["entropy"],
    "scipy.spatial.distance": ["jensenshannon"],
    "scipy.special": [
        name for name in scipy_stats.__all__ if name not in ("entropy", "jensenshannon")
    ],
}

_COMPLEX = "of complex numbers, which have no entropy"
_MESSAGE = "the wording of an error; ours names the arguments (tests/interop)"
_KIND = "integers take the dtype of the floats beside them, here as everywhere"

# Tests that cannot apply, by name, and why; an entry that matches no test is an error.
INAPPLICABLE = {
    "test_wrap_radians*": "of a private helper",
    "test_logsumexp_complex_sign*": _COMPLEX,
    "test_dtypes_a*complex*": _COMPLEX,
    "test_gh21610*": _COMPLEX,
    "test_gh21709_small_imaginary*": _COMPLEX,
    "test_gh22601_infinite_elements*j)*": _COMPLEX,
    "test_device*1j*": _COMPLEX,
    "test_xlogy": f"its second half is {_COMPLEX}; the first is in tests/interop",
    "test_entropy_raises_value_error*": _MESSAGE,
    "test_entropy_shape_mismatch*": _MESSAGE,
    "test_dtypes_ab?[nad]*-float32-int*": _KIND,
    "test_dtypes_ab?[nad]*-int??-float32*": _KIND,
}


@pytest.fixture(autouse=True)
def _lookalikes(request, monkeypatch):
    for place, names in PLACES.items():
        home = importlib.import_module(place)
        for name in names:
            own, theirs = getattr(scipy_stats, name), getattr(home, name)
            monkeypatch.setattr(home, name, own)
            if getattr(request.module, name, None) is theirs:
                monkeypatch.setattr(request.module, name, own)


def pytest_collection_modifyitems(config, items):
    kept, dropped, unmatched = [], [], set(INAPPLICABLE)
    for item in items:
        matching = {one for one in INAPPLICABLE if fnmatch.fnmatchcase(item.name, one)}
        unmatched -= matching
        (dropped if matching else kept).append(item)
    if unmatched and not config.option.keyword:
        raise pytest.UsageError(f"no such tests: {', '.join(sorted(unmatched))}")
    config.hook.pytest_deselected(items=dropped)
    items[:] = kept
