"""Conference papers: PDFs to counts against ``pdftotext`` and a keyword search, and many topics in one pass over kept texts.

python -m benchmarks.bench_papers [--papers 400] [--texts 5000] [--topics 50]
"""

from __future__ import annotations

import argparse
import os
import random
import resource
import shutil
import subprocess
import tempfile
import time
import zlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from benchmarks import Row
from crawlers.keywords import Keywords
from crawlers.papers import rules as paper_rules
from crawlers.papers.editions import Edition, Listed
from crawlers.papers.library import Library
from crawlers.papers.tally import Tally, tally
from crawlers.papers.text import Extraction, Reader, State
from crawlers.papers.worker import pack
from crawlers.papers.worker import read as read_here
from scheduler.demo.servers.proceedings import pdf

PAPERS, TEXTS, TOPICS, PAGES = 400, 5_000, 50, 12
LEAST = 3.0
EDITION = Edition("CVPR", 2026)
NAMES = ("PyTorch", "TensorFlow", "JAX", "Keras", "MXNet", "Caffe", "scikit-learn", "Flax", "NumPy", "ONNX")
_TEXT = """we propose a method for learning representations of images and text with networks that are trained on large data by
descent and evaluate it on several benchmarks where it does better than what came before while it needs less memory and time the results
show that each part of the model matters and that more data help up to a point which depends on the size of the model as others found"""
_WORDS = _TEXT.split()


def topics(number: int) -> dict[str, Keywords]:
    """As many topics: some that papers name, the rest found seldom."""
    names = [*NAMES, *(f"framework{n}" for n in range(number))][:number]
    return {name.lower(): Keywords((name,)) for name in names}


def words(chance: random.Random, lines: int) -> list[str]:
    """Lines of a page in two columns: of ten words, some broken at their end, some with a name."""
    found = []
    for _ in range(lines):
        line = " ".join(chance.choices(_WORDS, k=9))
        found.append(f"{line} {chance.choice(NAMES)}" if chance.random() < 0.004 else line + ("-" if chance.random() < 0.06 else ""))
    return found


def kerned(chance: random.Random, lines: Sequence[str]) -> bytes:
    """A page's contents as TeX writes them: two columns of lines, each word placed by itself and kerned within."""
    found = []
    for column in (0, 1):
        found.append(b"BT /F1 7 Tf 11 TL %d 760 Td" % (40 + 280 * column))
        for line in lines[column::2]:
            shown = [w if len(w) < 5 or chance.random() < 0.4 else f"{w[:3]})15({w[3:]}" for w in line.split()]
            found.append(f"[({')-333('.join(shown)})] TJ T*".encode())
        found.append(b"ET")
    return zlib.compress(b"\n".join(found), 6)


def documents(number: int, seed: int = 1) -> list[bytes]:
    """PDFs of twelve pages with as many words as a paper has."""
    chance = random.Random(seed)
    return [pdf([kerned(chance, words(chance, 116)) for _ in range(PAGES)]) for _ in range(number)]


def cpu() -> float:
    """CPU seconds of this process and of its children that have ended."""
    own, children = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


def ours(folder: Path, found: Sequence[bytes], processes: int) -> tuple[float, float, Tally]:
    """CPU and wall seconds from PDFs to what they mention, through processes, library and one pass of matching."""
    started, before = time.perf_counter(), cpu()
    with Library(folder, EDITION) as library:
        library.note_listing([Listed(str(n), f"Paper {n}", f"{n}.pdf") for n in range(len(found))], (), 0)
        with Reader(processes=processes) as reader, ThreadPoolExecutor(processes) as threads:
            for n, extraction in enumerate(threads.map(reader.read_now, found)):
                library.keep(str(n), extraction, 0)
        known = paper_rules.load()
        counts = tally(library, topics(len(NAMES)), known.chosen(["inclusive", "exclusive", "he-2019"]), known, groups=["google", "meta"])
    return cpu() - before, time.perf_counter() - started, counts


def theirs(folder: Path, found: Sequence[bytes]) -> tuple[float, dict[str, int]]:
    """CPU seconds of the article's way: ``pdftotext`` for each file, then a search for each keyword."""
    paths = []
    for n, data in enumerate(found):
        paths.append(folder / f"{n}.pdf")
        paths[-1].write_bytes(data)
    before, counts = cpu(), dict.fromkeys(NAMES, 0)
    for path in paths:
        text = subprocess.run(["pdftotext", str(path), "-"], capture_output=True, check=True).stdout.decode("utf-8", "replace").lower()
        for name in NAMES:
            counts[name] += name.lower() in text
    return cpu() - before, counts


