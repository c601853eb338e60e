# Everything a person does with this repository starts here. `make` alone lists it.
# A fresh machine needs Python 3.11 or newer and make; nothing here asks a question or needs a terminal.

PYTHON ?= $(shell command -v python3.11 || command -v python3.12 || command -v python3.13 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
CORE := $(VENV)/.core-installed
LIVE := $(VENV)/.live-installed
DEV := $(VENV)/.dev-installed
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet --no-input
WORKERS ?= 3
FOLDER ?= week
DAYS ?= 7
SEED ?= 1
DELAY ?= P7D
WHEELS ?= wheelhouse
SBOM ?= dist/tradewind.cdx.json

.DEFAULT_GOAL := help
.PHONY: help install live dev demo test soak faults week bench docs docs-serve pins aged wheelhouse sbom format lint clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | awk -F'\t' '{printf "make %-12s %s\n", $$1, $$2}'

install: $(CORE) ## make .venv with what running tradewind needs; the command is .venv/bin/tradewind

live: $(LIVE) ## the same, with what trading on accounts and on live feeds needs

dev: $(DEV) ## all of it, with the tools of tests, linting and docs

demo: $(CORE) ## a generated market, a real strategy, a report: offline, in a minute or two
	@$(BIN)/tradewind demo

# In the order of the folders: it puts the long files first. More workers than cores, since some tests wait for a clock.
test: $(DEV) ## all tests but the long ones: one process compiles the kernels, then three share them
	@$(BIN)/python -W ignore tests/warm.py
	@$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder $(ARGS)

soak: $(DEV) ## the long tests: millions of requests, seeded misfortunes, crash sweeps; each is named as it ends
	@TRADEWIND_HYPOTHESIS=soak $(BIN)/python -m pytest -m soak -v --timeout 14400 $(ARGS)

faults: $(DEV) ## every test that proves a fault survived, and the table of them with what came out: build/faults.md
	@$(BIN)/python -W ignore -m tradewind.testing.fault_table . -n $(WORKERS) --dist loadfile $(ARGS)

week: $(DEV) ## a week on paper in virtual time, into a new folder (FOLDER=week DAYS=7 SEED=1): report, journal, an order
	@$(BIN)/python -W ignore -m tradewind.testing.week $(FOLDER) $(DAYS) $(SEED)

bench: $(DEV) ## side by side with the peers (a venv of their own); writes benchmarks/results and docs/benchmarks.md
	@$(BIN)/python benchmarks/run.py $(ARGS)

export NO_MKDOCS_2_WARNING := 1
docs: $(DEV) ## build the site into site/, strictly
	@$(BIN)/python -m mkdocs build --strict --quiet

docs-serve: $(DEV) ## the site on localhost, rebuilt as you write
	@$(BIN)/python -m mkdocs serve

format: $(DEV) ## write the house format
	@$(BIN)/ruff format . && $(BIN)/ruff check --fix .

lint: $(DEV) ## what CI checks without running anything
	@$(BIN)/ruff format --check . && $(BIN)/ruff check . && $(BIN)/mypy && $(BIN)/lint-imports

clean: ## remove what was built (not .venv)
	@rm -rf build dist site wheelhouse .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis

$(BIN)/python:
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(None if v >= (3, 11) else f"tradewind needs Python 3.11 or newer; this is {v[0]}.{v[1]}. Set PYTHON=/path/to/python3.11")'
	@echo "making $(VENV) with $$($(PYTHON) --version)"
	@$(PYTHON) -m venv $(VENV)

# A stamp is newer than what it was made from: a second `make` does nothing and says nothing.
$(CORE): pyproject.toml constraints/core.txt constraints/build.txt | $(BIN)/python
	@echo "installing tradewind into $(VENV) (pinned versions, hashes checked)"
	@$(PIP) install --require-hashes -r constraints/core.txt -r constraints/build.txt
	@$(PIP) install --no-deps --no-build-isolation -e .
	@touch $@

$(LIVE): $(CORE) constraints/live.txt
	@echo "installing what going live needs into $(VENV) (pinned versions, hashes checked)"
	@$(PIP) install --require-hashes -r constraints/live.txt
	@touch $@

$(DEV): $(CORE) constraints/dev.txt
	@echo "installing the tools of tests and docs into $(VENV)"
	@$(PIP) install --require-hashes -r constraints/dev.txt
	@touch $@

# Versions and hashes only, so that the files say nothing of where a machine fetches its packages. A release is chosen
# once it is a week old: one that was taken over is mostly found and withdrawn within days.
COMPILE := $(BIN)/pip-compile --quiet --allow-unsafe --generate-hashes --strip-extras --no-header --no-annotate \
  --no-emit-index-url --no-emit-trusted-host --no-emit-find-links --no-emit-options --uploaded-prior-to $(DELAY) $(UPGRADE)

pins: $(DEV) ## choose the pinned versions anew, of releases a week old (UPGRADE=--upgrade for the newest of them; DELAY=P0D)
	$(COMPILE) --all-extras -o constraints/dev.txt pyproject.toml
	$(COMPILE) -c constraints/dev.txt -o constraints/core.txt pyproject.toml
	$(COMPILE) --extra live -c constraints/dev.txt -o constraints/live.txt pyproject.toml
	$(COMPILE) -c constraints/dev.txt -o constraints/build.txt constraints/build.in
	$(COMPILE) -o constraints/bench.txt benchmarks/peers.in

aged: $(DEV) ## name a pinned package that is younger than a week (DELAY=P7D); asks the index
	@for list in core live build dev; do \
	  $(PIP) install --dry-run --ignore-installed --no-deps --require-hashes --uploaded-prior-to $(DELAY) \
	    -r constraints/$$list.txt || exit 1; done

# The list is proven where it is made: a new environment is filled from the folder alone, by the hashes, and asked.
wheelhouse: $(CORE) ## every package of `make live` and tradewind itself as wheels in one folder, to install from offline
	@mkdir -p $(WHEELS) && rm -f $(WHEELS)/*.whl
	@$(PIP) download --require-hashes --only-binary :all: --dest $(WHEELS) -r constraints/live.txt
	@$(PIP) wheel --no-deps --no-build-isolation --wheel-dir $(WHEELS) .
	@cp constraints/live.txt $(WHEELS)/live.txt
	@rm -rf build/offline && $(PYTHON) -m venv build/offline
	@$(OFFLINE) --require-hashes --only-binary :all: -r $(WHEELS)/live.txt
	@$(OFFLINE) --no-deps tradewind
	@build/offline/bin/tradewind --version && rm -rf build/offline
	@echo "$(WHEELS): $$(ls $(WHEELS)/*.whl | wc -l) wheels, installed offline"

OFFLINE := build/offline/bin/python -m pip --disable-pip-version-check --quiet --no-input --isolated \
  --no-cache-dir install --no-index --find-links $(WHEELS)

sbom: $(DEV) ## the bill of materials of `make live` (CycloneDX, with hashes), into dist/tradewind.cdx.json
	@mkdir -p $(dir $(SBOM))
	@$(BIN)/python -W ignore -m cyclonedx_py requirements --pyproject pyproject.toml --output-reproducible \
	  --spec-version 1.6 --output-file $(SBOM) $(ARGS) constraints/live.txt
	@echo "$(SBOM): $$(grep -c '"purl"' $(SBOM)) packages"
