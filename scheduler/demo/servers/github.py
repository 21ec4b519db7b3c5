"""A model of GitHub's API on a local port: repositories with days of stars, GraphQL, REST, limits, faults and a log.

It answers from its own data as api.github.com is documented to (November 2026), and knows nothing of the program.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, urlsplit

from scheduler.demo.servers.github_model import Asked, Fault, Reply, Repo, iso, selected
from scheduler.demo.servers.graphql import Field, QuerySyntaxError, parse
from scheduler.demo.servers.threaded import HttpServer, body_of

DAY = 86400
WEEK = 7 * DAY
SUNDAY = 3 * DAY  # 1970-01-04


class FakeGitHub(HttpServer):
    """Start with `with FakeGitHub(now) as github`; ``github.url`` is the base URL. ``now`` is its clock."""

    def __init__(self, now: int, *, anonymous: int = 60, per_hour: int = 5000, token: str = "secret-token-1") -> None:
        super().__init__()
        self.now = now
        self.token = token
        self.limits = {"": anonymous, token: per_hour}
        self.used: dict[str, int] = {}
        self.repos: dict[int, Repo] = {}
        self.names: dict[str, int] = {}  # every name ever borne and not taken by another, lower case
        self.log: list[Asked] = []
        self.faults: list[Fault] = []
        self.before_reply: Callable[[Asked], None] = lambda _: None
        self._lock = threading.Lock()

    # What happens on GitHub

    def add(self, full_name: str, days: int = 20, **fields: Any) -> Repo:
        """A repository that is ``days`` old, with other stars each day: some none, yesterday some, today not at its end."""
        today = self.now - self.now % DAY
        ident = 1000 + len(self.repos)
        stars = {today - i * DAY: (ident * 7 + i * i) % 23 + (i == 1) for i in range(days)}
        repo = Repo(ident, full_name, today - (days - 1) * DAY, stars, pushed_at=self.now - 3600, **fields)
        self.repos[ident] = repo
        self.names[full_name.lower()] = ident
        return repo

    def rename(self, repo: Repo, full_name: str) -> None:
        repo.full_name = full_name
        self.names[full_name.lower()] = repo.id

    def delete(self, repo: Repo) -> None:
        del self.repos[repo.id]

    def fail(self, where: str = "", **fields: Any) -> None:
        self.faults.append(Fault(where, **fields))

    def asked(self, part: str = "", since: int = 0) -> list[Asked]:
        """Requests whose path holds a part, robots.txt aside."""
        return [a for a in self.log[since:] if part in a.path and a.path != "/robots.txt"]

    # How it answers

    def handle(self, request: BaseHTTPRequestHandler) -> None:
        parts = urlsplit(request.path)
        query = {k: v[0] for k, v in parse_qs(parts.query).items()}
        headers = {k.lower(): v for k, v in request.headers.items()}
        status, heads, body, announced = self.answer(Asked(request.command, parts.path, query, headers, body_of(request).decode()))
        request.send_response_only(status)
        for key, value in heads.items():
            request.send_header(key, value)
        if status not in {204, 304}:
            request.send_header("Content-Length", str(announced))
        request.end_headers()
        request.wfile.write(body)
        if len(body) < announced:
            request.close_connection = True

    def answer(self, asked: Asked) -> tuple[int, dict[str, str], bytes, int]:
        """Status, headers, body to send, Content-Length."""
        with self._lock:
            self.log.append(asked)
            self.before_reply(asked)
            user = asked.headers.get("authorization", "").removeprefix("Bearer ")
            fault = next((f for f in self.faults if f.times > 0 and f.where in asked.path and f.when(asked)), None)
            if asked.path == "/robots.txt":
                reply = Reply(404, {"message": "Not Found"})
            elif user not in self.limits:
                reply = Reply(401, {"message": "Bad credentials"})
            else:
                reply = self._within_limits(asked, user)
            body = b"" if reply.payload is None else json.dumps(reply.payload).encode()
            headers = {"Content-Type": "application/json; charset=utf-8", "Date": formatdate(self.now, usegmt=True), **reply.headers}
            status, length = reply.status, None
            if fault is not None:
                fault.times -= 1
                status = fault.status or status
                headers |= fault.headers
                if fault.edit is not None:
                    body = json.dumps(fault.edit(json.loads(body))).encode()
                if fault.body is not None:
                    body = fault.body
                if fault.truncate is not None:
                    body = body[: int(len(body) * fault.truncate)]
                length = len(body)
                if fault.cut is not None:
                    body = body[: int(len(body) * fault.cut)]
            elif status == 200 and asked.method == "GET":
                etag = '"' + hashlib.sha256(user.encode() + body).hexdigest()[:32] + '"'
                headers["ETag"] = etag
                if asked.headers.get("if-none-match") == etag:
                    status, body = 304, b""
                    if user:
                        self.used[user] -= 1  # free with a token only
                        headers |= self._limit_headers(user)
            asked.status = status
            return status, headers, body, len(body) if length is None else length

    def _limit_headers(self, user: str) -> dict[str, str]:
        limit, used = self.limits[user], self.used.get(user, 0)
        reset = self.now - self.now % 3600 + 3600
        return {
            "X-RateLimit-Limit": str(limit),
            "X-RateLimit-Remaining": str(max(0, limit - used)),
            "X-RateLimit-Used": str(used),
            "X-RateLimit-Reset": str(reset),
            "X-RateLimit-Resource": "core",
        }

    def _within_limits(self, asked: Asked, user: str) -> Reply:
        graphql = asked.path == "/graphql"
        if self.used.get(user, 0) >= self.limits[user]:
            if graphql:
                fault = {"type": "RATE_LIMITED", "message": "API rate limit exceeded for user ID 1."}
                return Reply(200, {"errors": [fault]}, self._limit_headers(user))
            return Reply(403, {"message": "API rate limit exceeded"}, self._limit_headers(user))
        self.used[user] = self.used.get(user, 0) + 1
        if graphql and not user:
            reply = Reply(403, {"message": "API rate limit exceeded"})
        elif graphql:
            reply = self._graphql(json.loads(asked.body)["query"])
        else:
            reply = self._rest(asked)
        reply.headers = {**self._limit_headers(user), **reply.headers}
        return reply

    # REST

    def _rest(self, asked: Asked) -> Reply:
        parts = asked.path.strip("/").split("/")
        if parts[0] == "repos" and len(parts) >= 3:
            name, tail = "/".join(parts[1:3]), parts[3:]
            repo = self.repos.get(self.names.get(name.lower(), 0))
            if repo is not None and repo.full_name.lower() != name.lower():
                query = "?" + "&".join(f"{k}={v}" for k, v in asked.query.items()) if asked.query else ""
                url = "/".join([self.url, "repositories", str(repo.id), *tail]) + query
                return Reply(301, {"message": "Moved Permanently", "url": url}, {"Location": url})
        elif parts[0] == "repositories" and len(parts) >= 2:
            repo, tail = self.repos.get(int(parts[1])), parts[2:]
        else:
            return Reply(404, {"message": "Not Found"})
        if repo is None:
            return Reply(404, {"message": "Not Found"})
        if repo.closed:
            return Reply(repo.closed, {"message": "Repository access blocked", "block": {"reason": "dmca"}})
        kind = "/".join(tail)
        if kind == "":
            return Reply(200, self._rest_repository(repo))
        if kind == "stargazers/history":
            return self._history(repo, asked)
        if kind == "contributors":
            return self._contributors(repo, asked)
        if kind == "releases":
            rows = [
                {
                    "tag_name": tag,
                    "draft": False,
                    "prerelease": early,
                    "published_at": iso(time),
                    "html_url": f"https://github.com/{repo.full_name}/releases/tag/{tag}",
                }
                for tag, time, early in sorted(repo.releases, key=lambda r: -r[1])
            ]
            return self._paged(asked, rows, 100)
        return Reply(404, {"message": "Not Found"})

    def _rest_repository(self, repo: Repo) -> dict[str, Any]:
        return {
            "id": repo.id,
            "node_id": repo.node_id,
            "full_name": repo.full_name,
            "description": repo.description,
            "stargazers_count": repo.stars,
            "watchers_count": repo.stars,  # an alias of the stars: a trap
            "subscribers_count": repo.watchers,
            "forks_count": repo.forks,
            "open_issues_count": repo.issues + repo.pulls,
            "created_at": iso(repo.created),
            "pushed_at": iso(repo.pushed_at),
            "archived": repo.archived,
        }

    def weeks(self, repo: Repo) -> list[dict[str, Any]]:
        """Newest first, each whole: with zeros for days to come."""
        newest = self.now - (self.now - SUNDAY) % WEEK
        oldest = repo.created - (repo.created - SUNDAY) % WEEK
        found = []
        for week in range(newest, oldest - 1, -WEEK):
            days = [repo.stars_by_day.get(week + i * DAY, 0) for i in range(7)]
            found.append({"week": week, "total": sum(days), "days": days})
        return found

    def _history(self, repo: Repo, asked: Asked) -> Reply:
        if asked.headers.get("x-github-api-version") != "2026-03-10":
            return Reply(404, {"message": "Not Found"})
        return self._paged(asked, self.weeks(repo), 30)

    def _contributors(self, repo: Repo, asked: Asked) -> Reply:
        if repo.endless:
            said = "The history or contributor list is too large to list contributors for this repository via the API."
            return Reply(403, {"message": said})
        if repo.contributors == 0:
            return Reply(204)
        known = repo.contributors if asked.query.get("anon") in {"1", "true"} else max(0, repo.contributors - 2)
        return self._paged(asked, [{"contributions": known - i} for i in range(known)], 100)

    def _paged(self, asked: Asked, rows: list[Any], most: int) -> Reply:
        size = min(int(asked.query.get("per_page", 30)), most)
        page = int(asked.query.get("page", 1))
        last = max(1, -(-len(rows) // size))
        links = []

        def link(number: int, relation: str) -> None:
            query = "&".join(f"{k}={v}" for k, v in {**asked.query, "page": str(number)}.items())
            links.append(f'<https://api.github.com{asked.path}?{query}>; rel="{relation}"')  # its own name for itself

        if page > 1:
            link(page - 1, "prev")
        if page < last:
            link(page + 1, "next")
            link(last, "last")
        if page > 1:
            link(1, "first")
        return Reply(200, rows[(page - 1) * size : page * size], {"Link": ", ".join(links)} if links else {})

    # GraphQL

    def _graphql(self, text: str) -> Reply:
        try:
            fields = parse(text)
        except QuerySyntaxError as error:
            return Reply(200, {"errors": [{"message": f"Parse error on {error}"}]})
        repositories = [f for f in fields if f.name in {"repository", "node"}]
        found = {f.alias: self._resolve(f) for f in repositories}
        if len(repositories) > 1 and any(repo is not None and repo.heavy for repo in found.values()):
            return Reply(502, {"message": "We couldn't respond to your request in time."})
        data: dict[str, Any] = {}
        faults: list[dict[str, Any]] = []
        for f in fields:
            if f.name == "rateLimit":
                rest = {k.lower().removeprefix("x-ratelimit-"): v for k, v in self._limit_headers(self.token).items()}
                data[f.alias] = {"cost": 1, "remaining": int(rest["remaining"]), "resetAt": iso(int(rest["reset"]))}
                continue
            if f.name not in {"repository", "node"}:
                fault = {"path": ["query", f.name], "extensions": {"code": "undefinedField"}, "message": f"Field '{f.name}' doesn't exist"}
                return Reply(200, {"errors": [fault]})
            repo = found[f.alias]
            if repo is None or repo.closed:
                kind = ("NOT_FOUND", f"Could not resolve to a Repository with {f.arguments}.")
                kind = kind if repo is None else ("FORBIDDEN", "Repository access blocked")
                data[f.alias] = None
                faults.append({"type": kind[0], "path": [f.alias], "message": kind[1]})
                continue
            try:
                data[f.alias] = selected(repo, f.selection)
            except KeyError as error:
                fault = {"path": ["query", f.alias], "extensions": {"code": "undefinedField"}, "message": f"Field {error} doesn't exist"}
                return Reply(200, {"errors": [fault]})
        return Reply(200, {"data": data, **({"errors": faults} if faults else {})})

    def _resolve(self, f: Field) -> Repo | None:
        if f.name == "node":
            return next((r for r in self.repos.values() if r.node_id == f.arguments["id"]), None)
        return self.repos.get(self.names.get(f"{f.arguments['owner']}/{f.arguments['name']}".lower(), 0))
