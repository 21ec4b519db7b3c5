"""The manifests for Kubernetes as files: what its own schemas say, and that they start what there is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.main import get_command

import deploy
from scheduler import config
from scheduler.cli.main import app
from scheduler.engines.queue import names, schema
from scheduler.engines.queue.opening import SCHEMA
from scheduler.web.door import Door
from tests.deploy.test_stack import checked, tool
from tests.fakes.postgres import Postgres

FOLDER = Path(deploy.__file__).parent / "kubernetes"
MANIFESTS = sorted(path.name for path in FOLDER.glob("*.yaml") if path.name not in {"kustomization.yaml", "autoscaling.yaml"})


@pytest.mark.parametrize("name", MANIFESTS)
def test_a_manifest_is_valid_by_the_schemas_of_kubernetes(name: str) -> None:
    checked(tool("kubernetes-validate", "kubernetes-validate"), "--strict", FOLDER / name)


def test_all_manifests_are_brought_in_or_named() -> None:
    text = (FOLDER / "kustomization.yaml").read_text()
    assert [name for name in (*MANIFESTS, "autoscaling.yaml") if f"- {name}" not in text] == []


@pytest.mark.parametrize("name", ["planner.yaml", "workers.yaml"])
def test_what_is_started_there_is_and_takes_these_options(name: str) -> None:
    (words,) = re.findall(r"args: \[(.+)\]", (FOLDER / name).read_text())
    command, *options = re.findall(r'"([^"]+)"', words)
    known = get_command(app).commands[command]  # type: ignore[attr-defined]  # it is a group
    assert {o for o in options if o.startswith("--")} <= {o for p in known.params for o in (*p.opts, *p.secondary_opts)}


@pytest.mark.parametrize("name", ["planner.yaml", "workers.yaml"])
def test_passwords_come_from_secrets_and_probes_ask_what_answers(name: str) -> None:
    text = (FOLDER / name).read_text()
    for variable in re.findall(r"name: (\w*(?:TOKEN|KEY|URL|PASSWORD|ACCESS_KEY_ID)\w*)$", text, re.MULTILINE):
        assert re.search(rf"name: {variable}\n\s+valueFrom: \{{ secretKeyRef", text), variable
    probed = set(re.findall(r"httpGet: { path: (\S+),", text))
    assert probed == {"/livez"}
    assert "readOnlyRootFilesystem: true" in text


def test_the_configuration_can_be_read() -> None:
    settings = config.load(
        FOLDER / "uptake.toml", {"UPTAKE_HTTP_TOKEN": "x", "UPTAKE_STORE_URL": "postgresql://uptake@db.example.org/uptake"}
    )
    assert settings.daemon.engine == "procrastinate"
    assert settings.queue == "postgresql://uptake@db.example.org/uptake"
    assert settings.elsewhere is not None
    assert settings.http.host == "0.0.0.0"


def test_the_pages_answer_under_the_name_of_their_service() -> None:
    settings = config.load(
        FOLDER / "uptake.toml", {"UPTAKE_HTTP_TOKEN": "x", "UPTAKE_STORE_URL": "postgresql://uptake@db.example.org/uptake"}
    )
    (service,) = re.findall(r"kind: Service\nmetadata:\n  name: (\S+)", (FOLDER / "planner.yaml").read_text())
    (namespace,) = re.findall(r"^namespace: (\S+)", (FOLDER / "kustomization.yaml").read_text(), re.MULTILINE)
    door = Door(settings.http_token, settings.http.names)
    for name in (service, f"{service}.{namespace}", f"{service}.{namespace}.svc", f"{service}.{namespace}.svc.cluster.local"):
        assert door.is_host(name)
        assert door.is_host(f"{name}:80")


@pytest.mark.parametrize("name", ["planner.yaml", "workers.yaml"])
def test_no_variable_of_the_cluster_is_taken_for_one_of_the_program(name: str) -> None:
    """For a service called uptake it would be UPTAKE_PORT, UPTAKE_SERVICE_HOST and the like, in every pod."""
    assert "enableServiceLinks: false" in (FOLDER / name).read_text()


def test_workers_are_counted_by_what_could_be_done_now(postgres: Postgres) -> None:
    """The query of the autoscaling, on the queue's own tables."""
    (query,) = re.findall(r"query: >-\n((?:          .+\n)+)", (FOLDER / "autoscaling.yaml").read_text())
    url = postgres.database("scaled")
    schema.prepare(url)
    insert = f"INSERT INTO {SCHEMA}.procrastinate_jobs (queue_name, task_name, status, scheduled_at) VALUES "
    now, later = "NULL", "now() + interval '1 hour'"
    rows = [
        (names.queue(names.VISIT, "github"), "todo", now),
        (names.queue(names.HEAVY, "github"), "todo", "now() - interval '1 minute'"),
        (names.queue(names.VISIT, "devto"), "todo", later),
        (names.queue(names.VISIT, "medium"), "doing", now),
        (names.queue(names.PLAN), "todo", now),
    ]
    for name, status, at in rows:
        postgres.execute(f"SET search_path = {SCHEMA}", f"{insert} ('{name}', 'x', '{status}', {at})", database="scaled")
    assert postgres.execute(query, database="scaled") == [(2,)]
