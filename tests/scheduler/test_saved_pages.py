"""Pages that a person saved, through the command line: what each is of, when it was seen, and that nothing is taken for what it is not."""

from __future__ import annotations

import gzip
import os
from collections.abc import Callable
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from crawlers.warc import load
from scheduler.saved_files import read_bytes
from storage.model import ParseError
from storage.periods import DAY, moment, read_time
from tests.crawlers.jobs import test_indeed, test_linkedin
from tests.fakes.boards import NOW as BOARD_NOW
from tests.fakes.boards import Board
from tests.scheduler.conftest import CONFIG, NOW, TODAY, World, uptake

BEFORE = NOW - 3600
BOARDS = """
[sources.linkedin]
enabled = false

[sources.indeed]
countries = ["us", "de"]
"""
PLAIN = CONFIG.replace("[baskets", f"{BOARDS}\n[baskets", 1) + "jobs = ['beta suite', 'beta']\n"
SEARCH = "https://www.linkedin.com/jobs/search?keywords={}&location=United%20States"
SERIES = 'jobs.postings{{topic="{}",board="linkedin",country="us",origin="imported"}}'
WALL = "<!DOCTYPE html><html><head><title>Just a moment...</title></head><body>_cf_chl_opt</body></html>"


def by_chrome(html: str, url: str) -> str:
    """As Chrome saves a page: its address stands above it."""
    return html.replace("<html>", f"<!-- saved from url=({len(url):04d}){url} -->\n<html>", 1)


def linkedin(count: str, search: str = "alpha", url: str = SEARCH) -> str:
    return by_chrome(test_linkedin.page(count, search), url.format(quote(search)))


@pytest.fixture
def save(world: World) -> Callable[..., Path]:
    """Write a page to the disk, dated an hour ago unless said otherwise."""
    world.configure(PLAIN)

    def write(name: str, content: str | bytes, seen: int = BEFORE) -> Path:
        path = world.folder / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        os.utime(path, (seen, seen))
        return path

    return write


def rows(metric: str = "jobs.postings") -> dict[tuple[str, str], str]:
    """Topic and labels to value and bound, of what was imported."""
    found = uptake("export", "--metric", metric)
    return {(r["topic"], r["labels"]): f"{r['value']} {r['bound']}" for r in found.rows()} if found.code == 0 else {}


def test_a_saved_page_becomes_a_figure_that_leads_back_to_it(save: Callable[..., Path], world: World) -> None:
    path = save("alpha.html", linkedin("1,000+"))
    told = uptake("import", "--format", "page", "--source", "linkedin", path)
    assert (told.code, told.err) == (0, "")
    assert "1,000 or more" in told.out
    (row,) = uptake("export", "--metric", "jobs.postings").rows()
    assert (row["time"], row["observed_at"]) == ("2026-11-20T00:00:00Z", "2026-11-20T07:17:00Z"), "the day's slot, and when it was seen"
    assert (row["value"], row["bound"], row["source"]) == ("1000", "at_least", "linkedin")
    assert row["labels"] == "board=linkedin;country=us;origin=imported"
    traced = uptake("trace", SERIES.format("alpha"))
    assert "page saved by hand: https://www.linkedin.com/jobs/search?keywords=alpha" in traced.out
    assert "1,000+" in traced.out
    (page,) = uptake("trace", SERIES.format("alpha"), "--json").json["pages"]
    record = load(world.folder / "data" / "captures", page["file"], page["offset"])
    assert record.body == path.read_bytes()
    assert b"Uptake-People: 1" in gzip.decompress((world.folder / "data" / "captures" / page["file"]).read_bytes()), "its days are counted"
    assert uptake("status", "--json").code in {0, 1}
    assert uptake("reparse", "linkedin").code == 0
    assert rows() == {("alpha", "board=linkedin;country=us;origin=imported"): "1000 at_least"}, "reading again leaves it"
    assert world.asked() == 0, "nobody was asked for anything"


