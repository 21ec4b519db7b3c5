"""What the digest says, and what it keeps quiet about because it was said before. All claims here are made up."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler import letters
from scheduler.config import read
from storage.digests import ALERT, DIGEST, Kept
from storage.periods import WEEK, read_time
from trends.claim import BasketClaims, Claim, ClaimKind, Composite, Coverage, State, identity
from trends.digest import LONGEST, MOST, Digest, alert, compose
from trends.digest_html import Entry, feed, fragment, mail, page
from trends.digest_model import Link
from trends.digest_text import Colophon, markdown, plain
from trends.memory import Memo, Standing, record, remember

START = read_time("2026-04-06T07:00")
AGAIN = "uptake digest --until 2026-04-06"
COLOPHON = Colophon("1.2", 77, "mailto:leave@example.org", "Libraries", "https://example.org/report")


def claim(
    name: str,
    weight: float = 1.0,
    *,
    kind: ClaimKind = ClaimKind.GROWTH,
    state: State = State.CLAIMED,
    says: str = "up",
    sentence: str = "",
    metric: str = "github.stars",
    reasons: tuple[str, ...] = (),
) -> Claim:
    series = (f'{metric}{{topic="{name}"}}',)
    sentence = sentence or f"{name} grows by 12 % a year."
    return Claim(identity(kind, "libs", (name,), metric), kind, "libs", (name,), metric, state, sentence, reasons, {}, series, weight, says)


def held(name: str, why: str = "the counter moved, not the topic", weight: float = 1.0) -> Claim:
    return claim(name, weight, state=State.WITHHELD, sentence=f"“{name} +28 %”.", reasons=(why,))


def blind(name: str, since: str) -> Claim:
    return claim(name, kind=ClaimKind.BLIND, state=State.WITHHELD, sentence=f"{name} since {since}.", says=since)


def cover(metric: str, signal: str, learning: str | None = None, *, fresh: bool = True) -> Coverage:
    until = None if learning is None else read_time(learning)
    return Coverage(metric, metric, signal, ("here",), 50, 52, START - WEEK, fresh, until)


def found(*claims: Claim, coverage: Sequence[Coverage] = ()) -> BasketClaims:
    """A basket's claims, sorted as they are handed over."""
    parts: dict[str, list[Claim]] = {"claims": [], "withheld": [], "blind": []}
    for c in sorted(claims, key=lambda c: -c.weight):
        parts["blind" if c.kind == ClaimKind.BLIND else "withheld" if c.state == State.WITHHELD else "claims"].append(c)
    three = (tuple(parts[name]) for name in ("claims", "withheld", "blind"))
    return BasketClaims("libs", "Libraries", *three, tuple(coverage), Composite((), (), ()), ())


class Readers:
    """Gets one digest a week and remembers it, by way of JSON as the journal does."""

    def __init__(self) -> None:
        self.kept: list[Kept] = []

    @property
    def memory(self) -> dict[str, Memo]:
        return remember(self.kept)

    def week(self, what: BasketClaims) -> Digest:
        present = START + len(self.kept) * WEEK
        digest = compose(what, self.memory, period=str(present), present=present, again=AGAIN)
        self._keep(digest, what, DIGEST)
        return digest

    def alert(self, what: BasketClaims, **options: bool) -> Digest | None:
        options = {"overtakes": True, "withdrawn": True} | options
        present = START + len(self.kept) * WEEK
        told = alert(what, self.memory, period=str(present), present=present, again=AGAIN, **options)
        if told is not None:
            self._keep(told, what, ALERT)
        return told

    def _keep(self, digest: Digest, what: BasketClaims, kind: str) -> None:
        claims, document = json.loads(json.dumps([record(what, digest.told), digest.to_dict()]))
        self.kept.append(Kept(len(self.kept), kind, "libs", digest.period, digest.present, 1, None, "1", tuple(claims), document))


@pytest.fixture
def readers() -> Readers:
    return Readers()


def labels(digest: Digest) -> list[str]:
    return [line.label for line in digest.lines]


def texts(digest: Digest) -> str:
    return "\n".join(line.text for line in digest.lines)


