"""What one question looks at: the journal at a moment, the configuration, what was asked."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, func, select

from crawlers.keep import Keep
from scheduler.web.clerk import memory
from scheduler.web.problems import Problem
from scheduler.web.question import Answer, Question, Setting, answer
from storage import schema
from storage.lookups import head
from storage.model import Basket, Cadence, Series, Topic, UsageError
from storage.periods import WEEK, following, read_time

if TYPE_CHECKING:
    from trends.panel import Panel

REMEMBERED = 8
RECENT = 120 * WEEK  # of the past that says what stands where now and how it moved


def end_of(text: str) -> int:
    """A time that ends something, in epoch seconds: a bare date, month or year means its end."""
    start = read_time(text)
    cadence = {4: Cadence.YEAR, 7: Cadence.MONTH, 10: Cadence.DAY}.get(len(text.strip()))
    return start if cadence is None else following(start, cadence) - 1


@dataclass
class Look:
    """``open`` is the journal, where the question needs one. ``present`` is the question's, moved back by ``until`` or ``as_of``.

    ``sequence`` is None where all is known.
    """

    setting: Setting
    open: Connection | None
    question: Question
    memo: dict[object, object] = field(default_factory=dict)  # what a clerk need not work out twice
    args: Mapping[str, Any] = field(init=False)

    def __post_init__(self) -> None:
        self.args = self.question.args
        ends = [end_of(self.args[name]) for name in ("until", "as_of") if self.args.get(name)]
        self.until = min(ends, default=None)
        self.present = min([self.question.now, *ends])
        self.sequence: int | None = None
        if self.args.get("as_of") and self.open is not None:
            commits = schema.commits.c
            self.sequence = int(
                self.connection.scalar(select(func.max(commits.seq)).where(commits.recorded_at <= end_of(self.args["as_of"]))) or 0
            )

    @property
    def connection(self) -> Connection:
        assert self.open is not None  # questions about the program itself need no journal
        return self.open

    @property
    def known(self) -> int:
        """The sequence that the answer rests on."""
        return head(self.connection) if self.sequence is None else self.sequence

    @property
    def configured(self) -> Setting:
        """The setting that held at the moment that is looked at."""
        from scheduler.web.then import setting_at

        return setting_at(self.connection, self.setting, self.sequence)

    @property
    def keep(self) -> Keep:
        return self.setting.keep or Keep(self.setting.store / "captures")

    @property
    def start(self) -> int | None:
        return read_time(self.args["from"]) if self.args.get("from") else None

    @property
    def end(self) -> int | None:
        return end_of(self.args["to"]) if self.args.get("to") else None

    def check_range(self) -> None:
        if self.start is not None and self.end is not None and self.start > self.end:
            raise Problem(400, "from must be before to")

    def basket(self, key: str) -> Basket:
        if key not in self.setting.baskets:
            raise Problem(404, f"there is no basket {key!r}; there are: {', '.join(self.setting.baskets) or 'none'}")
        return self.setting.baskets[key]

    def topic(self, key: str) -> Topic:
        if key not in self.setting.topics:
            raise Problem(404, f"there is no topic {key!r}")
        return self.setting.topics[key]

    def series(self, name: str) -> Series:
        with unknown():
            return Series.parse(name)

    def titles(self, topics: Iterable[str]) -> dict[str, str]:
        return {key: self.setting.topics[key].title if key in self.setting.topics else key for key in topics}

    def panel(self, topics: Iterable[str], *, since: int | None = None, only: Callable[[Series], bool] | None = None) -> Panel:
        from trends.loading import load

        return load(self.connection, topics, now=self.question.now, as_of=self.sequence, until=self.until, since=since, only=only)

    def recent(self) -> int:
        return self.present - RECENT

    def once(self, name: str, work: Callable[[], Any]) -> Any:
        """What work gives for this knowledge and this moment (to the hour); the last of them are remembered."""
        key = (name, self.known, self.sequence, self.until, self.question.now // 3600)
        if key not in self.memo:
            while len(self.memo) >= REMEMBERED:
                del self.memo[next(iter(self.memo))]
            self.memo[key] = work()
        return self.memo[key]

    # Answers

    def json(self, document: Mapping[str, Any]) -> Answer:
        import json

        from scheduler.web.plain import plain

        text = json.dumps(plain(document), ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=str)
        return self.answer(text, "application/json")

    def answer(self, body: bytes | str, media: str, headers: Mapping[str, str] | None = None) -> Answer:
        return answer(body, media, memory=memory(), headers=headers)


@contextlib.contextmanager
def unknown() -> Iterator[None]:
    """What a command would be told as its wrong use is here a thing that is not there."""
    try:
        yield
    except UsageError as error:
        raise Problem(404, str(error)) from error


__all__ = ["Look", "end_of", "unknown"]