def test_importing_again_changes_nothing(save: Callable[..., Path], world: World) -> None:
    first, later = save("a.html", linkedin("153")), save("b.html", linkedin("160"), NOW - 60)
    steps = [[first], [first], [later], [first], [later, first], [first, later]]
    seen = []
    for files in steps:
        assert uptake("import", "--format", "page", "--source", "linkedin", *files).code == 0
        kept = sorted(str(p) for p in (world.folder / "data" / "captures").rglob("*.warc.gz"))
        seen.append((rows()["alpha", "board=linkedin;country=us;origin=imported"], len(kept)))
    assert seen == [("153 exact", 1), ("153 exact", 1), *[("160 exact", 2)] * 4], "the page that was seen last stands, whatever the order"
    assert len(uptake("trace", SERIES.format("alpha"), "--json").json["revisions"]) == 1


def test_of_two_pages_of_a_day_the_later_one_stands(save: Callable[..., Path]) -> None:
    later, first = save("b.html", linkedin("160"), NOW - 60), save("a.html", linkedin("153"))
    told = uptake("import", "--format", "page", "--source", "linkedin", later, first)
    assert [line.rpartition("; ")[2] for line in told.out.splitlines()] == ["new", "not taken: the figure that is there stands"]
    assert rows() == {("alpha", "board=linkedin;country=us;origin=imported"): "160 exact"}


def test_a_rejected_figure_stays_rejected(save: Callable[..., Path]) -> None:
    path = save("a.html", linkedin("153"))
    uptake("import", "--format", "page", "--source", "linkedin", path)
    assert uptake("reject", SERIES.format("alpha"), "2026-11-20").code == 0
    assert "stands" in uptake("import", "--format", "page", "--source", "linkedin", path).out
    assert rows() == {}


def test_what_gives_no_figure_is_listed_and_the_rest_is_imported(save: Callable[..., Path], world: World) -> None:
    bad = {
        "wall.html": WALL,
        "login.html": by_chrome(test_linkedin.page("9"), "https://www.linkedin.com/authwall?trk=x"),
        "detail.html": test_linkedin.BREAKS[-1],
        "empty.html": "",
        "picture.png": b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR",
        "notes.txt": "153 jobs",
        "torn.html.gz": gzip.compress(b"<html>")[:-9],
    }
    paths = [save(name, content) for name, content in bad.items()]
    told = uptake("import", "--format", "page", "--source", "linkedin", *paths, save("good.html", linkedin("153")))
    assert told.code == 1
    lines = [line for line in told.err.splitlines() if "nothing imported" in line]
    assert [Path(line.split(":")[0]).name for line in lines] == list(bad)
    assert "Cloudflare" in lines[0]
    assert "login" in lines[1]
    assert rows() == {("alpha", "board=linkedin;country=us;origin=imported"): "153 exact"}
    report = uptake("import", "--format", "page", "--source", "linkedin", "--json", *paths).json
    assert all(entry["problem"] and not entry["figures"] for entry in report)
    assert len(list((world.folder / "data" / "captures").rglob("*.warc.gz"))) == 1, "nothing is kept of them"


@pytest.mark.parametrize(
    ("search", "topic", "bound"),
    [
        ("alpha", "alpha", "exact"),
        ('"Alpha"', "alpha", "exact"),
        ('("beta suite" OR beta)', "beta", "exact"),
        ("beta", "beta", "at_least"),
        ('"beta suite"', "beta", "at_least"),
        ("beta suite", "beta", "estimate"),
    ],
)
def test_the_pages_own_search_tells_the_topic(save: Callable[..., Path], search: str, topic: str, bound: str) -> None:
    assert uptake("import", "--format", "page", "--source", "linkedin", save("x.html", linkedin("153", search))).code == 0
    assert rows() == {(topic, "board=linkedin;country=us;origin=imported"): f"153 {bound}"}


def test_without_an_address_the_search_box_tells(save: Callable[..., Path]) -> None:
    """As Firefox saves a page: nothing is said of where it came from."""
    boxes = '<form id="jserp-filters"></form><input form="jserp-filters" name="f_TPR" value="r604800" type="radio" checked>'
    path = save("x.html", test_linkedin.page("31", "alpha", more=boxes))
    assert uptake("import", "--format", "page", "--source", "linkedin", path).code == 0
    assert rows() == {}
    assert rows("jobs.new_postings") == {("alpha", "board=linkedin;country=us;origin=imported"): "31 exact"}


