"""`uptake demo`: a whole year once, short ones for the rest; what is told at the end comes from the program's own records."""

from __future__ import annotations

import io
import os
import re
import shutil
import signal
import smtplib
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import pytest
from rich.console import Console

from scheduler.cli.main import run as command
from scheduler.config import load
from scheduler.demo import planted as planting
from scheduler.demo import year
from scheduler.demo.apart import Received
from scheduler.demo.courses import Course, crossing
from scheduler.demo.folder import prepare
from scheduler.demo.known import Known
from scheduler.demo.plan import BASKETS, Kind, Plan, Trouble
from scheduler.demo.planted import Planted, Verdict, Word, planted
from scheduler.demo.servers.receivers import Mailroom, Receiver
from scheduler.demo.servers.service import Asked
from scheduler.demo.telling import DIGEST, OURS, WORLD, Teller
from scheduler.demo.world import dice, papers
from storage import digests
from storage.journal import FILE, Journal
from storage.model import DERIVED_ORIGIN, UsageError
from storage.periods import DAY, WEEK, moment, read_time

START = read_time("2025-11-17")  # a Monday
PROGRAM = [sys.executable, "-c", "from scheduler.cli import main; main()"]


def uptake(*words: str) -> tuple[int, str, str]:
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = command(list(words))
    return code, out.getvalue(), err.getvalue()


def passed(folder: Path, weeks: int, seed: int = 1) -> tuple[Plan, year.Outcome, str]:
    """A demo of so many weeks: its plan, what came of it, and what was told."""
    plan, out = Plan(seed, START, weeks), io.StringIO()
    outcome = year.run(plan, folder, Teller(Console(file=out, width=200), plan), serve=False, said=lambda *_: None)
    return plan, outcome, out.getvalue()


@pytest.fixture(scope="module")
def short(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """Two weeks, by the command."""
    folder = tmp_path_factory.mktemp("demo") / "short"
    code, out, err = uptake("demo", "--folder", str(folder), "--weeks", "2")
    assert (code, err) == (0, "")
    return folder, out


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Plan, year.Outcome, str]]:
    """The whole year: about a minute of a processor, and half of one of another."""
    folder = tmp_path_factory.mktemp("demo") / "year"
    yield folder, *passed(folder, 52)
    shutil.rmtree(folder)


@pytest.fixture
def known(whole: tuple[Path, Plan, year.Outcome, str]) -> Iterator[Known]:
    with Journal.open(whole[0] / "data") as journal, journal.read() as connection:
        yield Known.read(connection)


# A whole year


def test_every_planted_thing_is_found_in_a_year(whole: tuple[Path, Plan, year.Outcome, str]) -> None:
    rows = whole[2].rows
    assert [(one.words, verdict) for one, verdict in rows if not verdict.word.good] == []
    assert len(rows) == 25
    assert {verdict.word for _, verdict in rows} <= {Word.FOUND, Word.LATE, Word.SILENT}


def test_a_year_is_told_in_the_order_of_its_days(whole: tuple[Path, Plan, year.Outcome, str]) -> None:
    told = re.findall(r"^(\d{4}-\d\d-\d\d)  (\w+) ", whole[3], re.MULTILINE)
    assert [day for day, _ in told] == sorted(day for day, _ in told)
    assert {voice for _, voice in told} == {WORLD, OURS, DIGEST}
    assert len({day for day, voice in told if voice == DIGEST}) > 20


def test_there_is_a_digest_of_each_basket_each_monday(known: Known) -> None:
    assert len(known.kept) == 51 * len(BASKETS), "on one Monday nobody was at work"
    assert {moment(kept.present).strftime("%a %H:%M") for kept in known.kept} == {"Mon 07:00"}


def test_the_letters_have_arrived_with_their_charts(whole: tuple[Path, Plan, year.Outcome, str]) -> None:
    letters = sorted((whole[0] / "mails").iterdir())
    assert len(letters) == whole[2].received.letters == 2
    assert all(b"image/png" in letter.read_bytes() for letter in letters)


