# Every target works on a fresh machine with Python 3.11 or newer and nothing else prepared.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
UV := $(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python
SOURCES := src tests docs benchmarks
SEEDS ?= 20000

.DEFAULT_GOAL := help
.PHONY: help run test soak chaos bench mutants fuzz check fix docs clients lock clean

help: ## show this
	@awk 'BEGIN {FS = ":.*## "} /^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: $(VENV)/run.stamp ## start the simulated bank and the service on SQLite
	@exec $(BIN)/echodesk-billing dev

test: $(VENV)/dev.stamp ## run all tests, three files at a time, since many wait; finds or installs PostgreSQL and a browser by itself
	@$(BIN)/python -m pytest --numprocesses 3 --dist loadfile --no-loadscope-reorder

check: $(VENV)/dev.stamp ## lint, types, import rules, dead code, duplicates, dependencies
	@$(MAKE) --no-print-directory --jobs 2 $(if $(filter output-sync,$(.FEATURES)),--output-sync) $(CHECKS:%=check-%)

# Two run at a time, so the longest come first.
CHECKS := types docs-build duplicates docs-current imports dead-code dependencies lint format audit
.PHONY: $(CHECKS:%=check-%)
$(CHECKS:%=check-%): $(VENV)/dev.stamp

check-types:
	$(BIN)/mypy
check-docs-build:
	$(BIN)/sphinx-build --builder dirhtml --fail-on-warning --keep-going --quiet docs build/docs
check-duplicates:
	$(BIN)/pylint --disable=all --enable=duplicate-code --score=n src
check-docs-current:
	$(BIN)/python -m docs.generate --check
check-imports:
	$(BIN)/lint-imports
check-dead-code:
	$(BIN)/vulture
check-dependencies:
	$(BIN)/deptry src
check-lint:
	$(BIN)/ruff check $(SOURCES)
check-format:
	$(BIN)/ruff format --check $(SOURCES)
check-audit:
	@$(BIN)/pip-audit --disable-pip --require-hashes -r requirements/run.txt --progress-spinner off \
	  > $(VENV)/audit.txt 2>&1 || ! grep "known vulnerabilit" $(VENV)/audit.txt || { cat $(VENV)/audit.txt; exit 1; }
	@echo "pip-audit: $$(grep -c 'could not be audited' $(VENV)/audit.txt) packages could not be audited from here"

soak: $(VENV)/dev.stamp ## simulate many seeds of the whole system: make soak SEEDS=20000
	@$(BIN)/python -m tests.simulation.soak --seeds $(SEEDS)

chaos: $(VENV)/dev.stamp ## real processes on PostgreSQL, all of which fail: make chaos MINUTES=10
	@$(BIN)/python -m tests.chaos.run --minutes $(or $(MINUTES),10)

bench: $(VENV)/bench.stamp ## measure, both sides in one run: make bench QUICK=1; or against a commit: make bench BASELINE=main~9
	@$(BIN)/python -m benchmarks.$(if $(BASELINE),compare $(BASELINE),run) $(if $(QUICK),--quick)

mutants: $(VENV)/mutants.stamp ## change the domain in thousands of places and see whether its tests notice: twenty minutes
	@$(BIN)/mutmut run && $(BIN)/mutmut results

fuzz: $(VENV)/dev.stamp ## random callbacks, guided by coverage, until stopped
	@$(BIN)/python -m tests.fuzz.callback tests/fuzz/corpus

fix: $(VENV)/dev.stamp ## let ruff format and mend what it can
	$(BIN)/ruff format $(SOURCES)
	$(BIN)/ruff check --fix $(SOURCES)

clients: $(VENV)/dev.stamp ## write the TypeScript types of clients/typescript anew
	$(BIN)/python -m tests.integration.generate_clients

docs: $(VENV)/dev.stamp ## regenerate what the docs take from the code, and build the site in build/docs
	$(BIN)/python -m docs.generate
	$(BIN)/sphinx-build --builder dirhtml --fail-on-warning --keep-going --quiet docs build/docs
	@echo "build/docs/index.html"

COMPILE := $(BIN)/uv pip compile --quiet --universal --generate-hashes --python-version 3.11 --all-extras \
  --custom-compile-command "make lock" pyproject.toml requirements/build.in

RUN_EXTRAS := --extra demo --extra mail --extra pdf --extra postgres --extra speed --extra worker --extra xlsx

CONTAINER_EXTRAS := --extra mail --extra otel --extra pdf --extra postgres --extra speed --extra worker --extra xlsx

lock: $(VENV)/dev.stamp ## choose versions anew and pin them with hashes
	$(COMPILE) --upgrade --group dev -o requirements/dev.txt
	$(subst --all-extras,$(RUN_EXTRAS),$(COMPILE)) -c requirements/dev.txt -o requirements/run.txt
	$(subst --all-extras,$(CONTAINER_EXTRAS),$(COMPILE)) -c requirements/dev.txt -o requirements/container.txt
	$(COMPILE) -c requirements/dev.txt --group bench -o requirements/bench.txt
	$(COMPILE) -c requirements/dev.txt --group mutants -o requirements/mutants.txt
	grep ^uv== requirements/dev.txt | cut -d' ' -f1 | $(BIN)/uv pip compile --quiet --universal --generate-hashes \
	  --python-version 3.11 --custom-compile-command "make lock" - -o requirements/uv.txt
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --python-version 3.11 --upgrade \
	  --custom-compile-command "make lock" --group pyproject.toml:client -o requirements/client.txt

clean: ## remove what was built and what make run stored
	rm -rf $(VENV) var build dist mutants .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Python 3.11 or newer is needed: make PYTHON=python3.12 ..."; exit 2; }
	@$(PYTHON) -m venv $(VENV)

# uv installs in seconds what takes pip a minute; where it has no wheel, pip does it.
$(VENV)/%.stamp: requirements/%.txt requirements/uv.txt pyproject.toml | $(BIN)/python
	@echo "installing what is needed into $(VENV)"
	@{ $(PIP) --require-hashes -r requirements/uv.txt && $(UV) --require-hashes -r $<; } || $(PIP) --require-hashes -r $<
	@$(PIP) --no-deps --no-build-isolation -e .
	@$(BIN)/python -m compileall -q src tests
	@touch $@
