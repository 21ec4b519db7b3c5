"""A model of Hacker News' Algolia search (as documented and observed, November 2026) over stories and comments of its own.

A query finds stories whose title, address, text or author hold its words in order, any case, as Algolia does with
quotes; signs are not indexed. One query gives at most 1,000 hits.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from scheduler.demo.servers.service import Asked, Service

REACH = 1000
DAY = 86_400


@dataclass
class Item:
    id: int
    created: int
    title: str = ""
    url: str | None = None
    text: str | None = ""
    author: str = "someone"
    parent: int | None = None
    story: int | None = None
    tags: list[str] = field(default_factory=list)


class FakeHackerNews(Service):
    def __init__(self, *, exhaustive: bool | None = True, page_size: int = REACH) -> None:
        super().__init__()
        self.items: dict[int, Item] = {}
        self._by_day: dict[int, list[Item]] = defaultdict(list)
        self.exhaustive = exhaustive
        self.page_size = page_size

    def story(self, title: str, created: int, **fields: Any) -> Item:
        item = self._add(Item(self._next(), created, title, **fields))
        item.tags = ["story", f"author_{item.author}", f"story_{item.id}", *(["ask_hn"] if title.startswith("Ask HN") else [])]
        return item

    def thread(self, month: int, *, title: str = "", author: str = "whoishiring") -> Item:
        """The hiring thread of the month that starts at ``month``, posted on its second day at 15:00."""
        return self.story(title or f"Ask HN: Who is hiring? ({datetime.fromtimestamp(month, UTC):%B %Y})", month + 140_400, author=author)

    def comment(self, parent: Item, text: str | None, after: int = 60, **fields: Any) -> Item:
        story = parent.story or parent.id
        item = Item(self._next(), parent.created + after, text=text, parent=parent.id, story=story, **fields)
        item.tags = ["comment", f"author_{item.author}", f"story_{story}"]
        return self._add(item)

    def _next(self) -> int:
        return 1_000_001 + len(self.items)

    def _add(self, item: Item) -> Item:
        self.items[item.id] = item
        self._by_day[item.created // DAY].append(item)
        return item

    def replies(self, story: Item) -> list[Item]:
        return [i for i in self.items.values() if i.story == story.id]

    def respond(self, asked: Asked) -> tuple[int, Any]:
        if asked.path not in {"/api/v1/search", "/api/v1/search_by_date"}:
            return 404, {"message": "Not Found"}
        try:
            found = [i for i in self._of(asked.query.get("numericFilters", "")) if self._matches(i, asked.query)]
            per_page = min(int(asked.query.get("hitsPerPage", 20)), self.page_size)
            page = int(asked.query.get("page", 0))
        except ValueError as error:
            return 400, {"status": 400, "message": str(error)}
        by_date = asked.path.endswith("by_date")
        found.sort(key=lambda i: (-i.created, -i.id) if by_date else (i.id * 7919 % 1009, i.id))  # relevance is any order
        reachable = found[:REACH]
        answer: dict[str, Any] = {
            "hits": [self._hit(i) for i in reachable[page * per_page : (page + 1) * per_page]],
            "nbHits": len(found),
            "page": page,
            "nbPages": -(-len(reachable) // per_page) if per_page else 0,
            "hitsPerPage": per_page,
            "query": asked.query.get("query", ""),
            "processingTimeMS": 3,
        }
        if self.exhaustive is not None:
            answer |= {"exhaustiveNbHits": self.exhaustive, "exhaustive": {"nbHits": self.exhaustive, "typo": True}}
        return 200, answer

    def _of(self, filters: str) -> Iterable[Item]:
        """Items of the days that a query is about: a year of stories is not gone through for each day's count."""
        first, last = (re.search(rf"created_at_i{sign}=?(\d+)", filters) for sign in "><")
        if first is None or last is None:
            return list(self.items.values())
        return [item for day in range(int(first[1]) // DAY, int(last[1]) // DAY + 1) for item in self._by_day.get(day, ())]

    def _matches(self, item: Item, query: dict[str, str]) -> bool:
        if any(tag not in item.tags for tag in query.get("tags", "").split(",") if tag):
            return False
        for condition in filter(None, query.get("numericFilters", "").split(",")):
            match = re.fullmatch(r"created_at_i(>=|<=|<|>)(\d+)", condition)
            if not match:
                raise ValueError(f"invalid numeric filter: {condition}")
            sign, bound = match[1], int(match[2])
            if not {">=": item.created >= bound, "<=": item.created <= bound, "<": item.created < bound, ">": item.created > bound}[sign]:
                return False
        words = _words(query.get("query", ""))
        held = _words(" ".join(filter(None, (item.title, item.url, item.text, item.author))))
        return any(held[n : n + len(words)] == words for n in range(len(held) - len(words) + 1))

    def _hit(self, item: Item) -> dict[str, Any]:
        common = {
            "objectID": str(item.id),
            "author": item.author,
            "created_at_i": item.created,
            "created_at": datetime.fromtimestamp(item.created, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "_tags": item.tags,
        }
        if item.parent is None:
            return {
                **common,
                "title": item.title,
                "url": item.url,
                "story_text": item.text,
                "num_comments": len(self.replies(item)),
                "points": 1,
            }
        title = self.items[item.story].title if item.story else ""
        return {**common, "comment_text": item.text, "parent_id": item.parent, "story_id": item.story, "story_title": title}


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())