def test_a_digest_of_the_year_can_be_made_again(whole: tuple[Path, Plan, year.Outcome, str]) -> None:
    """It knows what was known on its Monday, though it was made while collecting went on."""
    code, out, err = uptake("digest", "--verify", "2026-06-29", "--basket", "interface-kits", "--config", str(whole[0] / "uptake.toml"))
    assert code == 0, out + err
    assert "it is the same" in out


# What is found is read from the program's records


def test_what_has_not_happened_is_not_found(short: tuple[Path, str]) -> None:
    """The journal of two weeks holds nothing of what a year's plan has later."""
    with Journal.open(short[0] / "data") as journal, journal.read() as connection:
        recent = Known.read(connection)
        plan = Plan(1, START - 100 * WEEK)  # no figure of that time
        found = {one.words: one.look(recent).word for one in planted(plan)}
    silent = {words for words, word in found.items() if word is Word.SILENT}
    assert {word for words, word in found.items() if words not in silent} == {Word.MISSED}
    assert len(silent) == 5, "to be silent is right where nothing was claimed"


def test_nobody_is_praised_for_silence_without_a_digest(tmp_path: Path) -> None:
    with Journal.open(tmp_path, writable=True) as journal, journal.read() as connection:
        nothing = Known.read(connection)
        assert {one.look(nothing).word for one in planted(Plan(1, START))} == {Word.MISSED}


def test_another_truth_makes_the_same_records_wrong(known: Known) -> None:
    tested = START + planting.TESTED
    assert planting.growth(known, topic="brontide", metric="github.new_stars", rate=-0.7, tested=tested).word is Word.WRONG
    assert planting.growth(known, topic="marlstone", metric="github.new_stars", rate=0.2, tested=tested).word is Word.MISSED
    assert planting.silent(known, topic="brontide").word is Word.WRONG
    reverse = {"metric": "jobs.postings", "label": 'board="reed"', "at": START}
    assert planting.overtake(known, pair=("lumeroot", "ostrey"), **reverse).word is Word.WRONG
    assert planting.overtake(known, pair=("skerrin", "pilvane"), **reverse).word is Word.MISSED
    assert planting.step(known, at=START + 20 * WEEK).word is Word.MISSED
    assert planting.renamed(known, at=START + 2 * WEEK).word is Word.FOUND
    assert planting.edition(known, year=2026, counts={"corvane": 59}).word is Word.MISSED
    quiet = Trouble(Kind.DOWN, "stackoverflow", START + 2 * WEEK, START + 3 * WEEK)
    assert planting.away(known, trouble=quiet).word is Word.MISSED
    other = Trouble(Kind.CHANGED, "reed", START + 9 * WEEK, START + 12 * WEEK)  # it was a wall
    assert planting.away(known, trouble=other).word is Word.MISSED


