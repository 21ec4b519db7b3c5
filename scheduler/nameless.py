"""Lines of a page that hold a number, without anything in them that could be a person's.

Names cannot be told from other words, so it is the other way round: kept are the number, the key or the markup
that it stands in, and words that say what is counted. All else becomes ``…``: other words and numbers, addresses, handles.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import islice

from scheduler.excerpt import PLACES, laid_out, written

LINES = 20  # that are kept of a page
WIDE = 80  # characters of a line, the number in their middle
_LOOKED_AT = 1000  # places where a number stands, at most
_SMALL = 10  # a number below it stands in every page; it is kept only where something says that it counts

# What a count is called, in keys, markup and text. None of these is a name that people have.
_COUNT_WORDS = (
    "amount count counts counter hits length matches nb num number numfound quantity size sum total totals"
    " result results job jobs posting postings vacancy vacancies position positions opening openings offers listing listings"
    " article articles stories post posts question questions comments answers papers packages projects repos repositories"
    " stargazers stars forks watchers followers subscribers members contributors issues releases downloads views points"
    " anzahl ergebnis ergebnisse treffer stellen stellenangebote résultat résultats offre offres emploi emplois nombre"
    " resultado resultados empleos ofertas vagas risultati offerte lavoro vacatures resultaten"
)
COUNTS = frozenset(_COUNT_WORDS.split())
_SMALL_WORDS = "about above at de found in least less más mehr meer more of over plus sur than the über von"
_SAID = COUNTS | frozenset(_SMALL_WORDS.split())

_KEY = re.compile(r"""(?P<quote>["']?)(?P<key>[A-Za-z_$][\w$:-]{0,39})(?P=quote)\s*[:=]\s*["']?$""")
_TAG = re.compile(r"<(?P<tag>[A-Za-z][\w:-]{0,30})(?P<attributes>(?:\s[^<>]{0,300})?)>\s*$")
_CLASS = re.compile(r"""\bclass=["'](?P<names>[\w\s-]+)["']""")
_PARTS = re.compile(r"[A-Z]?[^\W\d_A-Z]+|[A-Z]+(?![a-z])")
_TOKEN = re.compile(r"(?P<tag></?[A-Za-z][\w:-]{0,30}(?=[\s>]))[^<>]*>|[\w@][\w@.+'’&;/:%-]*")
_AHEAD = re.compile(r"([^\W\d_]+)[\s:=(]*$")
_BEHIND = re.compile(r"^[\s)…]*([^\W\d_]+)")
_GAP = re.compile(r"…[\s\W]*…")


def lines_of(body: str, values: Iterable[float]) -> list[str]:
    """The lines that hold one of these numbers as it is, nameless: at most three places each and twenty in all."""
    laid, kept = laid_out(body), dict[str, None]()
    for value in sorted(set(values), key=abs, reverse=True):  # small ones would take the room of large ones
        said: list[str] = []
        unsaid: list[str] = []
        for before, number, after in islice(_places(laid, written(value)), _LOOKED_AT):
            line, counts = _nameless(before, number, after)
            if counts:
                said.append(line)
            elif abs(value) >= _SMALL:
                unsaid.append(line)
            if len(said) == PLACES:
                break
        kept |= dict.fromkeys([*said, *unsaid][:PLACES])
    return list(kept)[:LINES]


def _places(lines: Iterable[str], wanted: re.Pattern[str]) -> Iterator[tuple[str, str, str]]:
    for line in lines:
        for match in wanted.finditer(line):
            yield line[max(0, match.start() - 400) : match.start()], match.group(), line[match.end() : match.end() + WIDE]


def _nameless(before: str, number: str, after: str) -> tuple[str, bool]:
    """A line around a number, and whether it says that something is counted."""
    around = max(0, WIDE - len(number)) // 2
    own, start, counts = "", len(before), False
    if (key := _KEY.search(before)) and _says_count(key["key"]):
        own, start, counts = key.group(), key.start(), True
    elif tag := _TAG.search(before):
        found = _CLASS.search(tag["attributes"])
        names = " ".join(filter(_says_count, found["names"].split()))[:around] if found else ""
        own, start = f'<{tag["tag"]} class="{names}">' if names else f"<{tag['tag']}>", tag.start()
        counts = bool(names) or _says_count(tag["tag"]) or after.startswith("</")
    room = max(0, around - len(own))
    ahead, behind = _masked(before[max(0, start - room) : start]), _masked(after[:around])
    beside = [] if own else [found[1] for found in (_AHEAD.search(ahead), _BEHIND.search(behind)) if found]
    return _GAP.sub("…", f"{ahead}{own}{number}{behind}").strip(), counts or any(map(_says_count, beside))


def _masked(text: str) -> str:
    return _GAP.sub("…", _TOKEN.sub(_mask, text))


def _mask(token: re.Match[str]) -> str:
    text = token.group()
    if token["tag"]:
        return f"{token['tag']}>"
    return text if text.rstrip(".:;'’/%+-").casefold() in _SAID else "…"


def _says_count(text: str) -> bool:
    return any(part.casefold() in COUNTS for part in _PARTS.findall(text))
