# The project's commands; `make` alone lists them.

PYTHON ?= $(shell command -v python3.11 || echo python3)
PORT ?= 8000
DATA_DIR ?= .local
ARGS ?=
export PORT DATA_DIR
# Images of containers set it; each process that the tests start would compile all modules anew.
unexport PYTHONDONTWRITEBYTECODE

VENV := .venv
BIN := $(VENV)/bin
# A worker that has nothing left takes tests from one that has: they take from 1 ms to a minute.
PYTEST := $(BIN)/pytest --numprocesses auto --dist worksteal
# In a process of their own: Playwright's event loop and the other tests do not mix.
BROWSER_TESTS := $(PYTEST) tests/browser
INSTALLED := $(VENV)/.installed
# TypeScript checks the scripts of the shop. Node comes with the requirements, TypeScript from npm.
NPM := $(VENV)/npm
TSC := $(NPM)/.installed
RUN_TSC := $(BIN)/node $(NPM)/node_modules/typescript/bin/tsc
COMPILE := $(abspath $(BIN))/pip-compile --quiet --generate-hashes --strip-extras --allow-unsafe \
	--no-header --no-emit-index-url --no-emit-trusted-host --no-emit-find-links

# For what loads the settings and asks no store.
NO_STORES := DATABASE_URL=postgresql:///cartwright REDIS_URL=redis://localhost:6379/0
# What production would set, so that the deploy check judges the settings a shop runs with.
PRODUCTION := $(NO_STORES) ENVIRONMENT=production DEBUG=false ALLOWED_HOSTS=shop.example \
	SECRET_KEY=$$($(BIN)/python -c "import secrets; print(secrets.token_urlsafe(64))")

.DEFAULT_GOAL := help
.PHONY: help up test browser check check-code check-mypy types format bench lock clean

help: ## List the commands.
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

up: $(INSTALLED) ## Run the shop on PORT (8000) with its data in DATA_DIR (.local); Ctrl-C stops it.
	@exec $(BIN)/python manage.py up

test: $(INSTALLED) ## Run all tests in parallel; ARGS="-k merge" picks some, but none in a browser.
	@$(PYTEST) $(ARGS)
	@$(if $(ARGS),,$(BROWSER_TESTS))

browser: $(INSTALLED) ## Run the tests in the system's Chromium alone; ARGS="-k drawer" picks some.
	@$(BROWSER_TESTS) $(ARGS)

check: $(INSTALLED) $(TSC) ## Check format, lint, types, imports, migrations and deployment, then test.
	@$(MAKE) --no-print-directory --jobs 2 check-mypy check-code
	$(PYTEST)
	$(BROWSER_TESTS)

# By itself, since it takes as long as all the other checks together.
check-mypy:
	$(NO_STORES) $(BIN)/mypy .

check-code:
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(RUN_TSC) --project config/tsconfig.json
	$(BIN)/lint-imports
	$(BIN)/python manage.py makemigrations --check --dry-run
	@$(PRODUCTION) $(BIN)/python manage.py check --deploy --fail-level WARNING

types: $(TSC) ## Write the storefront client's TypeScript declarations to DATA_DIR/types.
	@$(RUN_TSC) --allowJs --declaration --emitDeclarationOnly --target es2023 --module esnext \
		--moduleResolution bundler --outDir $(DATA_DIR)/types config/static/shop/cart-client.js

format: $(INSTALLED) ## Format the code and fix what ruff can fix.
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(INSTALLED) ## Measure speed and memory (needs wrk); ARGS="speed --seconds 1" for less.
	@exec $(BIN)/python -m tests.benchmarks $(ARGS)

lock: $(INSTALLED) ## Pin the requirements anew, with hashes; ARGS="--upgrade" takes newer ones.
	cd requirements && for name in base prod kafka dev; do $(COMPILE) $(ARGS) $$name.in -o $$name.txt || exit 1; done

clean: ## Remove the virtual environment and caches; the data in DATA_DIR stays.
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(INSTALLED): requirements/dev.txt
	@command -v $(PYTHON) > /dev/null || { \
		echo "$(PYTHON) is not installed; install Python 3.11, or name another: make PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "$(PYTHON) is older than Python 3.11; name a newer one: make PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2> /dev/null || { \
		echo "$(PYTHON) cannot make virtual environments; install its venv package (python3-venv)" >&2; exit 1; }
	@echo "Installing requirements/dev.txt into $(VENV)"
	@$(PYTHON) -m venv $(VENV)
	@umask 022 && $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes \
		--only-binary :all: --requirement requirements/dev.txt
	@touch $@

$(TSC): $(INSTALLED) requirements/package.json requirements/package-lock.json
	@echo "Installing requirements/package-lock.json into $(NPM)"
	@mkdir -p $(NPM) && cp requirements/package.json requirements/package-lock.json $(NPM)
	@$(BIN)/npm ci --prefix $(NPM) --ignore-scripts --no-audit --no-fund --loglevel error || { \
		echo "TypeScript could not be installed from the npm registry: the scripts' types cannot be checked" >&2; exit 1; }
	@touch $@
