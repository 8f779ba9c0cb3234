"""What property tests draw: rows of weights, of logits and of counts, close ones among them."""

import numpy as np
from hypothesis import Phase, settings
from hypothesis import strategies as st

modest = settings(max_examples=60, derandomize=True, deadline=None, database=None)
# For tests of all divergences at once, of which a failure would be shrunk for minutes.
few = settings(modest, max_examples=15, phases=[Phase.explicit, Phase.generate])

WEIGHTS = st.one_of(
    st.floats(2.0**-300, 2.0**300),
    st.sampled_from([1.0, 1 + 2.0**-52, 1 - 2.0**-53, 0.5, 3.0, 1e-17]),
)
# Multiples of 2**-20 below 2**9 in size can be shifted without rounding.
LOGITS = st.integers(-(2**29), 2**29).map(lambda k: k * 2.0**-20)
SIZES = st.integers(1, 9)
BATCH = 4


def rows(*elements):
    """As many rows as there are elements, of one length."""
    return SIZES.flatmap(
        lambda n: st.tuples(*(st.lists(e, min_size=n, max_size=n) for e in elements))
    ).map(lambda lists: tuple(np.array(values) for values in lists))


@st.composite
def pairs(draw, elements=WEIGHTS, least=1):
    """(BATCH, n) of weights twice: rows as they come, and three of ever closer sides."""
    n = draw(st.integers(least, 9))
    count = 2 * BATCH * n
    p, q = np.reshape(draw(st.lists(elements, min_size=count, max_size=count)), (2, BATCH, n))
    steps = np.array(draw(st.lists(st.integers(-64, 64), min_size=n, max_size=n)))
    for row, scale in zip(range(1, BATCH), (2.0**-7, 2.0**-30, 2.0**-52), strict=True):
        q[row] = p[row] * (1 + scale * steps)
    return p, q


@st.composite
def close_logits(draw):
    """The same of logits."""
    n = draw(SIZES)
    count = 2 * BATCH * n
    a, b = np.reshape(draw(st.lists(LOGITS, min_size=count, max_size=count)), (2, BATCH, n))
    steps = np.array(draw(st.lists(st.integers(-64, 64), min_size=n, max_size=n)))
    for row, scale in zip(range(1, BATCH), (2.0**-4, 2.0**-12, 2.0**-20), strict=True):
        b[row] = a[row] + scale * steps
    return a, b


TOTAL = 2.0**12


@st.composite
def counts(draw, shape=(2, 6), least=0):
    """Two tables of whole numbers; each row sums to TOTAL, so that sums of rows are exact."""
    size = 2 * shape[0] * (shape[1] - 1)
    largest = int(TOTAL) // shape[1]
    drawn = draw(st.lists(st.integers(least, largest), min_size=size, max_size=size))
    tables = np.reshape(np.array(drawn, dtype=np.float64), (2, shape[0], shape[1] - 1))
    rest = TOTAL - np.sum(tables, axis=-1, keepdims=True)
    p, q = np.concatenate([tables, rest], axis=-1)
    return p, q
