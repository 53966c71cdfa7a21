# Tradewind. `make help` lists what there is.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PEERS := .venv-peers
EXTRAS := operator runner backtest portal cli simulator cluster dev
SOURCES := crds botrunner operator portal dev tests

.DEFAULT_GOAL := help
export CONTEXT REGISTRY DATA SYMBOL PORT CLUSTER KEEP

.PHONY: help
help: ## Show this list
	@awk -F ':.*## ' '/^[a-zA-Z0-9_-]+:.*## /{printf "  \033[1m%-18s\033[0m %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# The locks name every package, so pip has nothing to resolve (--no-deps); where it resolves, it trips over extras of newer releases.
.PHONY: setup
setup: $(VENV)/.ready ## Make .venv with all that development needs

$(VENV)/.ready: requirements-dev.txt
	@echo "making $(VENV) from requirements-dev.txt (hash-checked; some minutes, silently)"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements-dev.txt
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

.PHONY: lock
lock: setup ## Write the hash-locked requirements files anew from pyproject.toml
	@for extra in $(EXTRAS); do \
		$(BIN)/uv pip compile --quiet --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate \
			--extra $$extra pyproject.toml -o requirements-$$extra.txt && echo "requirements-$$extra.txt"; done
	@$(BIN)/uv pip compile --quiet --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate \
		tests/bench/peers.in -o requirements-peers.txt && echo "requirements-peers.txt"

.PHONY: format
format: setup ## Format the code
	@$(BIN)/ruff format $(SOURCES)
	@$(BIN)/ruff check --fix --quiet $(SOURCES) || true

.PHONY: generate
generate: setup ## Write CRDs, the chart's copies and the reference pages anew
	@$(BIN)/python -m tradewind_api.generate
	@$(BIN)/python -m tradewind_portal.openapi

.PHONY: check
check: setup ## Format, lint, types, layers, generated files, fast tests (a minute)
	@$(BIN)/ruff format --check --quiet $(SOURCES) || { echo "run: make format"; exit 1; }
	@$(BIN)/ruff check --quiet $(SOURCES)
	@$(BIN)/mypy $(SOURCES_TYPED)
	@$(BIN)/lint-imports
	@$(BIN)/python -m tradewind_api.generate --check
	@$(BIN)/python -m tradewind_portal.openapi --check
	@$(BIN)/pytest -q -n auto -m "not slow and not cluster and not node and not browser and not peers and not three_ways"

SOURCES_TYPED := crds botrunner operator portal dev

.PHONY: test
test: check $(PEERS)/.ready ## All tests: what `check` does, then slow ones, the peers, the real control plane, real pods, a browser
	@$(BIN)/pytest -q -n auto -m "slow and not cluster and not node and not browser and not peers and not three_ways"
	@$(BIN)/pytest -m "cluster or node or browser or peers or three_ways"

$(PEERS)/.ready: requirements-peers.txt
	@echo "making $(PEERS) from requirements-peers.txt (hash-checked): vectorbt, backtesting.py and empyrical, for comparison only"
	@test -x $(PEERS)/bin/python || $(PYTHON) -m venv $(PEERS)
	@$(PEERS)/bin/pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements-peers.txt
	@touch $@

# Ended at any time it goes on where it was: what is done of this commit stands in the file.
SOAK ?= soak-$(shell git describe --always --dirty).jsonl

.PHONY: three-ways
three-ways: setup ## Seven strategies as back-test, paper bot and live bot on the same recorded candles (a minute; part of `make test`)
	@$(BIN)/pytest -v -m three_ways

.PHONY: soak
soak: setup ## 20,000 simulated bot-hours with a million faults, and 300 kills of real processes (hours; a failed seed is told and fails the end; SOAK= file to go on with)
	@$(BIN)/python tests/simulation/run.py --seed 1000 --seeds 2000 --hours 10 --processes 300 --jobs $$(nproc) --shrink --resume $(SOAK)

.PHONY: bench-engine
bench-engine: setup $(PEERS)/.ready ## Our engine beside vectorbt and backtesting.py in one run (about 8 minutes; ONLY="single cold" runs some groups)
	@$(BIN)/python tests/bench/engine.py --peers $(CURDIR)/$(PEERS)/bin/python $(if $(ONLY),--only $(ONLY))

# Pods run Debian's Python. One that was compiled by hand, without optimisations, is a fourth slower; so where Debian's is here and
# takes the same wheels, what runs in pods is measured with that.
AS_IN_PODS := $(VENV)/as-in-pods
SITE := $(VENV)/lib/python3.11/site-packages
$(AS_IN_PODS): $(VENV)/.ready
	@rm -rf $@
	@test -d $(SITE) && /usr/bin/python3.11 -m venv --without-pip $@ 2>/dev/null && \
		echo "import site; site.addsitedir('$(CURDIR)/$(SITE)')" > $@/lib/python3.11/site-packages/packages.pth || \
		{ rm -rf $@; ln -s . $@; }
	@touch -h $@

.PHONY: bench-bot
bench-bot: setup $(AS_IN_PODS) ## Memory, start and tick-to-order time of a live bot against the simulated exchange (a minute)
	@$(AS_IN_PODS)/bin/python tests/bench/bot.py

.PHONY: bench-simulator
bench-simulator: setup $(AS_IN_PODS) ## Orders a second that the simulated exchange takes on one core, and 200 clients of its streams (a minute)
	@$(AS_IN_PODS)/bin/python tests/bench/simulator.py; rest=$$?; $(AS_IN_PODS)/bin/python tests/bench/simulator_streams.py && exit $$rest

.PHONY: bench-memory
bench-memory: setup $(AS_IN_PODS) ## Resident memory of operator, portal (at rest, after candles, after events), paper bot and exchange; the images' sizes (a minute)
	@$(AS_IN_PODS)/bin/python tests/bench/memory.py

# What `make up` and `tw` need, and no development tool.
RUN := .venv-run

$(RUN)/.ready: requirements-cli.txt requirements-cluster.txt
	@command -v $(PYTHON) >/dev/null || { echo "error: Python 3.11 or newer is needed (apt-get install python3 python3-venv)"; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || { echo "installing python3-venv: for $(RUN)"; apt-get update -qq && apt-get install -y -qq python3-venv; }
	@echo "making $(RUN) from requirements-cli.txt and requirements-cluster.txt (hash-checked; a minute, silently)"
	@test -x $(RUN)/bin/python || $(PYTHON) -m venv $(RUN)
	@for file in $^; do $(RUN)/bin/pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r $$file || exit 1; done
	@printf '%s\n' crds botrunner portal dev/cluster dev/demo | sed "s|^|$(CURDIR)/|" > \
		"$$($(RUN)/bin/python -c 'import site; print(site.getsitepackages()[0])')/tradewind.pth"
	@printf '#!%s\nfrom tradewind_cli.main import main\nmain()\n' "$(CURDIR)/$(RUN)/bin/python" > $(RUN)/bin/tw && chmod +x $(RUN)/bin/tw
	@touch $@

.PHONY: up
up: $(RUN)/.ready ## Bring everything up and show that it works (CONTEXT= REGISTRY= DATA= SYMBOL= PORT= CLUSTER=)
	@$(RUN)/bin/python -m tradewind_demo up

.PHONY: down
down: $(RUN)/.ready ## Take everything away and delete the demo's data (KEEP=1 keeps it)
	@$(RUN)/bin/python -m tradewind_demo down
