# Cockpit's commands; `make` alone lists them.
#
# The environment is .venv, made at the first use. VENV=path names another one (a conda environment,
# too); a torch that is already in it is left alone.

VENV   ?= .venv
PYTHON ?= python3
TORCH  ?= torch==2.13.0
JOBS   ?= 3
PY     := $(VENV)/bin/python
export PYTHON TORCH

.DEFAULT_GOAL := help
.PHONY: help demo install test coverage ux soak bench faults gallery lint format browser data clean distclean

help:
	@echo 'make demo    train a network on Fashion-MNIST and watch its cockpit in the browser'
	@echo '             ARGS="--steps 300 --no-wait --config full"; ARGS=--help lists the flags'
	@echo 'make install VENV=path/to/environment   install Cockpit beside the torch that is there'
	@echo 'make test    run all tests (ARGS="tests/log -x" runs some of them)'
	@echo 'make coverage  run all tests, and measure what of the code they reach (at least 90 %)'
	@echo 'make ux      hold the page against its twenty checks, strictly; writes docs/ux.md'
	@echo 'make soak    a run that writes 50 records a second, three pages (ARGS="--minutes 30")'
	@echo 'make bench   measure what tracking costs (ARGS="--only MLP --parts memory", ARGS=--full)'
	@echo 'make faults  train the healthy and the broken runs that the lamps are judged by, and score'
	@echo '             them (ARGS="--jobs 2"); see python -m benchmarks.faults --help for the parts'
	@echo 'make gallery train, draw and write the experiments of docs/gallery.md (ARGS=--quick)'
	@echo 'make lint    check style and types; make format puts the style right'
	@echo 'make clean   remove what was built; make distclean removes .venv as well'

# One stamp per set of packages: a second call starts at once.
$(VENV)/.cockpit-%: pyproject.toml setup.py scripts/install.sh
	@scripts/install.sh $(VENV) $*
	@touch $@

demo: $(VENV)/.cockpit-data
	@$(PY) -m cockpit demo $(ARGS)

install: $(VENV)/.cockpit-data

test: $(VENV)/.cockpit-test browser
	@$(PY) -m cockpit.problems.data
	$(PY) -m pytest -n $(JOBS) $(ARGS)

# Apart from the tests, which take half as long again while coverage is measured.
coverage: $(VENV)/.cockpit-test browser
	@$(PY) -m cockpit.problems.data
	$(PY) -m pytest -n $(JOBS) --cov --cov-report=term --cov-fail-under=90

# Alone and in one process: what is measured is the page, not the machine's other work.
ux: $(VENV)/.cockpit-test browser
	COCKPIT_UX=docs/ux.md $(PY) -m pytest tests/ux $(ARGS)

soak: $(VENV)/.cockpit-test browser
	@$(PY) -m benchmarks.soak $(ARGS)

bench: $(VENV)/.cockpit-bench
	@$(PY) -m benchmarks $(ARGS)

faults: $(VENV)/.cockpit-bench
	@$(PY) -m cockpit.problems.data
	@$(PY) -m benchmarks.faults run $(ARGS)
	@$(PY) -m benchmarks.faults score

gallery: $(VENV)/.cockpit-data
	@$(PY) -m cockpit.problems.data
	@$(PY) -m examples.experiments.gallery $(ARGS)

lint: $(VENV)/.cockpit-dev
	$(PY) -m ruff check
	$(PY) -m ruff format --check
	$(PY) -m mypy

format: $(VENV)/.cockpit-dev
	$(PY) -m ruff check --fix
	$(PY) -m ruff format

browser:
	@scripts/browser.sh

data: $(VENV)/.cockpit-data
	@$(PY) -m cockpit.problems.data

clean:
	rm -rf build dist *.egg-info .pytest_cache .hypothesis .ruff_cache .mypy_cache .coverage* htmlcov
	find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +

distclean: clean
	rm -rf .venv
