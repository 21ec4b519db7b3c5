"""Medium on 127.0.0.1 with a clock of its own: tags' feeds of the ten newest articles, tag pages, archives of the older kind."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from html import escape
from typing import Any

from scheduler.demo.servers.service import Asked, Raw, Service
from storage.periods import DAY, moment

SIZE = 10  # articles in a feed


@dataclass(frozen=True)
class Post:
    id: str  # twelve hex digits
    time: int
    title: str = "On layers"


def http_date(time: int) -> str:
    return format_datetime(moment(time), usegmt=True)


def item(post: Post, tag: str = "pytorch") -> str:
    address = f"https://medium.com/@someone/{escape(post.title.lower().replace(' ', '-'))}-{post.id}?source=rss------{tag}-5"
    return (
        f"<item><title><![CDATA[{post.title}]]></title>"
        f'<description><![CDATA[<div class="medium-feed-item"><p class="medium-feed-snippet">Three things.</p></div>]]></description>'
        f"<link>{address}</link>"
        f'<guid isPermaLink="false">https://medium.com/p/{post.id}</guid><category><![CDATA[{tag}]]></category>'
        f"<dc:creator><![CDATA[Someone]]></dc:creator><pubDate>{http_date(post.time)}</pubDate>"
        f"<atom:updated>{moment(post.time):%Y-%m-%dT%H:%M:%S}.000Z</atom:updated></item>"
    )


def feed(posts: Iterable[Post], built: int | None, tag: str = "pytorch", extra: str = "") -> bytes:
    made = f"<lastBuildDate>{http_date(built)}</lastBuildDate>" if built is not None else ""
    return (
        '<?xml version="1.0" encoding="UTF-8"?><rss xmlns:dc="http://purl.org/dc/elements/1.1/" '
        'xmlns:atom="http://www.w3.org/2005/Atom" version="2.0"><channel>'
        f"<title><![CDATA[{tag} on Medium]]></title><link>https://medium.com/tag/{tag}/latest?source=rss------{tag}-5</link>{made}"
        f'<atom:link href="https://medium.com/feed/tag/{tag}" rel="self" type="application/rss+xml"/>'
        f"{''.join(item(p, tag) for p in posts)}{extra}</channel></rss>"
    ).encode()


def tag_page(tag: str, total: int | None, said: str = "91K stories") -> str:
    """A tag's page; without a total its data has none, and only what is written remains."""
    state: dict[str, Any] = {"ROOT_QUERY": {"__typename": "Query"}, "Tag:elsewhere": {"__typename": "Tag", "id": "elsewhere"}}
    if total is not None:
        state[f"Tag:{tag}"] = {"__typename": "Tag", "id": tag, "normalizedTagSlug": tag, "displayTitle": tag.title(), "postCount": total}
        state["Tag:elsewhere"]["postCount"] = total + 7
    return (
        f"<!doctype html><html><head><title>The most insightful stories about {tag} - Medium</title>"
        f'<link data-rh="true" rel="canonical" href="https://medium.com/tag/{tag}"></head><body><h2>{tag}</h2>'
        f"<div>Topic<div>·</div>1M followers<div>·</div>{said}</div><h2>Recommended stories</h2>"
        f"<script>window.__APOLLO_STATE__ = {json.dumps(state)}</script></body></html>"
    )


