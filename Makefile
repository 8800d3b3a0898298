# make test     everything: sets itself up on a fresh Debian 12, peers included, then unit tests, then tests against peers
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

# Each kernel has one processor, and its tests wait for a third of the time: three of them run at once, with a third of
# the tests each
KERNEL_1 = $(wildcard tests/kernel/test_[a-jv-z]*.py)
KERNEL_2 = $(wildcard tests/kernel/test_[k-o]*.py)
KERNEL_3 = $(filter-out $(KERNEL_1) $(KERNEL_2),$(wildcard tests/kernel/test_*.py))

# Tests with real peers run in real time: one that fails gets two more tries, and the report says so
PEERS_PYTEST = $(BIN)/python -m pytest --reruns 2 -p no:cacheprovider

# Unit tests that only root can run: `make unit` leaves them to `make interop`
ROOT_ONLY = $(shell grep -rl --include='test_*.py' 'pytest.mark.root' tests)

.PHONY: help venv bytecode peers lint test unit soak long test-python interop kernel kernel-1 kernel-2 kernel-3 lower-bounds docs man demo bench clean

help:
	@echo 'make test     set up, then run every test: unit tests first, then interop and kernel at once'
	@echo 'make interop  the tests with strongSwan, libreswan and ike-scan, and what else needs root'
	@echo 'make kernel   those of them in which the kernel carries ESP, in a kernel of their own'
	@echo 'make unit     the tests that need neither root nor peers'
	@echo 'make test-python PYTHON=python3.13'
	@echo '              the unit tests under another Python, in a virtual environment of its own'
	@echo 'make soak     simulated worlds with new seeds until it is interrupted, or DURATION=seconds; SEED= plays one again'
	@echo 'make long     a tunnel with strongSwan and libreswan through a hundred of everything; takes an hour'
	@echo 'make lint     ruff check, ruff format --check, mypy --strict'
	@echo 'make lower-bounds  the unit tests with the oldest packages that pyproject.toml allows'
	@echo 'make docs     the documentation as web pages, in site/; a warning is an error'
	@echo 'make man      the manual pages, in build/man/'
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

# Each test starts several processes of ours, and without bytecode each of them compiles the package: 2 s of CPU.
bytecode: $(READY)
	@$(BIN)/python -m compileall -q src tests/support

peers:
	@tests/support/lab/setup $(if $(CI),,--if-possible)

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy --strict

# The peers come first: unit tests, too, compare with what swanctl and tshark say.
test: peers
	@$(MAKE) --no-print-directory unit
	@$(MAKE) --no-print-directory --jobs=4 --output-sync=target interop kernel-1 kernel-2 kernel-3

interop: bytecode peers
	$(AS_ROOT) $(PEERS_PYTEST) -n 3 --dist worksteal -m 'interop or root' \
	    tests/interop $(ROOT_ONLY)

kernel: kernel-1 kernel-2 kernel-3

kernel-1 kernel-2 kernel-3: kernel-%: bytecode peers
	$(AS_ROOT) $(WITH_ESP) $(PEERS_PYTEST) $(KERNEL_$*)

unit: bytecode
	$(BIN)/python -m pytest -n auto --dist worksteal -m 'not interop and not root $(AND_NOT)'

# What takes minutes each; TESTS=tests/long/long_pluto.py for some of it
TESTS       ?= $(wildcard tests/long/long_*.py)
LONG         = $(filter-out %_kernel.py,$(TESTS))
LONG_KERNEL  = $(filter %_kernel.py,$(TESTS))
long: bytecode peers
	$(if $(LONG),$(AS_ROOT) $(BIN)/python -m pytest -p no:cacheprovider -s $(LONG))
	$(if $(LONG_KERNEL),$(AS_ROOT) $(subst 1500,3600,$(WITH_ESP)) $(BIN)/python -m pytest -p no:cacheprovider -s $(LONG_KERNEL))

soak: bytecode
	@PYTHONPATH=tests/support $(BIN)/python -m simulated.soak

# Hypothesis tests run under the main interpreter only
test-python:
	@$(MAKE) --no-print-directory unit VENV=.venv-$(notdir $(PYTHON)) AND_NOT='and not hypothesis'

# Takes as long as `unit`, and needs the package index
lower-bounds: $(READY)
	@$(PYTHON) -m venv --clear $(VENV)/lowest
	@tools/lower-bounds > $(VENV)/lowest/constraints.txt
	@$(VENV)/lowest/bin/pip install --quiet --constraint $(VENV)/lowest/constraints.txt --editable '.[dev]'
	$(VENV)/lowest/bin/python -m pytest -n auto --dist worksteal -m 'not interop'

# Once its packages are there, this needs no network
docs: $(VENV)/ready-for-docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --clean

$(VENV)/ready-for-docs: $(READY)
	@$(BIN)/pip install --quiet --editable '.[docs]'
	@touch $@

man: $(READY)
	$(BIN)/python tools/man-pages build/man

demo: $(READY)
	@$(BIN)/ikev1 demo

bench: bytecode peers
	@for benchmark in benchmarks/[a-z]*.py; do $(AS_ROOT) PYTHONPATH=tests/support $(BIN)/python $$benchmark || exit; done

clean:
	find src tests -name __pycache__ -prune -exec rm -rf {} +
	rm -rf $(VENV) .venv-* build .lab site .mypy_cache .ruff_cache .pytest_cache .hypothesis
