"""Names of capture files: whose they are, and what takes the place of one that is reduced."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

END = ".warc.gz"
_REDUCED = f".reduced{END}"
_TIMES = 6  # that a file may have been reduced: for its people, for its age, and again where a process died in between


def reduced_name(file: str) -> str:
    """The name of the file that takes the place of another one when that is reduced."""
    return f"{file.removesuffix(END)}{_REDUCED}"


def is_reduced(file: str) -> bool:
    return file.endswith(_REDUCED)


def run_of(file: str) -> str:
    """The run whose file it is: ``github-7`` of ``github/2026-11/github-7.1.reduced.warc.gz``."""
    name = file.rpartition("/")[2]
    while is_reduced(name):
        name = name.removesuffix(_REDUCED) + END
    return name.removesuffix(END).rpartition(".")[0]


def successors(file: str) -> Iterator[str]:
    """The names under which a file may be kept now, beginning with its own."""
    for _ in range(_TIMES):
        yield file
        file = reduced_name(file)


def present(folder: Path, file: str) -> str | None:
    """The name under which a file, or what it was reduced to, is in a folder of captures; None where it is gone."""
    return next((name for name in successors(file) if (folder / name).exists()), None)
