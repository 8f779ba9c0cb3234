"""The audit itself: what it takes, what it says, and whether it can be believed."""

import contextlib
import io
import json
import lzma
import subprocess
import sys
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from mpmath import mp

import relentropy
from relentropy import special
from relentropy.testing import (
    Exact,
    HardCase,
    assert_audit,
    audit,
    hard_cases,
    ulp_error,
)
from relentropy.testing._cases import truths
from relentropy.testing._kinds import KINDS

from ..tables import audit as tables
from .own import WITH_TRUTHS


def naive(p, q):
    return np.sum(p * np.log(p / q), axis=-1)


@pytest.fixture(scope="module")
def report():
    return audit(naive, "kl_divergence", dtypes=["float32", "float64"])


# --- what is found --------------------------------------------------------------------------


def test_a_report_is_false_where_something_is_found(report):
    assert not report
    assert report.matching("value.negative.close.*")
    assert report.worst("value", "close", "float64") == np.inf
    assert report.worst("value", "ordinary") < 10
    assert report.tables["value"]["zeros"] == {"float32": "nan", "float64": "nan"}


def test_the_same_function_gives_the_same_report(report):
    again = audit(naive, "kl_divergence", dtypes=["float32", "float64"])
    assert again.to_json() == report.to_json()
    assert str(again) == str(report)


def test_every_reproducer_shows_its_finding(report):
    """Pasted as they are, they give the wrong number that the finding names."""
    for finding in report.findings:
        *lines, call = finding.reproducer.splitlines()
        scope = {"fn": naive}
        with np.errstate(all="ignore"):
            exec("\n".join(lines), scope)
            result = np.ravel(eval(call, scope))
        wrong = finding.detail.partition(" where ")[0]
        assert np.array_equal(result, [float(wrong)], equal_nan=True), finding.name


def test_reproducers_of_derivatives_run():
    torch = pytest.importorskip("torch")

    def fn(x, y):
        return torch.where(x > 0, x * torch.log(x / y), 0.0)

    report = audit(fn, "rel_entr", backend="torch", dtypes=["float32"])
    (finding,) = report.matching("gradient.nan.zero.float32")
    *lines, call = finding.reproducer.splitlines()
    scope = {"fn": fn}
    exec("\n".join(lines), scope)
    assert any(torch.isnan(slope).any() for slope in eval(call, scope))


@pytest.mark.parametrize(
    ("spoilt", "pattern"),
    [
        (lambda v: v.astype(np.float32), "value.dtype.ordinary.float64"),
        (lambda v: np.nan_to_num(v, nan=0.0), "value.hidden.nan.float64"),
        (lambda v: np.where(np.isinf(v), 1e300, v), "value.hidden.uncovered.float64"),
        (lambda v: v * (1 + 1e-12), "value.digits.*.float64"),
        (lambda v: np.where(v < 1e-9, -v, v), "value.negative.close.float64"),
        (lambda v: np.where(v < 1e-9, np.inf, v), "value.inf.close.float64"),
    ],
)
def test_each_fault_is_told_from_the_others(spoilt, pattern):
    def fn(p, q):
        return spoilt(relentropy.kl_divergence(p, q))

    report = audit(fn, "kl_divergence", dtypes=["float64"])
    assert report.matching(pattern), str(report)
    fault = pattern.split(".")[1]
    assert {finding.fault for finding in report.findings} <= {fault, "digits"}


def test_a_dtype_that_raises_is_said_once():
    def fn(p, q):
        if p.dtype == np.float32:
            raise NotImplementedError("no float32 here")
        return relentropy.kl_divergence(p, q)

    report = audit(fn, "kl_divergence", dtypes=["float32", "float64"])
    (finding,) = report.findings
    assert finding.name == "value.error.ordinary.float32"
    assert finding.detail == "NotImplementedError: no float32 here"


@pytest.mark.parametrize(
    ("spoilt", "said"),
    [
        (lambda p, q: relentropy.kl_divergence(q, p), "right with the operands exchanged"),
        (
            lambda p, q: relentropy.kl_divergence(p, q, base=2),
            "1.443 times what is right, as in",
        ),
        (lambda p, q: relentropy.kl_divergence(p, q) / 4, "0.25 times what is right, a mean"),
        (lambda p, q: -relentropy.kl_divergence(p, q), "-1 times what is right"),
    ],
)
def test_what_it_is_instead_is_remarked(spoilt, said):
    report = audit(spoilt, "kl_divergence", dtypes=["float64"])
    assert report.matching("value.*.ordinary.float64")
    assert any(said in remark for remark in report.remarks), report.remarks


