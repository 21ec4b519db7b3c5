"""Who overtook whom, who is ahead but not for sure, and who may be next."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import combinations

import numpy as np

from storage.model import Cadence
from storage.periods import iso
from trends import gate, wording
from trends.claim import Claim, ClaimKind, State, identity
from trends.critical import LEVEL
from trends.overtakes import CAUTION, RULES, Crossing, Overtake, Race, ahead, candidates, crossings, dated, races
from trends.pairs import LONG, SEASON, Line, largest, last_value, lines_of, standing
from trends.panel import Floats
from trends.scene import Draft, Scene, gated, number, what
from trends.slopes import deseasonalised
from trends.studied import Studied

TOLD = 52  # weeks that an overtake stays news
AHEAD = {Cadence.WEEK: 4, Cadence.MONTH: 2}  # readings in a row that make a watch
HORIZON = 104  # weeks within which the whole interval of a coming crossing must lie
_TOGETHER = 200  # blocks
_FAR = 3.0  # log units between two topics, beyond which neither nears the other
_Pair = tuple[str, str]


@dataclass(frozen=True, slots=True, eq=False)
class _Block:
    """All pairs of one basket in one group, with their rows of log ratios."""

    scene: int
    studied: Studied
    pairs: list[_Pair]
    rows: Floats


@dataclass(frozen=True, slots=True, eq=False)
class _Nearing:
    scene: int
    studied: Studied
    pair: _Pair
    row: Floats


def drafts(scenes: Sequence[Scene]) -> list[list[Draft]]:
    """Per basket: overtakes of the last year, watches, and coming crossings.

    Pairs that neither met nor near are passed over. Races of all baskets are run together: one by one they cost ten times
    as much.
    """
    found: list[list[Draft]] = [[] for _ in scenes]
    blocks = [block for i, scene in enumerate(scenes) for studied in scene.groups if (block := _block(i, scene, studied)) is not None]
    for alike in _alike(blocks):
        grid = alike[0].studied.grid
        rows = np.vstack([block.rows for block in alike])
        whose = [(block, pair) for block in alike for pair in block.pairs]
        met = np.flatnonzero(candidates(rows, grid.window(13), AHEAD[grid.cadence]))
        flat, _ = deseasonalised(rows[met], grid.per_year)
        late: list[tuple[_Block, _Pair]] = []
        passed: list[tuple[Floats, Overtake]] = []
        for at, row, of in zip(met.tolist(), flat, races(flat, grid.cadence), strict=True):
            block, pair = whose[at]
            if (one := _news(of, rows.shape[1] - grid.window(TOLD))) is not None:
                late.append(whose[at])
                passed.append((row, one))
            elif (count := _against(of, rows[at], rows.shape[1] - grid.window(TOLD))) >= AHEAD[grid.cadence]:
                found[block.scene].append(Draft(_watched(scenes[block.scene], block.studied, pair, of, count)))
        for (block, pair), (_, one), date in zip(late, passed, dated(passed, grid.cadence), strict=True):
            found[block.scene].append(Draft(_overtaken(scenes[block.scene], block.studied, pair, one, date)))
    near = [_Nearing(b.scene, b.studied, b.pairs[i], b.rows[i]) for b in blocks for i in _closing(b.studied, b.pairs)]
    for scene, draft in _coming_of(scenes, near):
        found[scene].append(draft)
    return found


def _block(at: int, scene: Scene, studied: Studied) -> _Block | None:
    mine = scene.mine(studied) if studied.grid.cadence in RULES else []
    topics = largest(studied, mine) if len(mine) > 1 else []
    if len(topics) < 2:
        return None
    place = studied.grid.place
    first, second = np.triu_indices(len(topics), 1)
    logs = studied.grid.logs[[place[topic] for topic in topics]]
    return _Block(at, studied, list(combinations(topics, 2)), logs[first] - logs[second])


def _alike(blocks: Sequence[_Block]) -> Iterable[list[_Block]]:
    """Blocks of one cadence and length, at most so many that their rows are held at once."""
    by_shape: dict[tuple[Cadence, int], list[_Block]] = {}
    for block in blocks:
        by_shape.setdefault((block.studied.grid.cadence, block.rows.shape[1]), []).append(block)
    for members in by_shape.values():
        for i in range(0, len(members), _TOGETHER):
            yield members[i : i + _TOGETHER]


def _coming_of(scenes: Sequence[Scene], near: Sequence[_Nearing]) -> Iterable[tuple[int, Draft]]:
    """Drafts where the whole interval of the crossing lies within the horizon: one that holds *never* is no interval."""
    drawn = zip(near, lines_of([(one.studied, one.row) for one in near]), strict=True)
    sure = [(one, line) for one, line in drawn if line.p <= LEVEL and line.slope * line.level < 0]
    for cadence in dict.fromkeys(one.studied.grid.cadence for one, _ in sure):
        some = [(one, line) for one, line in sure if one.studied.grid.cadence is cadence]
        grid = some[0][0].studied.grid
        steps = min([grid.window(LONG), *(len(one.row) for one, _ in some)])
        flat, _ = deseasonalised(np.array([one.row[-steps:] for one, _ in some]), grid.per_year)
        for (one, line), found in zip(some, crossings(flat, SEASON[cadence], CAUTION), strict=True):
            if found is None or not found.bounded:
                continue
            weeks = [(x - (steps - 1)) * 365.25 / 7 / grid.per_year for x in (found.at, found.low, found.high)]
            if 0 < weeks[1] <= weeks[2] <= HORIZON:
                yield one.scene, Draft(partial(_coming, scenes[one.scene], one.studied, one.pair, weeks, line), line.p, line.slope)


def _closing(studied: Studied, pairs: Sequence[_Pair]) -> list[int]:
    """Pairs whose own lines cross within the horizon: the one behind grows faster by enough."""
    grown, place = studied.growth[LONG], studied.grid.place
    a, b = (np.array([place[pair[side]] for pair in pairs]) for side in (0, 1))
    gap, rate = grown.level[a] - grown.level[b], grown.slope[a] - grown.slope[b]
    usable = np.isfinite(gap) & np.isfinite(rate) & ~grown.few[a] & ~grown.few[b]
    gap, rate = np.where(usable, gap, 0.0), np.where(usable, rate, 0.0)
    closing = usable & (gap * rate < 0) & (np.abs(gap) < _FAR) & (np.abs(gap) <= np.abs(rate) * HORIZON / 52)
    return np.flatnonzero(closing).tolist()


def _news(found: Race, since: int) -> Overtake | None:
    """The last overtake, if it was announced lately and still holds."""
    last = found.overtakes[-1] if found.overtakes else None
    return last if last is not None and last.announced >= since and last.leader == found.leader else None


def _against(found: Race, row: Floats, since: int) -> int:
    """Newest readings in a row, as they are, that speak against a leader of more than a year."""
    lately = any(one.announced >= since for one in found.overtakes)
    return ahead(row, found.leader) if found.leader and not lately else 0


def _overtaken(scene: Scene, studied: Studied, pair: _Pair, found: Overtake, date: Crossing) -> Claim:
    grid = studied.grid
    winner, loser = pair if found.leader > 0 else pair[::-1]
    when = {name: _time(studied, getattr(date, name)) for name in ("at", "low", "high")}
    low, high = when["low"], when["high"]
    said = wording.day if low is not None and high is not None and wording.month(low) == wording.month(high) else wording.month
    about = f"about {said(when['at'])}" if when["at"] is not None else "lately"
    between = f" [{said(low)} to {said(high)}]" if low is not None and high is not None else ""
    announced = int(grid.starts[found.announced])
    sentence = (
        f"{scene.title(winner)} overtook {scene.title(loser)} in {what(grid.metric, grid.labels)}, {about}{between};"
        f" sure since {wording.date(announced)}."
    )
    claim = Claim(
        identity(ClaimKind.OVERTAKE, scene.basket.key, tuple(sorted(pair)), grid.metric.name, grid.key),
        ClaimKind.OVERTAKE,
        scene.basket.key,
        (winner, loser),
        grid.metric.name,
        State.CLAIMED,
        sentence,
        (),
        {name: iso(t) or None for name, t in when.items()} | {"announced": iso(announced)},
        (grid.key,),
        50.0 + 50.0 * standing(studied, scene.mine(studied), winner),
        f"{winner} ahead of {loser}",
    )
    return gated(claim, gate.reasons(studied, pair, TOLD, absolute=False))


def _time(studied: Studied, column: float) -> int | None:
    """The time of a place between columns; the grid's ends are not passed by more than a quarter of its length."""
    starts = studied.grid.starts
    if not np.isfinite(column) or len(starts) < 2:
        return None
    step = (int(starts[-1]) - int(starts[0])) / (len(starts) - 1)
    limit = len(starts) / 4
    return int(starts[0] + step * float(np.clip(column, -limit, len(starts) + limit)))


