"""The divergences as functions of two rows alone, by name, for what holds of many of them.

Orders are a column, so that batches of rows give one line of results for each.
"""

import math
from functools import partial

import numpy as np

import relentropy as re
from relentropy._formulas.generators import NAMES, Scaled, is_symmetric

ORDERS = np.array([0.0, 1e-12, 0.3, 1 - 1e-8, 1.0, 1 + 1e-12, 2.0, 7.5, math.inf])[:, None]
ALPHAS = np.array([-0.5, 0.0, 0.3, 0.5, 1.0, 1.5])[:, None]


# One name of each generator; the others are its bits, or multiples of them.
_NAMED = {
    named.generator: partial(re.f_divergence, generator=name)
    for name, named in reversed(NAMES.items())
    if not isinstance(named.generator, Scaled)
}
_FIRST = {function.keywords["generator"]: g for g, function in reversed(_NAMED.items())}


SYMMETRIC = {name: _NAMED[g] for name, g in _FIRST.items() if is_symmetric(g)} | {
    "js distance": re.js_distance,
    "hellinger": re.hellinger_distance,
}
SYMMETRIC_OF_DISTRIBUTIONS = {
    "bhattacharyya": re.bhattacharyya_distance,
    "generalized js": lambda p, q, **options: re.generalized_js_divergence([p, q], **options),
}
# Sums of a convex term of the masses.
F_DIVERGENCES = {name: _NAMED[g] for name, g in _FIRST.items()} | {
    "js of a quarter": partial(re.js_divergence, weight=0.25),
    "skew of a quarter": partial(re.skew_kl_divergence, weight=0.25),
    "alpha": partial(re.alpha_divergence, alpha=ALPHAS),
    "tsallis": partial(re.tsallis_divergence, alpha=ALPHAS[1:]),
}
# What follows from one such sum.
OTHERS = {
    "js distance": re.js_distance,
    "hellinger": re.hellinger_distance,
    "bhattacharyya": re.bhattacharyya_distance,
    "renyi": partial(re.renyi_divergence, alpha=ORDERS),
}
EVERY = F_DIVERGENCES | OTHERS
# Those with a column of orders.
COLUMNS = {"alpha", "tsallis", "renyi"}


def two_bounds(name):
    """How many ulp two results may be apart that are equal in mathematics."""
    return 12 if "quarter" in name else 8
