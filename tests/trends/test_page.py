"""The report in a real browser: its charts are drawn, its switch works, and it asks nobody for anything."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from storage import figures
from storage.journal import Journal
from storage.model import Basket, Topic
from storage.periods import read_time
from tests.trends.conftest import World
from trends import report

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = [
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--enable-logging=stderr"),
    "--virtual-time-budget=12000",
]
NOW = read_time("2026-11-20")
TITLES = {"pytorch": "PyTorch", "tensorflow": "<img src=x onerror=document.title='owned'>", "keras": "Keras"}

# Chooses the log scale of the first chart, and reports what the page did to itself.
PROBE = """
addEventListener("load", () => setTimeout(() => {
  const radios = [...document.querySelectorAll('input[type="radio"]')];
  radios[2].click();
  setTimeout(() => {
    const asked = performance.getEntriesByType("resource").map((e) => e.name).filter((n) => !n.startsWith("data:"));
    const undrawn = document.body.innerText.includes("This chart could not be drawn");
    const canvases = document.querySelectorAll("canvas").length;
    console.log("probe", JSON.stringify({ canvases, chosen: radios[2].checked, asked, undrawn, title: document.title }));
  }, 2000);
}, 2000));
"""


# Opens folded cards in every way there is, and says after each how many are open and drawn, and which do not fit their card.
FOLDED = """
addEventListener("load", async () => {
  const wait = () => new Promise((done) => setTimeout(done, 700));
  const cards = [...document.querySelectorAll("details.place")];
  const steps = {};
  const step = async (name) => {
    await wait();
    const pictures = [...document.querySelectorAll(".chart canvas, .chart svg")];
    const shown = pictures.filter((p) => p.closest("details").open);
    const sizes = shown.map((p) => {
      const { width, height } = p.getBoundingClientRect(), chart = p.closest(".chart");
      return [width, height, chart.clientWidth, chart.classList.contains("narrow")];
    });
    const wrong = ([width, height, room, narrow]) => room < 250 || Math.abs(width - room) > 3 || height < 250 || narrow !== room < 560;
    const misfits = sizes.filter(wrong);
    steps[name] = { open: cards.filter((c) => c.open).length, drawn: pictures.length, misfits };
  };
  await step("start");
  cards[2].scrollIntoView();
  cards[2].querySelector("summary").click();
  await step("click");
  document.querySelector(`table.leads a[href="#${cards[3].id}"]`).click();
  await step("address");
  const box = cards[3].getBoundingClientRect();
  const seen = box.bottom > 0 && box.top < innerHeight;
  cards[3].open = false;
  await wait();
  document.body.style.maxWidth = `${innerWidth * 0.64}px`;
  dispatchEvent(new Event("resize"));
  await wait();
  document.querySelector(`table.leads a[href="#${cards[3].id}"]`).click();
  await step("narrow");
  const overflow = document.documentElement.scrollWidth - document.documentElement.clientWidth;
  dispatchEvent(new Event("beforeprint"));
  await step("print");
  const kind = document.querySelector(".chart canvas, .chart svg").tagName;
  dispatchEvent(new Event("afterprint"));
  await step("after");
  console.log("probe", JSON.stringify({ steps, seen, kind, overflow }));
});
"""

needs_browser = pytest.mark.skipif(BROWSER is None, reason="no Chromium on this machine: apt install chromium")


@needs_browser
def test_the_page_draws_its_charts_in_a_browser_and_asks_nobody(tmp_path: Path) -> None:
    with Journal.open(tmp_path, writable=True) as journal:
        with journal.write() as tx:
            figures.import_rows(tx, figures.starting_history().rows)
        topics = {key: Topic(key, title) for key, title in TITLES.items()}
        with journal.read() as connection:
            html = report.render(report.build(connection, [Basket("b", "Frameworks", tuple(topics))], topics, now=NOW))
    found = probed(tmp_path, html, PROBE)
    assert found["canvases"] >= 2
    assert (found["chosen"], found["asked"], found["undrawn"]) == (True, [], False)
    assert found["title"] != "owned"


@needs_browser
@pytest.mark.parametrize("size", ["1280,1600", "500,1600"])
def test_a_folded_card_draws_its_chart_when_it_is_opened_by_click_address_or_printing(world: World, tmp_path: Path, size: str) -> None:
    for board in ("indeed", "linkedin", "monster", "reed", "adzuna"):
        world.board(board, "us", {"a": 100 + len(board), "b": 20})
    found = probed(tmp_path, report.render(world.report("2026-11-20")), FOLDED, size)
    steps = found["steps"]
    assert steps["start"] == {"open": 1, "drawn": 1, "misfits": []}  # nothing is drawn that nobody sees
    assert steps["click"] == {"open": 2, "drawn": 2, "misfits": []}
    assert steps["address"] == {"open": 3, "drawn": 3, "misfits": []}
    assert steps["narrow"] == {"open": 3, "drawn": 3, "misfits": []}  # folded, made narrower, opened again
    assert steps["print"] == {"open": 5, "drawn": 5, "misfits": []}
    assert steps["after"]["open"] == 3
    assert (found["seen"], found["kind"], found["overflow"]) == (True, "svg", 0)


def probed(tmp_path: Path, html: str, probe: str, size: str = "1280,3000") -> dict[str, Any]:
    """What a script says that runs in the page; the page's own policy stays in force but for this script."""
    policy = re.search(r'<meta http-equiv="Content-Security-Policy"[^>]*>', html)
    assert policy is not None
    assert "default-src &#39;none&#39;" in policy[0]
    allowed = base64.b64encode(hashlib.sha256(probe.encode()).digest()).decode()
    opened = html.replace(policy[0], policy[0].replace("script-src ", f"script-src 'sha256-{allowed}' "))
    page = tmp_path / "page.html"
    body, end, rest = opened.rpartition("</body>")
    page.write_text(f"{body}<script>{probe}</script>{end}{rest}", encoding="utf-8")
    assert BROWSER is not None
    own = [f"--window-size={size}", f"--user-data-dir={tmp_path / 'profile'}", f"--screenshot={tmp_path / 'page.png'}"]
    done = subprocess.run(
        [BROWSER, *FLAGS, *own, page.as_uri()],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    told = re.search(r'"probe (\{.*\})"', done.stderr)
    assert told is not None, done.stderr[-2000:]
    found: dict[str, Any] = json.loads(told[1])
    return found
