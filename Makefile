PYTHON ?= python3
VENV   ?= .venv
EXTRAS ?= [all]
BIN    := $(VENV)/$(if $(filter Windows_NT,$(OS)),Scripts,bin)
READY  := $(VENV)/.ready
WHEEL  := $(patsubst $(VENV)/%,.venv-wheel/%,$(BIN))
# Two more than there are cores: for a quarter of the time tests wait, for a server or a screen.
JOBS   ?= $(shell $(PYTHON) -c 'import os; print((os.cpu_count() or 1) + 2)')

# Without byte code pytest rewrites every test file at every run, and each process that a
# test starts compiles the library anew: 44 s of 178 s of `make test`.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help run test quick check core coverage minimum plugins wheel docs release-check format \
	mutants bench bench-peers bench-compare bench-plots real pictures screenshots page fuzz soak clean

help:            ## List these targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 14

run: $(READY)    ## The main job: scrape an operator and show it; a dashboard where there is a terminal [TARGET=host:port]
	@if [ -t 0 ] && [ -t 1 ]; then $(BIN)/promlatest top $(or $(TARGET),--demo); \
	else $(BIN)/promlatest top $(or $(TARGET),--demo) --once --histogram; fi

test: $(READY)   ## Every test, on every core [ARGS=... JOBS=0: one after the other]
	$(BIN)/python -m pytest -n $(JOBS) --dist worksteal $(ARGS)

quick: $(READY)  ## For every save: the core, and what has no server, screen or soak [ARGS=...]
	PROMLATEST_FUZZ=0.1 $(BIN)/python -m pytest -n auto --dist worksteal \
		-q -m 'not real and not slow' tests $(ARGS)

check: $(READY)  ## Format, lint, types, import floors
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

core:            ## The tests again, in an environment without any extra
	$(MAKE) test VENV=.venv-core EXTRAS=

coverage: $(READY) ## The tests, and which lines and branches they leave out [ARGS=...]
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest -n $(JOBS) --dist worksteal $(ARGS)
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

minimum:         ## The tests with the oldest dependencies that pyproject.toml allows
	$(MAKE) test VENV=.venv-minimum CONSTRAINTS=.venv-minimum/constraints.txt

plugins: $(addprefix plugins-,8 9) ## Our pytest plugin beside others, with pytest 8 and 9

plugins-%:
	$(PYTHON) -m venv .venv-pytest-$*
	$(patsubst $(VENV)/%,.venv-pytest-$*/%,$(BIN))/python -m pip install --quiet --upgrade 'pip>=25.1'
	$(patsubst $(VENV)/%,.venv-pytest-$*/%,$(BIN))/python -m pip install --quiet \
		--editable . --group plugins 'pytest==$*.*'
	$(patsubst $(VENV)/%,.venv-pytest-$*/%,$(BIN))/python -m pytest -c tests/beside/pytest.ini tests/beside

wheel:           ## The tests against the built wheel in an environment of its own
	$(PYTHON) -m venv --clear .venv-wheel
	$(WHEEL)/python -m pip install --quiet --upgrade 'pip>=25.1' build
	rm -rf dist
	$(WHEEL)/python -m build --outdir dist
	$(WHEEL)/python -m pip install --quiet "$$(ls dist/*.whl)$(EXTRAS)" --group test
	$(WHEEL)/python -m pytest -n $(JOBS) --dist worksteal \
		--pyargs promlatest tests docs examples README.md $(ARGS)

# mutmut knows no option for what it mutates, and mutating all of src takes minutes.
mutants: $(READY) ## Which faults in a module its tests let pass: MODULE=src/promlatest/_x.py TESTS="tests/test_x.py"
	$(BIN)/python -m pip install --quiet --group mutants
	rm -rf mutants
	printf '%s\n' '[mutmut]' 'source_paths=src' 'only_mutate=$(or $(MODULE),$(error MODULE=src/promlatest/_x.py is missing))' 'also_copy=conftest.py' \
		'pytest_add_cli_args=--hypothesis-seed=1' \
		'pytest_add_cli_args_test_selection=' $(addprefix '  ',$(TESTS)) >setup.cfg
	PROMLATEST_FUZZ=0.2 $(BIN)/mutmut run
	$(BIN)/mutmut results

docs: $(READY)   ## The documentation as a site in build/site; a warning is an error
	$(BIN)/python -m pip install --quiet --group docs
	$(BIN)/mkdocs build --strict

release-check: wheel docs ## Everything that a release needs, short of publishing it
	$(BIN)/python -m pip install --quiet --group release
	$(BIN)/twine check --strict dist/*
	$(BIN)/python tools/release.py dist

format: $(READY) ## Fix what a tool can fix
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(READY)  ## Benchmarks beside the naive way and PyPI's peers [ARGS="--quick --json RUN.json"]
	$(BIN)/python -m pip install --quiet --group bench
	$(BIN)/python -m benchmarks $(ARGS)

bench-peers: $(READY) ## Beside Prometheus, VictoriaMetrics and Go of Debian (needs root) [ARGS=...]
	benchmarks/peers/install
	$(BIN)/python -m pip install --quiet --group bench
	$(BIN)/python -m benchmarks peers $(ARGS)

bench-compare: $(READY) ## Two outputs beside each other: A=before.json B=after.json
	$(BIN)/python -m benchmarks compare $(A) $(B)

bench-plots: $(READY) ## Draw an output into docs/performance: RUN=run.json
	$(BIN)/python -m pip install --quiet --group bench
	$(BIN)/python -m benchmarks plots $(RUN) docs/performance

real: $(READY)   ## Against the real programs of Debian (installs them; needs root)
	tests/real/install
	$(BIN)/python -m pip install --quiet --group real
	$(BIN)/python -m pytest tests/real -m real $(ARGS)

pictures: $(READY) ## Redraw the pages that README and docs show
	$(BIN)/python docs/pictures.py

screenshots: $(READY) ## Redraw the pictures of the dashboard in docs/dashboard
	$(BIN)/python docs/screenshots.py

page: $(READY)   ## Redraw the picture of the served page in docs/serve (needs root)
	tests/real/install
	$(BIN)/python -m pip install --quiet --group real
	$(BIN)/python docs/page.py

fuzz: $(READY)   ## The differential tests with 100 times the examples
	PROMLATEST_FUZZ=100 $(BIN)/python -m pytest tests/test_exposition_rescrape.py $(ARGS)

soak: $(READY)   ## Two hours of scraping in a minute or two: does anything grow? [ARGS=...]
	$(BIN)/python tests/soak.py $(ARGS)

clean:           ## Remove what make made
	rm -rf .venv .venv-* build dist mutants setup.cfg .coverage .coverage.* .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis

# Dependency groups need pip 25.1; Python 3.11 bundles an older one. What is not compiled
# here, every worker of the first run compiles anew.
$(READY): pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade 'pip>=25.1'
	$(if $(CONSTRAINTS),$(BIN)/python tools/minimum.py >$(CONSTRAINTS))
	$(BIN)/python -m pip install --quiet --editable '.$(EXTRAS)' --group dev \
		$(if $(CONSTRAINTS),--constraint $(CONSTRAINTS))
	$(BIN)/python -m compileall -q src
	@touch $@
