# make test     everything: sets itself up on a fresh Debian 12, then unit tests, then tests against real peers
# make help     the other targets

PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/ready-for-development

# Where root is needed and we are not root, sudo is asked; where there is none, what needs root is skipped, aloud.
# Root leaves no files of its own in the checkout: its owner could not remove them.
AS_ROOT  = $(shell [ "$$(id -u)" = 0 ] || ! sudo -n true 2>/dev/null || echo 'sudo -E env "PATH=$$PATH"') \
           env PYTHONDONTWRITEBYTECODE=1 $(if $(CI),CI=$(CI))
# The kernel that runs this may lack ESP: what needs it runs in another one, or is skipped, aloud.
WITH_ESP = $(shell { [ "$$(id -u)" = 0 ] || sudo -n true 2>/dev/null; } && command -v linux.uml > /dev/null && \
             echo tests/support/lab/kernel-run --timeout 1500)

# Two kernels run half of the tests each: one takes one processor
FIRST_HALF  = $(wildcard tests/kernel/test_[a-o]*.py tests/kernel/test_p[el]*.py)
SECOND_HALF = $(filter-out $(FIRST_HALF),$(wildcard tests/kernel/test_*.py))

.PHONY: help venv peers lint test unit interop kernel kernel-1 kernel-2 lower-bounds demo bench clean

help:
	@echo 'make test     set up, then run every test: unit tests first, then interop and kernel at once'
	@echo 'make interop  the tests with strongSwan, libreswan and ike-scan'
	@echo 'make kernel   those of them in which the kernel carries ESP, in a kernel of their own'
	@echo 'make unit     the tests that need neither root nor peers'
	@echo 'make lint     ruff check, ruff format --check, mypy --strict'
	@echo 'make lower-bounds  the unit tests with the oldest packages that pyproject.toml allows'
	@echo 'make demo     two gateways on this machine bring up a tunnel, explained step by step'
	@echo 'make bench    what a handshake, an SA and a flood cost, beside strongSwan where it is installed'
	@echo 'make venv     only the virtual environment ($(VENV))'
	@echo 'make clean    remove what the targets above made in this folder'

venv: $(READY)

$(READY): pyproject.toml
	@$(PYTHON) -c 'import sys; assert sys.version_info >= (3, 11), "ikev1 needs Python 3.11, this is " + sys.version'
	@echo 'set-up: virtual environment in $(VENV), packages by pip'
	@$(PYTHON) -c 'import ensurepip' 2> /dev/null || tools/apt-install python3-venv
	@[ -x $(BIN)/pip ] || $(PYTHON) -m venv --clear $(VENV)
	@$(BIN)/pip install --quiet --editable '.[dev]'
	@touch $@

peers:
	@tests/support/lab/setup $(if $(CI),,--if-possible)

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy --strict

# Most of an interop test is waiting, and each has namespaces of its own.
test: unit peers
	@$(MAKE) --no-print-directory --jobs=3 --output-sync=target interop kernel-1 kernel-2

interop: $(READY) peers
	$(AS_ROOT) $(BIN)/python -m pytest -n 2 --dist worksteal -p no:cacheprovider tests/interop

kernel: kernel-1 kernel-2

kernel-1: $(READY) peers
	$(AS_ROOT) $(WITH_ESP) $(BIN)/python -m pytest -p no:cacheprovider $(FIRST_HALF)

kernel-2: $(READY) peers
	$(AS_ROOT) $(WITH_ESP) $(BIN)/python -m pytest -p no:cacheprovider $(SECOND_HALF)

unit: $(READY)
	$(BIN)/python -m pytest -n auto --dist worksteal -m 'not interop'

# Takes as long as `unit`, and needs the package index
lower-bounds: $(READY)
	@$(PYTHON) -m venv --clear $(VENV)/lowest
	@tools/lower-bounds > $(VENV)/lowest/constraints.txt
	@$(VENV)/lowest/bin/pip install --quiet --constraint $(VENV)/lowest/constraints.txt --editable '.[dev]'
	$(VENV)/lowest/bin/python -m pytest -n auto --dist worksteal -m 'not interop'

demo: $(READY)
	@$(BIN)/ikev1 demo

bench: $(READY) peers
	@for benchmark in benchmarks/[a-z]*.py; do $(AS_ROOT) PYTHONPATH=tests/support $(BIN)/python $$benchmark || exit; done

clean:
	rm -rf $(VENV) .lab .mypy_cache .ruff_cache .pytest_cache .hypothesis
