from .._call import elementwise
from .._formulas.circular import VON_MISES
from .._records import closed_form

@closed_form("x")
def kl_von_mises(direction_p, concentration_p, direction_q, concentration_q, *, where=None, dtype=None):
    """A.

    Parameters
    ----------
    direction_p : array
        x
    concentration_p : array
        x
    direction_q : array
        x
    concentration_q : array
        x
    """
    operands = {"direction_p": direction_p, "concentration_p": concentration_p, "direction_q": direction_q, "concentration_q": concentration_q}
    return elementwise(VON_MISES, operands, where=where, dtype=dtype, widen=True)
