# Tradewind. `make help` lists what there is.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
EXTRAS := operator runner backtest portal cli simulator cluster dev
SOURCES := crds botrunner operator portal dev tests

.DEFAULT_GOAL := help

.PHONY: help
help: ## Show this list
	@awk -F ':.*## ' '/^[a-zA-Z0-9_-]+:.*## /{printf "  \033[1m%-18s\033[0m %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: setup
setup: $(VENV)/.ready ## Make .venv with all that development needs

$(VENV)/.ready: requirements-dev.txt pyproject.toml
	@echo "making $(VENV) from requirements-dev.txt (hash-checked)"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

.PHONY: lock
lock: $(foreach extra,$(EXTRAS),requirements-$(extra).txt) ## Write the hash-locked requirements files anew where pyproject.toml changed

requirements-%.txt: pyproject.toml
	$(BIN)/uv pip compile --quiet --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate --extra $* pyproject.toml -o $@

.PHONY: format
format: setup ## Format the code
	@$(BIN)/ruff format $(SOURCES)
	@$(BIN)/ruff check --fix --quiet $(SOURCES) || true
