"""How GitHub is asked, and which repository is meant: what all of `crawlers.spiders.github` stands on.

A repository is known by its id from the first answer on. It is asked for under the name that it had last;
where that name is gone, or has gone to somebody else, by its id.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from scrapy.http import Request, Response

from crawlers.outcomes import outcome_of
from crawlers.politeness import retry_after
from crawlers.source import Handler, Option, Output, SourceSpider, join
from crawlers.spiders import github_limits as limits
from crawlers.spiders import github_payloads as payloads
from storage.model import Event, Reason, Remember, Slot, Topic, UsageError

logger = logging.getLogger(__name__)

HEADERS = {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2026-03-10"}
NAME = re.compile(r"(?:https?://github\.com/)?([A-Za-z0-9][A-Za-z0-9_-]*)/([A-Za-z0-9._-]+?)(?:\.git)?/?")


@dataclass(frozen=True, slots=True)
class Ask:
    """A repository to be asked for: by its name, or by the id under which it was seen before."""

    topic: str
    name: str
    id: int | None = None
    node: str = ""

    @property
    def by_id(self) -> bool:
        return self.id is not None or bool(self.node)


class Repositories(SourceSpider):
    """Requests, limits and identities. No source of its own."""

    endpoints: ClassVar[Mapping[str, str]] = {"base_url": "https://api.github.com", "graphql_url": ""}  # empty: base_url + /graphql
    signals = ("github",)
    options = (
        Option(
            "token",
            "A personal access token without any scope (https://github.com/settings/tokens): 5,000 requests an hour instead of 60.",
            secret=True,
        ),
    )

    @property
    def token(self) -> str:
        return str(self.option("token") or "")

    def credentials(self) -> tuple[Mapping[str, str], Mapping[str, str]]:
        return ({"Authorization": f"Bearer {self.token}"} if self.token else {}), {}

    @property
    def graphql_url(self) -> str:
        return self.job.endpoints.get("graphql_url") or join(self.endpoint(), "/graphql")

    # Requests

    def get(
        self, path: str, then: Handler, slots: Sequence[Slot] = (), *, params: Mapping[str, object] | None = None, **kwargs: Any
    ) -> Request:
        """A REST request. Not-modified answers are free only with a token, so only then it is asked for them."""
        return self.fetch(path, self._open, slots, params=params, headers=HEADERS, conditional=bool(self.token), handler=then, **kwargs)

    def _open(self, response: Response, slots: Sequence[Slot], handler: Handler, **kwargs: Any) -> Iterable[Output]:
        shut = limits.closed(response.status, response.body)
        if shut and response.request is not None:
            return self.failed(response.request, slots, Reason.BLOCKED, shut, handler=handler, **kwargs)
        return handler(response, slots, **kwargs)

    # Limits

    def wait_for(self, response: Response) -> float | None:
        graphql = response.url == self.graphql_url
        return limits.seconds_to_wait(
            response.status, headers_of(response), response.body, lambda date: retry_after(response, date), graphql=graphql
        )

    def refusal(self, response: Response) -> tuple[Reason, str] | None:
        status, body, graphql = response.status, response.body, response.url == self.graphql_url
        if limits.limited(status, headers_of(response), body, graphql=graphql):
            return Reason.THROTTLED, f"GitHub's rate limit is reached (status {status})"
        if status == 401:
            return Reason.BLOCKED, "GitHub refused the token; make a new one without any scope: https://github.com/settings/tokens"
        if status == 403 and limits.too_large(body):
            return Reason.TOO_LARGE, f"GitHub says: {payloads.message(body)}"
        if limits.closed(status, body) or (graphql and limits.overrun(status)):
            return None  # about this repository or this query only: their handlers see to it
        refused = outcome_of(response)
        said = payloads.message(body) if refused else ""
        return (refused[0], f"{refused[1]}: GitHub says: {said}") if refused and said else refused

    # Identities

    @classmethod
    def name_of(cls, topic: Topic) -> str | None:
        """``owner/name``; the repository's page is understood too. Raises `UsageError` for anything else."""
        value = super().name_of(topic)
        if value is None:
            return None
        match = NAME.fullmatch(value) if isinstance(value, str) else None
        if not match or match[2] in {".", ".."}:
            raise UsageError(f'topics.{topic.key}: github = {value!r} is no repository; write "owner/name" as in "pytorch/pytorch"')
        return f"{match[1]}/{match[2]}"

    def configured(self, topic: str) -> str:
        """The repository's name in the config; empty where the topic has none (any more)."""
        return self.name_of(self.job.topics[topic]) or ""

    def recalled(self, kind: str, topic: str) -> Any:
        """What was remembered of a topic's repository. Under the configured name: another one there is another repository."""
        return self.job.state.get(f"{kind}/{self.configured(topic).lower()}")

    def remember(self, kind: str, topic: str, value: object) -> Remember:
        return Remember(f"{kind}/{self.configured(topic).lower()}", value)

    def known(self, topic: str) -> Mapping[str, Any]:
        """Id, node and name of a repository that was seen before."""
        known = self.recalled("repository", topic)
        return known if isinstance(known, dict) else {}

    def ask(self, topic: str) -> Ask:
        return Ask(topic, str(self.known(topic).get("name") or self.configured(topic)))

    def by_its_id(self, ask: Ask) -> Ask | None:
        """The same repository by its id, if it was seen before and was not asked so already."""
        known = self.known(ask.topic)
        found = Ask(ask.topic, ask.name, known.get("id"), known.get("node", ""))
        return found if found.by_id and not ask.by_id else None

    def is_another(self, ask: Ask, found: payloads.Repository) -> bool:
        """Whether somebody else's repository has taken the name."""
        known = self.known(ask.topic).get("id")
        return not ask.by_id and known is not None and found.id is not None and found.id != known

    def identity(self, ask: Ask, found: payloads.Repository) -> Iterator[Output]:
        """Remember who this is. A new name is told once: from then on it is the known one."""
        if not found.name or (found.id is None and not found.node):
            return
        known, topic = self.known(ask.topic), ask.topic
        told = str(known.get("name") or self.configured(topic))
        now = {"id": found.id, "node": found.node, "name": found.name}
        if found.name.lower() != told.lower():
            logger.warning("GitHub: %s is now called %s and is followed; write the new name into [topics.%s]", told, found.name, topic)
            yield Event(self.job.now, "rename", f"{told} is now {found.name}", topic, f"https://github.com/{found.name}")
        if now != known:
            yield self.remember("repository", topic, now)


def headers_of(response: Response) -> dict[str, str]:
    """A response's headers, names in lower case."""
    return {k.decode("latin-1").lower(): (v[0] if v else b"").decode("latin-1") for k, v in response.headers.items()}


def kept(error: object, response: Response) -> str:
    """A parse error's message with the place of its evidence."""
    capture = response.meta.get("capture")
    return f"{error}; response kept as {capture.file}@{capture.offset}" if capture else str(error)
