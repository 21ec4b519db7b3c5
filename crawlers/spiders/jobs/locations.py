"""In which part of the world a posting is, from the place that companies write beside it: ``us``, ``europe``, both, or not told.

Companies write places freely: "San Francisco, CA", "Remote - US", "London, UK; Berlin", "Paris or New York". What can be read
in two ways ("Cambridge", "Remote - CA", "EMEA") or is not in the table tells nothing: such a posting counts in the world only.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

US, EUROPE, ELSEWHERE = "us", "europe", "elsewhere"

_STATES = """
AL alabama, AK alaska, AZ arizona, AR arkansas, CA california, CO colorado, CT connecticut, DE delaware, FL florida, GA georgia, HI
hawaii, ID idaho, IL illinois, IN indiana, IA iowa, KS kansas, KY kentucky, LA louisiana, ME maine, MD maryland, MA massachusetts,
MI michigan, MN minnesota, MS mississippi, MO missouri, MT montana, NE nebraska, NV nevada, NH new hampshire, NJ new jersey, NM new
mexico, NY new york, NC north carolina, ND north dakota, OH ohio, OK oklahoma, OR oregon, PA pennsylvania, RI rhode island, SC south
carolina, SD south dakota, TN tennessee, TX texas, UT utah, VT vermont, VA virginia, WA washington, WV west virginia, WI wisconsin,
WY wyoming, DC district of columbia"""
_ALSO_COUNTRIES = """
AL AR CA CO DE GA ID IL IN LA MA MD ME MT PA TN"""  # Albania, Argentina, Canada, …: where they stand alone they tell nothing
_EUROPEAN_CODES = """
AT BE BG CH CY CZ DE DK EE ES FI FR GB GR HR HU IE IS IT LT LU LV MT NL NO PL PT RO RS SE SI SK UA UK AL BA ME MK MD AUT BEL BGR CHE
CZE DEU DNK ESP EST FIN FRA GBR GRC HRV HUN IRL ITA LTU LUX LVA NLD NOR POL PRT ROU SRB SVK SVN SWE UKR EU"""
_COUNTRIES = """
us: united states, united states of america, usa, u.s., u.s.a., u.s, us, america
europe: albania, andorra, austria, osterreich, belarus, belgium, bosnia, herzegovina, bulgaria, croatia, cyprus, czech republic,
czechia, denmark, estonia, finland, france, germany, deutschland, great britain, england, scotland, wales, northern ireland, greece,
hungary, iceland, ireland, republic of ireland, italy, italia, kosovo, latvia, liechtenstein, lithuania, luxembourg, malta, moldova,
monaco, montenegro, netherlands, nederland, north macedonia, norway, poland, polska, portugal, romania, serbia, slovakia, slovenia,
spain, espana, sweden, switzerland, schweiz, suisse, ukraine, united kingdom, uk, u.k., gb, eu, europe, european union, western
europe, central europe, eastern europe, northern europe, southern europe, nordics, dach, benelux, baltics, uki
elsewhere: argentina, australia, brazil, brasil, canada, chile, china, colombia, costa rica, egypt, hong kong, india, indonesia,
israel, japan, kenya, korea, south korea, republic of korea, malaysia, mexico, morocco, new zealand, nigeria, pakistan, panama, peru,
philippines, qatar, saudi arabia, singapore, south africa, taiwan, thailand, turkey, turkiye, uae, united arab emirates, uruguay,
vietnam, alberta, british columbia, manitoba, new south wales, nova scotia, ontario, quebec, queensland, victoria, on, bc, qc, ab"""
_CITIES = """
us: new york city, nyc, manhattan, brooklyn, san francisco, san francisco bay, sf, bay, silicon valley, los angeles, san jose, san
diego, san mateo, palo alto, menlo park, mountain view, sunnyvale, santa clara, santa monica, redwood city, foster city, oakland,
south san francisco, seattle, bellevue, redmond, kirkland, boston, somerville, chicago, austin, dallas, houston, denver, boulder, salt
lake city, lehi, phoenix, scottsdale, tempe, atlanta, miami, tampa, nashville, raleigh, charlotte, philadelphia, pittsburgh, detroit,
ann arbor, minneapolis, columbus, indianapolis, portland, las vegas, sacramento, irvine, el segundo, costa mesa, hawthorne, starbase,
arlington, mclean, reston, bethesda, baltimore, washington dc, washington d.c., st. louis, saint louis, kansas city, honolulu
europe: amsterdam, rotterdam, utrecht, eindhoven, hague, antwerp, brussels, ghent, athens, thessaloniki, barcelona, madrid,
malaga, seville, belfast, edinburgh, glasgow, london, manchester, bristol, leeds, oxford, belgrade, berlin, munich, munchen, hamburg,
frankfurt, frankfurt am main, cologne, koln, dusseldorf, stuttgart, karlsruhe, heidelberg, leipzig, dresden, freiburg, hannover, bonn,
bern, geneva, lausanne, zurich, zug, basel, bratislava, prague, brno, ostrava, bucharest, cluj, cluj-napoca, iasi, timisoara,
budapest, copenhagen, aarhus, dublin, cork, galway, helsinki, espoo, tampere, kyiv, kiev, lviv, krakow,
warsaw, warszawa, wroclaw, gdansk, poznan, katowice, lodz, lisbon, lisboa, porto, braga, ljubljana, luxembourg city, lyon, paris,
lille, nantes, bordeaux, toulouse, marseille, nice, grenoble, sophia antipolis, milan, milano, rome, roma, turin, bologna, oslo,
bergen, trondheim, reykjavik, riga, tallinn, tartu, vilnius, kaunas, sofia, plovdiv, stockholm, gothenburg, goteborg, malmo, lund,
linkoping, vienna, wien, linz, graz, zagreb, limassol, nicosia, valletta
elsewhere: bangalore, bengaluru, hyderabad, pune, mumbai, delhi, new delhi, gurgaon, gurugram, noida, chennai, kolkata, tel aviv, tel
aviv-yafo, herzliya, haifa, jerusalem, tbilisi, toronto, montreal, ottawa, calgary, sydney, melbourne, auckland, tokyo, osaka, seoul,
beijing, shanghai, shenzhen, taipei, bangkok, jakarta, kuala lumpur, manila, hanoi, ho chi minh city, mexico city, guadalajara, sao
paulo, rio de janeiro, buenos aires, bogota, medellin, lima, santiago, montevideo, lagos, nairobi, cairo, cape town, johannesburg,
casablanca, dubai, abu dhabi, riyadh, doha, ankara, yerevan"""


def _table(text: str) -> dict[str, str]:
    """Name -> label, from lines of "label: name, name, …" that go on below."""
    found: dict[str, str] = {}
    for part in re.split(r"\n(?=\w+: )", text.strip()):
        label, _, names = part.partition(": ")
        found |= {" ".join(name.split()): label for name in names.split(",")}
    return found


_STATE_CODES = dict(state.strip().split(" ", 1) for state in " ".join(_STATES.split()).split(","))
_STATE_NAMES = frozenset(_STATE_CODES.values())
_AMBIGUOUS, _EUROPE = frozenset(_ALSO_COUNTRIES.split()), frozenset(_EUROPEAN_CODES.split())
_COUNTRY, _CITY = _table(_COUNTRIES), _table(_CITIES)
_APART = re.compile(r"\s*(?:[;|/•·\n&+]|\bor\b|\band\b)\s*", re.IGNORECASE)
_TOKENS = re.compile(r"\s*[,()\[\]:]\s*|\s+[-–—]\s+|(?<=\b[A-Z]{2})-(?=[A-Z])|(?<=\bUSA)-")
_FILLERS = re.compile(
    r"\b(?:fully|100%|remote|remoto|remotely|hybrid|on-?site|in-?office|in-person|office|offices|hq|headquarters|only|based|anywhere|flexible|"
    r"in|within|from|the|greater|area|metro|metropolitan|region|timezones?|candidates)\b",
    re.IGNORECASE,
)


def labels_of(places: Iterable[str]) -> frozenset[str]:
    """The labels that the places of one posting tell."""
    return frozenset(label for place in places for piece in _pieces(place) for label in _labels(piece) if label != ELSEWHERE)


def labels_of_country(country: str) -> frozenset[str]:
    """As `labels_of`, of a field that holds a country: its name or its ISO 3166 code, which cannot be a state's there."""
    code = country.strip().upper()
    if code in {"US", "USA"}:
        return frozenset({US})
    if code in _EUROPE:
        return frozenset({EUROPE})
    return frozenset() if len(code) == 2 else labels_of([country])