def test_operands_that_are_written_to():
    def fn(p, q):
        p *= 2
        return relentropy.kl_divergence(p, q)

    (finding,) = audit(fn, "kl_divergence", dtypes=["float64"]).findings
    assert finding.name == "value.operands.ordinary.float64"
    assert finding.detail == "p is changed"


def test_one_row_at_a_time():
    def fn(p, q):
        assert p.ndim == 1
        return float(relentropy.kl_divergence(p, q))

    assert_audit(fn, "kl_divergence", dtypes=["float64"])


def test_the_first_axis_is_fine_one_row_at_a_time():
    assert_audit(partial(relentropy.kl_divergence, axis=0), "kl_divergence", dtypes=["float64"])


def test_results_of_another_shape():
    words = r"returned shape \(2, 1\) for operands of shape \(2, 4\).* returns \(2,\), "
    with pytest.raises(ValueError, match=words):
        audit(partial(relentropy.kl_divergence, keepdims=True), "kl_divergence")


def test_derivatives_of_numpy_functions_may_be_given():
    def slopes(x, y):
        return np.log(x / y), 1 - x / y

    report = audit(special.kl_div, "kl_div", gradient=slopes, dtypes=["float64"])
    assert report.matching("gradient.digits.close.float64")
    assert not report.matching("value.*")
    quiet = audit(special.kl_div, "kl_div", gradient=False, dtypes=["float64"])
    assert quiet
    assert "gradient" not in quiet.tables


def test_derivatives_of_maps_are_weighted():
    def slopes(x, seed):
        share = special.softmax(x, axis=-1)
        return share * (seed - np.sum(share * seed, axis=-1, keepdims=True))

    report = audit(
        partial(special.softmax, axis=-1), "softmax", gradient=slopes, dtypes=["float64"]
    )
    assert report.worst("gradient", "ordinary") < 16


def test_which_derivatives_are_meant_is_found_out():
    torch = pytest.importorskip("torch")

    def fn(p, q):
        return (p * (p / q).log()).sum(-1)

    report = audit(fn, "kl_divergence", backend="torch", dtypes=["float64"])
    assert "derivatives are those of sum(p*log(p/q)) as it stands" in report.remarks
    assert report.worst("gradient", "ordinary") < 16
    own = partial(relentropy.kl_divergence, normalize=False)
    report = audit(own, "kl_divergence", backend="torch", dtypes=["float64"])
    assert "derivatives are those of sums as they stand" in report.remarks
    assert not report.matching("gradient.*")
    assert torch.is_grad_enabled()


def test_a_derivative_that_is_missing_is_a_remark():
    pytest.importorskip("torch")
    report = audit(
        lambda p, q: relentropy.kl_divergence(p.detach(), q),
        "kl_divergence", backend="torch", dtypes=["float64"],
    )  # fmt: skip
    assert report
    assert "no derivative by p" in report.remarks


def test_a_function_that_normalises_is_given_weights():
    report = audit(relentropy.kl_divergence, "kl_divergence", dtypes=["float64"])
    assert "it normalises: weights of any scale are tried too" in report.remarks
    assert "counts" in report.tables["value"]


def test_a_clamp_kills_the_gradient_of_a_penalty():
    torch = pytest.importorskip("torch")

    def fn(log_probs, ref, mask):
        u = torch.where(mask, log_probs - ref, 0.0)
        k3 = special.expm1mx(-u).clamp(max=10)
        return (k3 * mask).sum() / mask.sum().clamp(min=1)

    report = audit(fn, "kl_penalty", backend="torch", dtypes=["float64"])
    assert report.matching("gradient.digits.far.float64")
    assert report.matching("gradient.split.micro-batches.float64")
    assert not report.matching("*.masked.*", "*.empty.*", "*.close.*", "*.nan.*")


def test_a_mask_that_is_not_heeded():
    report = audit(
        lambda log_probs, ref, mask: np.mean(np.abs(log_probs - ref)), "kl_penalty",
        dtypes=["float64"],
    )  # fmt: skip
    assert report.matching("value.mask.masked.float64")
    assert report.matching("value.nan.masked.float64")


