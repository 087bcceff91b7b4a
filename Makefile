# Everything a developer or a pipeline runs. `make` alone runs all checks.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet

export JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION := 20

.DEFAULT_GOAL := all
.PHONY: all help setup demo test fast e2e runtime differential quality check format lint types docs docs-check bench bench-check synth run deploy lock clean

all: check test synth ## All checks: format, lint, types, generated docs, tests, synthesis

help: ## List the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*##/\t/' | expand -t 14

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.demo: requirements/demo.txt pyproject.toml | $(BIN)/python
	$(PIP) install --require-hashes -r requirements/demo.txt
	$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.dev: requirements/dev.txt $(VENV)/.demo
	$(PIP) install --require-hashes -r requirements/dev.txt
	@touch $@

$(VENV)/.bench: requirements/bench.txt $(VENV)/.dev
	$(PIP) install --no-deps --require-hashes -r requirements/bench.txt
	@touch $@

$(VENV)/.e2e: requirements/e2e.txt | $(VENV)/.dev
	$(BIN)/python -m venv --clear $(VENV)/e2e
	$(VENV)/e2e/bin/python -m pip --disable-pip-version-check --quiet install --require-hashes -r requirements/e2e.txt
	@touch $@

node_modules/.package-lock.json: package.json package-lock.json
	npm ci --no-audit --no-fund --loglevel=error

setup: $(VENV)/.dev ## Make .venv with everything, .venv/bin/ekswatch included

demo: $(VENV)/.demo ## Real audit logs through an AWS account in one process, findings out
	@$(BIN)/ekswatch demo

run: $(VENV)/.demo ## Scan files: make run FILE=audit.jsonl
	@$(BIN)/ekswatch scan $(FILE)

test: $(VENV)/.dev node_modules/.package-lock.json ## All tests
	$(BIN)/python -m pytest

fast: $(VENV)/.dev ## The tests of the pure rooms, in seconds
	$(BIN)/python -m pytest tests/audit tests/rules tests/correlate tests/findings

e2e: $(VENV)/.dev $(VENV)/.e2e node_modules/.package-lock.json ## cdk deploy into a local AWS, events in, findings out, cdk destroy
	$(BIN)/python -m tests.e2e

runtime: $(VENV)/.dev ## Cold and warm times of the archive under Lambda's runtime client
	@$(BIN)/python -m tests.runtime

differential: $(VENV)/.dev ## Engine and specification on every recorded event, in minutes
	DIFFERENTIAL=all $(BIN)/python -m pytest tests/rules/test_differential.py

quality: $(VENV)/.demo ## What each detection finds on the recordings, and what none finds
	@$(BIN)/python -m ekswatch.cli.quality

check: format lint types docs-check ## Everything that is not a test

format: $(VENV)/.dev ## Formatting is as ruff has it
	$(BIN)/ruff format --check .

lint: $(VENV)/.dev ## ruff
	$(BIN)/ruff check .

types: $(VENV)/.dev ## mypy, strict
	$(BIN)/mypy

docs: $(VENV)/.dev ## Write the generated pages of docs/
	$(BIN)/python -m ekswatch.cli.docs docs
	$(BIN)/python -m infra.docs docs

docs-check: $(VENV)/.dev ## The generated pages are fresh
	$(BIN)/python -m ekswatch.cli.docs --check docs
	$(BIN)/python -m infra.docs --check docs

bench: $(VENV)/.bench node_modules/.package-lock.json ## Measure against the floor, the goals' numbers and others, in minutes
	$(BIN)/python -m benchmarks

bench-check: $(VENV)/.bench node_modules/.package-lock.json ## Fail when a stored ratio is exceeded by 10 %, or a goal that was met
	$(BIN)/python -m benchmarks --check

synth: $(VENV)/.dev node_modules/.package-lock.json ## Synthesise the stack with the pinned CDK CLI
	npx --no-install cdk synth --quiet -c clusters=example

deploy: $(VENV)/.dev node_modules/.package-lock.json ## cdk deploy: make deploy CLUSTERS=prod,staging
	npx --no-install cdk deploy -c clusters=$(CLUSTERS)

lock: ## Compile requirements/*.in to *.txt with hashes (needs uv)
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate requirements/lambda.in -o requirements/lambda.txt
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate -c requirements/lambda.txt requirements/demo.in -o requirements/demo.txt
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate -c requirements/demo.txt requirements/dev.in -o requirements/dev.txt
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate --override requirements/bench-overrides.in -c requirements/dev.txt requirements/bench.in -o requirements/bench.txt
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate requirements/e2e.in -o requirements/e2e.txt

clean: ## Remove what was built
	rm -rf $(VENV) build cdk.out dist node_modules
