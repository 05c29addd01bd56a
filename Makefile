# The commands of the project. Everything they need is put into .venv; the clone stays clean.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP_INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes

.PHONY: run test check format bench lock clean

run: $(VENV)/.installed
	@$(BIN)/python -m hub serve --demo

test: $(VENV)/.installed-dev
	@$(BIN)/python -m pytest -n auto --dist loadfile --no-loadscope-reorder

check: $(VENV)/.installed-dev
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/python -m hub check

format: $(VENV)/.installed-dev
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

bench: $(VENV)/.installed-dev
	@$(BIN)/python -m tests.bench $(BENCH)

# Pin everything anew, hashes included.
lock: $(VENV)/.installed-dev
	@$(BIN)/uv pip compile pyproject.toml --quiet --universal --upgrade --generate-hashes --no-header --no-annotate -o requirements.lock
	@$(BIN)/uv pip compile pyproject.toml --quiet --universal --upgrade --generate-hashes --no-header --no-annotate --group dev -o requirements-dev.lock

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed, this is " + sys.version)'
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: requirements.lock | $(VENV)/bin/python
	@echo "Installing what the hub needs into $(VENV) (once, about half a minute)…"
	@$(PIP_INSTALL) -r requirements.lock
	@touch $@

$(VENV)/.installed-dev: requirements-dev.lock | $(VENV)/bin/python
	@echo "Installing what the hub and its tests need into $(VENV) (once, about a minute)…"
	@$(PIP_INSTALL) -r requirements-dev.lock
	@touch $@ $(VENV)/.installed
