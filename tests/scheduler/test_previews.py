"""What names matched is kept when somebody looks, and only then."""

from __future__ import annotations

from crawlers.source import Preview
from scheduler.previews import keep, seen_of
from storage.journal import Journal
from storage.model import Topic
from tests.scheduler.conftest import CONFIG, NOW, World, uptake


def test_check_and_add_keep_what_they_saw(world: World) -> None:
    world.configure(CONFIG.replace("made-up/beta", "made-up/gone"))
    uptake("check", "github")
    assert uptake("add", "Gamma", "--github", "made-up/alpha", "--basket", "toys", "--yes").code == 0
    assert uptake("add", "Delta", "--github", "made-up/alpha", "--basket", "toys", "--dry-run").code == 0
    with Journal.open(world.folder / "data") as journal, journal.read() as connection:
        alpha, beta, gamma = (seen_of(connection, key) for key in ("alpha", "beta", "gamma"))
        assert seen_of(connection, "delta") == {}
        assert seen_of(connection, "alpha", as_of=0) == {}
    assert list(alpha) == ["github"]
    assert (alpha["github"].at, alpha["github"].name) == (NOW, "made-up/alpha")
    assert alpha["github"].lines[0][0].startswith("made-up/alpha: ")
    assert beta["github"].lines == (("GitHub knows no public repository made-up/gone", False),)
    assert gamma["github"].lines[0][1]


def test_of_what_could_not_be_asked_the_former_answer_stays_and_long_ones_are_cut(world: World) -> None:
    topics = {"alpha": Topic("alpha", "Alpha", {"github": "a/b"})}
    names = {"github": lambda topic: topic.names["github"]}
    with Journal.open(world.folder / "data", writable=True) as journal:
        for now, said in ((NOW, [Preview("alpha", "x" * 10_000)] * 100), (NOW + 9, [Preview("", "unreachable", found=False)])):
            with journal.write(now=now) as tx:
                keep(tx, topics, {"github": said}, names, now)
        with journal.read() as connection:
            found = seen_of(connection, "alpha")["github"]
    assert found.at == NOW
    assert len(found.lines) <= 12
    assert max(len(words) for words, _ in found.lines) <= 500
