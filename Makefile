# Two commands matter: `make demo` and `make test`. Both set up everything they need.
SHELL := /bin/sh
PYTHON ?= python3
UV_VERSION := 0.13.9
UV := .tools/bin/uv
PY := .venv/bin/python
export DATA_DIR PORT CONSOLE_PORT ONCE MINUTES SEED
export DO_NOT_TRACK := 1
export PREFECT_SERVER_ANALYTICS_ENABLED := false

.PHONY: demo test serve migrate setup lint types imports pytest bench soak image-test live clean

demo: setup  ## end-to-end demo on embedded defaults; ONCE=1 runs it once and exits
	@$(PY) -m deployments.demo

serve: setup  ## the product for real use on one machine; DATA_DIR, PORT and CONSOLE_PORT may be set
	@$(PY) -m deployments.serve

test: lint types imports pytest  ## everything that must hold

setup: .venv/.ready

$(UV):
	@echo "Setting up: uv"
	@$(PYTHON) -m venv .tools
	@.tools/bin/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)

.venv/.ready: uv.lock pyproject.toml | $(UV)
	@echo "Setting up: packages from uv.lock"
	@$(UV) sync --locked --quiet --compile-bytecode --python $(PYTHON)
	@touch $@

migrate: setup
	@$(PY) -m deployments.migrate

lint: setup
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .

types: setup
	@.venv/bin/mypy

imports: setup
	@.venv/bin/lint-imports --no-cache

# The tests start a hundred processes; each would compile all modules again.
pytest: export PYTHONDONTWRITEBYTECODE :=
pytest: setup
	@.venv/bin/pytest -n auto --dist loadgroup --no-loadscope-reorder $(if $(CI),--durations=25)

bench: setup  ## figures, as ratios against a bare httpx loop in the same run
	@$(PY) -m pytest tests/benchmarks -s -o addopts= -W ignore --log-level=ERROR

soak: setup  ## changes and kills at random for MINUTES (default: 30), on SQLite and on PostgreSQL
	@$(PY) -m pytest tests/soak -s -o addopts= -W ignore --log-level=ERROR

image-test: setup  ## builds the image with buildah on a Debian of debootstrap, and runs it
	@.venv/bin/pytest tests/image -rs -s

live: setup  ## the same scenarios against your own servers, see tests/live/README.md
	@.venv/bin/pytest tests/live -rs

clean:
	rm -rf .venv .tools .mypy_cache .ruff_cache .pytest_cache
