"""The seam to claims and digests: where they are made they are shown, withheld ones with their reasons; where not, nothing breaks."""

from __future__ import annotations

import gzip
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from scheduler.config import load
from scheduler.web.answers import Clerkship
from scheduler.web.opening import setting_of
from scheduler.web.question import Question
from tests.scheduler.conftest import NOW
from tests.web.site import EVIL
from trends.claim import Composite, Rank

SAID = SimpleNamespace(state="claimed", sentence=f"Alpha overtook Beta {EVIL}", reasons=())
HELD = SimpleNamespace(
    state="withheld", sentence="Alpha +28 %: not claimed, all rose together.", reasons=("all rose together", "few figures")
)


def maker() -> ModuleType:
    module = ModuleType("trends.claims")
    calls: list[object] = []

    def claims(panel: Any, baskets: Any, _topics: Any) -> Any:
        calls.append(panel)
        index = Composite((Rank("alpha", "Alpha", 165.0, 12.0, 1, 1, 2, {"community": 0.5}),), ("community",), ("jobs",))
        of = [
            SimpleNamespace(
                basket=b.key,
                title=b.title,
                claims=(SAID,),
                withheld=(HELD,),
                index=index,
                to_dict=lambda key=b.key: {"basket": key},
            )
            for b in baskets
        ]
        return SimpleNamespace(baskets=of)

    module.claims, module.calls = claims, calls  # type: ignore[attr-defined]
    return module


def keeper() -> ModuleType:
    module = ModuleType("storage.digests")
    document = {
        "subject": f"Week 47 {EVIL}",
        "lines": [{"label": "NEW", "text": "Alpha leads"}],
        "withheld": [{"sentence": "x", "reasons": ["y"]}],
    }
    kept = SimpleNamespace(
        id=7, kind="digest", basket="toys", period="2026-W47", present=NOW, sequence=3, program="0.1.0", claims=(), document=document
    )
    module.listed = lambda _connection: [kept]  # type: ignore[attr-defined]
    return module


@pytest.fixture
def clerkship(web_store: Path) -> Iterator[Clerkship]:
    with Clerkship(setting_of(load(web_store / "uptake.toml", {}))) as made:
        yield made


def text(clerkship: Clerkship, question: str, /, **args: Any) -> str:
    found = clerkship.answer(Question(question, args, NOW + 60))
    return (gzip.decompress(found.body) if found.packed else found.body).decode()


def test_claims_stand_first_and_withheld_ones_say_why_once(clerkship: Clerkship, monkeypatch: pytest.MonkeyPatch) -> None:
    module = maker()
    monkeypatch.setitem(sys.modules, "trends.claims", module)
    page = text(clerkship, "page.home")
    assert "Alpha overtook Beta &lt;script&gt;" in page
    assert EVIL not in page
    assert "<small>Few figures</small>" in page
    assert page.index("Alpha overtook") < page.index("Not said, and why")
    topic = text(clerkship, "page.topic", topic="alpha")
    assert "Place 1 of 1 in Toys" in topic
    assert re.search(r"Community</th><td class=.n.>× 1\.65<", topic)
    assert "No place in the adoption index of Toys: it has too few signals of its own." in text(clerkship, "page.topic", topic="beta")
    assert '"claims":[{"basket":"toys"}]' in text(clerkship, "summary", basket="toys")
    assert len(module.calls) == 1  # type: ignore[attr-defined]  # for all pages of the same knowledge


def test_digests_are_listed_and_shown(clerkship: Clerkship, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "storage.digests", keeper())
    assert "Week 47 &lt;script&gt;" in text(clerkship, "page.digests")
    one = text(clerkship, "page.digest", number=7)
    assert "Alpha leads" in one
    assert "as_of=2026-11-20" in one
    assert '"number":7' in text(clerkship, "digests")


def test_without_them_pages_show_what_there_is(clerkship: Clerkship, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "trends.claims", None)
    monkeypatch.setitem(sys.modules, "storage.digests", None)
    assert "Moved most" in text(clerkship, "page.home")
    assert "No digest was made yet" in text(clerkship, "page.digests")
    assert '"digests":[]' in text(clerkship, "digests")
    assert '"claims"' not in text(clerkship, "summary")
