"""Digests on their way to readers: over a real mail server that refuses, puts off and falls silent; never twice."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from crawlers.locks import alone
from scheduler import sending
from scheduler.config import Config
from scheduler.demo.servers.threaded import HttpServer, body_of
from scheduler.digests import View, chosen, know, make, verify
from scheduler.digests import store as keep
from scheduler.sending import FIRST, LOCK, LONGEST, MOST_TRIES, Sent, send_due
from storage import digests, frames, sendings
from storage.journal import Journal
from storage.model import Observation, Series
from storage.periods import DAY, WEEK
from storage.sendings import Standing
from tests.fakes.letters import MONDAY, READERS, STARS, store
from tests.fakes.mailbox import PASSWORD, Mailbox
from trends import charts
from trends.chart_data import ChartData
from trends.claim import BasketClaims, Claim, ClaimKind, Claims, Composite, Finding, State

ANN, BOB = READERS


def send(folder: Path, settings: Config, now: int = MONDAY + 60, **options: Any) -> Sent:
    environment = options.pop("environment", {})
    with Journal.open(folder / "data", writable=True) as journal:
        return send_due(journal, settings, now=now, environment=environment, **options)


def ledger(folder: Path) -> dict[str, tuple[str, str]]:
    """Recipient → state and reason."""
    with Journal.open(folder / "data") as journal, journal.read() as connection:
        return {s.recipient: (str(s.state), s.reason) for s in sendings.listed(connection)}


@pytest.fixture
def real_charts() -> None:
    """For the one test that wants them; drawing takes seconds."""


@pytest.fixture(autouse=True)
def quick_charts(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if "real_charts" not in request.fixturenames:
        monkeypatch.setattr(charts, "png", lambda *_args, **_options: b"\x89PNG\r\n\x1a\n")


@pytest.fixture
def box() -> Iterator[Mailbox]:
    with Mailbox() as made:
        yield made


def test_a_digest_reaches_every_reader_once_however_often_it_is_asked_for(tmp_path: Path, box: Mailbox, real_charts: None) -> None:
    settings = store(tmp_path, box.section(tmp_path))
    sent = send(tmp_path, settings)
    assert sent.good
    assert sent.period == "2026-04-06"
    for now in (MONDAY + 61, MONDAY + DAY, MONDAY + 6 * DAY):
        assert send(tmp_path, settings, now, by_hand=True).sendings == ()
    assert box.counts == {ANN: 1, BOB: 1}
    assert box.sessions == 2, "one connection: a greeting before STARTTLS, one after"
    message = box.arrived[0][1]
    assert message["Subject"].startswith("Libraries, 6 April 2026: ")
    assert message["Message-ID"] != box.arrived[1][1]["Message-ID"]
    text = message.get_body(("plain",))
    assert text is not None
    assert "uptake digest --verify 2026-04-06" in text.get_content()
    pictures = {part["Content-ID"].strip("<>"): part.get_content() for part in message.walk() if part.get_content_type() == "image/png"}
    page = message.get_body(("html",))
    assert page is not None
    assert pictures
    assert all(f"cid:{name}" in page.get_content() and png.startswith(b"\x89PNG") for name, png in pictures.items())


def test_the_next_week_is_another_digest_that_repeats_nothing(tmp_path: Path, box: Mailbox) -> None:
    settings = store(tmp_path, box.section(tmp_path), to=[ANN])
    send(tmp_path, settings)
    send(tmp_path, settings, MONDAY + WEEK)
    assert box.counts == {ANN: 2}
    with Journal.open(tmp_path / "data") as journal, journal.read() as connection:
        kept = digests.listed(connection)
    told = [[c["id"] for c in k.claims if c["told"] and c["told"] != "withdrawn"] for k in kept]
    assert told[0]
    assert not set(told[0]) & set(told[1])


def test_what_is_found_about_figures_is_noted_once_with_the_digest_and_drawn_on_its_charts(
    tmp_path: Path, box: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = store(tmp_path, box.section(tmp_path), to=[ANN])
    begun = MONDAY - 12 * WEEK
    with Journal.open(tmp_path / "data", writable=True) as journal, journal.write(now=MONDAY - DAY) as tx:
        anew = [(t - t % DAY, 300.0 + i) for i, t in enumerate(range(begun, MONDAY, WEEK))]
        tx.put(Observation(Series(STARS.name, "beta", source="github"), t, v) for t, v in anew)
    drawn = []

    def png(data: ChartData, **_options: object) -> bytes:
        drawn.append([(event["t"], event["w"]) for event in data.events])
        return b"\x89PNG\r\n\x1a\n"

    monkeypatch.setattr(charts, "png", png)
    for now in (MONDAY + 60, MONDAY + 61, MONDAY + WEEK):
        send(tmp_path, settings, now)
    with Journal.open(tmp_path / "data") as journal, journal.read() as connection:
        noted = frames.events(connection)
        first = digests.listed(connection)[0]
        alone = connection.exec_driver_sql("SELECT DISTINCT seq FROM events").scalars().all()
        assert alone == [digests.noted_at(connection, first)], "in the transaction in which the digest was kept"
    assert noted[["time", "kind", "topic", "text"]].values.tolist() == [
        [begun - begun % DAY, "quality", "beta", "github.stars: the counter began anew"]
    ]
    assert drawn
    assert all(events == [((begun - begun % DAY) * 1000, "Beta: the counter began anew")] for events in drawn)


def test_a_digest_that_stands_already_notes_nothing_twice(tmp_path: Path) -> None:
    settings = store(tmp_path)
    finding = Finding("step", "github.stars", (), MONDAY - WEEK, MONDAY - WEEK, "by a third")
    with Journal.open(tmp_path / "data", writable=True) as journal:
        with journal.read() as connection:
            known = know(connection, settings, View(MONDAY, 1))
            made = make(connection, settings, known, "libs", "2026-04-06", "uptake digest")
        made = replace(made, found=replace(made.found, findings=(finding,)))
        for _ in range(2):
            with journal.write(now=MONDAY) as tx:
                keep(tx, settings, [made])
        with journal.read() as connection:
            assert frames.events(connection)["text"].tolist() == ["github.stars: the counter changed: all topics moved at once"]


def test_nothing_is_due_before_the_schedule_says_so_or_from_before_the_journal_began(tmp_path: Path, box: Mailbox) -> None:
    settings = store(tmp_path, box.section(tmp_path))
    assert send(tmp_path, settings, MONDAY - 1).sendings == (), "the Monday before, the journal was not there"
    assert send(tmp_path, settings, MONDAY - 1).made == ()
    assert send(tmp_path, settings, MONDAY).good
    assert box.counts == {ANN: 1, BOB: 1}


def test_by_hand_a_young_journal_has_a_digest_too(tmp_path: Path, box: Mailbox) -> None:
    settings = store(tmp_path, box.section(tmp_path))
    sent = send(tmp_path, settings, MONDAY - DAY, by_hand=True)
    assert sent.period == "2026-03-30"
    assert sent.made[0].present == MONDAY - DAY
    assert box.counts == {ANN: 1, BOB: 1}


def test_a_reader_who_is_refused_or_put_off_is_tried_alone(tmp_path: Path, box: Mailbox) -> None:
    box.refuse, box.grey = {ANN}, {BOB}
    settings = store(tmp_path, box.section(tmp_path), to=[*READERS, "cy@example.org"])
    first = send(tmp_path, settings)
    assert not first.good
    assert {r: state for r, (state, _) in ledger(tmp_path).items()} == {ANN: "refused", BOB: "planned", "cy@example.org": "sent"}
    assert ledger(tmp_path)[ANN][1] == "127.0.0.1 said 550 5.1.1 there is no such mailbox"
    assert send(tmp_path, settings, MONDAY + 120).sendings == (), "not before the server may have thought better of it"
    box.refuse = set()
    assert [s.recipient for s in send(tmp_path, settings, MONDAY + 60 + FIRST).sendings] == [BOB]
    assert [s.recipient for s in send(tmp_path, settings, MONDAY + DAY, by_hand=True).sendings] == [ANN]
    assert box.counts == {ANN: 1, BOB: 1, "cy@example.org": 1}


def test_a_reader_who_is_put_off_for_ever_is_refused_in_the_end(tmp_path: Path, box: Mailbox, monkeypatch: pytest.MonkeyPatch) -> None:
    waits = [min(FIRST * 2**n, LONGEST) for n in range(MOST_TRIES)]
    assert 5 * DAY < sum(waits) < 8 * DAY
    monkeypatch.setattr(sending, "MOST_TRIES", 3)
    settings = store(tmp_path, box.section(tmp_path), to=[ANN])
    now = MONDAY
    for expected, wait in (("planned", waits[0]), ("planned", waits[1]), ("planned", waits[2]), ("refused", 0)):
        box.grey = {ANN}
        assert [s.state for s in send(tmp_path, settings, now).sendings] == [expected]
        assert send(tmp_path, settings, now + wait - 1).sendings == ()
        now += wait


@pytest.mark.parametrize(
    ("trouble", "said"),
    [
        ({"password_file": "wrong.password"}, "does not accept user 'uptake' with this password"),
        ({"ca_file": None}, "the certificate of"),
        ({"port": 1}, "nothing answers at 127.0.0.1:1"),
        ({"password_file": "none.password"}, "cannot read"),
    ],
    ids=["login", "certificate", "down", "no-password"],
)
def test_nothing_is_lost_while_the_server_cannot_be_used(tmp_path: Path, box: Mailbox, trouble: dict[str, Any], said: str) -> None:
    (tmp_path / "wrong.password").write_text("battery staple", encoding="utf-8")
    first = send(tmp_path, store(tmp_path, box.section(tmp_path, **trouble)))
    assert [said in t for t in first.troubles] == [True]
    assert "battery" not in repr(first)
    assert {state for state, _ in ledger(tmp_path).values()} == {"planned"}
    assert box.arrived == []
    assert send(tmp_path, store(tmp_path, box.section(tmp_path)), MONDAY + 60 + FIRST).good
    assert box.counts == {ANN: 1, BOB: 1}


def test_a_week_without_a_server_arrives_late_and_whole(tmp_path: Path, box: Mailbox) -> None:
    send(tmp_path, store(tmp_path, box.section(tmp_path, port=1), to=[ANN]))
    send(tmp_path, store(tmp_path, box.section(tmp_path), to=[ANN]), MONDAY + WEEK + 60)
    subjects = [str(m["Subject"])[: len("Libraries, 13 April")] for _, m in box.arrived]
    assert subjects == ["Libraries, 6 April ", "Libraries, 13 April"]


def test_while_the_server_is_away_a_try_draws_nothing(tmp_path: Path, box: Mailbox, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = []

    def png(_data: ChartData, **_options: object) -> bytes:
        drawn.append(box.sessions)
        return b"\x89PNG\r\n\x1a\n"

    monkeypatch.setattr(charts, "png", png)
    away = store(tmp_path, box.section(tmp_path, port=1))
    send(tmp_path, away)
    assert drawn, "for the pages in the store's reports"
    drawn.clear()
    for n in range(1, 4):
        assert [s.attempts for s in send(tmp_path, away, MONDAY + n * DAY).sendings] == [n + 1, n + 1]
    assert drawn == []
    assert send(tmp_path, store(tmp_path, box.section(tmp_path)), MONDAY + 4 * DAY).good
    assert drawn
    assert all(drawn), "the connection stands before"
    assert box.counts == {ANN: 1, BOB: 1}


def test_a_server_that_hangs_up_while_charts_are_drawn_is_called_again(
    tmp_path: Path, box: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    def png(_data: ChartData, **_options: object) -> bytes:
        box.drop()
        return b"\x89PNG\r\n\x1a\n"

    monkeypatch.setattr(charts, "png", png)
    assert send(tmp_path, store(tmp_path, box.section(tmp_path))).good
    assert box.counts == {ANN: 1, BOB: 1}
    assert box.sessions == 4, "two connections, each with a greeting before STARTTLS and one after"


def test_a_sending_without_an_answer_is_shown_and_not_repeated(tmp_path: Path, box: Mailbox) -> None:
    box.hang_up = True
    settings = store(tmp_path, box.section(tmp_path), to=[ANN])
    assert not send(tmp_path, settings).good
    box.hang_up = False
    for by_hand in (False, True):
        assert send(tmp_path, settings, MONDAY + DAY, by_hand=by_hand).sendings == ()
    state, reason = ledger(tmp_path)[ANN]
    assert state == "uncertain"
    assert "it may have arrived" in reason
    assert box.counts == {ANN: 1}


def test_two_processes_do_not_send_at_once(tmp_path: Path, box: Mailbox) -> None:
    settings = store(tmp_path, box.section(tmp_path))
    with alone(tmp_path / "data" / "locks", LOCK) as mine:
        assert mine
        assert send(tmp_path, settings).troubles == ("another process of Uptake is sending just now",)
    assert box.arrived == []


def test_a_ledger_that_cannot_be_written_after_the_yes_leaves_an_uncertain_sending(
    tmp_path: Path, box: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    from storage.database import JournalBusy

    def busy(*_args: object, **_options: object) -> bool:
        raise JournalBusy("another process has been writing for over 30 s")

    settings = store(tmp_path, box.section(tmp_path), to=[ANN])
    with monkeypatch.context() as patch:
        patch.setattr(sendings, "end", busy)
        assert "another process has been writing" in send(tmp_path, settings).troubles[0]
    assert ledger(tmp_path)[ANN][0] == "handing"
    later = send(tmp_path, settings, MONDAY + DAY)
    assert [(s.state, s.reason) for s in later.sendings] == [(Standing.UNCERTAIN, sendings.DIED)]
    assert box.counts == {ANN: 1}


def test_readers_of_two_baskets_get_one_mail_and_each_only_what_is_theirs(tmp_path: Path, box: Mailbox) -> None:
    more = f'baskets = ["libs"]\n[digest.recipients]\nsingle = ["{BOB}", "cy@example.org"]\n'
    more += '[baskets.single]\ntitle = "Single"\ntopics = ["beta"]'
    assert send(tmp_path, store(tmp_path, box.section(tmp_path), more=more)).good
    assert box.counts == {ANN: 1, BOB: 1, "cy@example.org": 1}
    titles = {r: {t for t in ("Libraries", "Single") if f"{t}, 6 April" in m.get_body(("plain",)).get_content()} for r, m in box.arrived}  # type: ignore[union-attr]
    assert titles == {ANN: {"Libraries"}, BOB: {"Libraries", "Single"}, "cy@example.org": {"Single"}}


def test_a_digest_is_written_to_the_store_with_a_feed_even_if_nobody_gets_mail(tmp_path: Path) -> None:
    sent = send(tmp_path, store(tmp_path, to=[]))
    assert sent.good
    folder = tmp_path / "data" / "reports" / "digests"
    assert sorted(p.name for p in folder.iterdir()) == [*(f"2026-04-06-libs.{s}" for s in ("html", "json", "md", "txt")), "feed.atom"]
    (folder / "2026-04-06-libs.html").unlink()
    assert "Libraries" in Path(send(tmp_path, store(tmp_path, to=[])).files[0]).read_text(encoding="utf-8")


def test_readers_without_a_mail_section_are_told_about(tmp_path: Path) -> None:
    assert send(tmp_path, store(tmp_path)).troubles == (
        "there are readers, but no [mail] section that says through which server they are reached",
    )


def test_a_stored_digest_is_made_again_to_the_letter_and_a_difference_is_shown(tmp_path: Path) -> None:
    settings = store(tmp_path, to=[])
    send(tmp_path, settings)
    with Journal.open(tmp_path / "data", writable=True) as journal:
        with journal.write(now=MONDAY + DAY) as tx:  # a revision that then was not known
            tx.put([Observation(Series(STARS.name, "alpha", source="github"), MONDAY - MONDAY % DAY - WEEK, 1.0)])
        changed = replace(settings, baskets={"libs": replace(settings.baskets["libs"], title="Another")})
        with journal.read() as connection:
            found = verify(connection, changed, chosen(connection, "2026-04-06", None))
            assert found.differences == ()
            kept = found.kept
            document = json.loads(json.dumps(kept.document))
            document["lines"][0]["text"] = "Something else."
            other = verify(connection, settings, replace(kept, document=document))
    assert any(line.startswith("-") and "Something else." in line for line in other.differences)


# Alerts and the webhook


class Hook(HttpServer):
    """A receiver of webhooks."""

    def __init__(self) -> None:
        super().__init__()
        self.got: list[dict[str, Any]] = []
        self.status = 200
        self.url += "/services/secret-token"

    def handle(self, request: BaseHTTPRequestHandler) -> None:
        body = body_of(request)
        if self.status != 0:
            request.send_response(self.status)
            request.send_header("Content-Length", "0")
            request.end_headers()
        else:
            request.close_connection = True
        self.got.append({"key": request.headers["Idempotency-Key"], **json.loads(body)})


@pytest.fixture
def hook() -> Iterator[Hook]:
    with Hook() as made:
        yield made


def test_a_webhook_gets_the_digest_once_and_is_tried_again_when_it_is_busy(tmp_path: Path, hook: Hook) -> None:
    settings, environment = store(tmp_path, to=[]), {"UPTAKE_DIGEST_WEBHOOK": hook.url}
    hook.status = 503
    first = send(tmp_path, settings, environment=environment)
    assert [(s.recipient, s.state, s.reason) for s in first.sendings] == [
        ("webhook", "planned", "the webhook at 127.0.0.1 said 503 Service Unavailable")
    ]
    hook.status = 204
    assert send(tmp_path, settings, MONDAY + DAY, environment=environment).good
    assert send(tmp_path, settings, MONDAY + 2 * DAY, environment=environment).sendings == ()
    assert len({got["key"] for got in hook.got}) == 1
    assert hook.got[-1]["text"].startswith("Libraries, 6 April 2026")
    assert hook.got[-1]["digests"][0]["lines"][0]["label"]
    assert "secret-token" not in repr(first) + repr(ledger(tmp_path))


@pytest.mark.parametrize(("status", "state"), [(404, "refused"), (302, "refused"), (0, "uncertain"), (429, "planned")])
def test_what_a_webhook_answers_is_told(tmp_path: Path, hook: Hook, status: int, state: str) -> None:
    hook.status = status
    send(tmp_path, store(tmp_path, to=[]), environment={"UPTAKE_DIGEST_WEBHOOK": hook.url})
    assert ledger(tmp_path)["webhook"][0] == state
    assert len(hook.got) == 1


def test_a_webhook_that_is_down_is_tried_later_and_its_address_is_not_told(tmp_path: Path, hook: Hook) -> None:
    hook.close()
    sent = send(tmp_path, store(tmp_path, to=[]), environment={"UPTAKE_DIGEST_WEBHOOK": hook.url})
    assert "the webhook at 127.0.0.1 cannot be reached" in sent.troubles[0]
    assert "secret-token" not in repr(sent)
    assert ledger(tmp_path)["webhook"][0] == "planned"


def test_an_alert_is_sent_once_and_not_before_the_first_digest(tmp_path: Path, box: Mailbox, monkeypatch: pytest.MonkeyPatch) -> None:
    def says(*claims: Claim) -> None:
        found = BasketClaims("libs", "Libraries", claims, (), (), (), Composite((), (), ()), ())
        monkeypatch.setattr("trends.claims.claims", lambda panel, *_: Claims(panel.present, None, None, (found,)))

    def claim(kind: ClaimKind, sentence: str) -> Claim:
        return Claim(f"{kind}|libs", kind, "libs", ("alpha", "beta"), "github.stars", State.CLAIMED, sentence, series=("github.stars",))

    growth, overtake = claim(ClaimKind.GROWTH, "Alpha grows."), claim(ClaimKind.OVERTAKE, "Alpha overtook Beta.")
    settings = store(tmp_path, box.section(tmp_path) + '[alerts]\nto = ["cy@example.org"]\n', to=[ANN])
    says(growth, overtake)
    assert send(tmp_path, settings, MONDAY - DAY, alerts=True).made == (), "the first digest introduces everything"
    says(growth)
    assert [k.kind for k in send(tmp_path, settings, alerts=True).made] == ["digest"]
    says(growth, overtake)
    assert send(tmp_path, settings, MONDAY + DAY).made == (), "alerts are looked for only when it is asked for"
    assert [k.kind for k in send(tmp_path, settings, MONDAY + DAY, alerts=True).made] == ["alert"]
    assert all(send(tmp_path, settings, MONDAY + DAY + n, alerts=True).made == () for n in (120, DAY))
    says(growth)
    assert send(tmp_path, settings, MONDAY + DAY + 240, alerts=True).made == ()
    later = send(tmp_path, settings, MONDAY + DAY + 2 * WEEK, alerts=True).made
    assert [(k.kind, k.period) for k in later] == [("digest", "2026-04-20"), ("alert", "2026-04-21")]
    subjects = {r: str(m["Subject"]) for r, m in box.arrived}
    assert box.counts == {ANN: 2, "cy@example.org": 2}
    assert subjects["cy@example.org"] == "Libraries, 21 April 2026: withdrawn: Alpha overtook Beta"
    says(growth, overtake)
    with Journal.open(tmp_path / "data") as journal, journal.read() as connection:
        assert verify(connection, settings, chosen(connection, "2026-04-07", None)).differences == ()


def test_no_secret_stands_in_the_journal(tmp_path: Path, box: Mailbox) -> None:
    send(tmp_path, store(tmp_path, box.section(tmp_path)), environment={"UPTAKE_DIGEST_WEBHOOK": "http://127.0.0.1:1/secret-token"})
    everything = b"".join(p.read_bytes() for p in (tmp_path / "data").rglob("*") if p.is_file())
    assert b"secret-token" not in everything
    assert PASSWORD.encode() not in everything


async def test_a_daemon_can_send_in_a_thread_while_its_loop_goes_on(tmp_path: Path, box: Mailbox) -> None:
    settings = store(tmp_path, box.section(tmp_path))
    with Journal.open(tmp_path / "data", writable=True) as journal:
        sending = asyncio.create_task(asyncio.to_thread(send_due, journal, settings, now=MONDAY, environment={}))
        turns = 0
        while not sending.done():
            turns += 1
            await asyncio.sleep(0.001)
        assert (await sending).good
    assert turns > 10
    assert box.counts == {ANN: 1, BOB: 1}
