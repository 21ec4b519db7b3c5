"""What a fake GitHub is made of: repositories, what was asked, what goes wrong, and the form of GraphQL's answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from scheduler.demo.servers.graphql import Field


def iso(time: int) -> str:
    return datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass
class Repo:
    id: int
    full_name: str
    created: int
    stars_by_day: dict[int, int] = field(default_factory=dict)
    forks: int = 3
    issues: int = 5
    pulls: int = 2
    watchers: int = 4
    pushed_at: int = 0
    archived: bool = False
    description: str | None = "A made-up repository"
    contributors: int = 7
    endless: bool = False  # its list of contributors is too large
    releases: list[tuple[str, int, bool]] = field(default_factory=list)  # tag, time, pre-release
    closed: int = 0  # 403 or 451: closed by law or terms
    heavy: bool = False  # GraphQL gives up on any query of several that holds it

    @property
    def stars(self) -> int:
        return sum(self.stars_by_day.values())

    @property
    def node_id(self) -> str:
        return f"R_{self.id:08x}"


@dataclass
class Asked:
    """One request as it came in, and how it was answered."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: str
    status: int = 0


@dataclass
class Fault:
    """What goes wrong: for the next ``times`` requests whose path holds ``where``."""

    where: str = ""
    times: int = 1
    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes | None = None
    truncate: float | None = None  # keep this share of the body, with a Content-Length that fits it
    cut: float | None = None  # send this share of the body, with the Content-Length of the whole
    edit: Callable[[Any], Any] | None = None  # change the decoded JSON
    when: Callable[[Asked], bool] = lambda _: True


@dataclass
class Reply:
    status: int
    payload: Any = None
    headers: dict[str, str] = field(default_factory=dict)


def selected(repo: Repo, selection: list[Field]) -> dict[str, Any]:
    """A repository's fields as a query names them. Raises KeyError for one that GitHub does not have."""
    scalars = {
        "id": repo.node_id,
        "databaseId": repo.id,
        "nameWithOwner": repo.full_name,
        "stargazerCount": repo.stars,
        "forkCount": repo.forks,
        "isArchived": repo.archived,
        "pushedAt": iso(repo.pushed_at),
    }
    data: dict[str, Any] = {}
    for f in selection:
        if f.name in scalars:
            data[f.alias] = scalars[f.name]
        elif f.name in {"watchers", "issues", "pullRequests"}:
            closed = {"watchers": 0, "issues": 40, "pullRequests": 60}[f.name]  # counted unless only the open ones are asked for
            opened = {"watchers": repo.watchers, "issues": repo.issues, "pullRequests": repo.pulls}[f.name]
            total = opened if f.arguments.get("states") == "OPEN" else opened + closed
            data[f.alias] = {s.alias: {"totalCount": total}[s.name] for s in f.selection}
        elif f.name == "releases":
            rows = sorted(repo.releases, key=lambda r: -r[1])[: f.arguments["first"]]
            nodes = [
                {
                    "tagName": tag,
                    "publishedAt": iso(time),
                    "isDraft": False,
                    "isPrerelease": early,
                    "url": f"https://github.com/{repo.full_name}/releases/tag/{tag}",
                }
                for tag, time, early in rows
            ]
            wanted = next(s for s in f.selection if s.name == "nodes")
            data[f.alias] = {"nodes": [{s.alias: node[s.name] for s in wanted.selection} for node in nodes]}
        else:
            raise KeyError(f.name)
    return data