def reading(number: int = PAPERS, rounds: int = 3) -> list[Row]:
    """Pages per CPU second through the whole path, and how it scales over the cores."""
    found, pages = documents(number), number * PAGES
    cores = len(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory() as name:
        runs, others = {}, []
        both = shutil.which("pdftotext") is not None
        tries: dict[int, list[Any]] = {1: [], cores: []}
        for n in range(rounds):  # in turn, so that what else the machine does touches all alike
            for processes, results in tries.items():
                results.append(ours(Path(name) / f"{processes}-{n}", found, processes))
            if both:
                others.append(theirs(Path(name), found))
        for processes, results in tries.items():
            runs[processes] = (min(t[0] for t in results), min(t[1] for t in results), results[0][2])
        busy, wall, counts = runs[1]
        if counts.standing.states[State.READ] != number:
            raise AssertionError(f"not all was read: {counts.standing}")
        started = time.process_time()
        for data in found:
            read_here(data, {"pages": 300})
        extraction = time.process_time() - started
        rows = [
            Row(
                "PDFs to counts, two processes against one" if cores == 2 else f"PDFs to counts, {cores} processes against one",
                f"{pages / runs[cores][1]:,.0f} pages/s",
                f"{pages / wall:,.0f} pages/s",
                wall / runs[cores][1],
                note=f"by the clock, {number} PDFs of {PAGES} pages; reading the PDFs alone takes {extraction / busy:.0%} of the CPU time",
            )
        ]
        what = "Pages per CPU second, PDF to counts"
        if not both:
            return [Row(what, f"{pages / busy:,.0f}", note="no baseline: pdftotext is not installed (apt install poppler-utils)"), *rows]
        other, expected = min(others, key=lambda r: r[0])
    mine = {n: len(counts.matching(n.lower(), paper_rules.load().rules["inclusive"])) for n in NAMES}
    if mine != expected:
        raise AssertionError(f"the two ways disagree: {mine} and {expected}")
    ratio = other / busy
    note = f"{number} PDFs of {PAGES} pages, {len(NAMES)} topics, the same counts; against pdftotext and a keyword search; best of {rounds}"
    rows.insert(0, Row(what, f"{pages / busy:,.0f}", f"{pages / other:,.0f}", ratio, f"at least {LEAST:.0f}", ratio >= LEAST, note))
    return rows


def texts(folder: Path, number: int) -> Library:
    """A library of made-up texts of sixty kilobytes."""
    chance = random.Random(2)
    pool = [words(chance, 1000) for _ in range(40)]
    library = Library(folder, EDITION)
    library.note_listing([Listed(str(n), f"Paper {n}", f"{n}.pdf") for n in range(number)], (), 0)
    for n in range(number):
        lines = [*chance.choice(pool), f"this is paper {n}, made with framework{chance.randrange(200)}"]
        kept = pack(("\n".join(lines[:60]) + "\f" + "\n".join(lines)).encode())
        library.keep(str(n), Extraction(State.READ, "", PAGES, 60_000, kept), 0)
    return library


def one_pass(number: int = TEXTS, many: int = TOPICS) -> list[Row]:
    """All topics in one pass over kept texts, against one pass for each (timed on a few topics)."""
    known, wanted = paper_rules.load(), topics(many)
    rules = known.chosen(["inclusive"])
    with tempfile.TemporaryDirectory() as name, texts(Path(name), number) as library:
        started = time.perf_counter()
        together = tally(library, wanted, rules, known)
        fast = time.perf_counter() - started
        some = list(wanted)[:: max(1, many // 3)][:3]
        started = time.perf_counter()
        apart = {key: tally(library, {key: wanted[key]}, rules, known) for key in some}
        slow = (time.perf_counter() - started) * many / len(some)
    if any(len(apart[key].matching(key, rules[0])) != len(together.matching(key, rules[0])) for key in some):
        raise AssertionError("one pass and many disagree")
    note = f"{number:,} texts of 60 kB, {many} topics; against one pass for each topic, timed on {len(some)} of them"
    return [Row("Topics against kept texts in one pass", f"{fast:.1f} s", f"{slow:.0f} s", slow / fast, note=note)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--papers", type=int, default=PAPERS)
    parser.add_argument("--texts", type=int, default=TEXTS)
    parser.add_argument("--topics", type=int, default=TOPICS)
    options = parser.parse_args()
    for row in [*reading(options.papers), *one_pass(options.texts, options.topics)]:
        print(row)


if __name__ == "__main__":
    main()