def _pieces(place: str) -> list[str]:
    """A text of several places, apart."""
    return [p for p in _APART.split(place) if p]


def _labels(piece: str) -> list[str]:
    """Labels of "city, state, country" and of lists of them: what is wider decides over the city before it."""
    found: list[str] = []
    city: str | None = None  # the label of the city that the next name may correct
    named = False  # whether a place stands before, which a state's code may belong to
    for original in _TOKENS.split(piece):
        name = " ".join(_FILLERS.sub(" ", original).strip(" .-–—").split())
        if not name:
            continue
        plain = _plain(name)
        wider = _wider(name, plain, city, named=named)
        if wider is not None:
            found.append(wider)
            city = None
        elif plain in _CITY:
            found += [] if city is None else [city]
            city = _CITY[plain]
        named = True
    return found if city is None else [*found, city]


def _wider(name: str, plain: str, city: str | None, *, named: bool) -> str | None:
    """The label of a country or state, given the city before it; None if the name is neither."""
    if name in _STATE_CODES:
        if (city == ELSEWHERE and name in _AMBIGUOUS) or (city == EUROPE and name in _EUROPE):
            return city  # Tel Aviv, IL; Berlin, DE
        unclear = name == "DE" and city is None  # Delaware, or a German town that is not in the table
        return US if named and not unclear else None if name in _AMBIGUOUS else US
    if plain in _STATE_NAMES:
        return city if city == ELSEWHERE else US if plain != "georgia" or named else None
    if name in _EUROPE:
        return EUROPE
    short = len(plain.replace(".", "")) <= 2
    return _COUNTRY.get(plain) if not short or name.isupper() else None


def _plain(name: str) -> str:
    """Without accents and capitals: "Kraków" is krakow, "Łódź" lodz, "München" munchen."""
    base = unicodedata.normalize("NFKD", name.casefold().replace("ł", "l").replace("ø", "o"))
    return "".join(c for c in base if not unicodedata.combining(c))


__all__ = ["EUROPE", "US", "labels_of", "labels_of_country"]
