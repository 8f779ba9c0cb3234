"""Arithmetic in three words against rationals, alone and composed under a compiler."""

from fractions import Fraction

import numpy as np
import pytest

from relentropy._arrays.namespace import namespace
from relentropy._arrays.pairs import add_words, divide_words, multiply_words, total_in_words

from .backends import BACKENDS

OPERATIONS = {
    "sum": (lambda a, b, xp: add_words(a, b), lambda a, b: a + b),
    "product": (lambda a, b, xp: multiply_words(a, b, xp=xp), lambda a, b: a * b),
    "quotient": (lambda a, b, xp: divide_words(a, b, xp=xp), lambda a, b: a / b),
    "composed": (
        lambda a, b, xp: multiply_words(divide_words(a, b, xp=xp), add_words(a, b), xp=xp),
        lambda a, b: a / b * (a + b),
    ),
}


def drawn(rng, count):
    high = rng.uniform(1, 2, count)
    low = rng.uniform(-1, 1, (2, count)) * [[2.0**-54], [2.0**-108]]
    return high, *low


def exact(words, i):
    return sum(Fraction(float(np.asarray(word)[i])) for word in words)


def library(name):
    if name == "numpy":
        import array_api_compat.numpy as raw

        return namespace("numpy", raw, "float64", True), np.asarray, lambda fn: fn
    jax = pytest.importorskip("jax")
    return namespace("jax", jax.numpy, "float64", True), jax.numpy.asarray, jax.jit


@pytest.mark.parametrize("name", ["numpy", "jax"])
@pytest.mark.parametrize("operation", OPERATIONS)
def test_three_words_hold_three_times_the_digits(operation, name):
    with BACKENDS[name].active():
        xp, make, compiled = library(name)
        of_words, of_numbers = OPERATIONS[operation]
        rng = np.random.default_rng(4)
        a, b = drawn(rng, 200), drawn(rng, 200)
        arrays = [tuple(make(word) for word in words) for words in (a, b)]
        found = compiled(lambda x, y: of_words(x, y, xp))(*arrays)
        for i in range(200):
            true = of_numbers(exact(a, i), exact(b, i))
            assert abs(exact(found, i) / true - 1) < Fraction(1, 2**150)


def test_sums_of_numbers_of_different_sizes():
    rng = np.random.default_rng(5)
    numbers = np.ldexp(rng.uniform(1, 2, (37, 1)), rng.integers(-40, 40, (37, 1)))
    xp, _, _ = library("numpy")
    none = np.zeros_like(numbers)
    found = total_in_words((numbers, none, none), xp=xp)
    true = sum(Fraction(number) for number in numbers[:, 0].tolist())
    assert abs(exact([word[0] for word in found], 0) / true - 1) < Fraction(1, 2**150)
