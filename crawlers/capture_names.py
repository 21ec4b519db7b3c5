"""Names of capture files: whose they are, and what takes the place of one that is reduced.

``github/2026-11/github-7.1.warc.gz`` is the first file of the run ``github-7``. Where several machines share a store of
objects, a mark behind the number (``github-7.1-9f3c21ab``) keeps two of them from ever writing the same file.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import UTC, datetime
from pathlib import Path

END = ".warc.gz"
_REDUCED = f".reduced{END}"
_TIMES = 6  # that a file may have been reduced: for its people, for its age, and again where a process died in between


def stem_of(run: str, time: int) -> str:
    """The names of a run's files up to their numbers; the folder is that of the month for which it was planned (epoch seconds)."""
    return f"{source_of(run)}/{month_of(time)}/{run}"


def source_of(run: str) -> str:
    """The folder of a run's source."""
    return run.rpartition("-")[0] or run


def month_of(time: int) -> str:
    """The folder of a run that was planned at a time."""
    return datetime.fromtimestamp(time, UTC).strftime("%Y-%m")


def reduced_name(file: str) -> str:
    """The name of the file that takes the place of another one when that is reduced."""
    return f"{file.removesuffix(END)}{_REDUCED}"


def is_reduced(file: str) -> bool:
    return file.endswith(_REDUCED)


def run_of(file: str) -> str:
    """The run whose file it is: ``github-7`` of ``github/2026-11/github-7.1.reduced.warc.gz``."""
    return _whole(file).removesuffix(END).rpartition(".")[0]


def number_of(file: str) -> int:
    """The how-manieth file of its run it is; processes number them as they come."""
    return int(_whole(file).removesuffix(END).rpartition(".")[2].partition("-")[0])


def _whole(file: str) -> str:
    """The bare name of a file before it was reduced."""
    name = file.rpartition("/")[2]
    while is_reduced(name):
        name = name.removesuffix(_REDUCED) + END
    return name


def successors(file: str) -> Iterator[str]:
    """The names under which a file may be kept now, beginning with its own."""
    for _ in range(_TIMES):
        yield file
        file = reduced_name(file)


def in_order(files: Collection[str]) -> list[str]:
    """A run's files in the order of its processes. One that is being reduced stands for itself until it is gone."""
    return sorted(set(files) - {reduced_name(file) for file in files}, key=lambda file: (number_of(file), file))


def present(folder: Path, file: str) -> str | None:
    """The name under which a file, or what it was reduced to, is in a folder of captures; None where it is gone."""
    return next((name for name in successors(file) if (folder / name).exists()), None)
