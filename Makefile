# `make` alone lists the targets.

BIN = .venv/bin
COMPILE = $(BIN)/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url \
	--custom-compile-command "make lock" $(UPGRADE)

PIP = $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes
NPM = PATH="$(CURDIR)/$(BIN):$$PATH" && { command -v npm >/dev/null || $(PIP) -r requirements-node.txt; } && cd assets && npm
QUIETLY = --ignore-scripts --no-audit --no-fund --loglevel=error
APT_INSTALL = if [ "$$(id -u)" = 0 ]; then as_root=; else as_root="sudo -n"; fi; \
	if command -v apt-get >/dev/null && $$as_root true 2>/dev/null && $$as_root apt-get update -qq \
		&& $$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends
BROWSERS = $(CHROMIUM) chromium chromium-browser google-chrome google-chrome-stable

.DEFAULT_GOAL = help
.PHONY: help demo serve test curl pgbouncer redis wrk browser screenshots bench lint format lock env

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: env ## Fill a demo with a year of data, print its URLs, tokens and curl lines, and serve it
	@./gokart demo

serve: env ## Serve what is there
	@./gokart serve

test: curl pgbouncer redis browser lint env ## Lint, check types, run all tests, with a real PostgreSQL and browser; THROUGH=pgbouncer puts that between
	THROUGH=$(THROUGH) $(BIN)/python -m pytest -n 3

screenshots: browser env .venv/development ## Take pictures of the pages into docs/screenshots
	$(BIN)/python -m tests.browser.screenshots

bench: curl wrk env .venv/development ## Measure everything, or PART=name; PEERS=folder adds the peers
	$(BIN)/python -m bench $(if $(PART),--part $(PART)) $(if $(PEERS),--peers $(PEERS)) $(if $(TENANTS),--tenants $(TENANTS))

lint: .venv/development ## Check style, types and the Dockerfile
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy .
	$(BIN)/hadolint Dockerfile

curl: # the tests pull reports with it, as people do
	@command -v curl >/dev/null || { echo "The tests need curl. On Debian and Ubuntu, type:" >&2; \
		echo "  sudo apt install curl" >&2; exit 1; }

pgbouncer: # some tests reach the database through it
	@if PATH="$$PATH:/usr/sbin" command -v pgbouncer >/dev/null; then exit 0; fi; \
	$(APT_INSTALL) pgbouncer; then exit 0; fi; \
	echo "The tests need PgBouncer. On Debian and Ubuntu, type:" >&2; \
	echo "  sudo apt install pgbouncer" >&2; exit 1

redis: # some tests count limits in it
	@if command -v redis-server >/dev/null || command -v valkey-server >/dev/null; then exit 0; fi; \
	$(APT_INSTALL) redis-server; then exit 0; fi; \
	echo "The tests need a Redis or Valkey server. On Debian and Ubuntu, type:" >&2; \
	echo "  sudo apt install redis-server" >&2; exit 1

wrk: # the measured servers get their load from it
	@if command -v wrk >/dev/null; then exit 0; fi; \
	$(APT_INSTALL) wrk; then exit 0; fi; \
	echo "The measurements need wrk. On Debian and Ubuntu, type:" >&2; \
	echo "  sudo apt install wrk" >&2; exit 1

# A browser can be chosen: make CHROMIUM=/path/to/chromium
export CHROMIUM

browser: # the tests look at the pages with it, as people do
	@for name in $(BROWSERS); do if command -v "$$name" >/dev/null; then exit 0; fi; done; \
	$(APT_INSTALL) chromium; then exit 0; fi; \
	echo "The tests need Chromium, or Chrome. On Debian, type:" >&2; \
	echo "  sudo apt install chromium" >&2; \
	echo "Elsewhere, install either and name it: make test CHROMIUM=/path/to/it" >&2; exit 1

format: .venv/development ## Put the code into the house's form
	$(BIN)/ruff check --fix-only
	$(BIN)/ruff format

lock: .venv/development ## Write the locks from pyproject.toml and package.json; UPGRADE=--upgrade takes the newest versions
	$(COMPILE) --output-file requirements.txt pyproject.toml
	$(COMPILE) --output-file requirements-dev.txt --constraint requirements.txt --group dev pyproject.toml
	$(COMPILE) --output-file requirements-node.txt --group node
	$(NPM) $(if $(UPGRADE),update,install) --package-lock-only $(QUIETLY)

env: .venv/runtime assets/node_modules/installed ## Make the environment from the locks: .venv, assets/node_modules

# The interpreter can be chosen: make PYTHON=/path/to/python3.13
.venv/runtime: requirements.txt
	@for python in $(or $(PYTHON),python3.11 python3.12 python3.13 python3.14 python3); do \
		$$python -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 15))' 2>/dev/null && break; python=; \
	done; \
	if [ -z "$$python" ]; then echo "GoKart needs Python 3.11 to 3.14; name one with PYTHON=" >&2; exit 1; fi; \
	if ! $$python -c 'import ensurepip, venv' 2>/dev/null; then \
		version=$$($$python -c 'import sys; print("%d.%d" % sys.version_info[:2])'); \
		echo "This Python cannot make environments. On Debian and Ubuntu, type:" >&2; \
		echo "  sudo apt install python$$version-venv" >&2; exit 1; \
	fi; \
	echo "Making the environment with $$($$python --version) ..."; \
	$$python -m venv --clear .venv
	@$(PIP) -r requirements.txt
	@touch $@

.venv/development: requirements-dev.txt .venv/runtime
	@$(PIP) -r requirements-dev.txt
	@touch $@

# What pages load in the browser. Where there is no npm, the one that comes in a wheel fetches it.
assets/node_modules/installed: assets/package-lock.json | .venv/runtime
	@$(NPM) ci $(QUIETLY)
	@touch $@
