"""What the person sees: dated lines as the year passes, on a terminal with a bar and counters below; and the table at the end."""

from __future__ import annotations

import heapq
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from scheduler.demo.plan import Plan
from storage.periods import WEEK, day

if TYPE_CHECKING:
    from rich.console import Console

    from scheduler.demo.planted import Planted, Verdict

WORLD, OURS, DIGEST = "world", "uptake", "digest"
_STYLES = {WORLD: "dim", OURS: "", DIGEST: "cyan"}
_WORDS = {"requests": "requests", "figures": "figures", "gaps": "without a number", "recovered": "recovered", "digests": "digests"}


@dataclass(slots=True)
class Counts:
    """What the year came to so far."""

    requests: int = 0
    figures: int = 0
    gaps: int = 0
    recovered: int = 0
    digests: int = 0

    def words(self) -> str:
        return ", ".join(f"{getattr(self, name):,} {word}" for name, word in _WORDS.items())


@dataclass
class Teller:
    """Lines in the order of their days, though digests are made while collecting goes on: later lines wait for them.

    ``plain``: no bar, for what is not a terminal.
    """

    console: Console
    plan: Plan
    plain: bool = True
    counts: Counts = field(default_factory=Counts)
    _now: int = 0
    _live: Any = None
    _waiting: list[tuple[int, int, str, str]] = field(default_factory=list)
    _told: int = 0
    _month: str = ""

    def __enter__(self) -> Teller:
        self._now = self.plan.start
        if not self.plain:
            from rich.live import Live

            self._live = Live(console=self.console, get_renderable=self._bar, refresh_per_second=5, transient=True)
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None

    def at(self, now: int, pending: int | None) -> None:
        """The time is now this; lines from after ``pending``, the oldest digest that is being made, wait."""
        self._now = now
        while self._waiting and (pending is None or self._waiting[0][0] <= pending):
            time, _, voice, text = heapq.heappop(self._waiting)
            self._print(time, voice, text)

    def line(self, time: int, voice: str, text: str) -> None:
        """One line of a day."""
        self._told += 1
        heapq.heappush(self._waiting, (time, self._told, voice, " ".join(text.split())))

    def _print(self, time: int, voice: str, text: str) -> None:
        if self.plain and (month := day(time)[:7]) != self._month:
            self._month = month
            self.say(f"{month}      {self.counts.words()}")
        self.say(f"{day(time)}  {voice:<6}  {text}", _STYLES[voice])

    def say(self, text: str = "", style: str = "", *, whole: bool = False) -> None:
        """A line as it is, ``whole`` where it is to be copied. What the terminal has no letter for becomes a question mark."""
        self.console.print(self._fitting(text), style=style, markup=False, highlight=False, soft_wrap=self.plain or whole)

    @property
    def _encoding(self) -> str:
        return getattr(self.console.file, "encoding", None) or "ascii"

    def _fitting(self, text: str) -> str:
        shown = text if _speaks(self._encoding) else text.translate(_SIMPLE)
        return shown.encode(self._encoding, "replace").decode(self._encoding)

    def _bar(self) -> Any:
        from rich.text import Text

        part = min(1.0, max(0.0, (self._now - self.plan.start) / (self.plan.weeks * WEEK)))
        width = max(10, min(40, self.console.width - 40))
        full, empty = ("━", "─") if _speaks(self._encoding) else ("#", "-")
        bar = full * round(part * width) + empty * (width - round(part * width))
        week = min(self.plan.weeks, (self._now - self.plan.start) // WEEK + 1)
        head = f"{day(self._now)}  {bar}  week {week} of {self.plan.weeks}"
        return Text(f"{head}\n{self.counts.words()}", style="bold", no_wrap=False)

    # The end

    def table(self, rows: Sequence[tuple[Planted, Verdict]]) -> None:
        """Planted, found, when, verdict; below one another where there is no room beside."""
        if self.console.width < 100 or self.plain:
            for one, verdict in rows:
                when = f" ({day(verdict.when)})" if verdict.when is not None else ""
                self.say(f"{verdict.word.upper()}: {one.words}", "" if verdict.word.good else "bold red")
                self.say(f"    {verdict.found}{when}")
            return
        from rich import box
        from rich.table import Table
        from rich.text import Text

        table = Table("planted", "found", "when", "verdict", box=box.SIMPLE_HEAD if _speaks(self._encoding) else box.ASCII)
        for one, verdict in rows:
            when = day(verdict.when) if verdict.when is not None else ""
            style = "green" if verdict.word.good else "bold red"
            words, found = (Text(self._fitting(text)) for text in (one.words, verdict.found))
            table.add_row(words, found, when, Text(verdict.word, style))
        self.console.print(table)


def _speaks(encoding: str) -> bool:
    """Whether an encoding has all that these lines use."""
    try:
        "━─“”−…".encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return False
    return True


_SIMPLE = str.maketrans({"“": '"', "”": '"', "−": "-", "…": "...", "–": "-", "×": "x", "’": "'"})


def console() -> Console:
    """Standard output."""
    from rich.console import Console

    return Console(file=sys.stdout, highlight=False, emoji=False)


__all__ = ["DIGEST", "OURS", "WORLD", "Counts", "Teller", "console"]