def archive_page(tag: str, day: int, posts: Iterable[Post], filled: set[int], *, of_month: bool = False, more: bool = False) -> str:
    """The archive of a day, or of its month, with the data as a call of obvInit."""
    listed, when = list(posts), moment(day)
    days = (datetime(when.year + when.month // 12, when.month % 12 + 1, 1, tzinfo=UTC) - when.replace(day=1)).days
    bucket = {"year": f"{when:%Y}", "month": f"{when:%m}", **({} if of_month else {"day": f"{when:%d}"})}
    data = {
        "tag": {"slug": tag, "name": tag.title(), "postCount": 4242},
        "streamItems": [{"itemType": "postPreview", "postPreview": {"postId": p.id}} for p in listed],
        "archiveIndex": {
            "timeBucket": bucket,
            "yearlyBuckets": [{"year": f"{when:%Y}", "hasStories": True}],
            "monthlyBuckets": [{"year": f"{when:%Y}", "month": f"{when:%m}", "hasStories": bool(filled)}],
            "dailyBuckets": [{**bucket, "day": f"{d:02}", "hasStories": d in filled} for d in range(1, days + 1)],
        },
        "references": {
            "Post": {p.id: {"id": p.id, "title": f"<b>{p.title}</b>", "firstPublishedAt": p.time * 1000, "type": "Post"} for p in listed},
            "User": {"u1": {"userId": "u1", "name": "Someone"}},
        },
        **({"paging": {"next": {"to": "1"}}} if more else {}),
    }
    text = json.dumps(data).replace("<", "\\x3c").replace(">", "\\x3e")
    return f'<!DOCTYPE html><html><body><script>// <![CDATA[\nwindow["obvInit"]({text})\n// ]]></script></body></html>'


def published(rate: float, since: int, until: int, seed: int, swing: float = 0.6, tag: str = "x") -> list[Post]:
    """Posts of a Poisson process of so many a day, with a quiet night: its rate swings by so much around the mean."""
    rng, time = random.Random(seed), float(since)
    found: list[Post] = []
    while True:
        time += rng.expovariate(rate * (1 + swing) / DAY)
        if time >= until:
            return found
        if rng.random() * (1 + swing) < 1 + swing * math.sin(2 * math.pi * (time / DAY - 0.375)):
            found.append(Post(f"{rng.getrandbits(48):012x}", int(time), f"{tag} {len(found)}"))


class FakeMedium(Service):
    """Has posts by tag; ``now`` is its clock."""

    def __init__(self, now: int) -> None:
        super().__init__()
        self.now = now
        self.posts: dict[str, list[Post]] = {}
        self.totals: dict[str, int] = {}
        self.robots = b""

    def on(self, tag: str, day: int) -> list[Post]:
        return [p for p in self.posts[tag] if day <= p.time < day + DAY]

    def newest(self, tag: str) -> list[Post]:
        return sorted((p for p in self.posts[tag] if p.time <= self.now), key=lambda p: -p.time)[:SIZE]

    def _reply(self, asked: Asked) -> tuple[int, dict[str, str], bytes]:
        return (200, {}, self.robots) if asked.path == "/robots.txt" and self.robots else super()._reply(asked)

    def respond(self, asked: Asked) -> tuple[int, Any]:
        parts = asked.path.strip("/").split("/")
        if parts[:2] == ["feed", "tag"]:
            if parts[2] not in self.posts:
                return 404, Raw(b"not here")
            return 200, Raw(feed(self.newest(parts[2]), self.now, parts[2]), {"Content-Type": "text/xml; charset=UTF-8"})
        if parts[0] == "tag" and len(parts) == 2:
            return 200, Raw(tag_page(parts[1], self.totals.get(parts[1], 1000)).encode())
        if parts[0] == "tag" and parts[2] == "archive":
            return self._archive(parts[1], [int(p) for p in parts[3:]])
        return 404, Raw(b"not here")

    def _archive(self, tag: str, date: list[int]) -> tuple[int, Raw]:
        day = int(datetime(date[0], date[1], date[2] if len(date) > 2 else 1, tzinfo=UTC).timestamp())
        month = [p for p in self.posts[tag] if f"{moment(p.time):%Y-%m}" == f"{moment(day):%Y-%m}"]
        filled = {moment(p.time).day for p in month}
        posts = self.on(tag, day) if len(date) > 2 else month
        if len(date) > 2 and not posts:
            return 302, Raw(b"", {"Location": f"{self.url}/tag/{tag}/archive/{moment(day):%Y/%m}"})
        return 200, Raw(archive_page(tag, day, posts, filled, of_month=len(date) == 2).encode())