# --- what it takes --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"kind": "kl"}, "kind is 'kl'; expected one of kl_divergence, "),
        ({"inputs": "odds"}, "inputs is 'odds'; kl_divergence is audited with probs, "),
        ({"backend": "cupyx"}, "backend is 'cupyx'; expected one of numpy, "),
        ({"dtypes": ["float8"]}, "dtypes has 'float8'; expected some of float16, "),
        ({"dtypes": []}, "dtypes is empty"),
        ({"weighted": True}, "weighted is for the kind 'kl_estimator'"),
    ],
)
def test_what_it_does_not_know_it_says(arguments, words):
    with pytest.raises(ValueError, match="^" + words):
        audit(naive, **{"kind": "kl_divergence", **arguments})


def test_what_is_audited_is_called():
    with pytest.raises(TypeError, match="fn is 3; expected a function"):
        audit(3, "kl_divergence")


def test_one_dtype_needs_no_list():
    assert audit(special.entr, "entr", dtypes="float32").dtypes == ("float32",)


def test_a_dtype_that_a_library_lacks():
    pytest.importorskip("array_api_strict")
    with pytest.raises(ValueError, match="'float16', which array_api_strict lacks here"):
        audit(special.entr, "entr", backend="array_api_strict", dtypes=["float16"])


def test_further_cases():
    with mp.workdps(60):
        p, q = np.array([[0.25, 0.75]]), np.array([[0.5, 0.5]])
        truth = mp.mpf(0.25) * mp.log(0.5) + mp.mpf(0.75) * mp.log(1.5)
        high = np.array([float(truth)])
        value = Exact(high, np.array([float(truth - float(truth))]), np.ones(1))
    case = HardCase("kl_divergence", "probs", "float64", "mine", np.nan, (p, q), value)
    own = partial(audit, kind="kl_divergence", dtypes=["float64"])
    assert own(relentropy.kl_divergence, cases=[case]).worst("value", "mine") < 4
    wrong = replace(case, value=replace(value, high=high * 2))
    (finding,) = own(relentropy.kl_divergence, cases=[wrong]).findings
    assert finding.name == "value.digits.mine.float64"
    assert own(relentropy.kl_divergence, cases=[replace(wrong, dtype="float32")])


# --- assertions -----------------------------------------------------------------------------


def test_an_assertion_shows_what_is_not_accepted():
    with pytest.raises(AssertionError, match=r"value\.negative\.close\.float64: negative"):
        assert_audit(naive, "kl_divergence", dtypes=["float64"])


def test_accepted_findings_pass():
    accept = ["value.*.close.*", "*.nan.*", "value.digits.*"]
    kept = assert_audit(naive, "kl_divergence", dtypes=["float64"], accept=accept)
    assert kept.findings
    with pytest.raises(AssertionError, match="more are accepted"):
        assert_audit(naive, "kl_divergence", dtypes=["float64"], accept=["*.digits.*"])


def test_what_is_repaired_leaves_the_list():
    with pytest.raises(AssertionError, match=r"kl_div no longer does: \*\.float64"):
        assert_audit(special.kl_div, "kl_div", accept=["*.float64"])


def test_accepted_findings_are_a_list():
    with pytest.raises(TypeError, match="expected a list of patterns"):
        assert_audit(special.kl_div, "kl_div", accept="*")


# --- reports --------------------------------------------------------------------------------


def test_a_report_in_words(report):
    text = str(report)
    assert text.startswith("naive as kl_divergence of probs, numpy: ")
    assert "close 1e-08" in text
    assert "fn(p, q)" in text
    assert repr(report).startswith("<Report: naive as kl_divergence")
    lines = [line for line in text.splitlines() if line.startswith("close")]
    gaps = [float(line.split()[1]) for line in lines]
    assert gaps == sorted(gaps, reverse=True)


def test_a_report_in_markdown(report):
    text = report.to_markdown()
    assert text.startswith("## naive as kl_divergence of probs")
    assert "| close 1e-08 |" in text
    assert "```python\nimport numpy as np\n" in text
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert len({len(row) for row in rows}) == 1


def test_a_report_in_json(report):
    held = json.loads(report.to_json(), parse_constant=pytest.fail)
    assert held["kind"] == "kl_divergence"
    assert len(held["findings"]) == len(report.findings)
    assert held["tables"]["value"]["zeros"]["float64"] == "nan"