# The lines


def test_the_biggest_news_comes_first_and_the_last_line_makes_it_again(readers: Readers) -> None:
    digest = readers.week(
        found(claim("a", 1), claim("b", 9), claim("c", 5, kind=ClaimKind.WATCH, state=State.WATCH), held("d"), blind("e", "May"))
    )
    assert [line.text.split()[0] for line in digest.lines[:3]] == ["b", "c", "a"]
    assert labels(digest) == ["NEW", "WATCH", "NEW", "NOT CLAIMED", "BLIND", ""]
    assert digest.lines[3].text == "“d +28 %”: the counter moved, not the topic."
    assert digest.lines[4].text == "No fresh figures: e since May."
    assert digest.lines[-1].command == AGAIN
    assert digest.subject == "Libraries, 6 April 2026: b grows by 12 % a year; c grows by 12 % a year"


def test_there_are_never_more_than_seven_lines_and_what_found_no_room_is_news_next_week(readers: Readers) -> None:
    what = found(*(claim(f"t{i}", 100 - i) for i in range(20)), *(held(f"h{i}") for i in range(30)), blind("e", "May"))
    first, second = readers.week(what), readers.week(what)
    assert len(first.lines) == len(second.lines) == MOST
    assert [line.text.split()[0] for line in (*first.lines[:4], *second.lines[:6])] == [f"t{i}" for i in range(10)]
    assert "16 more in the summary" in first.lines[-1].text


def test_every_withheld_claim_is_in_the_mail_with_its_reason(readers: Readers) -> None:
    what = found(*(held(f"h{i}", f"reason {i}, told at some length") for i in range(9)))
    digest = readers.week(what)
    said = digest.lines[0].text + " ".join(h.text for h in digest.withheld)
    assert all(f"“h{i} +28 %”: reason {i}, told at some length." in said for i in range(9))
    assert digest.withheld
    assert f"And {len(digest.withheld)} more, below." in digest.lines[0].text


def test_a_digest_with_nothing_to_say_says_so_in_one_line(readers: Readers) -> None:
    what = found(claim("a"), coverage=[cover("github.stars", "code")])
    readers.week(what)
    quiet = readers.week(what)
    assert quiet.quiet
    assert [line.text for line in quiet.lines] == [
        "Nothing new. What was told stands (1). The newest figure is of 30 March 2026.",
        "Make this again:",
    ]
    assert quiet.subject == "Libraries, 13 April 2026: nothing new"


def test_without_any_figures_it_says_how_to_get_some(readers: Readers) -> None:
    first = readers.week(found())
    assert (first.lines[0].text, first.lines[0].command) == ("Nothing to say yet: no figures are known. To measure now:", "uptake collect")


def test_a_first_digest_tells_of_three_signals_and_says_what_is_still_learning(readers: Readers) -> None:
    many = [claim(f"stars{i}", 50 - i) for i in range(8)]
    rest = [claim("downloads", 2, metric="pypi.downloads_30d"), claim("posts", 1, metric="jobs.postings")]
    coverage = [cover("github.stars", "community"), cover("pypi.downloads_30d", "usage"), cover("jobs.postings", "jobs")]
    coverage += [cover("medium.articles", "research", "2027-03-01"), cover("devto.articles", "research", "2027-03-09")]
    first = readers.week(found(*many, *rest, coverage=coverage))
    assert [line.text.split()[0] for line in first.lines[:5]] == ["stars0", "stars1", "stars2", "downloads", "posts"]
    assert labels(first)[5] == "LEARNING"
    assert first.lines[5].text.startswith("Learning: Medium articles and DEV articles until March 2027")
    assert "LEARNING" not in labels(readers.week(found(*many, *rest, coverage=coverage)))


# The memory


