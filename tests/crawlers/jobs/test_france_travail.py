"""France Travail: totals from a header, and an access token that is got, renewed, refused, and kept nowhere."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest

from crawlers.counts import Count
from crawlers.spiders.jobs.france_travail import FranceTravail, read_count
from storage.model import ParseError, Topic
from tests.fakes.boards import NOW, TODAY, Asked, Board, Case, Counts, Raw, named
from tests.fakes.kept import kept

ID, SECRET, TOKEN = "PAR_uptake_0a1b2c", "s3cret-of-the-application", "a-token-of-25-minutes-"
JSON = {"Content-Type": "application/json;charset=UTF-8"}
TOPICS = tuple(Topic(f"t{n}", f"T{n}", {"jobs": f"word{n}"}) for n in range(12))


def is_login(asked: Asked) -> bool:
    return asked.path in {"", "/"}


def login(asked: Asked, token: str) -> tuple[int, Any]:
    form = {key: values[0] for key, values in parse_qs(asked.body.decode()).items()}
    if form.get("client_id") != ID or form.get("client_secret") != SECRET:
        return 401, {"error": "invalid_client", "error_description": f"Client authentication failed for {form.get('client_id')}"}
    assert (form["grant_type"], form["scope"]) == ("client_credentials", "api_offresdemploiv2 o2dsoffre")
    return 200, {"scope": form["scope"], "expires_in": 1499, "token_type": "Bearer", "access_token": token}


def offers(asked: Asked, counts: Counts) -> tuple[int, Any]:
    topic = named(asked.query.get("motsCles", ""))
    count = counts[f"new:{topic}" if asked.query.get("publieeDepuis") == "7" else topic]
    if count == 0:
        return 204, Raw(b"", {"Content-Range": "*/0"})
    last = min(count - 1, int(asked.query["range"].partition("-")[2]))
    rows = [{"id": f"1{n}", "intitule": f"Développeur {topic} (H/F)", "entreprise": {"nom": "ACME"}} for n in range(last + 1)]
    body = json.dumps({"resultats": rows, "filtresPossibles": []}).encode()
    return 200 if last + 1 == count else 206, Raw(body, {**JSON, "Content-Range": f"offres 0-{last}/{count}"})


def answer(asked: Asked, counts: Counts) -> tuple[int, Any]:
    if is_login(asked):
        return login(asked, TOKEN)
    return offers(asked, counts) if asked.headers.get("Authorization") == f"Bearer {TOKEN}" else (401, Raw(b""))


CASE = Case(
    FranceTravail,
    answer,
    options={"client_id": ID, "client_secret": SECRET},
    breaks=({"resultats": []}, {"resultats": [{"id": "1"}]}, {"codeErreur": "X", "message": "Une erreur est survenue"}, []),
)


class Renewing(Board):
    """Gives a new token each time it is asked; each is good for so many requests."""

    def __init__(self, good_for: int) -> None:
        super().__init__(replace(CASE, answer=self.answer))
        self.good_for, self.given, self.used = good_for, 0, 0

    def answer(self, asked: Asked, counts: Counts) -> tuple[int, Any]:
        if is_login(asked):
            self.given, self.used = self.given + 1, 0
            return login(asked, f"{TOKEN}{self.given}")
        self.used += 1
        good = asked.headers.get("Authorization") == f"Bearer {TOKEN}{self.given}" and self.used <= self.good_for
        return offers(asked, counts) if good else (401, Raw(b""))


def logins(board: Board) -> int:
    return sum(1 for asked in board.log if is_login(asked))


def test_totals_come_from_the_header_whatever_the_status(tmp_path: Path) -> None:
    with Board(CASE) as board:
        board.counts |= {"tensorflow": 0, "new:tensorflow": 0, "new:pytorch": 3}
        h = board.harness(tmp_path)
        h.collect(NOW)
        assert h.values() == {
            'jobs.postings{topic="pytorch",board="france_travail",country="fr"}': {TODAY: 153},
            'jobs.postings{topic="tensorflow",board="france_travail",country="fr"}': {TODAY: 0},
            'jobs.new_postings{topic="pytorch",board="france_travail",country="fr"}': {TODAY: 3},
            'jobs.new_postings{topic="tensorflow",board="france_travail",country="fr"}': {TODAY: 0},
            'jobs.total{board="france_travail",country="fr"}': {TODAY: 12_345},
        }
        assert {a.status for a in board.asked("/partenaire")} == {200, 204, 206}
        assert {a.path for a in board.asked("/partenaire")} == {"/partenaire/offresdemploi/v2/offres/search"}
        assert logins(board) == 1, "one token for the whole run"


def test_neither_secret_nor_token_is_kept(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("DEBUG"), Board(CASE) as board:
        board.compress = True  # whatever is accepted
        echo = {"Content-Range": "offres 0-4/153", **JSON, "X-Sent": f"Bearer {TOKEN}"}
        body = json.dumps({"resultats": [{"id": TOKEN, "who": ID, "with": SECRET}]}).encode()
        board.fail(lambda a: not is_login(a), times=3, headers=echo, body=body, status=206)
        h = board.harness(tmp_path)
        reports = h.collect(NOW)
        assert {e.label for e in h.ends()} == {"measured"}
        assert reports[0].requests == 1 + 1 + 5, "robots.txt, the token, and what was asked"
    text = kept(tmp_path)
    assert "[scrubbed]" in text
    for secret in (ID, SECRET, TOKEN):
        assert secret not in text
        assert secret not in caplog.text


def test_an_expired_token_is_replaced_on_the_way(tmp_path: Path) -> None:
    with Renewing(good_for=7) as board:
        board.counts |= {"new:": 5}
        h = board.harness(tmp_path, TOPICS)
        h.collect(NOW)
        assert len(h.ends()) == 25
        assert {e.label for e in h.ends()} == {"measured"}
        assert logins(board) >= 4
    assert TOKEN not in kept(tmp_path)


def test_a_run_that_was_cut_off_asks_for_a_new_token_and_for_nothing_twice(tmp_path: Path) -> None:
    with Renewing(good_for=99) as board:
        board.counts |= {"new:": 5}
        h = board.harness(tmp_path, TOPICS)
        asked: list[str] = []
        commit = "crawlers.recorder.Recorder._commit"
        with pytest.MonkeyPatch.context() as patch:

            def fail(*_: object) -> None:
                raise OSError("the process dies here")

            patch.setattr(commit, fail)
            with pytest.raises(OSError, match="dies here"):
                h.collect(NOW)
        asked = [f"{a.query}" for a in board.asked("/partenaire")]
        assert asked
        assert logins(board) == 1
        h.collect(NOW)
        again = [f"{a.query}" for a in board.asked("/partenaire")][len(asked) :]
        assert not set(asked) & set(again), "what was captured is not asked again"
        assert {e.label.partition("(")[0] for e in h.ends()} <= {"measured", "recovered"}
        assert logins(board) == (2 if again else 1)


def test_reading_again_needs_no_token(tmp_path: Path) -> None:
    with Board(CASE) as board:
        h = board.harness(tmp_path)
        h.collect(NOW)
        before = len(board.log)
        h.reparse(NOW + 60)
        assert len(board.log) == before
        assert h.values("jobs.total") == {'jobs.total{board="france_travail",country="fr"}': {TODAY: 12_345}}


@pytest.mark.parametrize("status", [400, 401, 403])
def test_wrong_credentials_are_said_with_their_remedy(tmp_path: Path, status: int) -> None:
    with Board(CASE) as board:
        board.fail(is_login, times=99, status=status)
        h = board.harness(tmp_path, client_secret="another-secret")
        h.collect(NOW)
        assert {e.label for e in h.ends()} == {"missing(blocked)"}
        said = h.ends()[0].detail
        assert f"status {status} (invalid_client); check UPTAKE_FRANCE_TRAVAIL_CLIENT_ID and UPTAKE_FRANCE_TRAVAIL_CLIENT_SECRET" in said
        assert ID not in said
        assert logins(board) == 1, "a refusal ends the run"
        assert not board.asked("/partenaire"), "nothing is asked without a token"


def test_an_application_without_this_interface_is_said(tmp_path: Path) -> None:
    with Board(CASE) as board:
        board.fail(lambda a: not is_login(a), times=99, status=403, body=b'{"message": "Forbidden"}')
        h = board.harness(tmp_path)
        h.collect(NOW)
        assert {e.label for e in h.ends()} == {"missing(blocked)"}
        assert h.ends()[0].detail.startswith("status 403: Forbidden; check UPTAKE_FRANCE_TRAVAIL_CLIENT_ID")


@pytest.mark.parametrize(
    ("fault", "label"),
    [
        ({"status": 503, "times": 1}, "measured"),
        ({"status": 429, "times": 1, "headers": {"Retry-After": "0"}}, "measured"),
        ({"status": 503, "times": 99}, "missing(unreachable)"),
        ({"status": 429, "times": 99}, "missing(throttled)"),
        ({"status": 429, "times": 99, "headers": {"Retry-After": "3600"}}, "missing(throttled)"),
        ({"status": 404, "times": 99}, "missing(not_found)"),
        ({"times": 99, "body": b"<html>Maintenance</html>"}, "missing(parse_error)"),
        ({"times": 99, "body": b""}, "missing(parse_error)"),
        ({"times": 99, "body": b'{"access_token": null}'}, "missing(parse_error)"),
        ({"times": 99, "body": b'{"access_token": "two\\r\\nlines"}'}, "missing(parse_error)"),
    ],
)
def test_trouble_with_the_token_is_an_outcome_of_the_slots(tmp_path: Path, fault: dict[str, Any], label: str) -> None:
    with Board(CASE) as board:
        board.fail(is_login, **fault)
        h = board.harness(tmp_path)
        h.collect(NOW)
        assert {e.label for e in h.ends()} == {label}
        if label == "missing(parse_error)":
            assert "no access token from 127.0.0.1" in h.ends()[0].detail


def test_preview_shows_titles(tmp_path: Path) -> None:
    with Board(CASE) as board:
        board.counts |= {"tensorflow": 0}
        said = {p.topic: p.text for p in board.harness(tmp_path).preview()}
        assert said["pytorch"].startswith("search pytorch: 153 postings; 'Développeur pytorch (H/F)'; ")
        assert said["tensorflow"] == "search tensorflow: 0 postings"


SOME = b'{"resultats": [{"id": "1"}]}'


@pytest.mark.parametrize(
    ("status", "said", "body", "count"),
    [
        (206, "offres 0-149/3285", SOME, 3285.0),
        (206, "offres 0-0/2", SOME, 2.0),
        (200, "offres 0-0/1", SOME, 1.0),
        (204, "*/0", b"", 0.0),
        (204, "offres */0", b"", 0.0),
        (200, "*/0", b'{"resultats": []}', 0.0),
    ],
)
def test_a_total(status: int, said: str, body: bytes, count: float) -> None:
    assert read_count(status, said, body) == Count(count)


@pytest.mark.parametrize(
    ("status", "said", "body"),
    [
        (204, "", b""),
        (206, "", SOME),
        (206, "offres 0-149/*", SOME),
        (206, "offres 0-149", SOME),
        (206, "offres 0-4/3", SOME),
        (206, "offres 5-4/30", SOME),
        (206, "*/3285", SOME),
        (206, "offres 0-0/0", SOME),
        (204, "*/3285", b""),
        (204, "offres 0-0/3", b""),
        (200, "*/0", SOME),
        (206, "offres 0-149/3285", b""),
        (206, "offres 0-149/3285", b"<html></html>"),
        (206, "offres 0-149/3285", b'{"codeErreur": "X"}'),
    ],
)
def test_a_header_that_says_no_total_or_contradicts_is_an_error(status: int, said: str, body: bytes) -> None:
    with pytest.raises(ParseError):
        read_count(status, said, body)
