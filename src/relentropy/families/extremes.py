from .._call import elementwise
from .._formulas.extremes import GUMBEL, WEIBULL
from .._records import closed_form

@closed_form("x")
def kl_gumbel(location_p, scale_p, location_q, scale_q, *, where=None, dtype=None):
    """A.

    Parameters
    ----------
    location_p : array
        x
    scale_p : array
        x
    location_q : array
        x
    scale_q : array
        x
    """
    operands = {"location_p": location_p, "scale_p": scale_p, "location_q": location_q, "scale_q": scale_q}
    return elementwise(GUMBEL, operands, where=where, dtype=dtype, widen=True)

@closed_form("x")
def kl_weibull(shape_p, scale_p, shape_q, scale_q, *, where=None, dtype=None):
    """A.

    Parameters
    ----------
    shape_p : array
        x
    scale_p : array
        x
    shape_q : array
        x
    scale_q : array
        x
    """
    operands = {"shape_p": shape_p, "scale_p": scale_p, "shape_q": shape_q, "scale_q": scale_q}
    return elementwise(WEIBULL, operands, where=where, dtype=dtype, widen=True)