def test_an_unclear_topic_is_asked_for(save: Callable[..., Path]) -> None:
    strange, good = save("x.html", linkedin("153", "gamma rays")), save("y.html", linkedin("97"))
    told = uptake("import", "--format", "page", "--source", "linkedin", strange, good)
    assert told.code == 2
    assert "--topic" in told.err.splitlines()[-1]
    assert "'gamma rays'" in told.err
    assert rows() == {("alpha", "board=linkedin;country=us;origin=imported"): "97 exact"}, "the other file is imported"
    assert uptake("import", "--format", "page", "--source", "linkedin", "--topic", "beta", strange).code == 0
    assert rows()["beta", "board=linkedin;country=us;origin=imported"] == "153 exact", "who names the topic answers for the search"
    wrong = uptake("import", "--format", "page", "--source", "linkedin", "--topic", "beta", good)
    assert wrong.code == 1
    assert "'alpha'" in wrong.err
    bare = save("z.html", '<html><span class="results-context-header__job-count">12</span></html>')
    assert uptake("import", "--format", "page", "--source", "linkedin", bare).code == 2
    assert uptake("import", "--format", "page", "--source", "linkedin", "--topic", "alpha", "--time", "2026-11-19", bare).code == 0
    assert uptake("trace", SERIES.format("alpha"), "2026-11-19", "--json").json["value"] == 12


def indeed(total: int, url: str = "", **data: Any) -> str:
    html = test_indeed.page(total, "alpha", baseUrl="", **data)
    return by_chrome(html, url) if url else html


def test_the_country_comes_from_the_page_or_is_asked_for(save: Callable[..., Path]) -> None:
    command = ("import", "--format", "page", "--source", "indeed")
    assert uptake(*command, save("de.html", indeed(29, "https://de.indeed.com/jobs?q=alpha&l=Deutschland"))).code == 0
    assert uptake(*command, save("week.html", indeed(7, "https://de.indeed.com/jobs?q=alpha&fromage=7"))).code == 0
    bare = save("bare.html", indeed(31))
    told = uptake(*command, bare)
    assert told.code == 2
    assert "--label country=" in told.err
    assert uptake(*command, "--label", "country=us", bare).code == 0
    told = uptake(*command, "--label", "country=us", save("again.html", indeed(29, "https://de.indeed.com/jobs?q=alpha")))
    assert told.code == 1
    assert "country=de" in told.err
    town = save("town.html", indeed(3, "https://de.indeed.com/jobs?q=alpha&l=Berlin"))
    told = uptake(*command, town)
    assert told.code == 0
    assert uptake(*command, "--label", "place=berlin", town).code == 0
    assert rows() == {
        ("alpha", "board=indeed;country=de;origin=imported"): "29 exact",
        ("alpha", "board=indeed;country=us;origin=imported"): "31 exact",
        ("alpha", "board=indeed;country=de;narrowed=l=Berlin;origin=imported"): "3 exact",
        ("alpha", "board=indeed;country=de;origin=imported;place=berlin"): "3 exact",
    }
    assert rows("jobs.new_postings") == {("alpha", "board=indeed;country=de;origin=imported"): "7 exact"}


def test_a_search_that_counts_less_is_a_series_of_its_own(save: Callable[..., Path]) -> None:
    where = SEARCH + "&f_WT=2&f_TPR=r86400"
    assert uptake("import", "--format", "page", "--source", "linkedin", save("x.html", linkedin("12", url=where))).code == 0
    assert rows() == {}
    labels = "board=linkedin;country=us;narrowed=f_WT=2;origin=imported;within=r86400"
    assert rows("jobs.new_postings") == {("alpha", labels): "12 exact"}
    named = 'jobs.new_postings{topic="alpha",board="linkedin",country="us",narrowed="f_WT=2",origin="imported",within="r86400"}'
    assert "page saved by hand" in uptake("trace", named).out


def test_a_place_has_its_number_in_every_language(save: Callable[..., Path]) -> None:
    place = "https://www.linkedin.com/jobs/search?keywords={}&location=Vereinigte%20Staaten&geoId=103644278"
    assert uptake("import", "--format", "page", "--source", "linkedin", save("x.html", linkedin("153", url=place))).code == 0
    assert rows() == {("alpha", "board=linkedin;country=us;origin=imported"): "153 exact"}