def test_a_picture(report, tmp_path):
    pytest.importorskip("matplotlib")
    ax = report.plot(tmp_path / "audit.png")
    assert (tmp_path / "audit.png").read_bytes().startswith(b"\x89PNG")
    assert [line.get_label() for line in ax.get_lines()[:2]] == ["float32", "float64"]
    again = report.plot(ax=ax)
    assert again is ax
    with pytest.raises(ValueError, match="nothing was measured at a known closeness"):
        audit(special.logaddexp, "logaddexp", dtypes=["float64"]).plot()


# --- truths ---------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", WITH_TRUTHS, ids=lambda kind: kind.name)
@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_every_kind_has_truths(kind, dtype):
    for inputs in kind.inputs:
        cases = hard_cases(kind.name, inputs, dtype)
        hard = {case.regime for case in cases}
        assert {"ordinary", "nan" if inputs != "weights" else "scale"} <= hard
        assert any(case.slopes for case in cases)
        for case in cases:
            assert not any(x.flags.writeable for x in case.operands)
            # They are representable: half an ulp of the dtype would show.
            for x in case.operands:
                finite = x[np.isfinite(x)]
                assert not (ulp_error(finite, finite, dtype=dtype) % 1).any()


def test_the_truths_are_the_oracles():
    """A few are evaluated anew; `python -m tests.tables.audit --anew` does all of them."""
    for kind in WITH_TRUTHS[::3]:
        inputs, dtype = kind.inputs[-1], "float32"
        drawn = tables.regimes(kind, inputs, dtype)
        short = [regime for regime in drawn if regime.operands[0].size < 100][1::4]
        stored = {one["crc"]: one for one in truths(kind.name)[inputs][dtype]}
        for regime in short:
            fresh = json.loads(json.dumps(tables.evaluated((kind.name, inputs, regime))))
            assert fresh == stored[fresh["crc"]], (kind.name, regime.label)


def test_unchanged_truths_are_not_written_anew(tmp_path):
    """Versions of xz compress differently; a file changes only if its truths do."""
    path = tmp_path / "truths.json.xz"
    for text, preset in ((b"[1, 2]", 0), (b"[1, 2]", 1)):
        path.write_bytes(lzma.compress(text, preset=preset))
        before = path.read_bytes()
        tables.write_truths(path, text)
        assert path.read_bytes() == before
    tables.write_truths(path, b"[1, 3]")
    assert lzma.decompress(path.read_bytes()) == b"[1, 3]"


def test_there_are_no_truths_of_losses():
    with pytest.raises(ValueError, match="'policy_loss', which has no truths of its own"):
        hard_cases("policy_loss")
    with pytest.raises(ValueError, match="dtype is 'float8'"):
        hard_cases("kl_divergence", dtype="float8")


def test_every_kind_is_documented():
    for name, kind in KINDS.items():
        assert f'"{name}"' in audit.__doc__ or name in {"k1", "k2", "k3", "abs"}, name
        assert kind.operands


