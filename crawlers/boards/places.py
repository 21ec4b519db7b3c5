"""Countries by the names that people type into a board's field for the place: in English and in the country itself."""

from __future__ import annotations

_NAMES = """
ae: united arab emirates, uae
ar: argentina
at: austria, österreich
au: australia
be: belgium, belgique, belgië
br: brazil, brasil
ca: canada
ch: switzerland, schweiz, suisse, svizzera
cl: chile
co: colombia
cz: czech republic, czechia, česko, česká republika
de: germany, deutschland
dk: denmark, danmark
es: spain, españa
fi: finland, suomi
fr: france
gb: united kingdom, uk, great britain
gr: greece, ελλάδα
hk: hong kong
hu: hungary, magyarország
id: indonesia
ie: ireland
il: israel
in: india
it: italy, italia
jp: japan, 日本
kr: south korea, 대한민국
lu: luxembourg
ma: morocco, maroc
mx: mexico, méxico
my: malaysia
nl: netherlands, the netherlands, nederland
no: norway, norge
nz: new zealand
pe: peru, perú
ph: philippines
pk: pakistan
pl: poland, polska
pt: portugal
ro: romania, românia
sa: saudi arabia
se: sweden, sverige
sg: singapore
th: thailand
tr: turkey, türkiye
tw: taiwan
ua: ukraine, україна
us: united states, united states of america, usa
vn: vietnam
world: worldwide
za: south africa
"""
COUNTRIES = {code: names.strip().split(", ") for code, _, names in (line.partition(":") for line in _NAMES.strip().splitlines())}
_CODES = {name: code for code, names in COUNTRIES.items() for name in names}


def country_named(place: str) -> str:
    """The country label of a place's name, empty if it is none that is known."""
    return _CODES.get(" ".join(place.casefold().split()), "")


__all__ = ["COUNTRIES", "country_named"]
