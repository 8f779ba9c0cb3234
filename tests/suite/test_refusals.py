"""What is refused, and that the error says which argument it was and what would do."""

import importlib.util

import numpy as np
import pytest

from relentropy import cross_entropy, entropy, kl_divergence, special

from .backends import BACKENDS
from .samples import BASED, BINARY, CALLS, DIVERGENCES, MASKED, call_named, every


def torch():
    return pytest.importorskip("torch")


def refused(call, *operands):
    """The message of the TypeError, with the bad operand in every place."""
    messages = []
    for place, name in enumerate(call.names):
        placed = [np.ones(3)] * len(call.names)
        placed[place] = operands[0]
        with pytest.raises(TypeError) as caught:
            call.rows(*placed)
        assert str(caught.value).startswith(name), "the message begins with the argument"
        messages.append(str(caught.value))
    return "\n".join(messages)


@every(CALLS)
def test_masked_arrays_are_refused(call):
    message = refused(call, np.ma.masked_array(np.ones(3), mask=[True, False, False]))
    assert "where=~" in message


@pytest.mark.filterwarnings("ignore:the matrix subclass:PendingDeprecationWarning")
@every(CALLS)
def test_matrices_are_refused(call):
    assert "numpy.asarray" in refused(call, np.matrix([1.0, 2.0, 3.0]))


@every(CALLS)
def test_record_arrays_are_refused(call):
    assert "numpy.asarray" in refused(call, np.ones(3).view(np.recarray))


@pytest.mark.parametrize("form", ["csr_array", "csr_matrix", "coo_array"])
@every(CALLS)
def test_sparse_arrays_of_scipy_are_refused(call, form):
    sparse = pytest.importorskip("scipy.sparse")
    assert ".toarray()" in refused(call, getattr(sparse, form)(np.ones((1, 3))))


def test_distributions_of_scipy_are_refused():
    stats = pytest.importorskip("scipy.stats")
    with pytest.raises(TypeError, match="probabilities"):
        entropy(stats.norm())


@pytest.mark.parametrize("form", ["Series", "DataFrame"])
@every(DIVERGENCES)
def test_data_frames_are_refused(call, form):
    pandas = pytest.importorskip("pandas")
    assert ".to_numpy()" in refused(call, getattr(pandas, form)([1.0, 2.0, 3.0]))


@every(DIVERGENCES)
def test_labelled_arrays_are_refused(call):
    xarray = pytest.importorskip("xarray")
    assert ".data" in refused(call, xarray.DataArray([1.0, 2.0, 3.0]))


@pytest.mark.filterwarnings("ignore:Sparse:UserWarning")
def test_sparse_tensors_are_refused():
    tensor = torch().ones(2, 3)
    for sparse in (tensor.to_sparse(), tensor.to_sparse_csr()):
        with pytest.raises(TypeError, match=r"p is a sparse tensor; pass \.to_dense\(\)"):
            kl_divergence(sparse, tensor)
        with pytest.raises(TypeError, match=r"q is a sparse tensor; pass \.to_dense\(\)"):
            kl_divergence(tensor, sparse)


@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors:UserWarning")
def test_nested_tensors_are_refused():
    nested = torch().nested.nested_tensor([torch().ones(2), torch().ones(3)])
    with pytest.raises(TypeError, match="p is"):
        entropy(nested)


def test_distributions_of_torch_are_refused():
    distribution = torch().distributions.Categorical(logits=torch().zeros(3))
    with pytest.raises(TypeError, match=r"\.logits with from_logits=True"):
        kl_divergence(distribution, distribution)


@pytest.mark.parametrize(
    "value", ["abc", None, {"a": 1}, {1.0, 2.0}, object(), b"12", iter([1.0]), slice(3)],
    ids=lambda value: type(value).__name__,
)  # fmt: skip
def test_what_is_no_array_is_refused(value):
    for bad in ((value, np.ones(3)), (np.ones(3), value)):
        with pytest.raises(TypeError):
            kl_divergence(*bad)
    with pytest.raises(TypeError):
        entropy(value)


@every(CALLS)
def test_lists_of_arrays_are_refused(call):
    assert "stack" in refused_alone(call, [np.ones(3), np.ones(3)])


def refused_alone(call, value):
    with pytest.raises(TypeError) as caught:
        call.rows(*[value] * len(call.names))
    return str(caught.value)


@every(BINARY)
def test_lists_of_arrays_beside_an_array_are_refused(call):
    for place in range(len(call.names)):
        placed = [np.ones((2, 3))] * len(call.names)
        placed[place] = [np.ones(3), np.ones(3)]
        with pytest.raises(TypeError, match="stack"):
            call.rows(*placed)


def test_ragged_lists_are_refused():
    with pytest.raises(ValueError, match="p is not a rectangular array"):
        entropy([[1.0, 2.0], [3.0]])
    with pytest.raises(ValueError, match="p is not a rectangular array"):
        kl_divergence([[1.0, 2.0], [3.0]], np.ones((2, 2)))


@pytest.mark.parametrize(
    ("one", "other"),
    [("numpy", "torch"), ("torch", "jax"), ("strict", "numpy"), ("dask", "numpy")],
)
@every(BINARY)
def test_two_libraries_at_once_raise_and_are_named(call, one, other):
    x, y = call.draw(2, 3, dtype="float32")
    with BACKENDS[one].active(), BACKENDS[other].active():
        with pytest.raises(TypeError, match="different libraries") as caught:
            call.rows(BACKENDS[one].make(x), BACKENDS[other].make(y))
        message = str(caught.value)
        assert BACKENDS[one].library in message
        assert BACKENDS[other].library in message
        for name in call.names:
            assert f"{name} is a" in message


