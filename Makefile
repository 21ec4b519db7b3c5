# Needs Python 3.11 or newer and make, nothing else. `make demo`, `make run` and `make test` do all the set-up.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV := $(VENV)/uv/bin/uv
STAMP := $(VENV)/.ready

.PHONY: env demo run stack test soak lint bench docs pictures lock clean

env: $(STAMP)

$(STAMP): pyproject.toml requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Uptake needs Python 3.11 or newer; name one: make $(MAKECMDGOALS) PYTHON=/path/to/python3.11"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv --without-pip $(VENV) || { echo "Python cannot make an environment in $(CURDIR)/$(VENV): check the folder's permissions and the disk."; exit 1; }
	@test -x $(VENV)/uv/bin/uv || $(PYTHON) -m pip install --quiet --disable-pip-version-check --root-user-action ignore --target $(VENV)/uv 'uv>=0.9' || { echo "uv could not be installed: check the network and your pip settings (on Debian: apt install python3-pip)."; exit 1; }
	@$(UV) pip install --quiet --python $(BIN)/python --require-hashes --requirements requirements.lock || { echo "The packages of requirements.lock could not be installed: check the network, then run make again."; exit 1; }
	@$(UV) pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable . || { echo "Uptake itself could not be installed into $(VENV)."; exit 1; }
	@PYTHONDONTWRITEBYTECODE= $(BIN)/python -c 'import altair, pandas, pytest, vl_convert, scheduler.cli.app, scheduler.config, storage.figures, storage.database, alembic.command, trends.report'  # byte code now, so that the first commands are quick
	@touch $(STAMP)

demo: env
	@exec $(BIN)/uptake demo

run: env
	@$(BIN)/uptake quickstart && exec $(BIN)/uptake run

stack:
	@docker compose version >/dev/null 2>&1 || { echo "make stack needs Docker with its compose plugin (https://docs.docker.com/engine/install/), which is not here or does not answer. Without it: make run shows the same figures in one page, and docs/grafana.md leads to dashboards in a Grafana of your own." >&2; exit 1; }
	@docker compose --file deploy/compose.yaml up --build --detach --wait
	@echo "Grafana     http://127.0.0.1:3000  user admin, password: docker compose -f deploy/compose.yaml exec grafana cat /secrets/grafana/grafana-password"
	@echo "Mail        http://127.0.0.1:8025  where the first digest lies"
	@echo "Prometheus  http://127.0.0.1:9090"
	@echo "InfluxDB    http://127.0.0.1:8086  user uptake, password: docker compose -f deploy/compose.yaml exec influxdb cat /secrets/influxdb/influxdb-password"
	@echo "Uptake      http://127.0.0.1:8321/healthz"
	@echo "Stop: docker compose -f deploy/compose.yaml down   (with --volumes it forgets everything)"

test: env
	@$(BIN)/python -m pytest -q -n 2 tests

soak: env
	@UPTAKE_SOAK=1 $(BIN)/python -m pytest -q -n 2 tests/faults

lint: env
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy && $(BIN)/python -m scheduler.docs --check

bench: env
	@OPENBLAS_NUM_THREADS=1 $(BIN)/python -m benchmarks

docs: env
	@$(BIN)/python -m scheduler.docs

pictures: env
	@UPTAKE_PICTURES=$(CURDIR)/docs $(BIN)/python -m pytest -q tests/web/test_browser.py -k pictures

lock: env
	@$(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url --group dev --extra cluster pyproject.toml --output-file requirements.lock

clean:
	@rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis
