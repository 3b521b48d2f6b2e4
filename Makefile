# `make` alone lists the targets.

BIN = .venv/bin
ENVIRONMENT = scripts/environment.sh
LOCKS = requirements-uv.txt requirements.txt requirements-dev.txt requirements-connectors.txt requirements-node.txt
COMPILE = $(ENVIRONMENT) uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-strip-extras \
	--no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" $(UPGRADE)

# The Python can be chosen: make PYTHON=/path/to/python3.13. By default it is the newest supported one.
export PYTHON

# The browser can be chosen: make CHROMIUM=/path/to/chromium
export CHROMIUM

# Where Python may not keep compiled modules, each process of the tests would compile them again.
ifdef PYTHONDONTWRITEBYTECODE
unexport PYTHONDONTWRITEBYTECODE
export PYTHONPYCACHEPREFIX = $(CURDIR)/.tools/pycache
endif

.DEFAULT_GOAL = help
.PHONY: help demo serve test chaos system-packages screenshots bench bench-tenants schema sbom lint check-lock format lock $(LOCKS) env development

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: env ## Fill a demo with a year of data, print its URLs, tokens and curl lines, and serve it
	@./gokart demo

serve: env ## Serve what is there
	@./gokart serve

test: system-packages lint ## Lint, check types, run all tests; THROUGH=pgbouncer connects through PgBouncer, EXAMPLES=500 generates more examples
	$(BIN)/python -m pytest -n 3

chaos: development ## Inject random faults among intake and reads for MINUTES=10, and compare with a model; SEED=n repeats a run
	@scripts/system_packages.sh redis-server faketime
	$(BIN)/python -m tests.chaos $(if $(MINUTES),--minutes $(MINUTES)) $(if $(SEED),--seed $(SEED))

system-packages: ## Install the Debian packages that the tests need
	@scripts/system_packages.sh curl openssl pgbouncer redis-server nginx-light faketime chromium-headless-shell

screenshots: development ## Take pictures of the pages into docs/screenshots
	@scripts/system_packages.sh chromium-headless-shell
	$(BIN)/python -m tests.browser.screenshots

bench: development ## Measure everything, or PART=name; PEERS=folder adds the peers
	@scripts/system_packages.sh curl wrk
	$(BIN)/python -m bench $(if $(PART),--part $(PART)) $(if $(PEERS),--peers $(PEERS)) $(if $(TENANTS),--tenants $(TENANTS))

bench-tenants: development ## Measure with 10,000 tenants, which takes an hour
	@scripts/system_packages.sh wrk
	$(BIN)/python -m bench --part tenants --tenants 10000

schema: development ## Write schema/platform.sql and schema/tenant.sql from the migrations
	$(BIN)/python -m schema

sbom: development ## Write into sbom/ what the image contains, as CycloneDX: the locked Python and JavaScript packages
	mkdir -p sbom
	$(BIN)/cyclonedx-py requirements --output-reproducible --output-format JSON --output-file sbom/python.json requirements.txt
	$(ENVIRONMENT) npm assets sbom --package-lock-only --omit=dev --sbom-format=cyclonedx > sbom/javascript.json

lint: check-lock ## Check the locks, style, types and the Dockerfile
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy .
	$(BIN)/hadolint Dockerfile

format: development ## Format the code
	$(BIN)/ruff check --fix-only
	$(BIN)/ruff format

lock: $(LOCKS) ## Write the locks from pyproject.toml and package.json; UPGRADE=--upgrade takes the newest versions
	$(ENVIRONMENT) npm assets $(if $(UPGRADE),update,install) --package-lock-only
	$(ENVIRONMENT) npm apidocs/tools $(if $(UPGRADE),update,install) --package-lock-only

requirements-uv.txt:
	$(COMPILE) --output-file $@ --group uv

requirements.txt:
	$(COMPILE) --output-file $@ pyproject.toml

requirements-dev.txt: requirements.txt
	$(COMPILE) --output-file $@ --constraint requirements.txt --group dev pyproject.toml

requirements-connectors.txt:
	$(COMPILE) --output-file $@ --group connectors

requirements-node.txt:
	$(COMPILE) --output-file $@ --group node

check-lock: development ## Check that .venv contains exactly the locked packages, and that they fit together
	$(ENVIRONMENT) check

env: ## Install what the server needs from the locks: .venv, assets/node_modules
	@$(ENVIRONMENT) runtime

development:
	@$(ENVIRONMENT) development