def test_an_audit_of_numpy_functions_imports_no_other_library():
    code = (
        "import sys, numpy as np; from relentropy.testing import audit\n"
        "audit(lambda x: -x*np.log(x), 'entr', dtypes=['float64'])\n"
        "print(*(m for m in ('torch', 'jax', 'mpmath', 'matplotlib') if m in sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == ""


def test_an_audit_prints_nothing_and_warns_of_nothing():
    with contextlib.redirect_stdout(io.StringIO()) as out:
        audit(naive, "kl_divergence", dtypes=["float16"])
    assert out.getvalue() == ""


# --- what a reader without context found ----------------------------------------------------


@pytest.mark.parametrize(
    ("fn", "said"),
    [
        (lambda a, b: 1 / 0, "ZeroDivisionError"),
        (lambda a, b: (a - b, 1), "ValueError"),
        (lambda a, b: "x", "TypeError: fn returned str"),
        (lambda a, b: (a - b) + 1j, "TypeError: fn returned complex128"),
        (lambda a, b: None, "TypeError: fn returned NoneType"),
    ],
)
@pytest.mark.parametrize("kind", ["kl_estimator", "kl_divergence"])
def test_what_does_not_return_numbers_is_an_error(fn, said, kind):
    (finding,) = audit(fn, kind, dtypes=["float64"]).findings
    assert finding.name == "value.error.ordinary.float64"
    assert finding.detail.startswith(said)


def test_an_estimator_that_sums_is_of_another_shape():
    with pytest.raises(ValueError, match=r"returned shape \(\).*an estimator is elementwise"):
        audit(lambda a, b: np.sum(a - b), "kl_estimator")


def test_bias_in_16_bits_is_not_said():
    report = audit(lambda a, b: a - b, "kl_estimator", dtypes=["float16"])
    assert "bias is not looked at in 16 bits, which round too much" in report.remarks


def test_one_row_at_a_time_is_remarked():
    report = audit(
        lambda p, q: relentropy.kl_divergence(p, q, axis=None), "kl_divergence",
        dtypes=["float64"],
    )  # fmt: skip
    assert "called one row at a time; of several it returned shape ()" in report.remarks


def test_noise_is_told_from_lost_digits():
    rng = np.random.default_rng(0)

    def fn(p, q):
        return relentropy.kl_divergence(p, q) * (1 + 1e-3 * rng.normal())

    assert audit(fn, "kl_divergence", dtypes=["float64"]).matching("value.noise.ordinary.*")


def test_another_function_is_no_loss_of_digits():
    report = audit(lambda p, q: np.sum(p * q, axis=-1), "kl_divergence", dtypes=["float64"])
    assert report.matching("value.wrong.ordinary.float64")


def test_no_derivative_at_all_is_found():
    pytest.importorskip("torch")
    report = audit(
        lambda p, q: relentropy.kl_divergence(p.detach(), q.detach()),
        "kl_divergence", backend="torch", dtypes=["float64"],
    )  # fmt: skip
    assert [finding.name for finding in report.findings] == [
        "gradient.missing.ordinary.float64"
    ]
    assert not any("derivatives are" in remark for remark in report.remarks)


@pytest.mark.parametrize(
    "slopes",
    [
        lambda x, y: np.log(x / y),
        lambda x, y: (np.zeros(3), np.zeros(7)),
        lambda x, y: np.stack([x, y]),
        lambda x, y: (),
    ],
)
def test_derivatives_of_another_shape_are_an_error(slopes):
    report = audit(special.kl_div, "kl_div", gradient=slopes, dtypes=["float64"])
    assert report.matching("gradient.error.ordinary.float64")


def surrogate(log_probs, old, ref, advantages, mask, *, sign=-1.0, penalty=0.0):
    """Careful but for its sign; k1 times a factor."""
    import torch

    ratio = torch.exp(torch.where(mask & (advantages != 0), log_probs - old, 0.0))
    gain = torch.minimum(ratio * advantages, ratio.clamp(0.8, 1.2) * advantages)
    each = sign * gain + penalty * torch.where(mask, log_probs - ref, 0.0)
    counts = mask.sum(-1)
    means = torch.where(mask, each, 0.0).sum(-1) / counts.clamp(min=1)
    return means.sum() / (counts > 0).sum().clamp(min=1)


@pytest.mark.parametrize(
    ("options", "found"),
    [
        ({}, set()),
        ({"penalty": 0.04}, set()),
        ({"sign": 1.0}, {"gradient.sign.advantage.float64"}),
        ({"penalty": -0.04}, {"value.sign.far.float64", "gradient.sign.far.float64"}),
        ({"sign": 0.0}, {"gradient.sign.advantage.float64"}),
    ],
)
def test_losses_that_go_the_wrong_way(options, found):
    pytest.importorskip("torch")
    report = audit(
        partial(surrogate, **options), "policy_loss", backend="torch", dtypes=["float64"],
        name="surrogate",
    )  # fmt: skip
    assert {finding.name for finding in report.findings} == found, str(report)


def test_a_penalty_of_nothing():
    report = audit(lambda p, r, mask: np.sum(p * 0.0 * mask), "kl_penalty", dtypes=["float64"])
    assert report.matching("value.sign.far.float64")


def test_a_loss_without_a_derivative_is_one_finding():
    pytest.importorskip("torch")
    report = audit(
        lambda *operands: float(surrogate(*operands)), "policy_loss", backend="torch",
        dtypes=["float64"],
    )  # fmt: skip
    (finding,) = report.findings
    assert finding.name == "gradient.error.ordinary.float64"
    assert finding.detail == "TypeError: fn returned float, which has no derivative"


def test_reproducers_of_losses_show_their_findings():
    """Also where a check raises, and where a batch is split."""
    torch = pytest.importorskip("torch")

    def fn(log_probs, ref, mask):
        if not mask.any():
            raise ZeroDivisionError("no tokens")
        u = log_probs - ref
        return ((torch.exp(-u) - 1 + u) * mask).sum() / mask.sum()

    report = audit(fn, "kl_penalty", backend="torch", dtypes=["float32"])
    shown = {}
    for name in ("value.error.empty", "value.split.micro-batches", "gradient.nan.masked"):
        (finding,) = report.matching(name + ".*")
        *lines, call = finding.reproducer.splitlines()
        scope = {"fn": fn}
        exec("\n".join(lines), scope)
        shown[name] = partial(eval, call, scope)
    with pytest.raises(ZeroDivisionError):
        shown["value.error.empty"]()
    whole, mean = shown["value.split.micro-batches"]()
    assert abs(whole - mean) > 0.01 * whole
    (slope,) = shown["gradient.nan.masked"]()
    assert torch.isnan(slope).any()


def test_reproducers_of_maps_weigh_the_rows():
    torch = pytest.importorskip("torch")

    def fn(x):
        share = torch.softmax(x, -1)
        return share.detach() + 0.5 * (share - share.detach())

    report = audit(fn, "softmax", backend="torch", dtypes=["float64"])
    (finding,) = report.matching("gradient.wrong.ordinary.*")
    *lines, call = finding.reproducer.splitlines()
    scope = {"fn": fn}
    exec("\n".join(lines), scope)
    (slope,) = eval(call, scope)
    wrong = float(finding.detail.partition(": ")[2].partition(" where ")[0])
    assert wrong in slope.ravel().tolist()


def test_reproducers_of_long_rows_in_bfloat16():
    pytest.importorskip("ml_dtypes")

    def fn(x):
        return special.logsumexp(x.astype(np.float32), axis=-1) + np.float32(1)

    report = audit(fn, "logsumexp", dtypes=["bfloat16"])
    (finding,) = report.matching("value.*.long.bfloat16")
    *lines, call = finding.reproducer.splitlines()
    scope = {"fn": fn}
    exec("\n".join(lines), scope)
    assert np.isfinite(eval(call, scope)).all()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"regime": "my.case"}, "expected one word without dots"),
        ({"regime": ""}, "expected one word without dots"),
        ({"dtype": "float6"}, "dtype is 'float6'"),
        ({"kind": "policy_loss"}, "no cases of the kind 'policy_loss'"),
        ({"operands": (np.ones(2), np.ones(2))}, "takes 2 of 2 dimensions"),
        ({"operands": (np.ones((3, 2)), np.ones((3, 2)))}, "value has shape"),
    ],
)
def test_cases_are_checked(change, words):
    (case, *_) = hard_cases("kl_divergence")
    with pytest.raises(ValueError, match=words):
        replace(case, **change)


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"cases": [1]}, TypeError, "cases has 1; expected HardCase objects"),
        ({"cases": hard_cases("entr")[0]}, TypeError, "cases is one HardCase"),
        ({"gradient": "no"}, TypeError, "gradient is 'no'"),
        ({"max_ulp": -1.0}, ValueError, "max_ulp must be positive"),
        ({"device": "cuda"}, ValueError, "device is 'cuda', but numpy has none"),
    ],
)
def test_arguments_are_checked(arguments, error, words):
    with pytest.raises(error, match=words):
        audit(naive, "kl_divergence", **arguments)


def test_cases_are_of_no_use_to_losses():
    with pytest.raises(ValueError, match="cases are of no use to the kind 'kl_penalty'"):
        audit(naive, "kl_penalty", cases=hard_cases("entr"))


def test_truths_cannot_be_changed():
    with pytest.raises(ValueError, match="read-only"):
        hard_cases("kl_divergence")[0].value.high[:] = 9


def test_a_picture_is_the_same_each_time(report, tmp_path):
    pytest.importorskip("matplotlib")
    texts = []
    for name in ("one.svg", "two.svg"):
        report.plot(tmp_path / name)
        texts.append((tmp_path / name).read_bytes())
    assert texts[0] == texts[1]