def test_four_weeks_repeat_no_claim_and_the_event_of_week_three_is_in_its_first_two_lines(readers: Readers) -> None:
    world = [claim(f"t{i}", 10 - i) for i in range(9)] + [
        held("h"),
        blind("b", "May 2024"),
        claim("w", kind=ClaimKind.WATCH, state=State.WATCH),
    ]
    event = claim("jax,keras", 20, kind=ClaimKind.OVERTAKE, sentence="JAX overtook Keras in the week of 20 April 2026 [13 to 27 April].")
    weeks = [readers.week(found(*world, *([event] if n >= 2 else []))) for n in range(4)]
    told = [c for week in weeks for line in week.lines for c in line.claims]
    assert len(told) == len(set(told)) == len(world) + 1
    assert "JAX overtook Keras" in "".join(line.text for line in weeks[2].lines[:2])
    assert "JAX overtook Keras" in weeks[2].subject
    assert weeks[3].quiet


def test_a_claim_is_told_again_when_what_it_says_changes_and_not_when_its_figures_move(readers: Readers) -> None:
    readers.week(found(claim("a", says="up", sentence="a grows by 12 % a year.")))
    assert readers.week(found(claim("a", says="up", sentence="a grows by 13 % a year."))).quiet
    again = readers.week(found(claim("a", says="up a lot", sentence="a grows by 90 % a year.")))
    assert (again.lines[0].label, again.lines[0].text) == ("CHANGED", "a grows by 90 % a year.")


def test_a_watch_that_becomes_a_claim_is_news(readers: Readers) -> None:
    readers.week(found(claim("a", state=State.WATCH)))
    assert labels(readers.week(found(claim("a"))))[0] == "CHANGED"


def test_a_claim_that_has_not_stood_for_four_weeks_is_withdrawn_once_and_says_why(readers: Readers) -> None:
    step = held("a", "a step in the counter on 9 April")
    readers.week(found(claim("a")))
    assert [readers.week(found(step)).quiet for _ in range(3)] == [True] * 3
    gone = readers.week(found(step))
    assert labels(gone)[:1] == ["WITHDRAWN"]
    assert gone.lines[0].text == (
        "What we told on 6 April 2026 no longer stands: “a grows by 12 % a year”. Why: a step in the counter on 9 April."
    )
    assert gone.subject.startswith("Libraries, 4 May 2026: withdrawn: a grows")
    assert readers.week(found(step)).quiet
    assert labels(readers.week(found(claim("a"))))[0] == "NEW"


def test_a_claim_that_fails_its_test_now_and_then_is_no_news(readers: Readers) -> None:
    readers.week(found(claim("a")))
    for _ in range(5):
        assert all(readers.week(what).quiet for what in (found(), found(), found(held("a")), found(claim("a"))))


def test_a_claim_that_swings_between_two_sayings_tells_each_once_a_quarter(readers: Readers) -> None:
    weeks = [readers.week(found(claim("a", says=("up", "up a lot")[n % 2]))) for n in range(16)]
    assert [n for n, week in enumerate(weeks) if not week.quiet] == [0, 1, 14, 15]


def test_a_description_is_told_at_most_once_a_quarter(readers: Readers) -> None:
    weeks = [readers.week(found(claim("a", says=f"about {n}", state=State.DESCRIBED))) for n in range(15)]
    assert [n for n, week in enumerate(weeks) if not week.quiet] == [0, 13]


def test_an_overtake_that_did_not_happen_is_withdrawn_in_the_second_week_and_one_of_last_year_not_at_all(readers: Readers) -> None:
    over = claim("jax,keras", kind=ClaimKind.OVERTAKE, sentence="JAX overtook Keras.")
    old = replace(claim("torch,theano", kind=ClaimKind.OVERTAKE), numbers={"announced": "2025-04-13T00:00:00Z"})
    readers.week(found(over, old))
    assert readers.week(found(old)).quiet
    assert labels(readers.week(found())) == ["WITHDRAWN", ""]
    assert all(readers.week(found()).quiet for _ in range(6))


def test_a_coming_overtake_that_has_come_is_not_withdrawn(readers: Readers) -> None:
    coming, over = (replace(claim("jax,keras", kind=k), topics=("jax", "keras")) for k in (ClaimKind.ON_COURSE, ClaimKind.OVERTAKE))
    readers.week(found(coming))
    assert "WITHDRAWN" not in {label for _ in range(6) for label in labels(readers.week(found(over)))}


