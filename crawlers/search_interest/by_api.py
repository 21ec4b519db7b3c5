"""The part of the source that asks the official API: an operation for each topic and place, looked at until it is done."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence

from scrapy.http import Request, Response

from crawlers.outcomes import outcome_of
from crawlers.payload import mapping, read_json
from crawlers.search_interest import official
from crawlers.search_interest.terms import term_of
from crawlers.source import Output, SourceSpider
from crawlers.tokens import Login
from storage.model import Reason, Slot

LOOKS = 30  # at one operation
HOME = {"api_url": "https://searchtrends.googleapis.com", "token_url": "https://oauth2.googleapis.com/token"}
REST = 2.0  # seconds between them


class OfficialApi(SourceSpider):
    """Base of the source: with ``way = "api"`` these are its requests and its access."""

    def endpoint(self, key: str = "base_url") -> str:
        return super().endpoint(key) or HOME[key]

    def start_operation(self, slot: Slot, geo: str) -> Request:
        body = official.request_for(term_of(self.topic(slot)), geo, self.job.now)
        return self.fetch(official.START, self._started, [slot], endpoint="api_url", headers=self._project(), post=body)

    def _project(self) -> Mapping[str, str]:
        said = self.option("project") or self._credentials().get("quota_project_id") or self._credentials().get("project_id")
        return {"X-Goog-User-Project": str(said)} if said else {}

    def _started(self, response: Response, slots: Sequence[Slot]) -> Iterator[Output]:
        yield self._look(official.operation_path(read_json(response.body)), slots[0], 1)

    def _look(self, path: str, slot: Slot, look: int) -> Request:
        return self.fetch(path, self._looked, [slot], endpoint="api_url", headers=self._project(), path_=path, look=look)

    def _looked(self, response: Response, slots: Sequence[Slot], *, path_: str, look: int) -> Iterator[Output]:
        payload = mapping(read_json(response.body))
        failure = official.failure_of(payload)
        if failure is not None:
            if failure[0] in {Reason.BLOCKED, Reason.THROTTLED}:
                self.stop(*failure)
            yield slots[0].missing(*failure)
        elif payload.get("done") is not True:
            if look >= LOOKS or not (response.meta.get("replayed") or self.pause(REST, "api_url")):
                yield slots[0].missing(Reason.UNREACHABLE, f"the operation was not done after {look} looks")
            else:
                yield self._look(path_, slots[0], look + 1)
        else:
            found = official.parse_points(payload)
            yield from (Slot(slots[0].series, week).observe(value) for week, value in found.items() if week != slots[0].time)
            if slots[0].time in found:
                yield slots[0].observe(found[slots[0].time])
            else:
                yield slots[0].missing(Reason.NOT_FOUND, "Google has no value for this week: too few searches, or none yet")

    def _credentials(self) -> Mapping[str, str]:
        said = self.option("credentials")
        return official.read_credentials(str(said)) if said else {}

    def credentials(self) -> tuple[Mapping[str, str], Mapping[str, str]]:
        token = self.option("token") if self.option("way") == "api" else None
        return ({"Authorization": f"Bearer {token}"} if token else {}), {}

    def login(self) -> Login | None:
        if self.option("way") != "api" or self.option("token") or not self.option("credentials"):
            return None
        url = self.endpoint("token_url")
        remedy = "check UPTAKE_GOOGLE_TRENDS_CREDENTIALS, and that your project was let into the alpha"
        return Login(
            url, official.grant(self._credentials(), url, int(time.time())), remedy
        )  # an access token is of the hour, and not kept

    def secrets(self) -> list[str]:
        inner = [v for k, v in self._credentials().items() if k in {"private_key", "client_secret", "refresh_token"}]
        return [*super().secrets(), *inner]

    def refusal(self, response: Response) -> tuple[Reason, str] | None:
        refused = outcome_of(response)
        if refused is None or refused[0] is not Reason.BLOCKED or self.option("way") != "api":
            return refused
        return Reason.BLOCKED, f"{refused[1]}; the official API needs access of your own: set UPTAKE_GOOGLE_TRENDS_CREDENTIALS"
