"""A digest as HTML: the mail that Outlook and Gmail can show, the page, and the Atom feed."""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from storage.periods import iso
from trends import wording
from trends.digest_model import Digest
from trends.digest_text import SHOWN, Colophon
from trends.mail import Picture
from trends.report import TEMPLATES, names


@dataclass(frozen=True, slots=True)
class Chart:
    """One chart for light and for dark paper, as PNG."""

    light: Picture
    dark: Picture
    title: str


# Label → colours of its letters and its ground on light paper, and on dark.
COLOURS = {
    "NEW": ("#0b6b3a", "#e3f4ea", "#7fdca8", "#12301f"),
    "CHANGED": ("#0b5394", "#e4effa", "#8fc3f5", "#122b42"),
    "WITHDRAWN": ("#a4262c", "#fdeaea", "#ff9f9a", "#3d1517"),
    "WATCH": ("#8a5300", "#fdf1dc", "#f2c069", "#362710"),
}
_OTHER = ("#4b5763", "#e9edf1", "#b4bec8", "#262d36")


def mail(digests: Sequence[Digest], charts: Sequence[Sequence[Chart]], colophon: Colophon) -> str:
    """The HTML of a mail, styles inlined; pictures are ``cid:NAME``. ``charts`` are those of each digest."""
    return str(_inliner().inline(_rendered(digests, charts, colophon, lambda picture: f"cid:{picture.name}")))


def page(digests: Sequence[Digest], charts: Sequence[Sequence[Chart]], colophon: Colophon) -> str:
    """The same as one self-contained page."""
    return _rendered(digests, charts, colophon, lambda picture: f"data:image/png;base64,{base64.b64encode(picture.png).decode()}")


def _rendered(digests: Sequence[Digest], charts: Sequence[Sequence[Chart]], colophon: Colophon, source: Any) -> str:
    return str(
        _environment()
        .get_template("digest.html.j2")
        .render(
            digests=[(digest, list(drawn)) for digest, drawn in zip(digests, charts, strict=True)],
            colophon=colophon,
            source=source,
            colours=COLOURS,
            other=_OTHER,
            shown=SHOWN,
            w=wording,
            key=lambda label: re.sub(r"[^a-z]+", "-", label.lower()) if label in COLOURS else "other",
        )
    )


@cache
def _environment() -> Any:
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES), autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["names"] = names
    return environment


@cache
def _inliner() -> Any:
    import css_inline

    return css_inline.CSSInliner(keep_at_rules=True, load_remote_stylesheets=False)


def fragment(digest: Digest, colophon: Colophon) -> str:
    """The lines alone, without styles: for feed readers."""
    return str(_environment().get_template("digest_lines.html.j2").render(digest=digest, colophon=colophon))


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of the feed: a digest, its page, and when it was made (epoch seconds)."""

    digest: Digest
    html: str
    updated: int


def feed(entries: Sequence[Entry], *, title: str, version: str, link: str = "") -> str:
    """An Atom feed, the newest first. Ids are made of basket and period: they never change."""
    environment = _environment()
    rows = [
        (entry.digest, entry.html, iso(entry.updated), uuid5(NAMESPACE_URL, f"uptake:{entry.digest.basket}:{entry.digest.period}"))
        for entry in sorted(entries, key=lambda e: -e.updated)
    ]
    updated = rows[0][2] if rows else iso(0)
    own = uuid5(NAMESPACE_URL, f"uptake:{title}")
    template = environment.get_template("digest.atom.j2")
    return str(template.render(rows=rows, title=title, updated=updated, own=own, version=version, link=link))
