"""Secrets that systemd hands over as files, named like the environment variables whose place they take."""

from __future__ import annotations

from pathlib import Path

import pytest

from scheduler.config import Config, load

CONFIG = """\
[custom.widgets]
url = "http://127.0.0.1:1/{name}"
json = "count"
headers_env = { Authorization = "UPTAKE_CUSTOM_TOKEN" }

[baskets.toys]
topics = ["alpha"]

[topics.alpha]
github = "made-up/alpha"
custom = { widgets = "alpha" }
"""


@pytest.fixture
def handed(tmp_path: Path) -> Path:
    folder = tmp_path / "credentials"
    folder.mkdir()
    return folder


def read(handed: Path, more: str = "", **environment: str) -> Config:
    file = handed.parent / "uptake.toml"
    file.write_text(CONFIG + more, encoding="utf-8")
    return load(file, {"CREDENTIALS_DIRECTORY": str(handed), **environment})


def test_credentials_stand_for_the_environment(handed: Path) -> None:
    for name in ("UPTAKE_GITHUB_TOKEN", "UPTAKE_HTTP_TOKEN", "UPTAKE_CUSTOM_TOKEN"):
        (handed / name).write_text(f"secret of {name}\n", encoding="utf-8")
    settings = read(handed)
    assert settings.sources["github"].options["token"] == "secret of UPTAKE_GITHUB_TOKEN"
    assert settings.http_token == "secret of UPTAKE_HTTP_TOKEN"
    assert settings.sources["custom.widgets"].enabled
    assert settings.sources["custom.widgets"].options["headers"] == {"Authorization": "secret of UPTAKE_CUSTOM_TOKEN"}
    assert "secret" not in settings.snapshot


def test_the_environment_and_a_named_file_come_first(handed: Path) -> None:
    (handed / "UPTAKE_GITHUB_TOKEN").write_text("handed over", encoding="utf-8")
    (handed.parent / "token").write_text("in a file", encoding="utf-8")
    named = '\n[sources.github]\ntoken_file = "token"\n'
    assert read(handed).sources["github"].options["token"] == "handed over"
    assert read(handed, named).sources["github"].options["token"] == "in a file"
    assert read(handed, named, UPTAKE_GITHUB_TOKEN="set").sources["github"].options["token"] == "set"


def test_without_its_secret_a_counter_is_off_and_says_what_it_needs(handed: Path) -> None:
    setting = read(handed).sources["custom.widgets"]
    assert not setting.enabled
    assert setting.why_off == "needs UPTAKE_CUSTOM_TOKEN in the environment"
