"""How long a digest takes once the claims are there: memory of two years, composing, text and HTML of the mail.

python -m benchmarks.bench_digest [--claims 500]
"""

from __future__ import annotations

import argparse
import json
import time

from benchmarks import Row
from storage.digests import Kept
from storage.periods import WEEK
from trends.claim import BasketClaims, Claim, ClaimKind, Composite, State, identity
from trends.digest import compose
from trends.digest_html import mail
from trends.digest_text import Colophon, plain
from trends.memory import record, remember

WEEKS = 104
LIMIT = 1.0  # seconds
MOST = 100_000  # bytes of HTML


def rendering(claims: int = 500) -> list[Row]:
    """Two years of weekly digests of one basket in which something changes every week; the last one is timed."""
    kept: list[Kept] = []
    for week in range(WEEKS):
        found = _found(claims, week)
        memory = remember(kept[-1:]) if kept else {}
        digest = compose(found, memory, period=str(week), present=week * WEEK, again="uptake digest")
        rows = json.loads(json.dumps(record(found, digest.told)))
        kept.append(Kept(week, "digest", "libs", str(week), week * WEEK, 1, None, "1", tuple(rows), digest.to_dict()))
    found = _found(claims, WEEKS)
    mail([digest], [[]], Colophon("1", 1))  # the template and the inliner are made once a process
    started = time.perf_counter()
    memory = remember(kept)
    remembered = time.perf_counter()
    digest = compose(found, memory, period="last", present=WEEKS * WEEK, again="uptake digest")
    html, text = mail([digest], [[]], Colophon("1", 1)), plain([digest], Colophon("1", 1))
    done = time.perf_counter()
    size = f"{len(html.encode()):,} bytes of HTML, {len(text.encode()):,} of text"
    return [
        Row(
            f"a digest of {claims} claims, {WEEKS} weeks remembered",
            f"{done - started:.3f} s",
            target=f"under {LIMIT:g} s",
            met=done - started < LIMIT,
            note=f"memory {remembered - started:.3f} s, composing and rendering {done - remembered:.3f} s; without charts",
        ),
        Row("… its size", size, target=f"under {MOST:,} bytes of HTML", met=len(html.encode()) < MOST, note="styles inlined"),
    ]


def _found(claims: int, week: int) -> BasketClaims:
    made = tuple(_claim(i, week) for i in range(claims))
    return BasketClaims("libs", "Libraries", made[: claims // 2], made[claims // 2 :], (), (), Composite((), (), ()), ())


def _claim(i: int, week: int) -> Claim:
    topic, metric = f"t{i}", f"made.m{i % 7}"
    state = State.CLAIMED if i % 2 else State.WITHHELD
    sentence = f"T{i} grows by {(i + week) % 90} % a year [{i % 30} to {i % 30 + 40}], over two years."
    says = f"up {(i + week) // 40}"
    key = identity(ClaimKind.GROWTH, "libs", (topic,), metric)
    return Claim(key, ClaimKind.GROWTH, "libs", (topic,), metric, state, sentence, ("why",), {"percent": 1.0}, (metric,), float(i), says)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--claims", type=int, default=500)
    for row in rendering(parser.parse_args().claims):
        print(row)


if __name__ == "__main__":
    main()
