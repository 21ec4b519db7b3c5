"""A digest as plain text, Markdown and JSON."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

from trends.digest_model import Digest, Line

WIDTH = 72
SHOWN = 12  # withheld claims in a mail; the rest is counted

# A run of letters that are written from right to left, with what stands between them.
RIGHT_TO_LEFT = re.compile(r"[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufeff](?:[^A-Za-z\d]*[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufeff])*")
_UNIT = re.compile(r"(?<=\d) (?=%|[MG]\b)")
_MARKDOWN = re.compile(r"([\\`*_\[\]<>#|~!])")


@dataclass(frozen=True, slots=True)
class Colophon:
    """What stands below: program version, what the digest rests on, how to leave."""

    version: str
    sequence: int
    unsubscribe: str = ""  # a mailto: or https address
    readers_of: str = ""  # the baskets that its readers asked for
    page: str = ""  # address of the report

    def sentence(self) -> str:
        return f"Made by Uptake {self.version} from everything noted up to change {self.sequence}."


def plain(digests: Sequence[Digest], colophon: Colophon) -> str:
    """Plain text that reads well alone, at most 72 columns but for addresses."""
    return "\n".join([*(_basket(d) for d in digests), *_foot(colophon), ""])


def _basket(digest: Digest) -> str:
    title = digest.subject
    parts = [textwrap.fill(ltr(title), WIDTH), "=" * min(WIDTH, len(title)), ""]
    for number, line in enumerate(digest.lines, 1):
        parts += [_wrapped(f"{number}. ", _words(line)), *(f"   {link.url}" for link in line.links)]
        if line.command:
            parts.append(f"   {line.command}")
    if digest.withheld:
        parts += ["", "Also not claimed, and why", "-" * 25, ""]
        parts += [_wrapped("- ", held.text) for held in digest.withheld[:SHOWN]]
        if len(digest.withheld) > SHOWN:
            parts.append(f"- and {len(digest.withheld) - SHOWN} more: uptake trends")
    return "\n".join([*parts, ""])


def _words(line: Line) -> str:
    return f"{line.label}. {line.text}" if line.label else line.text


def _wrapped(mark: str, text: str) -> str:
    options = {"break_long_words": False, "break_on_hyphens": False}
    filled = textwrap.fill(ltr(together(text)), WIDTH, initial_indent=mark, subsequent_indent=" " * len(mark), **options)  # type: ignore[arg-type]
    return filled.replace("\u00a0", " ")


def _foot(colophon: Colophon) -> list[str]:
    parts = ["-- ", colophon.sentence()]
    if colophon.page:
        parts.append(f"The whole page: {colophon.page}")
    if colophon.readers_of:
        parts.append(f"You get this because you are a reader of {colophon.readers_of}.")
    if colophon.unsubscribe:
        parts.append(f"To leave: {colophon.unsubscribe}")
    return parts


def markdown(digests: Sequence[Digest], colophon: Colophon) -> str:
    """Markdown in which no name can become markup."""
    parts = []
    for digest in digests:
        parts += [f"## {escaped(digest.subject)}", ""]
        for number, line in enumerate(digest.lines, 1):
            label = f"**{line.label}.** " if line.label else ""
            command = f" `{line.command.replace('`', '')}`" if line.command else ""
            pages = "".join(f" [{escaped(link.title)}](<{link.url.replace('>', '%3E').replace('<', '%3C')}>)" for link in line.links)
            parts.append(f"{number}. {label}{escaped(line.text)}{command}{pages}")
        if digest.withheld:
            parts += ["", "### Also not claimed, and why", ""]
            parts += [f"- {escaped(held.text)}" for held in digest.withheld]
        parts.append("")
    return "\n".join([*parts, f"*{escaped(colophon.sentence())}*", ""])


def escaped(text: str) -> str:
    return _MARKDOWN.sub(r"\\\1", ltr(text))


def together(text: str) -> str:
    """Text in which a number and its unit stay on one line: ``+86 %``, ``87.3 M``."""
    return _UNIT.sub("\u00a0", text)


def ltr(text: str) -> str:
    """Text in which what follows a name in Hebrew or Arabic keeps its place."""
    return RIGHT_TO_LEFT.sub(lambda match: match[0] + "\u200e", text)
