"""The report in a real browser: its charts are drawn, its switch works, and it asks nobody for anything."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from storage import figures
from storage.journal import Journal
from storage.model import Basket, Topic
from storage.periods import read_time
from trends import report

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = [
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--enable-logging=stderr"),
    *("--virtual-time-budget=12000", "--window-size=1280,3000"),
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


@pytest.mark.skipif(BROWSER is None, reason="no Chromium on this machine: apt install chromium")
def test_the_page_draws_its_charts_in_a_browser_and_asks_nobody(tmp_path: Path) -> None:
    with Journal.open(tmp_path, writable=True) as journal:
        with journal.write() as tx:
            figures.import_rows(tx, figures.starting_history().rows)
        topics = {key: Topic(key, title) for key, title in TITLES.items()}
        with journal.read() as connection:
            html = report.render(report.build(connection, [Basket("b", "Frameworks", tuple(topics))], topics, now=NOW))
    policy = re.search(r'<meta http-equiv="Content-Security-Policy"[^>]*>', html)
    assert policy is not None
    assert "default-src &#39;none&#39;" in policy[0]
    allowed = base64.b64encode(hashlib.sha256(PROBE.encode()).digest()).decode()  # the page's own policy stays in force
    probed = html.replace(policy[0], policy[0].replace("script-src ", f"script-src 'sha256-{allowed}' "))
    page = tmp_path / "page.html"
    body, end, rest = probed.rpartition("</body>")
    page.write_text(f"{body}<script>{PROBE}</script>{end}{rest}", encoding="utf-8")
    assert BROWSER is not None
    done = subprocess.run(
        [BROWSER, *FLAGS, f"--user-data-dir={tmp_path / 'profile'}", f"--screenshot={tmp_path / 'page.png'}", page.as_uri()],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    told = re.search(r'"probe (\{.*?\})"', done.stderr)
    assert told is not None, done.stderr[-2000:]
    found = json.loads(told[1])
    assert found["canvases"] >= 2
    assert (found["chosen"], found["asked"], found["undrawn"]) == (True, [], False)
    assert found["title"] != "owned"
