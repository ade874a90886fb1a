# Everything runs in .venv, which `make` sets up by itself from constraints.txt.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
BROWSER := $(VENV)/.browser
# Sweeps and tests start many processes: what the first compiles the others shall read, whatever the environment says.
export PYTHONDONTWRITEBYTECODE :=

# One process for each core (a third on two cores was tried: no faster); tests/sharing.py says which tests stay together.
BESIDE := --numprocesses auto --dist loadfile --no-loadscope-reorder

.DEFAULT_GOAL := help
.PHONY: help demo test nightly test-slow test-at-length test-gpu check format bench clean

help: ## Say what there is
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "itnas needs Python 3.11 or newer: call make PYTHON=python3.x")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt torch
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $(READY)

# Pictures are drawn, and pages tested, in a browser. Where it cannot be installed, those tests are skipped and say so.
$(BROWSER): $(READY)
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && ! command -v chromium >/dev/null; then \
		{ apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium >/dev/null; } \
		|| echo 'no chromium: tests that need a browser will be skipped'; fi
	touch $(BROWSER)

demo: $(READY) ## Set up, then search for what three tasks want: a small sweep, its findings and a report
	rm -rf runs/demo
	$(BIN)/itnas search emergence --profile demo --task recall/pairs=4,vocab=16 --task local-pattern --task flip-flop --run runs/demo
	$(BIN)/itnas report runs/demo

test: $(BROWSER) ## Set up, then run all tests but the slow ones
	$(BIN)/python -m pytest $(BESIDE) --durations 25 --durations-min 5

nightly: test test-slow ## All tests that need no GPU, with kills, lost nodes and full disks (an hour)

test-slow: $(READY) ## Run the slow tests
	$(BIN)/python -m pytest -m slow

test-at-length: $(READY) ## Kill drivers, workers and Ray 290 times, then draw garbage and properties for an hour
	$(BIN)/python -m pytest --draws 4 -m 'slow or not slow' tests/chaos
	$(BIN)/python -m pytest --draws 25 -m 'slow or not slow' --ignore tests/chaos

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

bench: $(READY) ## Measure everything against its peers (four hours); results go to benchmarks/results
	$(BIN)/itnas bench operator --out benchmarks/results/operator.json
	$(BIN)/itnas bench population --out benchmarks/results/population.json
	$(BIN)/itnas bench reference --out benchmarks/results/reference.json
	$(BIN)/itnas bench behaviour --out benchmarks/results/behaviour.json
	$(BIN)/itnas bench search --out benchmarks/results/search.json
	$(BIN)/itnas bench dashboard --out benchmarks/results/dashboard.json
	$(BIN)/itnas bench crystallise --out benchmarks/results/crystallise.json
	$(BIN)/itnas bench learning-rates --out benchmarks/results/learning_rate_transfer.json
	$(BIN)/python -m benchmarks.demo
	$(BIN)/python -m benchmarks.tables

clean: ## Remove the virtual environment and caches
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis dist build
	find . -name __pycache__ -not -path './.git/*' -prune -exec rm -rf {} +
