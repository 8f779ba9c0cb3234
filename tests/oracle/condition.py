"""How much larger than the inputs' own relative error the result's may be.

``sum_i abs(x_i * df/dx_i) / abs(f)``, by hand-written derivatives. A test grants a function
its bound times this number only where a sum can cancel; everything else has no excuse and
gets 1.
"""

from mpmath import mp

from . import joint as _joint
from .evaluate import evaluate, exact, starting_precision
from .rows import flags, measures

_ORDERED = ("alpha_divergence", "tsallis_divergence")


def condition(function, inputs, options, value=None):
    """Return the condition number, at least 1 and inf where the value is zero.

    Parameters
    ----------
    function : str
        A name in `DEFINITIONS`.
    inputs : sequence
        The inputs as for `evaluate`, in a sequence.
    options : dict
        ``from_logits``, ``normalize`` and ``alpha``, where the function has them.
    value : mpf, optional
        The function's value, where it is known.

    Returns
    -------
    mpf
        1 for the functions that cannot cancel, and where the value is inf or nan; 1 also
        where a divergence in an order is zero, as it is then in every order. A list, one for
        each entry, for ``pointwise_mutual_information``.
    """
    if function == "pointwise_mutual_information":
        args = [exact(v) for v in inputs]
        bits = starting_precision(function, args, options)
        with mp.workprec(bits + 128):
            return _joint.pointwise_condition(*args, **options, bits=bits)
    normalize = options.get("normalize", True)
    cancels = function in ("logsumexp", "logaddexp", "logsubexp", *_ORDERED) or (
        function in ("entropy", "cross_entropy") and not normalize
    )
    if not cancels:
        return mp.mpf(1)
    args = [exact(v) for v in inputs]
    if value is None:
        value = evaluate(function, *inputs, **options)
        value = value[0] if function == "logsumexp" else value
    if not mp.isfinite(value):
        return mp.mpf(1)
    if value == 0:
        return mp.mpf(1) if function in _ORDERED else mp.inf
    with mp.workprec(starting_precision(function, args, options)):
        total = mp.fsum(abs(t) for t in _SENSITIVITIES[function](*args, options=options))
        return max(mp.mpf(1), total / abs(value))


def _logsumexp(a, b=None, *, options):
    weights = [mp.mpf(1)] * len(a) if b is None else b
    pairs = zip(a, weights, strict=True)
    kept = [(v, w * mp.exp(v)) for v, w in pairs if w != 0 and mp.isfinite(v)]
    total = mp.fsum(term for _, term in kept)
    for v, term in kept:
        share = term / total
        yield v * share
        if b is not None:
            yield share


def _logaddexp(x, y, *, options):
    return _logsumexp([x, y], options=options)


def _logsubexp(x, y, *, options):
    # The sign is no input: only the two exponents carry an error.
    total = mp.exp(x) - mp.exp(y)
    return [v * mp.exp(v) / total for v in (x, y) if mp.isfinite(v)]


def _entropy(p, *, options):
    p_is_log, _ = flags(options.get("from_logits", False))
    for v in p:
        x, log_x, slope = _coordinates(v, p_is_log)
        if x > 0:
            yield x * (log_x + 1) * slope


def _cross_entropy(p, q, *, options):
    p_is_log, q_is_log = flags(options.get("from_logits", False))
    for u, v in zip(p, q, strict=True):
        x, _, slope_x = _coordinates(u, p_is_log)
        _, log_y, slope_y = _coordinates(v, q_is_log)
        if x > 0:
            yield x * log_y * slope_x
            yield x * slope_y


def _ordered(p, q, *, options):
    """Half of what an error of each log-ratio, relative to its size, moves a divergence.

    ``d * q * df/dq`` with d = log(p / q), where the derivative is ``(1 - exp(a * d)) / a`` and
    the Tsallis divergence's a times that. The divergence is of second order in d, hence the
    half.
    """
    a = mp.mpf(options["alpha"])
    rows = measures((p, q), options.get("from_logits", False), options.get("normalize", True))
    for (x, log_x), (y, log_y) in zip(*rows, strict=True):
        if x and y:
            d = log_x - log_y
            yield d * y * (mp.expm1(a * d) / a if a else d) / 2


def _ordered_times_alpha(p, q, *, options):
    a = mp.mpf(options["alpha"])
    return [a * t for t in _ordered(p, q, options=options)]


def _coordinates(value, is_log):
    """The weight, its logarithm, and d(log weight)/d(log of the input)."""
    if is_log:
        return mp.exp(value), value, value
    return value, mp.log(value), mp.mpf(1)


_SENSITIVITIES = {
    "logsumexp": _logsumexp,
    "logaddexp": _logaddexp,
    "logsubexp": _logsubexp,
    "entropy": _entropy,
    "cross_entropy": _cross_entropy,
    "alpha_divergence": _ordered,
    "tsallis_divergence": _ordered_times_alpha,
}
