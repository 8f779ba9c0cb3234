"""What holds for all tests."""

import sys

import pytest


@pytest.fixture(autouse=True, scope="module")
def _forget_what_was_compiled():
    """Compiled functions of all modules together would fill gigabytes."""
    yield
    if "jax" in sys.modules:
        sys.modules["jax"].clear_caches()
    if "torch._dynamo" in sys.modules:
        sys.modules["torch"].compiler.reset()
