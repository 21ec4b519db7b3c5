"""Matching many topics against many postings: what a board that is downloaded costs, against each topic's own search.

python -m benchmarks.bench_match [--postings 10000] [--topics 200]
"""

from __future__ import annotations

import argparse
import json
import random
import time
from collections import Counter
from collections.abc import Sequence

from benchmarks import Row
from crawlers.boards.harvest import Harvest, Posting
from crawlers.keywords import Keywords, Matcher
from crawlers.spiders.jobs.remotive import read_page

LIMIT = 2.0  # seconds, for 10,000 postings and 200 topics
POSTINGS, TOPICS = 10_000, 200
_KNOWN = """
PyTorch|TensorFlow|JAX|scikit-learn|Keras|Kubernetes|Docker|Terraform|Ansible|PostgreSQL|MySQL|MongoDB|Redis|Kafka|Spark|
Airflow|dbt|Snowflake|Databricks|React|Next.js|Vue.js|Angular|Svelte|TypeScript|JavaScript|Python|Go|Rust|C|C++|C#|.NET|Java|
Kotlin|Swift|Ruby on Rails|Django|FastAPI|Flask|Spring Boot|GraphQL|gRPC|AWS|Azure|Google Cloud|Linux|Git|GitHub Actions|
Prometheus|Grafana|machine learning|deep learning|R|Scala|Elixir"""
_PLAIN = """
we are looking for an engineer who will join our growing team and help us build the platform that our customers rely on every day
you will own features end to end from design through delivery and work closely with product managers designers and data scientists
in a remote first company with offices in several countries what you will do write clean and tested code review the work of others
improve our processes mentor colleagues take part in the rotation on call what you bring experience with distributed systems good
communication in English a degree or equivalent practice we offer a competitive salary equity health insurance flexible hours a
budget for learning and equipment thirty days of holiday and regular meetings of the whole team an equal opportunity employer all
qualified applicants will receive consideration"""


def known() -> list[str]:
    return [name.strip() for name in _KNOWN.split("|")]


def expressions(number: int) -> dict[str, Keywords]:
    """As many topics: the well-known ones, with alternatives and exclusions, then names that are found seldom."""
    names = known() + [f"framework{n}" for n in range(number)]
    found: dict[str, Keywords] = {}
    for n, name in enumerate(names[:number]):
        value: object = name
        if name == "Go":
            value = {"any": ["Go", "golang"], "not": ["go-to-market"]}
        elif n % 5 == 0:
            value = [name, f"{name} developer", f"lib{n}"]
        found[f"t{n}"] = Keywords.read(value)
    return found


def postings(number: int, seed: int = 1) -> list[Posting]:
    """Made-up postings of two to three kilobytes, of which each names some technologies, read from a board's answer."""
    chance, words, names = random.Random(seed), _PLAIN.split(), known()
    rows = []
    for n in range(number):
        said = [words[chance.randrange(len(words))] for _ in range(chance.randrange(300, 420))]
        for name in chance.sample(names, chance.randrange(2, 9)):
            said.insert(chance.randrange(len(said)), name + chance.choice(["", ",", ".", " and", "/"]))
        if n % 50 == 0:
            said.append(f"framework{chance.randrange(TOPICS)}")
        text = "</li><li>".join(" ".join(said[i : i + 40]) for i in range(0, len(said), 40))
        row = {"id": n, "title": f"Senior Engineer, {chance.choice(names)}", "tags": ["remote"], "description": f"<ul><li>{text}</li></ul>"}
        rows.append({**row, "publication_date": "2026-11-20T08:00:00"})
    return list(read_page(json.dumps({"job-count": len(rows), "jobs": rows}).encode()).postings)


def ours(topics: dict[str, Keywords], found: Sequence[Posting]) -> tuple[float, Counter[str]]:
    """Seconds from the topics' expressions to what is counted for each, and how many postings match each."""
    started = time.perf_counter()
    matcher, harvest = Matcher(topics), Harvest()
    for posting in found:
        harvest.take(posting, matcher.match)
    seconds = time.perf_counter() - started
    return seconds, Counter({key: harvest.matched(key)[0] for key in topics})


def naive(topics: dict[str, Keywords], found: Sequence[Posting]) -> tuple[float, Counter[str]]:
    """The same by each topic's `Keywords.matches` on each posting."""
    started = time.perf_counter()
    counted = Counter({key: sum(k.matches(f"{p.title}\n{p.text}") for p in found) for key, k in topics.items()})
    return time.perf_counter() - started, counted


def matching(number: int = POSTINGS, topics: int = TOPICS, rounds: int = 3) -> list[Row]:
    """Ours on all postings, the least of some rounds; the naive loop on a tenth of them, and compared on those."""
    keywords, found = expressions(topics), postings(number)
    some = found[: max(1, number // 10)]
    slow, expected = naive(keywords, some)
    _, same = ours(keywords, some)
    if same != expected:
        raise AssertionError("the matcher and the naive loop disagree")
    fast, counted = min((ours(keywords, found) for _ in range(rounds)), key=lambda r: r[0])
    slow *= len(found) / len(some)
    size = sum(len(p.title) + len(p.text) for p in found) / len(found)
    whole = number == POSTINGS and topics == TOPICS
    return [
        Row(
            "Matching all topics against a board",
            f"{fast:.2f} s",
            f"{slow:.1f} s",
            slow / fast,
            f"under {LIMIT:.0f} s" if whole else "",
            fast < LIMIT if whole else None,
            f"{topics} topics, {number:,} postings of {size:,.0f} characters, {sum(counted.values()):,} matches; the least of {rounds}"
            f" rounds; against each topic's own search in each posting (timed on {len(some):,}, with the same matches)",
        )
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--postings", type=int, default=POSTINGS)
    parser.add_argument("--topics", type=int, default=TOPICS)
    options = parser.parse_args()
    for row in matching(options.postings, options.topics):
        print(row)


if __name__ == "__main__":
    main()
