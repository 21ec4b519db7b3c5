"""What is searched for a topic."""

from __future__ import annotations

from collections.abc import Mapping

from storage.model import Topic, UsageError

SOURCE = "google_trends"
LONGEST = 100  # characters that the Trends page takes


def term_of(topic: Topic) -> str:
    """What is searched for a topic: ``google_trends`` or ``search`` in the config. Raises `UsageError`; empty where it has neither.

    A list becomes alternatives (``a + b``), exclusions are taken away (``-c``), as the Trends page reads them.
    """
    signal = next((s for s in (SOURCE, "search") if topic.names.get(s)), None)
    if signal is None:
        return ""
    value, place = topic.names[signal], f"topics.{topic.key}.{signal}"
    wanted, excluded = (value.get("any", ()), value.get("not", ())) if isinstance(value, Mapping) else (value, ())
    terms = _phrases(wanted, place)
    if not terms:
        raise UsageError(f'{place} is {value!r}; write what to search for, like "PyTorch", or a list of alternatives')
    term = " + ".join(terms) + "".join(f" -{p}" for p in _phrases(excluded, place))
    if len(term) > LONGEST:
        raise UsageError(f"{place} makes a search of {len(term)} characters; Google Trends takes {LONGEST}")
    return term


def _phrases(value: object, place: str) -> list[str]:
    listed = [value] if isinstance(value, str) else value
    if not isinstance(listed, list | tuple) or any(not isinstance(p, str) or not p.strip() for p in listed):
        raise UsageError(f'{place} is {value!r}; write what to search for, like "PyTorch", or a list of alternatives')
    return [" ".join(p.split()) for p in listed]
