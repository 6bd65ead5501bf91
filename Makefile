# Needs only Python >= 3.11 (with pip and venv) and make. Everything lands in .venv and runs/.
#
#   make run     install, train the default model on digits, end with the report page and the sample grid
#   make test    install with the development tools, then lint, types, import contracts and all tests
#   make lint    the same without the tests
#   make clean   remove the virtual environment and all caches (runs/ stays)

VENV   := .venv
BIN    := $(VENV)/bin
# The first interpreter that is new enough; `make PYTHON=/path/to/python …` chooses another.
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
PIP    := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt
# Tests run side by side, each on one thread: more threads than cores only slow them down.
TEST   := OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2

.PHONY: run test lint clean

run: $(VENV)/.run
	@$(BIN)/zerosum train --data digits

test: lint
	$(TEST)

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# An editable install: only a change of what is to be installed repeats it.
$(VENV)/.run: pyproject.toml constraints.txt | $(VENV)/.made
	@echo "Installing zerosum into $(VENV) (the first time downloads PyTorch) ..."
	@$(PIP) -e .
	@touch $@

$(VENV)/.dev: pyproject.toml constraints.txt | $(VENV)/.made
	@echo "Installing zerosum with its development tools into $(VENV) ..."
	@$(PIP) -e '.[dev]'
	@touch $@ $(VENV)/.run

$(VENV)/.made:
	@test -n "$(PYTHON)" || { echo "zerosum needs Python 3.11 or newer; none was found. Use: make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV)
	@touch $@

clean:
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -not -path './runs/*' -prune -exec rm -rf {} +
	rm -rf src/*.egg-info
