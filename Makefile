# moodlog: `make demo` shows it, `make test` proves it. Needs Python 3.11+ and make; uv is fetched where it is missing.

SHELL := /bin/sh
UV ?= $(shell command -v uv 2>/dev/null || echo .uv/bin/uv)
RUN := $(UV) run --frozen --no-sync
# Three processes on two cores: tests wait for servers, clocks and killed processes. tests/conftest.py says which files
# begin; xdist's own order would leave long files with few tests for the end.
PYTEST := pytest -n 3 --dist loadfile --no-loadscope-reorder
SQLITE_SQL := $(wildcard sql/schema/*.sqlite.sql sql/migrations/*.sqlite.sql sql/settings/*.sqlite.sql sql/views/*.sqlite.sql sql/queries/*.sqlite.sql)
OTHER_SQL := $(filter-out $(SQLITE_SQL),$(wildcard sql/schema/*.sql sql/migrations/*.sql sql/settings/*.sql sql/queries/*.sql sql/views/*.sql sql/roles/*.sql sql/facts/*.sql sql/export/*.sql sql/shown/*.sql sql/examples/*.sql))
YAML := $(wildcard prefect.yaml .pre-commit-config.yaml .github/*.yml .github/*/*.yml)
# Python compiles .venv once: without its cache, each process would compile Prefect again, which takes seconds.
unexport VIRTUAL_ENV PYTHONDONTWRITEBYTECODE
.DEFAULT_GOAL := help

.PHONY: help setup setup-spark demo test test-slow check lint-sql lint-yaml docs coverage audit bench screenshots clean

help: ## Show what can be made.
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

setup: .venv/.full ## Make .venv from the lock, with everything for development.

setup-spark: .venv/.full ## Add Apache Spark to .venv, for its slow tests; it needs Java as well.
	$(UV) sync --frozen --inexact --group dev --extra spark

demo: .venv/.run ## Run the whole path with invented listeners: no account, no internet.
	$(RUN) moodlog demo

test: .venv/.full ## Run the tests, without the slow tiers.
	$(RUN) $(PYTEST)

test-slow: .venv/.full ## Run the slow tiers of the tests alone.
	$(RUN) $(PYTEST) -m "slow and not benchmark"

check: .venv/.full lint-yaml lint-sql docs ## Run what CI runs before the tests: lint, types, import rules, YAML, SQL, docs.
	$(RUN) ruff check
	$(RUN) ruff format --check
	$(RUN) mypy
	$(RUN) lint-imports

lint-sql: .venv/.full ## Check the SQL.
	$(RUN) sqlfluff lint --dialect sqlite $(SQLITE_SQL)
	$(RUN) sqlfluff lint --dialect postgres $(OTHER_SQL)
	$(RUN) sqlfluff lint --dialect sparksql $(wildcard sql/spark/*.sql)

lint-yaml: .venv/.full ## Check that the YAML files can be read, prefect.yaml as deployments.
	@$(RUN) python -c 'import sys, yaml; [yaml.safe_load(open(name, encoding="utf-8")) for name in sys.argv[1:]]' $(YAML)
	@$(RUN) python -c 'from flows.deployments import read_deployments; read_deployments()'

docs: .venv/.full ## Check the generated pages and build docs/ as a site, strictly, into site/.
	$(RUN) python docs/state_diagrams.py --check
	$(RUN) python docs/settings_page.py --check
	$(RUN) python docs/data_dictionary.py --check
	$(RUN) mkdocs build --quiet

coverage: .venv/.full ## Run all tests with the coverage of lines and branches; fails below the gate in pyproject.toml.
	$(RUN) $(PYTEST) -m "not benchmark" --cov --cov-report=term:skip-covered

audit: | $(UV) ## Look the locked dependencies up in the security advisories; needs the network.
	@$(RUN) python .ci/audit.py $(UV)

bench: .venv/.full ## Measure: ratios side by side, written to the terminal.
	@for file in tests/benchmarks/bench_*.py; do \
	  module=$$(basename $$file .py); echo "== $$module"; $(RUN) python -m tests.benchmarks.$$module || exit 1; done

screenshots: .venv/.full ## Take the pictures in docs/images again, from the demo.
	$(RUN) python docs/screenshots.py

clean: ## Remove what make and the demo have made.
	rm -rf .venv .uv moodlog-demo dist

# Only what running needs; what development added before stays.
.venv/.run: pyproject.toml uv.lock | $(UV)
	@echo "Installing moodlog into .venv, which downloads its packages the first time."
	$(UV) sync --frozen --inexact
	@touch $@

.venv/.full: pyproject.toml uv.lock | $(UV)
	$(UV) sync --frozen --group dev
	@touch $@ .venv/.run

.uv/bin/uv:
	@python=$$(for p in python3 python3.14 python3.13 python3.12 python3.11 python; do \
	  command -v $$p >/dev/null 2>&1 && $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done); \
	if [ -z "$$python" ]; then echo "moodlog needs Python 3.11 or newer on the PATH." >&2; exit 1; fi; \
	echo "Fetching uv, the package manager, into .uv."; \
	$$python -m venv .uv && .uv/bin/python -m pip install --quiet --disable-pip-version-check uv
