"""Groups of affiliations, and by what a paper shows that it is of one."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum


class Place(StrEnum):
    """Where an affiliation is looked for."""

    FIRST_PAGE = "first_page"
    TEXT = "text"
    LISTING = "listing"


@dataclass(frozen=True, slots=True)
class Group:
    """Phrases by which an employer is recognised, in lower case: names, domains, ``@`` and a domain."""

    name: str
    phrases: tuple[str, ...]

    def inside(self, text: str, *, plain: bool) -> bool:
        """Whether a text in lower case names the group. ``plain``: also within longer words."""
        return any(phrase in text and (plain or re.search(_alone(phrase), text)) for phrase in self.phrases)


def _alone(phrase: str) -> str:
    """The phrase where no letter or digit goes on; an ``@`` may stand behind a name."""
    before, after = (r"(?<!\w)" if phrase[0].isalnum() else ""), (r"(?!\w)" if phrase[-1].isalnum() else "")
    return before + re.escape(phrase) + after


Sign = tuple[str, Place, bool]  # a group, where it is named, and whether also within longer words
