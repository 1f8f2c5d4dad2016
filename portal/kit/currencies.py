"""How many decimals the minor unit of each currency stands for, after ISO 4217."""

_USUAL_EXPONENT = 2

# CLDR counts the digits that people write, which is something else.
_EXPONENTS = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
    3: "BHD IQD JOD KWD LYD OMR TND",
    4: "CLF UYW",
}
_EXPONENT_OF = {
    code: exponent for exponent, codes in _EXPONENTS.items() for code in codes.split()
}


_NO_UNITS = "XAG XAU XBA XBB XBC XBD XDR XPD XPT XSU XTS XUA XXX"
WITHOUT_UNITS = frozenset(_NO_UNITS.split())
"""Codes of ISO 4217 that name no minor unit: metals, funds, tests and no currency."""


def currency_exponent(code: str) -> int:
    """Return how many decimals the minor unit of a currency stands for."""
    return _EXPONENT_OF.get(code, _USUAL_EXPONENT)


def minor_per_major(code: str) -> int:
    """Return how many minor units make one major unit: 100 for USD, 1 for JPY."""
    return int(10 ** currency_exponent(code))
