"""What was configured at a moment: topics, baskets and sources of the newest configuration that the journal kept until then."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, TypeVar

from sqlalchemy import Connection

from scheduler.web.question import Setting
from storage.model import Basket, Topic

_T = TypeVar("_T")

# Runs and digests keep the configuration that they were made with.
_NEWEST = (
    "SELECT c.text FROM configs c JOIN (SELECT seq, config_id FROM runs WHERE seq <= ? AND config_id IS NOT NULL"
    " UNION ALL SELECT seq, config_id FROM digests WHERE seq <= ? AND config_id IS NOT NULL) k ON k.config_id = c.id"
    " ORDER BY k.seq DESC LIMIT 1"
)


def setting_at(connection: Connection, setting: Setting, sequence: int | None) -> Setting:
    """The setting as it was at a sequence (None: now); today's where nothing was measured by then, so that none was kept."""
    if sequence is None:
        return setting
    text = connection.exec_driver_sql(_NEWEST, (sequence, sequence)).scalar()
    return setting if text is None else _of(setting, json.loads(text))


def _of(setting: Setting, raw: Mapping[str, Any]) -> Setting:
    """A setting with the topics, baskets and switches of a configuration that was checked when it was kept.

    Topics that were renamed since bear the key that they have now: their figures do too.
    """
    now_called = {old: topic.key for topic in setting.topics.values() for old in topic.formerly}
    topics: dict[str, Topic] = {}
    for key, value in dict(raw.get("topics", {})).items():
        names = {name: entry for name, entry in value.items() if name not in {"title", "formerly"}}
        topic = Topic(str(now_called.get(key, key)), str(value.get("title", key)), names, tuple(value.get("formerly", ())))
        topics[topic.key] = topic
    baskets = {
        key: Basket(key, value.get("title") or key, tuple(dict.fromkeys(now_called.get(t, t) for t in value.get("topics", ()))))
        for key, value in dict(raw.get("baskets", {})).items()
    }
    topics, baskets = _ordered(topics, setting.topics), _ordered(baskets, setting.baskets)
    return replace(setting, topics=topics, baskets=baskets, sources=tuple(_switched(s, raw.get("sources", {})) for s in setting.sources))


def _ordered(found: Mapping[str, _T], now: Iterable[str]) -> dict[str, _T]:
    """In today's order, and what is no more after it: a kept configuration has its keys sorted."""
    known = [*(key for key in now if key in found), *found]
    return {key: found[key] for key in dict.fromkeys(known)}


def _switched(source: Mapping[str, Any], sections: Mapping[str, Any]) -> Mapping[str, Any]:
    """A source, on or off as the configuration said; where it said nothing, as it is now."""
    on = dict(sections.get(str(source["name"]), {})).get("enabled", source["enabled"])
    return source if on == source["enabled"] else {**source, "enabled": on, "why_off": "" if on else "off in the config of that time"}


__all__ = ["setting_at"]
