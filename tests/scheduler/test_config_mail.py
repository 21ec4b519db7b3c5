"""The sections [digest], [alerts] and [mail]: who reads what, and what a mistake is told as."""

from __future__ import annotations

from pathlib import Path

import pytest

from scheduler.config import Config, load
from storage.model import UsageError

BASE = """\
[baskets.libs]
topics = ["a"]
[baskets.more]
topics = ["a"]
[topics.a]
title = "A"
"""
MAIL = '[mail]\nhost = "smtp.example.org"\nfrom = "Uptake <uptake@example.org>"\n'


def read(folder: Path, text: str) -> Config:
    (folder / "uptake.toml").write_text(f"{BASE}\n{text}", encoding="utf-8")
    return load(folder / "uptake.toml", {})


def test_without_a_section_every_basket_has_a_digest_and_nobody_gets_it(tmp_path: Path) -> None:
    digest = read(tmp_path, "").digest
    assert digest.readers == {"libs": (), "more": ()}
    assert (digest.schedule, digest.timezone) == ("0 7 * * mon", "UTC")


@pytest.mark.parametrize(
    ("section", "readers"),
    [
        ('to = ["a@x.org", "A@X.org", "B <b@x.org>"]', {"libs": ("a@x.org", "b@x.org"), "more": ("a@x.org", "b@x.org")}),
        ('baskets = ["more"]\nto = ["a@x.org"]', {"more": ("a@x.org",)}),
        ('[digest.recipients]\nlibs = ["c@x.org"]', {"libs": ("c@x.org",)}),
        (
            'baskets = ["more"]\nto = ["a@x.org"]\n[digest.recipients]\nlibs = ["a@x.org", "c@x.org"]',
            {"more": ("a@x.org",), "libs": ("a@x.org", "c@x.org")},
        ),
    ],
)
def test_readers_are_of_all_baskets_or_of_theirs_and_each_is_there_once(
    tmp_path: Path, section: str, readers: dict[str, tuple[str, ...]]
) -> None:
    digest = read(tmp_path, f"[digest]\n{section}").digest
    assert digest.readers == readers
    assert digest.baskets == tuple(readers)


def test_a_password_is_read_when_it_is_needed_from_the_environment_or_a_file(tmp_path: Path) -> None:
    settings = read(tmp_path, MAIL + 'user = "u"\npassword_file = "secret.txt"')
    assert settings.mail is not None
    with pytest.raises(UsageError, match=r"\[mail\] password_file: cannot read .*secret.txt: No such file"):
        settings.mail.server({})
    (tmp_path / "secret.txt").write_text("from a file\n", encoding="utf-8")
    assert settings.mail.server({}).password == "from a file"
    assert settings.mail.server({"UPTAKE_MAIL_PASSWORD": "from outside"}).password == "from outside"
    assert "from a file" not in repr(settings) + settings.snapshot


def test_a_user_without_a_password_is_told_how_to_give_one(tmp_path: Path) -> None:
    mail = read(tmp_path, MAIL + 'user = "u"').mail
    assert mail is not None
    with pytest.raises(UsageError, match="set UPTAKE_MAIL_PASSWORD, or name a file with password_file"):
        mail.server({})


def test_a_webhook_is_a_secret(tmp_path: Path) -> None:
    digest = read(tmp_path, '[digest]\nwebhook_file = "hook.txt"').digest
    (tmp_path / "hook.txt").write_text("https://chat.example.org/token\n", encoding="utf-8")
    assert digest.webhook({}) == "https://chat.example.org/token"
    with pytest.raises(UsageError) as told:
        digest.webhook({"UPTAKE_DIGEST_WEBHOOK": "ftp://secret"})
    assert str(told.value) == "UPTAKE_DIGEST_WEBHOOK: its value is not an address that begins with http:// or https://"


MISTAKES = {
    "an address": ('[digest]\nto = ["nobody"]', r"\[digest\] to: 'nobody' is not a mail address; write one like team@example.org"),
    "an address of one basket": ('[digest.recipients]\nlibs = ["x@"]', r"\[digest.recipients\] libs: 'x@' is not a mail address"),
    "a basket": ('[digest]\nbaskets = ["lib"]', r"\[digest\] baskets: there is no basket 'lib'; did you mean 'libs'\?"),
    "a basket with recipients": ('[digest.recipients]\nlib = ["a@x.org"]', r"\[digest.recipients\]: there is no basket 'lib'"),
    "a schedule": ('[digest]\nschedule = "0 7 * * 1"', r"\[digest\] schedule: name the weekdays"),
    "a time zone": ('[digest]\ntimezone = "Mars"', r"\[digest\] timezone: there is no time zone 'Mars'"),
    "a link": ('[digest]\nlink = "report.html"', r"\[digest\] link: 'report.html' is not an address that begins with http:// or https://"),
    "a sender": ('[mail]\nhost = "h"\nfrom = "uptake"', r"\[mail\] from: 'uptake' is not a mail address"),
    "a host": ('[mail]\nhost = "h h"\nfrom = "a@x.org"', r"\[mail\] host: 'h h' is not the name of a server"),
    "security": (MAIL + 'security = "ssl"', r"\[mail\] security: write 'starttls', 'tls' or 'none', not 'ssl'"),
    "a password in the clear": (
        MAIL + 'security = "none"\nuser = "u"',
        r'\[mail\] security: with "none" the password would travel in the clear',
    ),
    "an address to leave": (MAIL + 'unsubscribe = "leave@x.org"', r"\[mail\] unsubscribe: 'leave@x.org' is not a mailto: address"),
    "a page to leave": (
        MAIL + 'unsubscribe_url = "http://x.org"',
        r"\[mail\] unsubscribe_url: 'http://x.org' is not an address .* https://",
    ),
    "a header in an address": ('[digest]\nto = ["a@x.org\\nBcc: b@x.org"]', r"\[digest\] to: .* is not a mail address"),
    "an unknown key of alerts": ("[alerts]\novertake = true", r"\[alerts\] overtake: unknown key; did you mean 'overtakes'\?"),
    "a password in the file": (MAIL + 'password = "x"', r"\[mail\] password: unknown key; did you mean 'password_file'\?"),
}


@pytest.mark.parametrize(("text", "said"), MISTAKES.values(), ids=[k.replace(" ", "-") for k in MISTAKES])
def test_a_mistake_is_told_with_its_place(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        read(tmp_path, text)
