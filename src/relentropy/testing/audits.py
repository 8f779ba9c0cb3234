"""Audits: where a function of somebody's goes wrong, and by how much."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from .. import _arguments
from .._ulp import FORMATS
from ._bias import audit_samples
from ._cases import HardCase
from ._cases import hard_cases as _stored_cases
from ._kinds import KINDS, Kind
from ._ledger import Ledger
from ._libraries import Library, library
from ._losses import audit_loss
from ._measure import Audited, audit_slopes, audit_values, hint, normalizes, quiet, settle
from .report import Report

__all__ = ["assert_audit", "audit", "hard_cases"]


def audit(
    fn: Any,
    kind: str,
    *,
    inputs: str | None = None,
    backend: str = "numpy",
    dtypes: Iterable[str] | None = None,
    gradient: Any = True,
    device: Any = None,
    weighted: bool = False,
    max_ulp: float = 16.0,
    cases: Iterable[HardCase] = (),
    name: str | None = None,
) -> Report:
    r"""Audit a function on the inputs on which functions of its kind fail.

    Values and derivatives are compared with truths of 24 digits for inputs that are close to
    each other, far apart, masked, zero, tiny, huge, long, infinite and nan.

    Parameters
    ----------
    fn : callable
        What is audited. What it takes and returns depends on `kind`.
    kind : str
        What it should compute:

        * of rows, along the last axis: "kl_divergence", "js_divergence", "js_distance",
          "jeffreys_divergence", "hellinger_distance", "total_variation", "chi2_divergence"
          (Pearson's), "cross_entropy", "entropy" and "logsumexp" return a number for each row;
          "softmax" and "log_softmax" return rows. What takes one row at a time is called so.
        * elementwise: "kl_div", "rel_entr", "entr", "xlogy", "xlog1py", "expm1mx", "log1pmx",
          "log1mexp", "log1pexp", "logaddexp", "binary_kl_divergence", "binary_entropy".
        * elementwise, of the parameters of p and then of q: "kl_normal" (mean, standard
          deviation), "kl_laplace" and "kl_gumbel" (location, scale), "kl_exponential" and
          "kl_poisson" (rate), "kl_geometric" (probability), "kl_gamma" (shape, rate),
          "kl_beta", "kl_weibull" (shape, scale), "kl_von_mises" (direction, concentration).
        * "kl_estimator": ``fn(log_probs, ref_log_probs)``, estimates of samples, elementwise.
          If it is k1, k2, k3 or their absolute value, its digits are looked at; its bias, and
          that of its gradient as a loss, is enumerated over all outcomes.
        * "kl_penalty": ``fn(log_probs, ref_log_probs, mask)``, one number of a batch.
        * "policy_loss": ``fn(log_probs, old_log_probs, ref_log_probs, advantages, mask)``, one
          number. All operands of losses are of shape (batch, time), and the mask is bool;
          derivatives are those by ``log_probs``.
    inputs : {"probs", "weights", "logits", "log_probs"}, optional
        What distributions are given by; by default the first that the kind has. "probs" add up
        to 1 without a rounding; a function that normalises them is given "weights" too, which
        are of any scale. "log_probs" are normalised up to their own rounding, which is not
        meant.
    backend : {"numpy", "torch", "jax", "array_api_strict", "cupy"}, default "numpy"
        Whose arrays the function takes.
    dtypes : iterable of str, optional
        Of "float16", "bfloat16", "float32" and "float64"; by default all that the library has
        here (numpy has bfloat16 if ml_dtypes is installed, jax float64 if it is turned on).
    gradient : bool or callable, default True
        Whether to look at derivatives, which torch and jax provide; or, for others, a function
        of the same operands that returns the derivatives of the sum of fn by each of them (of a
        map, it takes one operand more, the numbers that the results are weighted with).
    device : optional
        Where arrays are made, by default where the library makes them.
    weighted : bool, default False
        Whether a "kl_estimator" takes a third operand, the log-probabilities under the policy
        that the samples are from, and corrects for it.
    max_ulp : float, default 16.0
        Errors above it are findings, in units in the last place of the operands' dtype, times
        the condition number where one is known.
    cases : iterable of HardCase, optional
        Further cases, for the kinds that have truths; those of other kinds, forms of inputs or
        dtypes are passed over.
    name : str, optional
        How the report calls the function.

    Returns
    -------
    Report
        True if nothing was found. It can be printed, and has ``to_markdown``, ``to_json`` and
        ``plot``. The same function gives the same report.

    Raises
    ------
    TypeError
        If `fn` or `gradient` is no function, or one of `cases` no `HardCase`.
    ValueError
        For an unknown kind, inputs, backend, device or dtype, and if `fn` returns neither a
        number for each row nor, of one row, one number.
    ImportError
        If the backend is not installed.

    See Also
    --------
    assert_audit : the same as one line in a test.
    hard_cases : what it tries.

    Notes
    -----
    Derivatives of distributions may be those of what is normalised or those of sums as they
    stand; which ones is found out where they are easy, and said in a remark.

    What is a convention in one library and not in another, such as negative weights, is not
    looked at. Subnormal numbers are not, either: some devices flush them. Nor are warnings,
    what is printed, time, and layouts other than contiguous rows.

    Of losses it is not known what they should be; they are looked at for what must hold of any:
    what a mask excludes has no influence, nothing overflows, an advantage makes its token
    likelier, and a penalty has the digits, and the sign, of the k1, k2, k3 or absolute value
    that it is. Other terms, such as the entropy of samples, disturb that: leave them out.

    Examples
    --------
    >>> import numpy as np
    >>> from relentropy.testing import audit
    >>> def kl(p, q):
    ...     return np.sum(p * np.log(p / q), axis=-1)
    >>> report = audit(kl, "kl_divergence", dtypes=["float64"])
    >>> for finding in report.findings:
    ...     print(finding.name)
    value.digits.close.float64
    value.negative.close.float64
    value.digits.certain.float64
    value.nan.zeros.float64
    value.nan.uncovered.float64
    value.digits.long.float64
    """
    chosen = _kind(kind, weighted)
    inputs = _inputs(chosen, inputs)
    if not callable(fn):
        msg = f"fn is {fn!r}; expected a function"
        raise TypeError(msg)
    if not (callable(gradient) or isinstance(gradient, bool)):
        msg = f"gradient is {gradient!r}; expected True, False or a function"
        raise TypeError(msg)
    _arguments.positive("max_ulp", max_ulp)
    further = _cases(chosen, cases)
    own = library(backend, device)
    ledger = Ledger()
    names = _dtypes(own, dtypes, ledger)
    slopes = gradient if callable(gradient) else None
    audited = Audited(fn, chosen, own, slopes, max_ulp, ledger, derivatives=bool(gradient))
    with quiet():
        if chosen.form == "loss":
            audit_loss(audited, names)
        elif chosen.form == "sample":
            audit_samples(audited, names)
        else:
            further = [case for case in further if (case.kind, case.inputs) == (kind, inputs)]
            _audit_cases(audited, kind, inputs, names, further)
    return Report(
        function=str(name or getattr(fn, "__name__", type(fn).__name__)),
        kind=kind,
        inputs=inputs,
        backend=backend,
        dtypes=names,
        max_ulp=max_ulp,
        findings=tuple(ledger.found.values()),
        tables=ledger.cells,
        remarks=tuple(ledger.remarks),
        curve=tuple(ledger.curve),
    )


def _audit_cases(
    audited: Audited, kind: str, inputs: str, dtypes: tuple[str, ...], further: list[HardCase]
) -> None:
    by_dtype = {
        dtype: [*_stored_cases(kind, inputs, dtype), *(c for c in further if c.dtype == dtype)]
        for dtype in dtypes
    }
    every = [case for cases in by_dtype.values() for case in cases]
    settle(audited, every)
    if inputs == "probs" and audited.kind.form == "row" and normalizes(audited, every):
        audited.ledger.remark("it normalises: weights of any scale are tried too")
        for dtype, cases in by_dtype.items():
            cases += _stored_cases(kind, "weights", dtype)
    hint(audited, every)
    for cases in by_dtype.values():
        audit_values(audited, cases)
        if audited.has_gradient:
            audit_slopes(audited, cases)


def assert_audit(
    fn: Callable[..., Any], kind: str, *, accept: Iterable[str] = (), **options: Any
) -> Report:
    """Raise AssertionError if an audit finds what is not accepted: one line in a test.

    Parameters
    ----------
    fn, kind
        As for `audit`.
    accept : iterable of str
        Patterns of the names of findings that may be, such as ``"*.float16"`` or
        ``"gradient.bias.*"``. One that nothing matches is an error too: what has been
        repaired should leave the list.
    **options
        As for `audit`.

    Returns
    -------
    Report
        With what was accepted.

    Raises
    ------
    AssertionError
        With the report of what is not accepted, or the patterns that match nothing.
    TypeError, ValueError
        As for `audit`.

    Examples
    --------
    >>> import relentropy
    >>> from relentropy.testing import assert_audit
    >>> def test_kl():
    ...     assert_audit(relentropy.kl_divergence, "kl_divergence", inputs="probs")
    >>> test_kl()
    """
    if isinstance(accept, str):
        msg = f"accept is {accept!r}; expected a list of patterns"
        raise TypeError(msg)
    patterns = tuple(accept)
    if not all(isinstance(pattern, str) for pattern in patterns):
        msg = f"accept has {patterns!r}; expected patterns of findings' names"
        raise TypeError(msg)
    report = audit(fn, kind, **options)
    accepted = report.matching(*patterns)
    left = report.without(*patterns)
    unused = [pattern for pattern in patterns if not report.matching(pattern)]
    if left.findings:
        more = f"\n{len(accepted)} more are accepted" if accepted else ""
        raise AssertionError(f"{left}{more}")
    if unused:
        msg = f"accept lists what {report.function} no longer does: {', '.join(unused)}"
        raise AssertionError(msg)
    return report


def hard_cases(
    kind: str, inputs: str | None = None, dtype: str = "float64"
) -> tuple[HardCase, ...]:
    """Return the cases that `audit` tries, with their true values.

    Parameters
    ----------
    kind : str
        As for `audit`; also "k1", "k2", "k3" and "abs", but not "kl_estimator", "kl_penalty"
        and "policy_loss", which have no truths of their own.
    inputs : str, optional
        As for `audit`.
    dtype : {"float16", "bfloat16", "float32", "float64"}, default "float64"
        What the operands are representable in.

    Returns
    -------
    tuple of HardCase
        Their arrays are float64 and read-only.

    Raises
    ------
    ValueError
        For an unknown kind, inputs or dtype.

    Examples
    --------
    >>> from relentropy.testing import hard_cases
    >>> case = hard_cases("kl_divergence", "logits")[1]
    >>> case.label, case.operands[0].shape, case.value.high.shape
    ('close 1e-01', (2, 4), (2,))
    """
    chosen = _kind(kind, False)
    if chosen.form in {"sample", "loss"}:
        names = ", ".join(k.name for k in KINDS.values() if k.form not in {"sample", "loss"})
        msg = f"kind is {kind!r}, which has no truths of its own; expected one of {names}"
        raise ValueError(msg)
    if dtype not in FORMATS:
        msg = f"dtype is {dtype!r}; expected one of {', '.join(FORMATS)}"
        raise ValueError(msg)
    return _stored_cases(kind, _inputs(chosen, inputs), dtype)


def _cases(kind: Kind, cases: Any) -> list[HardCase]:
    if isinstance(cases, HardCase):
        msg = "cases is one HardCase; expected a list of them"
        raise TypeError(msg)
    found = list(cases)
    for case in found:
        if not isinstance(case, HardCase):
            msg = f"cases has {case!r}; expected HardCase objects"
            raise TypeError(msg)
    if found and kind.form in {"sample", "loss"}:
        msg = f"cases are of no use to the kind {kind.name!r}, which has no truths of its own"
        raise ValueError(msg)
    return found


def _kind(name: Any, weighted: bool) -> Kind:
    if not isinstance(name, str) or name not in KINDS:
        msg = f"kind is {name!r}; expected one of {', '.join(KINDS)}"
        raise ValueError(msg)
    kind = KINDS[name]
    if not weighted:
        return kind
    if kind.form != "sample":
        msg = f"weighted is for the kind 'kl_estimator', not for {name!r}"
        raise ValueError(msg)
    return Kind(name, "sample", (*kind.operands, "old_log_probs"), kind.inputs)


def _inputs(kind: Kind, inputs: str | None) -> str:
    if inputs is None:
        return kind.inputs[0]
    if inputs not in kind.inputs:
        msg = f"inputs is {inputs!r}; {kind.name} is audited with {', '.join(kind.inputs)}"
        raise ValueError(msg)
    return inputs


def _dtypes(own: Library, dtypes: Any, ledger: Ledger) -> tuple[str, ...]:
    if dtypes is None:
        for name, why in own.missing.items():
            ledger.remark(f"without {name}: {why}")
        return own.dtypes
    wanted = (dtypes,) if isinstance(dtypes, str) else tuple(dtypes)
    for name in wanted:
        if not isinstance(name, str) or name not in FORMATS:
            msg = f"dtypes has {name!r}; expected some of {', '.join(FORMATS)}"
            raise ValueError(msg)
        if name in own.missing:
            msg = f"dtypes has {name!r}, which {own.name} lacks here: {own.missing[name]}"
            raise ValueError(msg)
    if not wanted:
        msg = f"dtypes is empty; expected some of {', '.join(FORMATS)}"
        raise ValueError(msg)
    return tuple(name for name in FORMATS if name in wanted)