def _watched(scene: Scene, studied: Studied, pair: _Pair, found: Race, count: int) -> Claim:
    grid = studied.grid
    new, old = pair if found.leader < 0 else pair[::-1]
    last = [last_value(grid.values[grid.place[t]]) for t in (new, old)]
    times = ("no readings", "one reading", "two readings", "three readings")[count] if count < 4 else f"{count} readings"
    sentence = (
        f"{scene.title(new)} {wording.short(last[0])}, {scene.title(old)} {wording.short(last[1])},"
        f" {what(grid.metric, grid.labels)}: ahead for {times}. Not confirmed."
    )
    return Claim(
        identity(ClaimKind.WATCH, scene.basket.key, tuple(sorted(pair)), grid.metric.name, grid.key),
        ClaimKind.WATCH,
        scene.basket.key,
        (new, old),
        grid.metric.name,
        State.WATCH,
        sentence,
        ("it has not stayed ahead for long enough",),
        {"a": last[0], "b": last[1], "readings": count, "noise": number(found.noise)},
        (grid.key,),
        30.0 + 15.0 * standing(studied, scene.mine(studied), new),
        f"{new} ahead of {old}, not confirmed",
    )


def _coming(scene: Scene, studied: Studied, pair: _Pair, when: Sequence[float], line: Line) -> Claim:
    grid = studied.grid
    behind, leader = pair if line.level < 0 else pair[::-1]
    weeks, low, high = (round(x) for x in when)
    sentence = (
        f"{scene.title(behind)} is on course to overtake {scene.title(leader)} in {what(grid.metric, grid.labels)}"
        f" in {weeks} weeks [{low} to {high}], if both go on as in the last two years."
    )
    claim = Claim(
        identity(ClaimKind.ON_COURSE, scene.basket.key, tuple(sorted(pair)), grid.metric.name, grid.key),
        ClaimKind.ON_COURSE,
        scene.basket.key,
        (behind, leader),
        grid.metric.name,
        State.CLAIMED,
        sentence,
        (),
        {"weeks": weeks, "low": low, "high": high, "p": line.p},
        (grid.key,),
        38.0 + 20.0 * standing(studied, scene.mine(studied), behind),
        f"{behind} nears {leader}, {_horizon(weeks)}",
    )
    return gated(claim, gate.reasons(studied, pair, LONG, absolute=False))


def _horizon(weeks: int) -> str:
    return "within half a year" if weeks <= 26 else "within a year" if weeks <= 52 else "within two years"