def test_a_claim_whose_source_went_blind_is_withdrawn_for_that_reason(readers: Readers) -> None:
    readers.week(found(claim("a")))
    weeks = [readers.week(found(coverage=[cover("github.stars", "community", fresh=False)])) for _ in range(4)]
    assert weeks[-1].lines[0].text.endswith("Why: no fresh figures since March 2026.")


def test_a_watch_or_a_description_that_ends_is_no_news(readers: Readers) -> None:
    readers.week(found(claim("a", state=State.WATCH), claim("b", state=State.DESCRIBED)))
    assert readers.week(found()).quiet


def test_what_is_blind_is_told_once_and_again_when_it_is_blind_anew(readers: Readers) -> None:
    assert "BLIND" in labels(readers.week(found(blind("a", "May 2024"))))
    assert readers.week(found(blind("a", "May 2024"))).quiet
    assert "a since June 2026" in texts(readers.week(found(blind("a", "June 2026"))))


@given(
    st.lists(
        st.lists(
            st.tuples(st.sampled_from("abcdefghij"), st.sampled_from(["up", "down"]), st.sampled_from(list(State))),
            unique_by=lambda c: c[0],
        ),
        max_size=8,
    )
)
def test_whatever_happens_no_digest_says_what_the_last_telling_said(weeks: list[list[tuple[str, str, State]]]) -> None:
    readers, last = Readers(), dict[str, str]()
    for week in weeks:
        what = found(*(claim(name, says=says, state=state, reasons=("so",)) for name, says, state in week))
        digest = readers.week(what)
        assert len(digest.lines) <= MOST
        for n in digest.told:
            saying = "withdrawn" if n.standing is Standing.WITHDRAWN else f"{n.claim.state} {n.claim.says}"
            assert last.get(n.claim.id) != saying
            last[n.claim.id] = saying


# Alerts


def test_an_overtake_and_a_withdrawal_are_alerted_once_each_and_not_repeated_by_the_digest(readers: Readers) -> None:
    over = claim("jax,keras", 20, kind=ClaimKind.OVERTAKE, sentence="JAX overtook Keras.")
    readers.week(found(claim("a")))
    told = readers.alert(found(claim("a"), claim("b"), over))
    assert told is not None
    assert [line.text for line in told.lines[:-1]] == ["JAX overtook Keras."]
    assert readers.alert(found(claim("a"), claim("b"), over)) is None
    readers.week(found(claim("a")))
    gone = readers.alert(found(claim("a"), claim("b")))
    assert gone is not None
    assert labels(gone) == ["WITHDRAWN", ""]
    assert readers.alert(found(claim("a"), claim("b"))) is None
    digest = readers.week(found(claim("a"), claim("b")))
    assert [line.claims for line in digest.lines[:-1]] == [(claim("b").id,)]


def test_alerts_can_be_of_one_kind_only(readers: Readers) -> None:
    readers.week(found(claim("a")))
    what = found(claim("jax,keras", kind=ClaimKind.OVERTAKE))
    assert readers.alert(what, overtakes=False, withdrawn=False) is None
    told = readers.alert(what, withdrawn=False)
    assert told is not None
    assert labels(told) == ["NEW", ""]


# Its forms

EVIL = '<script>alert(1)</script> & "x" \\ `y` *z* \u202eevil\u202c עברית 12 🚀\nBcc: x@y'


