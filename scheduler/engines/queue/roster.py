"""Who is at work on the queue, and what waits in it: read from PostgreSQL, for `uptake workers`, health and metrics."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from crawlers.settings import program_version
from scheduler.config import Config
from scheduler.engines.queue import names

MEASURES = ("crawl", "sources", "custom", "baskets", "topics")  # sections that say what is measured, and how

WORKERS = """
SELECT id, name, host, pid, version, config, plans, queues, concurrency,
       extract(epoch FROM started)::bigint AS started, extract(epoch FROM now() - seen)::float AS silent,
       (SELECT coalesce(json_agg(json_build_object('task', j.task_name, 'args', j.args, 'since', e.since) ORDER BY e.since), '[]')
        FROM procrastinate_jobs j, LATERAL (SELECT extract(epoch FROM max(at))::bigint AS since FROM procrastinate_events
                                            WHERE job_id = j.id AND type = 'started') e
        WHERE j.status = 'doing' AND j.worker_id = ANY(w.numbers)) AS doing
FROM uptake_workers w ORDER BY plans DESC, name, started
"""
QUEUES = """
SELECT queue_name AS queue, task_name AS task, count(*) FILTER (WHERE ready) AS waiting, count(*) FILTER (WHERE NOT ready) AS later,
       coalesce(max(extract(epoch FROM now() - since)) FILTER (WHERE ready), 0)::float AS oldest
FROM (SELECT j.queue_name, j.task_name, j.scheduled_at IS NULL OR j.scheduled_at <= now() AS ready,
             greatest(j.scheduled_at, (SELECT max(at) FROM procrastinate_events e WHERE e.job_id = j.id AND e.at <= now())) AS since
      FROM procrastinate_jobs j WHERE j.status = 'todo') waiting
GROUP BY queue_name, task_name ORDER BY queue_name, task_name
"""
FAILURES = "SELECT extract(epoch FROM at)::bigint AS at, worker, what, said FROM uptake_failures ORDER BY id DESC LIMIT 10"


def fingerprint(settings: Config) -> str:
    """What two processes must have in common to measure the same: a short hash of those sections of the configuration."""
    raw = json.loads(settings.snapshot)
    text = json.dumps({key: raw.get(key) for key in MEASURES}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


@dataclass(frozen=True, slots=True)
class Doing:
    """One job at work. ``since``: epoch seconds."""

    task: str
    what: str
    since: int


def _doing(task: str, arguments: Mapping[str, Any], since: int | None) -> Doing:
    return Doing(task, str(arguments.get("source") or arguments.get("name") or ""), int(since or 0))


@dataclass(frozen=True, slots=True)
class Worker:
    """One process. ``silent``: seconds since its last sign of life; ``started``: epoch seconds."""

    name: str
    host: str
    pid: int
    version: str
    plans: bool
    takes: tuple[str, ...]
    concurrency: int
    started: int
    silent: float
    dead: bool
    config: str
    differs: str = ""  # in what it differs from the planners, in words
    doing: tuple[Doing, ...] = ()


@dataclass(frozen=True, slots=True)
class Waiting:
    """What waits of one kind and source. ``oldest``: for how many seconds the oldest could have been done."""

    queue: str
    task: str
    waiting: int
    later: int
    oldest: float
    taken: bool  # some living worker takes it

    @property
    def words(self) -> str:
        kind, version, source = names.parts(self.queue)
        other = f" (jobs of another version of Uptake, {version})" if version != str(names.ARGUMENTS) else ""
        return f"{kind}{' of ' + source if source else ''}{other}"


@dataclass(frozen=True, slots=True)
class Roster:
    """All of it."""

    workers: tuple[Worker, ...] = ()
    waiting: tuple[Waiting, ...] = ()
    failures: tuple[Mapping[str, Any], ...] = field(default=())

    @property
    def living(self) -> list[Worker]:
        return [w for w in self.workers if not w.dead]

    @property
    def line(self) -> str:
        """Who is at work and what waits, in a sentence."""
        plan = sum(w.plans for w in self.living)
        waiting, oldest = sum(w.waiting for w in self.waiting), max((w.oldest for w in self.waiting if w.waiting), default=0.0)
        doing = ", ".join(f"{d.task} {d.what}".strip() for w in self.living for d in w.doing)
        who = f"{plan} of {len(self.living)} processes at work make the plan" if self.living else "nobody is at work on the queue"
        said = f"{who}; {waiting} {'job waits' if waiting == 1 else 'jobs wait'}"
        said += f", the oldest for {oldest:.0f} s" if waiting else ""
        said += f"; being done: {doing}" if doing else ""
        return f"{said} (`uptake workers` tells more)"

    def to_dict(self) -> dict[str, Any]:
        return {
            "workers": [asdict(w) for w in self.workers],
            "waiting": [asdict(w) | {"what": w.words} for w in self.waiting],
            "failures": list(self.failures),
        }


def roster(
    workers: Sequence[Mapping[str, Any]], queues: Sequence[Mapping[str, Any]], failures: Iterable[Mapping[str, Any]], dead_after: float
) -> Roster:
    """Put together what the three queries gave. Pure."""
    living = [w for w in workers if w["silent"] <= dead_after]
    planned = {w["config"] for w in living if w["plans"]}
    taken = {queue for w in living for queue in w["queues"]}
    found = []
    for w in workers:
        differs = []
        if planned and w["config"] not in planned:
            differs.append("its configuration is not the planner's; give it that one, then SIGHUP or a restart")
        elif len(planned) > 1 and w["plans"]:
            differs.append("the planners have different configurations")
        if w["version"] != program_version():
            differs.append(f"its version is {w['version']}, here {program_version()}")
        doing = tuple(_doing(d["task"], d["args"], d["since"]) for d in w["doing"])
        plain = {key: w[key] for key in ("name", "host", "pid", "version", "plans", "concurrency", "started", "silent", "config")}
        found.append(Worker(**plain, takes=tuple(w["queues"]), dead=w["silent"] > dead_after, differs="; ".join(differs), doing=doing))
    waiting = tuple(Waiting(q["queue"], q["task"], q["waiting"], q["later"], max(0.0, q["oldest"]), q["queue"] in taken) for q in queues)
    return Roster(tuple(found), waiting, tuple(dict(f) for f in failures))


def read(address: str, dead_after: float) -> Roster:
    """Ask PostgreSQL. Raises `UptakeError` in plain words; a queue that was never made is an empty one."""
    import psycopg
    from psycopg.rows import dict_row

    from scheduler.engines.queue.opening import SCHEMA, connecting, words

    try:
        arguments = connecting(address)
        with psycopg.connect(arguments.pop("conninfo"), **arguments, row_factory=dict_row) as connection:
            made = connection.execute("SELECT to_regclass(%s) IS NOT NULL AS made", (f"{SCHEMA}.uptake_workers",)).fetchone()
            if not made or not made["made"]:
                return Roster()
            workers, queues, failures = (connection.execute(sql.encode()).fetchall() for sql in (WORKERS, QUEUES, FAILURES))
            return roster(workers, queues, failures, dead_after)
    except psycopg.Error as error:
        raise words(error, address) from error


__all__ = ["Doing", "Roster", "Waiting", "Worker", "fingerprint", "read", "roster"]
