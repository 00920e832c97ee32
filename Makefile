# Lineside: `make demo` shows it, `make test` proves it, `make help` lists the rest.
#
# Everything is set up on first use, below .venv, and again when a lock file has changed. No root is
# needed, except to get a C compiler for the tests where there is none.

SHELL := /bin/sh
VENV := .venv
BIN := $(VENV)/bin
PYTHON_SOURCES := agent drivers tests
# What must be covered to the last branch: the parts that decide what is true and keep it. Their own
# tests do that; no other test is traced, which would take it two and a half times as long.
COVERED := agent/core/*,drivers/base.py,agent/journal/*
COVERING := $(wildcard tests/faults/test_journal_*.py) tests/contract/test_lookup.py tests/unit/journal \
  tests/unit/drivers/test_base.py tests/unit/drivers/test_framing.py tests/unit/core
# Tests that are all on their own, and those whose file shares a real peer or a line. What takes long
# comes first, a little at a time, so that at the end nobody waits for it.
SIDE_BY_SIDE := tests/faults tests/properties tests/contract tests/unit $(addprefix --ignore=,$(COVERING))
FILE_BY_FILE := tests/journeys tests/peers
BY_TWO := --numprocesses 2 --maxschedchunk 16

# Ours first; /usr/sbin is where a broker lies, and is not in every user's PATH.
export PATH := $(CURDIR)/$(BIN):$(PATH):/usr/sbin:/sbin
# A library unpacked by .ci/setup-debian is found by the compiler and by what it builds.
UNPACKED := $(wildcard $(CURDIR)/$(VENV)/debian/usr/lib/*-linux-gnu)
ifneq ($(UNPACKED),)
export CPATH := $(CURDIR)/$(VENV)/debian/usr/include
export LIBRARY_PATH := $(UNPACKED)
export LD_RUN_PATH := $(UNPACKED)
endif

# Their bytecode is kept: the tests start the agent a hundred times.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:

.PHONY: help
help: ## list the targets
	@sed -n 's/^\([a-z]*\):[^#]*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 18

# ------------------------------------------------------------------ set-up

.PHONY: setup
setup: $(VENV)/runtime.stamp broker ## environment and broker, as the demo needs them

$(VENV)/runtime.stamp: requirements.lock pyproject.toml .ci/setup-python
	@.ci/setup-python $(VENV) requirements.lock
	@touch $@

$(VENV)/dev.stamp: requirements-dev.lock $(VENV)/runtime.stamp
	@.ci/setup-python $(VENV) requirements-dev.lock
	@touch $@

$(VENV)/peers.stamp: tests/peers/node/package-lock.json .ci/setup-peers $(VENV)/dev.stamp
	@.ci/setup-peers $(VENV)
	@touch $@

# Without a broker the demo still runs, with the file sink alone; the next call looks again.
.PHONY: broker
broker: $(VENV)/runtime.stamp
	@.ci/setup-debian $(VENV) mosquitto=mosquitto || echo 'broker: none, so there is no MQTT'

# A PostgreSQL server for the tests: its programs alone, no service (.ci/setup-peers gets it too).
.PHONY: database
database: $(VENV)/runtime.stamp
	@.ci/setup-debian $(VENV) '/usr/lib/postgresql/*/bin/postgres=postgresql'

# ------------------------------------------------------------------ run

.PHONY: demo
demo: setup ## a simulated line of two stations on real protocols; ARGS=--forever keeps it running
	@$(BIN)/lineside demo $(ARGS)

.PHONY: bench
bench: $(VENV)/dev.stamp broker database ## measure rates and latencies beside their bare rigs
	@$(BIN)/python -m tests.bench $(ARGS)

# ------------------------------------------------------------------ checks

.PHONY: test
test: $(VENV)/peers.stamp broker ## set-up, style, types, arrows, all tests, coverage
	@.ci/steps lint types arrows core coverage tests peers

.PHONY: lint
lint: $(VENV)/dev.stamp ## style and format
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