class Tags(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.add(tag)

    def handle_data(self, data: str) -> None:
        self.text += data


def evil() -> Digest:
    what = replace(found(claim("a", sentence=f"{EVIL} grows."), held("b", EVIL)), title=EVIL)
    digest = Readers().week(what)
    link = Link(EVIL, 'https://example.org/"><script>x</script>')
    return digest.linked({series: (link,) for line in digest.lines for series in line.series})


def test_names_with_markup_right_to_left_letters_and_emoji_stay_text_in_every_form() -> None:
    digest = evil()
    for html in (mail([digest], [[]], COLOPHON), page([digest], [[]], COLOPHON), fragment(digest, COLOPHON)):
        assert "script" not in Tags(html).tags
        assert "🚀" in html
        assert "\u202e" not in html
        assert "<bdi>עברית</bdi>" in html
    for text in (plain([digest], COLOPHON), digest.subject):
        assert "\u202e" not in text
        assert not any(line.startswith("Bcc") for line in text.splitlines())
    written = markdown([digest], COLOPHON)
    assert r"\<script\>" in written
    assert r"\*z\*" in written
    assert json.loads(json.dumps(digest.to_dict()))["lines"][0]["label"] == "NEW"


def test_a_stored_digest_reads_the_same() -> None:
    digest = evil()
    assert Digest.from_dict(json.loads(json.dumps(digest.to_dict()))) == digest


def test_the_mail_is_small_has_no_script_and_nothing_from_elsewhere() -> None:
    big = found(*(claim(f"topic number {i}", sentence="long " * 80) for i in range(500)), *(held(f"h{i}", "why " * 30) for i in range(500)))
    html = mail([Readers().week(big)] * 5, [[]] * 5, COLOPHON)
    assert len(html.encode()) < 100_000
    parsed = Tags(html)
    assert not parsed.tags & {"script", "link", "iframe", "form", "object"}
    assert "src=" not in html
    assert "@media (prefers-color-scheme: dark)" in html
    assert 'class="card" style=' in html


def test_a_mail_of_many_baskets_is_cut_by_us_and_not_by_the_mail_program() -> None:
    what = found(*(claim(f"t{i}", sentence=f"t{i} " + "long " * 60) for i in range(20)), *(held(f"h{i}", "why " * 30) for i in range(20)))
    digests = tuple(replace(Readers().week(what), basket=f"b{i}", title=f"Basket {i}") for i in range(25))
    settings = read(
        {"baskets": {"b": {"topics": ["t"]}}, "topics": {"t": {}}, "mail": {"host": "h", "from": "a@x.org"}}, Path("uptake.toml"), {}
    )
    letter = letters.letter(letters.Issue(digests, ((),) * 25, 1), settings)
    assert 50_000 < len(letter.html.encode()) <= 100_000
    assert all(f"Basket {i}" in letter.html for i in range(25))
    assert "uptake trends --basket b24" in letter.html
    assert letter.text.count("1. NEW.") == 25


@given(st.text(max_size=400))
def test_a_line_is_one_line_of_bounded_length_whatever_a_topic_is_called(name: str) -> None:
    digest = Readers().week(found(claim("a", sentence=f"{name} grows.")))
    assert all(len(line.text) <= LONGEST + 120 and "\n" not in line.text for line in digest.lines)
    plain([digest], COLOPHON)
    markdown([digest], COLOPHON)


def test_plain_text_is_narrow_and_keeps_numbers_with_their_units() -> None:
    long = "PyTorch to TensorFlow downloads 3.86 to 1 (87.3 M : 22.7 M); ratio +86 % a year [59–127]; it crossed 1 in March 2024."
    text = plain([Readers().week(found(claim("a", sentence=long), held("b")))], COLOPHON)
    assert all(len(line) <= 72 for line in text.splitlines() if "https://" not in line)
    assert "\u00a0" not in text
    assert not any(line.strip().startswith(("%", "M ")) for line in text.splitlines())
    assert "To leave: mailto:leave@example.org" in text


def test_a_feed_is_valid_atom_whose_ids_never_change() -> None:
    digests = [evil(), replace(evil(), period="other")]
    first, second = (
        feed([Entry(d, fragment(d, COLOPHON), START + i) for i, d in enumerate(digests)], title="Uptake", version="1") for _ in range(2)
    )
    assert first == second
    name = "{http://www.w3.org/2005/Atom}"
    tree = ElementTree.fromstring(first)
    entries = tree.findall(f"{name}entry")
    assert len({e.findtext(f"{name}id") for e in entries}) == 2
    assert tree.findtext(f"{name}updated") == "2026-04-06T07:00:01Z"
    assert "<script>" not in (entries[0].findtext(f"{name}content") or "")
