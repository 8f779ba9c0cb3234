"""Relative entropy between distributions with shapes: gamma, inverse gamma, beta."""
from __future__ import annotations
from typing import Any, Literal
from .. import _arguments
from .._call import elementwise, reduce
from .._formulas.dirichlet import DirichletKL
from .._formulas.shapes import BETA, GAMMA
from .._records import closed_form
Array = Any

@closed_form("x")
def kl_gamma(shape_p, rate_p, shape_q, rate_q, *, parameter="rate", where=None, dtype=None):
    """A.

    Parameters
    ----------
    shape_p : array
        x
    rate_p : array
        x
    shape_q : array
        x
    rate_q : array
        x
    parameter : str
        x
    """
    kind = _arguments.chosen("parameter", parameter, tuple(GAMMA))
    operands = {"shape_p": shape_p, "rate_p": rate_p, "shape_q": shape_q, "rate_q": rate_q}
    return elementwise(GAMMA[kind], operands, where=where, dtype=dtype, widen=True)

@closed_form("x")
def kl_beta(alpha_p, beta_p, alpha_q, beta_q, *, where=None, dtype=None):
    """A.

    Parameters
    ----------
    alpha_p : array
        x
    beta_p : array
        x
    alpha_q : array
        x
    beta_q : array
        x
    """
    operands = {"alpha_p": alpha_p, "beta_p": beta_p, "alpha_q": alpha_q, "beta_q": beta_q}
    return elementwise(BETA, operands, where=where, dtype=dtype, widen=True)

@closed_form("x")
def kl_dirichlet(alpha_p, alpha_q, *, axis=-1, where=None, keepdims=False, dtype=None):
    """A.

    Parameters
    ----------
    alpha_p : array
        x
    alpha_q : array
        x
    axis : int
        x
    keepdims : bool
        x
    """
    operands = {"alpha_q": alpha_q, "alpha_p": alpha_p}
    return reduce(DirichletKL(), operands, axis=axis, where=where, keepdims=keepdims, dtype=dtype, widen=True, positions=True)[0]