ARCHIVE = """<html><script>window["obvInit"]({{"tag":{{"slug":"alpha"}},"archiveIndex":{{
"timeBucket":{{"year":"2026","month":"11","day":"{day}"}},"dailyBuckets":[{{"day":"{day}","hasStories":true}}]}},"references":{{"Post":{{"a1":{{}},"b2":{{}},"c3":{{}}}}}}}})</script></html>"""
TAG = '<html><script>window.__APOLLO_STATE__ = {"Tag:alpha":{"__typename":"Tag","id":"alpha","postCount":91560}}</script></html>'


def test_pages_of_medium_count_days_and_tags(save: Callable[..., Path], world: World) -> None:
    """A day that was saved before it was over is a lower bound."""
    world.configure(PLAIN.replace('title = "Alpha"', 'title = "Alpha"\nmedium = ["alpha"]'))
    address = "https://medium.com/tag/alpha"
    files = [
        save("day.html", by_chrome(ARCHIVE.format(day=18), f"{address}/archive/2026/11/18")),
        save("today.html", by_chrome(ARCHIVE.format(day=20), f"{address}/archive/2026/11/20")),
        save("tag.html", by_chrome(TAG, address)),
    ]
    told = uptake("import", "--format", "page", "--source", "medium", *files)
    assert told.code == 0, told.err
    found = uptake("export", "--metric", "articles.published").rows()
    assert [(r["time"][:10], r["value"], r["bound"]) for r in found] == [("2026-11-18", "3", "exact"), ("2026-11-20", "3", "at_least")]
    (total,) = uptake("export", "--metric", "medium.tag_total").rows()
    assert (total["topic"], total["labels"], total["value"]) == ("alpha", "origin=imported;tag=alpha", "91560")


def mhtml(html: str, url: str, when: datetime | None) -> bytes:
    """As Chrome saves a page in one file."""
    message = EmailMessage()
    message["From"] = "<Saved by Blink>"
    message["Snapshot-Content-Location"] = url
    message["Subject"] = "alpha jobs"
    if when is not None:
        message["Date"] = format_datetime(when)
    message.add_related(html, subtype="html", charset="utf-8", cte="quoted-printable", headers=[f"Content-Location: {url}"])
    message.add_related("<html><title>an advertisement</title></html>", subtype="html")
    message["MIME-Version"] = "1.0"
    return message.as_bytes()


def test_a_page_in_one_file_says_where_and_when_it_was_saved(save: Callable[..., Path]) -> None:
    when = datetime(2026, 11, 18, 9, 30, tzinfo=UTC)
    path = save("a.mhtml", mhtml(test_linkedin.page("1,234", "alpha"), SEARCH.format("alpha"), when))
    assert uptake("import", "--format", "page", "--source", "linkedin", path).code == 0
    (row,) = uptake("export", "--metric", "jobs.postings").rows()
    assert (row["time"], row["observed_at"], row["value"]) == ("2026-11-18T00:00:00Z", "2026-11-18T09:30:00Z", "1234")
    assert row["citation"] == SEARCH.format("alpha")


def test_files_are_read_as_browsers_write_them() -> None:
    page = linkedin("153")
    assert read_bytes(page.encode()).url == SEARCH.format("alpha")
    assert read_bytes(by_chrome("<html>x</html>", "about:internet").encode()).url == ""
    assert read_bytes(gzip.compress(page.encode())).url == SEARCH.format("alpha")
    assert read_bytes(mhtml(page, "https://example.org/", None)).time is None
    assert "Caf\u00e9" in read_bytes("<html><meta charset='latin-1'>Caf\u00e9</html>".encode("latin-1")).page
    assert "Caf\u00e9" in read_bytes("<html>Caf\u00e9</html>".encode("utf-16")).page
    by_extension = (
        "<html><!--\n Page saved with SingleFile \n url: https://example.org/x \n saved date: Fri Nov 20 2026 09:15:00 GMT+0100 (CET)\n-->"
    )
    found = read_bytes(by_extension.encode())
    assert (found.url, found.time) == ("https://example.org/x", read_time("2026-11-20T08:15:00Z"))
    for broken in (b"", b" \n", b"\x1f\x8b\x08 no", b"plain words", b"From: <x>\nContent-Type: multipart/related; boundary=b\n\n--b--"):
        with pytest.raises(ParseError):
            read_bytes(broken)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--format", "page", "x.html"], "--source"),
        (["--format", "page", "--source", "linkedin"], "name the pages"),
        (["--format", "page", "--source", "linkdin", "x.html"], "did you mean 'linkedin'"),
        (["--format", "page", "--source", "github", "x.html"], "cannot be read"),
        (["--format", "page", "--source", "linkedin", "--topic", "alfa", "x.html"], "did you mean 'alpha'"),
        (["--format", "page", "--source", "linkedin", "--time", "2027", "x.html"], "--time is in the future"),
        (["--format", "page", "--source", "linkedin", "--time", "soon", "x.html"], "--time"),
        (["--format", "page", "--source", "linkedin", "--label", "country", "x.html"], "key=value"),
        (["--format", "page", "--source", "linkedin", "--label", "country=usa", "x.html"], "'usa'"),
        (["--format", "page", "--source", "linkedin", "--label", "origin=measured", "x.html"], "reserved"),
        (["--format", "page", "--source", "linkedin", "missing.html"], "there is no file"),
        (["--source", "linkedin", "x.html"], "--format page"),
        (["--format", "pages", "x.html"], "'pages' is not known"),
    ],
)
def test_wrong_use_is_told_in_one_sentence(save: Callable[..., Path], arguments: list[str], words: str) -> None:
    save("x.html", linkedin("153"))
    told = uptake("import", *arguments)
    assert told.code == 2
    assert words in told.err
    assert len(told.err.splitlines()) == 1
    assert rows() == {}


