# Everything runs in .venv, which `make` sets up by itself from constraints.txt.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.DEFAULT_GOAL := help
.PHONY: help demo test test-slow test-gpu check format bench clean

help: ## Say what there is
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "itnas needs Python 3.11 or newer: call make PYTHON=python3.x")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt torch
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $(READY)

demo: $(READY) ## Set up, then rebuild classical layers as integral transforms and compare
	$(BIN)/python -m itnas.recover

test: $(READY) ## Set up, then run all tests but the slow ones
	$(BIN)/python -m pytest

test-slow: $(READY) ## Run the slow tests
	$(BIN)/python -m pytest -m slow

test-gpu: $(READY) ## Run the tests that need a CUDA device
	$(BIN)/python -m pytest -m gpu

check: $(READY) ## Lint, format, types, import directions, docs
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest tests/test_docs.py

format: $(READY) ## Format the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(READY) ## Measure the operator against its peers; results go to benchmarks/results
	$(BIN)/itnas bench operator --out benchmarks/results/operator.json
	$(BIN)/python -m benchmarks.tables

clean: ## Remove the virtual environment and caches
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis dist build
	find . -name __pycache__ -not -path './.git/*' -prune -exec rm -rf {} +
