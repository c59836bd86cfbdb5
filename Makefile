# Every target stands on `install`, which does nothing when nothing has changed.

PYTHON ?= python3
VENV   := .venv
ARGS   ?=

STATIC := hub/web/static/app.js
ASSETS := $(shell find hub/web/assets -type f)

.DEFAULT_GOAL := help
.PHONY: help install run test check bench lock clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

install: $(VENV)/.installed $(STATIC) ## Build .venv with the hub command, and the web assets

run: install ## Start the hub with config.toml
	$(VENV)/bin/hub serve $(ARGS)

test: install $(VENV)/.installed-dev ## Run every test; ARGS="-k calls" chooses some
	$(VENV)/bin/python -m pytest $(or $(ARGS),-n auto --dist loadfile)

check: install $(VENV)/.installed-dev ## Check style, types, imports and translations
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	$(VENV)/bin/python -m pytest -q tests/test_imports.py tests/test_repository.py tests/test_translations.py

bench: install $(VENV)/.installed-dev ## Measure the hub against its baselines
	$(VENV)/bin/python -m tests.bench $(ARGS)

lock: ## Resolve the newest versions that pyproject.toml and package.json allow
	$(PYTHON) -m venv build/uv
	build/uv/bin/pip install --quiet uv
	build/uv/bin/uv lock --quiet --upgrade
	build/uv/bin/uv export $(EXPORT) --no-dev --output-file requirements.txt
	build/uv/bin/uv export $(EXPORT) --output-file requirements-dev.txt
	npm update --package-lock-only --ignore-scripts

# Names, versions and hashes only: which index they come from is the installer's choice.
EXPORT := --quiet --frozen --no-emit-project --no-annotate --no-header

clean: ## Remove all that was built; data/ stays
	rm -rf $(VENV) node_modules build dist hub/web/static .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find hub connectors adapters webhooks tests -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/.installed: requirements.txt pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/pip install --quiet --require-hashes --requirement requirements.txt
	$(VENV)/bin/pip install --quiet --no-deps --editable .
	@touch $@

$(VENV)/.installed-dev: requirements-dev.txt $(VENV)/.installed
	$(VENV)/bin/pip install --quiet --require-hashes --requirement requirements-dev.txt
	@touch $@

# npm writes this file last, so it says what is installed.
node_modules/.package-lock.json: package.json package-lock.json
	npm ci --ignore-scripts
	@touch $@

$(STATIC): node_modules/.package-lock.json $(ASSETS)
	npm run --silent build
	@touch $@