def test_imported_pages_stand_apart_from_what_was_measured(save: Callable[..., Path], world: World) -> None:
    """And do not eat of the day's requests: the board is collected in full on the same day."""
    with Board(test_linkedin.CASE) as board:
        world.configure(
            PLAIN.replace(
                "[sources.linkedin]\nenabled = false", f'[sources.linkedin]\nenabled = true\nbase_url = "{board.url}"\nbudget = 4'
            )
        )
        board.counts["alpha"] = board.counts[""] = 50
        board.counts["new:"] = 5
        for n in range(6):
            uptake("import", "--format", "page", "--source", "linkedin", save(f"{n}.html", linkedin(str(100 + n)), BEFORE - n * DAY))
        told = uptake("collect", "linkedin")
        assert told.code == 0, told.out + told.err
        assert len(board.asked()) == 4
    assert rows()["alpha", "board=linkedin;country=us"] == "50 exact"
    assert uptake("trace", SERIES.format("alpha"), moment(TODAY).date().isoformat(), "--json").json["value"] == 100
    compared = uptake("compare", "alpha", "beta", "--json")
    assert compared.code == 0
    uptake("import", "--format", "page", "--source", "linkedin", save("more.html", linkedin("9,999"), NOW - 1))
    assert uptake("compare", "alpha", "beta", "--json").json == compared.json, "what was measured stands"


def test_an_old_page_is_reduced_like_any_response_with_people_in_it(save: Callable[..., Path], world: World) -> None:
    uptake("import", "--format", "page", "--source", "linkedin", save("a.html", linkedin("1,234"), NOW - 60 * DAY))
    assert uptake("collect", "hacker_news").code in {0, 1}
    (page,) = uptake("trace", SERIES.format("alpha"), "--json").json["pages"]
    assert page["reduced"]["on"] == "2026-11-20"
    assert "Engineer" not in page["body"]
    assert uptake("import", "--format", "page", "--source", "linkedin", world.folder / "a.html").out.endswith("already there\n")


def test_the_terms_are_told_of_a_source_that_is_on_though_off_by_default(save: Callable[..., Path], world: World) -> None:
    with Board(test_linkedin.CASE) as board:
        world.configure(
            PLAIN.replace("[sources.linkedin]\nenabled = false", f'[sources.linkedin]\nenabled = true\nbase_url = "{board.url}"')
        )
        board.counts["alpha"] = board.counts[""] = board.counts["new:"] = 5
        for command in (("collect", "linkedin", "--json"), ("check", "linkedin", "--json")):
            told = uptake(*command)
            (line,) = [line for line in told.err.splitlines() if line.startswith("linkedin is on, though off by default: ")]
            assert "forbids" in line
            assert "2026-11-20: https://www.linkedin.com/legal/user-agreement" in line
            assert told.json is not None
        assert "linkedin: on, though off by default" in uptake("sources").out
        assert "forbids" in uptake("sources", "linkedin").out
    assert "off by default" not in uptake("collect", "stackoverflow").err
    assert BOARD_NOW == NOW
