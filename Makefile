# `make demo` and `make test` set everything up themselves: Python >= 3.11, make and git are enough.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
PIP    := PIP_CONSTRAINT=constraints.txt PIP_DISABLE_PIP_VERSION_CHECK=1 $(BIN)/python -m pip install --quiet

.DEFAULT_GOAL := help
.PHONY: help demo docs test test-slow test-clients lint coverage bench clean

help:
	@echo "make demo       train ten memristive layers on handwritten digits, draw the pictures"
	@echo "make test       lint, types and tests (a few minutes on two cores)"
	@echo "make test-slow  the long checks: kill -9 at random moments, full-length oracles"
	@echo "make test-clients  other programs' instrument drivers (QCoDeS, keithley2600, PyMeasure) on the virtual bench"
	@echo "make docs       the documentation as a site in build/site, without a warning"
	@echo "make coverage   the suite with branch coverage, a line a room (compiled kernels do not count as run)"
	@echo "make bench      throughput beside plain numpy and torch"
	@echo "make clean      remove the environment and the caches"

$(BIN)/python:
	$(PYTHON) -c 'import sys; sys.exit("memhil needs Python 3.11 or newer, this is " + sys.version.split()[0]) if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.run: pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) --editable .
	@touch $@

$(VENV)/.dev: pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) --editable '.[dev]'
	@touch $@ $(VENV)/.run

$(VENV)/.bench: pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) --editable '.[dev,torch]'
	@touch $@ $(VENV)/.dev $(VENV)/.run

demo: $(VENV)/.run
	$(BIN)/hil train stdp --config examples/stdp_digits.toml

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/python -m mypy

coverage: $(VENV)/.dev
	$(BIN)/python -m pytest -n 2 --cov --cov-report=
	for room in hil sim gateware instruments; do \
	  $(BIN)/python -m coverage report --include "$$room/*" --format=total | sed "s/^/$$room %: /"; done

test: lint
	$(BIN)/pytest -n 2

$(VENV)/.fpga: pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) --editable '.[dev,fpga]'
	@touch $@ $(VENV)/.dev $(VENV)/.run

test-slow: $(VENV)/.fpga
	$(BIN)/pytest -m slow
	$(BIN)/pytest -m 'hypothesis and not slow' --hypothesis-profile random

$(VENV)/.clients: pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) --editable '.[dev,clients]'
	@touch $@ $(VENV)/.dev $(VENV)/.run

test-clients: $(VENV)/.clients
	$(BIN)/pytest -n 0 $(wildcard tests/instruments/test_*_client.py)

bench: $(VENV)/.bench
	$(BIN)/python benchmarks/alpha_network.py
	$(BIN)/python benchmarks/stdp_throughput.py
	$(BIN)/python benchmarks/wta_throughput.py
	$(BIN)/python benchmarks/lab_trains.py
	$(BIN)/python benchmarks/wires.py
	$(BIN)/python benchmarks/array_throughput.py
	$(BIN)/python benchmarks/law_steps.py
	$(BIN)/python benchmarks/pill_throughput.py

$(VENV)/.docs: pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) --editable '.[docs,fpga,lab]'
	@touch $@ $(VENV)/.run

docs: $(VENV)/.docs
	$(BIN)/python docs/site/build.py

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis build dist *.egg-info
	find . -name __pycache__ -prune -exec rm -rf {} +
