PYTHON ?= python3
VENV   ?= .venv
EXTRAS ?= [all]
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready

.DEFAULT_GOAL := help
.PHONY: help run test check core format bench real pictures fuzz clean

help:            ## List these targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 14

run: $(READY)    ## The main job: scrape an operator and show it [TARGET=host:port]
	@$(BIN)/promlatest top $(or $(TARGET),--demo) --once --histogram

test: $(READY)   ## Every test [ARGS=...]
	$(BIN)/python -m pytest $(ARGS)

check: $(READY)  ## Format, lint, types, import floors
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

core:            ## The tests again, in an environment without any extra
	$(MAKE) test VENV=.venv-core EXTRAS=

format: $(READY) ## Fix what a tool can fix
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(READY)  ## Benchmarks: ratios against the naive way and the peers [ARGS=...]
	$(BIN)/python -m pip install --quiet --group bench
	$(BIN)/python -m benchmarks $(ARGS)

real: $(READY)   ## Against the real programs of Debian (installs them; needs root)
	tests/real/install
	$(BIN)/python -m pytest tests/real -m real $(ARGS)

pictures: $(READY) ## Redraw the pages that README and docs show
	$(BIN)/python docs/pictures.py

fuzz: $(READY)   ## The differential tests with 100 times the examples
	PROMLATEST_FUZZ=100 $(BIN)/python -m pytest tests/test_exposition_again.py $(ARGS)

clean:           ## Remove what make made
	rm -rf .venv .venv-core build dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis

# Dependency groups need pip 25.1; Python 3.11 bundles an older one.
$(READY): pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade 'pip>=25.1'
	$(BIN)/python -m pip install --quiet --editable '.$(EXTRAS)' --group dev
	@touch $@