def test_a_claim_that_is_not_so_is_told(known: Known, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = Plan(1, START)
    assert planting.others(known, plan=plan).word is Word.SILENT
    real = Plan.course

    def fallen(self: Plan, topic: str, what: str, board: str = "") -> Course | None:
        course = real(self, topic, what, board)
        return replace(course, growth=-0.2) if course is not None and topic == "skerrin" else course

    monkeypatch.setattr(Plan, "course", fallen)
    assert planting.others(known, plan=plan).word is Word.WRONG


def test_a_lost_figure_at_the_receiver_is_noticed(whole: tuple[Path, Plan, year.Outcome, str]) -> None:
    received, figures = whole[2].received, whole[2].figures
    assert year.sent(received, figures).word is Word.FOUND
    assert year.sent(replace(received, figures=received.figures - 1), figures).word is Word.MISSED


def test_who_misses_something_ends_with_one(short: tuple[Path, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Planted is what nobody can see: that a technology which is hardly starred grows by a hundredth."""

    def invisible(plan: Plan) -> list[Planted]:
        look = partial(planting.growth, topic="velstrand", metric="github.new_stars", rate=0.01, tested=0)
        return [Planted("a trifle", plan.start, look)]

    def judged(plan: Plan, folder: Path, *_: object, said: Callable[..., None], **__: object) -> year.Outcome:
        with Journal.open(folder / "data") as journal:
            outcome = year.judge(plan, journal, Received({}, 0, 0))
        said(load(folder / "uptake.toml", {}), "", outcome)
        return outcome

    monkeypatch.setattr(year, "planted", invisible)
    monkeypatch.setattr(year, "run", judged)
    code, out, _ = uptake("demo", "--folder", str(short[0]), "--weeks", "2")
    assert code == 1
    assert "NOT FOUND: a trifle" in out
    assert "0 of 1 planted things are as they should be; 1 not." in out


# The command


def test_it_says_where_it_is_and_how_to_go_on(short: tuple[Path, str]) -> None:
    folder, out = short
    assert f"All of it stays in {folder}" in out
    lines = re.findall(r"^  uptake (.*)$", out, re.MULTILINE)
    assert [line.split()[0] for line in lines] == ["trends", "digest", "status", "serve"]
    for line in lines[:-1]:
        code, said, err = uptake(*line.split())
        assert (code, err) == (0, ""), line
        assert "Fenwark" in said or "hacker_news" in said, line


def test_its_pages_can_be_served_afterwards(short: tuple[Path, str]) -> None:
    command_line = [*PROGRAM, "serve", "--config", str(short[0] / "uptake.toml")]
    with subprocess.Popen(command_line, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            assert re.search(r"http://127\.0\.0\.1:\d+/", process.stdout.readline())
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(20)


def test_the_same_seed_gives_the_same_figures_and_claims(tmp_path: Path) -> None:
    first, again = tmp_path / "first", tmp_path / "again"
    passed(first, 1)
    passed(again, 1)
    assert len(figures(first)) > 4000
    assert figures(first) == figures(again)
    assert said(first) == said(again)


def test_another_seed_gives_another_world() -> None:
    first, other = Plan(1, START), Plan(2, START)
    assert [paper.body for paper in papers(first, 2025)] != [paper.body for paper in papers(other, 2025)]
    assert dice(1, "github brontide").poisson(9, 50).tolist() != dice(2, "github brontide").poisson(9, 50).tolist()


def figures(folder: Path) -> list[tuple[Any, ...]]:
    with Journal.open(folder / "data") as journal, journal.read() as connection:
        sql = (
            "SELECT s.metric, s.topic, s.labels, p.time, p.value, p.state FROM points p JOIN series s ON s.id = p.series_id"
            f" WHERE s.origin != '{DERIVED_ORIGIN}' ORDER BY 1, 2, 3, 4"
        )
        return [tuple(row) for row in connection.exec_driver_sql(sql)]


def said(folder: Path) -> list[Any]:
    with Journal.open(folder / "data") as journal, journal.read() as connection:
        return [(kept.basket, kept.period, kept.document["subject"], kept.claims) for kept in digests.listed(connection)]


def test_ctrl_c_ends_it_cleanly(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    with subprocess.Popen(
        [*PROGRAM, "demo", "--folder", str(folder)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if "new stars read" in line:
                break
        children = psutil.Process(process.pid).children(recursive=True)
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to all of the group
        out, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert f"Stopped. What was measured until then is in {folder}" in out
    assert "Traceback" not in err
    assert len(children) >= 2
    until = time.monotonic() + 10
    while any(child.is_running() for child in children):
        assert time.monotonic() < until, "a child outlives it"
        time.sleep(0.05)
    assert uptake("status", "--config", str(folder / "uptake.toml"))[0] == 0


# Its folder


@pytest.mark.parametrize("name", ["notes.txt", FILE, "data"])
def test_a_folder_that_is_no_demos_is_left_alone(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir() if name == "data" else (tmp_path / name).write_text("mine")
    code, _, err = uptake("demo", "--folder", str(tmp_path), "--weeks", "1")
    assert code == 2
    assert "is no demo's" in err
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_an_earlier_demos_folder_is_emptied_but_not_of_what_is_not_its_own(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "demo"
    prepare(folder)
    (folder / "data").mkdir()
    (folder / "data" / FILE).write_text("figures")
    prepare(folder)
    assert not (folder / "data").exists()
    (folder / "report.html").write_text("made by a person")
    with pytest.raises(UsageError, match=r"report\.html, which no demo wrote"):
        prepare(folder)


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("")
    with pytest.raises(UsageError, match="is a file"):
        prepare(tmp_path / "x")


# What is seen


TERMINALS = [("ascii", 50, False), ("ascii", 120, True), ("latin-1", 40, True), ("utf-8", 120, True)]


@pytest.mark.parametrize(("encoding", "width", "terminal"), TERMINALS)
def test_it_can_be_told_to_any_terminal(encoding: str, width: int, terminal: bool) -> None:
    raw = io.BytesIO()
    file = io.TextIOWrapper(raw, encoding=encoding)
    plan = Plan(1, START)
    console = Console(file=file, width=width, force_terminal=terminal, emoji=False)
    verdicts = [(one, Verdict(Word.FOUND, "“about” −5 % … and [so] on", START)) for one in planted(plan)]
    with Teller(console, plan, plain=not terminal) as teller:
        teller.line(START, DIGEST, "“Brontide” to Quillon: −41 % a year […]")
        teller.at(START + DAY, None)
        teller.table(verdicts)
    file.flush()
    text = raw.getvalue().decode(encoding)
    assert "Brontide" in text
    assert "[so]" in text
    assert "found" in text.lower()


def test_lines_wait_for_the_digest_of_an_earlier_day() -> None:
    out = io.StringIO()
    teller = Teller(Console(file=out, width=100), Plan(1, START))
    teller.line(START + 8 * DAY, OURS, "later")
    teller.at(START + 8 * DAY, pending=START + 7 * DAY)
    assert "later" not in out.getvalue()
    teller.line(START + 7 * DAY, DIGEST, "sooner")
    teller.at(START + 9 * DAY, pending=None)
    assert out.getvalue().index("sooner") < out.getvalue().index("later")


# The world


def test_courses_cross_where_they_are_equal() -> None:
    first, second = Course(10, 0.7, origin=START), Course(16, -0.4, 0.3, origin=START)
    at = crossing(first, second)
    assert at is not None
    assert first.at(at) == pytest.approx(replace(second, season=0.0).at(at))
    assert crossing(first, Course(3, 0.7, origin=START)) is None


def test_an_edition_appears_within_every_year_that_a_demo_may_have() -> None:
    for month in range(24):
        plan = Plan(1, START + month * 31 * DAY)
        before, within = plan.editions.values()
        assert before <= plan.start < within < plan.end
        assert 0 < sum(bool(paper.body) for paper in papers(plan, min(plan.editions))) < 60


def test_the_receiver_keeps_each_figure_once() -> None:
    body = b'github,topic=brontide stars=5,forks=2 1000\ngithub,topic=brontide stars=6 1000\nnote,a\\ b=c text="x, y=1" 7'
    with Receiver() as receiver:
        assert receiver.respond(Asked("/api/v2/write", {}, {}, body=body))[0] == 204
        assert receiver.respond(Asked("/api/v2/write", {}, {}, body=b"nonsense"))[0] == 400
    assert receiver.figures == {
        ("github,topic=brontide", "stars", 1000): "6",
        ("github,topic=brontide", "forks", 1000): "2",
        ("note,a\\ b=c", "text", 7): '"x, y=1"',
    }


def test_the_mailroom_lays_letters_into_a_folder(tmp_path: Path) -> None:
    with Mailroom(tmp_path / "mails") as room, smtplib.SMTP("127.0.0.1", room.port, timeout=5) as server:
        server.sendmail("a@example.org", ["b@example.org"], "Subject: x\r\n\r\n.dot\r\n")
        server.sendmail("a@example.org", ["b@example.org"], "Subject: y\r\n\r\ntext\r\n")
    assert [p.name for p in sorted((tmp_path / "mails").iterdir())] == ["0001.eml", "0002.eml"]
    assert b"\r\n.dot\r\n" in (tmp_path / "mails" / "0001.eml").read_bytes()
