"""The import of Papers With Code's archive: rows per second and peak memory, for each way of storing it.

python -m benchmarks.bench_archive [--links 300000] [--papers 576000]
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks import Row

LINKS, PAPERS = 300_000, 576_000  # rows of the archive of July 2025
LIMIT = 30.0  # seconds for all rows
_FRAMEWORKS = ("pytorch",) * 55 + ("none",) * 30 + ("tf",) * 10 + ("jax", "mxnet", "torch", "caffe2", "paddle")
_READ = """
import sys, time
from pathlib import Path
from storage.model import Topic
from storage.pwc_archive import read_archive
if any(p.endswith("parquet") for p in sys.argv): import pyarrow.parquet
def peak(): return int(next(l for l in open("/proc/self/status") if l.startswith("VmHWM")).split()[1]) / 1024
topics = [Topic(k, k) for k in ("pytorch", "tensorflow", "jax", "mxnet", "paddlepaddle")]
before, started = peak(), time.perf_counter()
rows = len(read_archive([Path(p) for p in sys.argv[1:]], topics).rows)
print(time.perf_counter() - started, before, peak(), rows)
"""
_WHOLE = """
import json, sys, time
started = time.perf_counter()
for path in sys.argv[1:]: json.load(open(path, "rb"))
print(time.perf_counter() - started)
"""


def _links(links: int, urls: Sequence[str], chance: random.Random) -> Iterator[dict[str, object]]:
    with_code = urls[: max(1, len(urls) * 2 // 5)]
    for n in range(links):
        yield {
            "paper_url": chance.choice(with_code),
            "paper_title": "A Method for Things",
            "paper_arxiv_id": f"{chance.randrange(1300, 2508)}.{n % 99999:05}",
            "paper_url_abs": f"https://arxiv.org/abs/{n}",
            "paper_url_pdf": f"https://arxiv.org/pdf/{n}.pdf",
            "repo_url": f"https://github.com/someone{n // 3}/repository-{n % 250_000}",
            "is_official": n % 3 == 0,
            "mentioned_in_paper": n % 4 == 0,
            "mentioned_in_github": n % 2 == 0,
            "framework": chance.choice(_FRAMEWORKS),
        }


def _papers(urls: Sequence[str], chance: random.Random) -> Iterator[dict[str, object]]:
    words = ["we", "propose", "a", "novel", "method", "that", "outperforms", "strong", "baselines", "on", "benchmarks", "λ"]
    said = [" ".join(chance.choices(words, k=180)) for _ in range(200)]
    for n, url in enumerate(urls):
        yield {
            "paper_url": url,
            "arxiv_id": None,
            "title": "A Method for Things",
            "abstract": chance.choice(said),
            "url_abs": f"https://arxiv.org/abs/{n}",
            "authors": ["A. Person", "B. Person"],
            "tasks": ["Things"],
            "date": f"{chance.randrange(2013, 2025)}-{chance.randrange(1, 13):02}-{chance.randrange(1, 28):02}",
        }


def make(folder: Path, links: int, papers: int, seed: int = 1) -> dict[str, list[Path]]:
    """Both files in the archive's shape, in each way of storing them: abstracts of a thousand characters, shuffled dates."""
    chance = random.Random(seed)
    urls = [f"https://paperswithcode.com/paper/{chance.getrandbits(60):x}-{n}" for n in range(papers)]
    found: dict[str, list[Path]] = {"JSON": [], "JSON.gz": [], "Parquet": []}
    for name, rows in (("links", _links(links, urls, chance)), ("papers", _papers(urls, chance))):
        plain, packed, table = (folder / f"{name}.{end}" for end in ("json", "json.gz", "parquet"))
        writer = None
        with plain.open("w", encoding="utf-8") as file:
            file.write("[")
            for place, batch in enumerate(iter(lambda rows=rows: list(islice(rows, 50_000)), [])):
                file.write(", " * bool(place) + json.dumps(batch)[1:-1])
                part = pa.Table.from_pylist(batch)
                writer = writer or pq.ParquetWriter(table, part.schema)
                writer.write_table(part)
            file.write("]")
        assert writer is not None
        writer.close()
        with plain.open("rb") as source, gzip.open(packed, "wb", 1) as target:
            shutil.copyfileobj(source, target)
        for form, path in (("JSON", plain), ("JSON.gz", packed), ("Parquet", table)):
            found[form].append(path)
    return found


def _run(program: str, paths: Sequence[Path]) -> list[float]:
    told = subprocess.run([sys.executable, "-c", program, *map(str, paths)], capture_output=True, text=True, check=True)
    return [float(word) for word in told.stdout.split()]


def importing(links: int = LINKS, papers: int = PAPERS) -> list[Row]:
    """Each way of storing the archive, read in a process of its own; the baseline loads JSON whole and counts nothing."""
    rows = []
    whole = links == LINKS and papers == PAPERS
    with tempfile.TemporaryDirectory() as folder:
        for form, paths in make(Path(folder), links, papers).items():
            seconds, before, peak, figures = _run(_READ, paths)
            plain = _run(_WHOLE, paths)[0] if form == "JSON" else None
            rows.append(
                Row(
                    f"Papers With Code archive, {form}",
                    f"{seconds:.1f} s, {(links + papers) / seconds:,.0f} rows/s",
                    f"{plain:.1f} s (json.load of both, nothing counted)" if plain else "",
                    plain / seconds if plain else None,
                    f"under {LIMIT:.0f} s" if whole else "",
                    seconds < LIMIT if whole else None,
                    f"{links:,} links and {papers:,} papers, {sum(p.stat().st_size for p in paths) / 1e6:,.0f} MB;"
                    f" peak memory {peak:,.0f} MB, {before:,.0f} of it before; {figures:,.0f} figures",
                )
            )
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--links", type=int, default=LINKS)
    parser.add_argument("--papers", type=int, default=PAPERS)
    options = parser.parse_args()
    for row in importing(options.links, options.papers):
        print(row)


if __name__ == "__main__":
    main()