.PHONY: types
types: $(VENV)/dev.stamp ## mypy, strict over code and tests
	@$(BIN)/mypy

.PHONY: arrows
arrows: $(VENV)/dev.stamp ## who may import whom
	@$(BIN)/lint-imports --no-logo

.PHONY: core
core: $(VENV)/peers.stamp ## the tests of what decides and of what keeps, traced: two at a time
	@$(BIN)/python -m pytest $(COVERING) $(BY_TWO) --cov --cov-report= $(ARGS)

.PHONY: coverage
coverage: ## every branch of what decides and of what keeps (after core)
	@$(BIN)/coverage report --include='$(COVERED)' --fail-under=100

.PHONY: tests
tests: $(VENV)/peers.stamp ## all other units, properties, contracts, faults: two at a time
	@$(BIN)/python -m pytest $(SIDE_BY_SIDE) $(BY_TWO) $(ARGS)

.PHONY: peers
peers: $(VENV)/peers.stamp broker ## real counterparts and whole journeys: two files at a time
	@$(BIN)/python -m pytest $(FILE_BY_FILE) --numprocesses 2 --dist loadfile \
	  --no-loadscope-reorder $(ARGS)

.PHONY: fuzz
fuzz: $(VENV)/dev.stamp ## a million nearly right codes, streams, files and messages against their laws (two minutes)
	@$(BIN)/python -m tests.fuzz $(ARGS)

.PHONY: crash
crash: $(VENV)/dev.stamp ## power cuts, rot and kills by the ten thousand, and a table (half an hour)
	@$(BIN)/python -m tests.crash --long $(ARGS)

# Core and processes in turn; SOAK=core, SOAK=processes or SOAK=wires is one of them. ARGS goes to the
# core's, or to the wires'.
.PHONY: soak
soak: $(VENV)/dev.stamp broker ## random lines of the core, then real processes for MINUTES=10 (SOAK=core|processes|wires)
	@$(if $(filter processes wires,$(SOAK)),,$(BIN)/python -m tests.soak $(ARGS))
	@$(if $(filter core wires,$(SOAK)),,$(BIN)/python -m tests.soak.processes \
	  --minutes $(or $(MINUTES),10) $(if $(SEED),--seed $(SEED)))
	@$(if $(filter wires,$(SOAK)),$(BIN)/python -m tests.soak.wires $(ARGS))

.PHONY: mutate
mutate: $(VENV)/dev.stamp ## change the core in every small way: does a test notice? (an hour; ARGS="--sample 40")
	@$(BIN)/python -m tests.mutation $(ARGS)

.PHONY: sim
sim: $(VENV)/dev.stamp ## the whole agent in virtual time: SEED=1 HOURS=4, SEEDS=1000 for the long form
	@$(BIN)/python -m tests.sim --seed $(or $(SEED),1) --seeds $(or $(SEEDS),1) \
	  --hours $(or $(HOURS),4) $(ARGS)

.PHONY: backlog
backlog: $(VENV)/dev.stamp ## a million events that no sink has, then one that takes them
	@$(BIN)/python -m tests.soak.backlog $(ARGS)

.PHONY: outage
outage: $(VENV)/dev.stamp ## three days without the broker, then all is caught up: HOURS=72
	@$(BIN)/python -m tests.sim.outage --hours $(or $(HOURS),72) $(ARGS)

# ------------------------------------------------------------------ upkeep

.PHONY: lock
lock: $(VENV)/dev.stamp ## renew both lock files from pyproject.toml
	@.ci/lock $(BIN)

.PHONY: audit
audit: $(VENV)/dev.stamp ## what the lock files bring in: hashes, versions, licences, what is used
	@$(BIN)/python .ci/audit.py

.PHONY: clean
clean: ## remove everything that was set up or left behind
	@rm -rf $(VENV) tests/peers/node/node_modules build dist *.egg-info .coverage .coverage.* \
	  .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache htmlcov
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