@every(BINARY)
def test_two_devices_at_once_raise_and_are_named(call):
    x, y = call.draw(2, 3, dtype="float32")
    with BACKENDS["strict"].active(), pytest.raises(ValueError, match="different devices") as e:
        call.rows(BACKENDS["strict"].make(x), BACKENDS["strict-device"].make(y))
    assert "device1" in str(e.value)


@pytest.mark.parametrize(
    ("dtype", "remedy"),
    [
        ("bool", "convert"),
        ("complex64", "real"),
        ("complex128", "real"),
        ("longdouble", "float64"),
        ("object", "pass floats or integers"),
        ("U3", "pass floats or integers"),
        ("datetime64[s]", "pass floats or integers"),
    ],
)
@every(CALLS)
def test_dtypes_that_are_no_numbers_to_us_raise(call, dtype, remedy):
    if np.dtype(dtype) == np.float64:
        pytest.skip("longdouble is float64 on this platform")
    assert remedy in refused(call, np.zeros(3, dtype))


@pytest.mark.parametrize("dtype", ["float8_e4m3fn", "float8_e5m2"])
@every(CALLS)
def test_eight_bit_floats_raise(call, dtype):
    import ml_dtypes

    message = refused(call, np.ones(3, getattr(ml_dtypes, dtype)))
    assert "float16, bfloat16 or float32" in message


@pytest.mark.parametrize("dtype", ["float8_e4m3fn", "float8_e5m2", "bool", "complex64"])
def test_dtypes_of_tensors_that_are_no_numbers_to_us_raise(dtype):
    bad = torch().ones(3).to(getattr(torch(), dtype))
    with pytest.raises(TypeError, match=f"p has dtype {dtype}"):
        entropy(bad)
    with pytest.raises(TypeError, match=f"y has dtype {dtype}"):
        special.kl_div(torch().ones(3), bad)


@pytest.mark.parametrize("value", [True, 1j, [True, False], [1j, 2.0]], ids=repr)
def test_numbers_and_lists_of_such_types_raise(value):
    with pytest.raises(TypeError, match="x has dtype"):
        special.entr(value)
    with pytest.raises(TypeError, match="x has dtype"):
        special.rel_entr(value, np.ones(2))


@pytest.mark.parametrize("function", [kl_divergence, cross_entropy])
@pytest.mark.parametrize("dtype", ["int64", "int32", "uint8"])
def test_class_labels_raise(function, dtype):
    labels, logits = np.array([1, 0], dtype), np.ones((2, 4))
    with pytest.raises(TypeError, match="class labels"):
        function(labels, logits, from_logits=(False, True))
    with pytest.raises(TypeError, match="class labels"):
        function(np.array(1, dtype), logits[0])
    with pytest.raises(TypeError, match="class labels"):
        function([1, 0], logits)
    if importlib.util.find_spec("torch") and dtype == "int64":
        with pytest.raises(TypeError, match="class labels"):
            function(torch().tensor([1, 0]), torch().ones(2, 4))


def test_counts_are_not_taken_for_labels():
    assert kl_divergence(np.array([[1, 1]]), np.array([[1.0, 1.0]])) == 0
    assert kl_divergence(np.array([1, 1]), np.ones((3, 2))).shape == (3,)


@pytest.mark.parametrize("flag", [1, 0, "yes", None, (True,), (True, False, True), (1, 0), []])
@every([call_named("kl_divergence-weights"), call_named("cross_entropy-weights")])
def test_from_logits_is_a_flag_or_a_pair_of_flags(call, flag):
    with pytest.raises(TypeError, match="from_logits must be"):
        call(*call.draw(3), from_logits=flag)


def test_from_logits_of_a_single_distribution_is_a_flag():
    for flag in (1, "yes", None, (True, True)):
        with pytest.raises(TypeError, match="from_logits must be"):
            entropy(np.ones(3), from_logits=flag)


def test_flags_of_numpy_and_lists_of_flags_are_fine():
    p = np.array([0.25, 0.75])
    assert entropy(p, from_logits=np.True_) == entropy(p, from_logits=True)
    expected = kl_divergence(p, p * 2, from_logits=(False, True))
    assert kl_divergence(p, p * 2, from_logits=[False, True]) == expected


@pytest.mark.parametrize("flag", [1, "no", None, (True, True)])
@every([call for call in MASKED if "normalize" in call.parameters])
def test_normalize_is_a_flag(call, flag):
    with pytest.raises(TypeError, match="normalize must be"):
        call(*call.draw(3), normalize=flag)


def test_return_sign_is_a_flag_with_and_without_weights():
    for keywords in ({}, {"b": np.ones(3)}):
        with pytest.raises(TypeError, match="return_sign must be"):
            special.logsumexp(np.ones(3), return_sign="no", **keywords)


@pytest.mark.parametrize("base", [0, 1, -2, 1.0, 0.5, np.inf, np.nan, 10**400])
@every(BASED)
def test_impossible_bases_raise(call, base):
    with pytest.raises(ValueError, match="base must be greater than 1"):
        call(*call.draw(3), base=base)


@pytest.mark.parametrize(
    "base", ["2", True, [2], 2j, np.complex128(2), np.bool_(True)], ids=repr
)
@every(BASED)
def test_bases_that_are_no_numbers_raise(call, base):
    with pytest.raises(TypeError, match="base must be a number"):
        call(*call.draw(3), base=base)


def test_options_are_keywords_and_operands_of_elementwise_functions_are_not():
    p = np.ones(3)
    with pytest.raises(TypeError):
        kl_divergence(p, p, -1)
    with pytest.raises(TypeError):
        entropy(p, -1)
    with pytest.raises(TypeError):
        special.kl_div(x=p, y=p)
