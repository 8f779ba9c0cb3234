"""Families on the circle."""

from mpmath import mp

from .family import Family


def von_mises(m, k, n, c):
    share = mp.besseli(1, k) / mp.besseli(0, k)
    gap = mp.log(mp.besseli(0, c)) - mp.log(mp.besseli(0, k))
    return gap + share * (k - c * mp.cos(m - n))


def von_mises_density(x, m, k):
    return k * mp.cos(x - m) - mp.log(2 * mp.pi * mp.besseli(0, k))


FAMILIES = [
    Family(
        "kl_von_mises", ("location", "rate"), von_mises, von_mises_density,
        lambda m, k: [m - mp.pi, m - 1, m, m + 1, m + mp.pi],
        moderate=((0.5, 1.5, -0.25, 0.75), (1.0, 3.0, 1.0, 4.0), (0.0, 2.0, 0.5, 2.0)),
        precision=560,  # derivatives at angles a step apart are of 1e-37
    ),
]  # fmt: skip
