"""Reading result pages: the texts of elements, JSON that scripts assign, and what a page's signs come to together."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

from scrapy import Selector

from crawlers.counts import Count, read_count
from storage.model import ParseError

_DECODER = json.JSONDecoder()


def text_of(node: Selector) -> str:
    """The text of an element without that of scripts and styles."""
    return "".join(node.xpath(".//text()[not(ancestor::script or ancestor::style)]").getall()).strip()


def texts(root: Selector, *selectors: str) -> list[str]:
    """The texts of the elements that the first selector finds which finds any; blank ones and repetitions are left out."""
    found = (list(dict.fromkeys(text for node in root.css(css) if (text := text_of(node)))) for css in selectors)
    return next(filter(None, found), [])


def first_of(found: Iterable[str | None]) -> str:
    """The first text that is not blank, or nothing."""
    return next((t.strip() for t in found if t and t.strip()), "")


def assigned(page: str, name: str) -> Iterator[Any]:
    """The values that scripts of a page assign to a name (``window._initialData``) as JSON. What is no JSON is passed over."""
    for match in re.finditer(re.escape(name) + r"\s*=\s*(?=[\[{])", page):
        try:
            yield _DECODER.raw_decode(page, match.end())[0]
        except (json.JSONDecodeError, RecursionError):
            continue


def stated_or_shown(stated: Count | None, shown: Iterable[str]) -> list[Count]:
    """The count that a page's data states, else the one that its first text shows, which is rounded down where both are there.

    Raises `ParseError` if the text states none and there is no other, or if the two cannot be the same.
    """
    text = first_of(shown)
    if stated is None:
        return [read_count(text)] if text else []
    try:
        seen = read_count(text) if text else stated
    except ParseError:
        return [stated]
    if not stated.value / 2 <= seen.value <= stated.value:
        raise ParseError(f"the page shows {seen.value:,.0f} where its data says {stated.value:,.0f}")
    return [stated]


def judged(counts: Iterable[Count], *, nothing: bool, cards: int) -> Count:
    """What a page says that shows these counts, says or does not say that nothing was found, and lists so many postings.

    Raises `ParseError` where these do not go together: such a page is no proof of anything.
    """
    found = list(dict.fromkeys(counts))
    if nothing:
        if any(count.value for count in found):
            raise ParseError("the page states a count and also says that nothing was found")
        if cards:
            raise ParseError("the page says that nothing was found and shows other postings")
        return Count(0)
    if not found:
        raise ParseError("the page does not say how many postings there are")
    if len({count.value for count in found}) > 1:
        raise ParseError(f"the page states several counts: {', '.join(f'{count.value:,.0f}' for count in found)}")
    if found[0].value == 0:
        raise ParseError("the page states 0, but not that nothing was found")
    return found[0]


__all__ = ["assigned", "first_of", "judged", "stated_or_shown", "text_of", "texts"]
