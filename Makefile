# Everything a fresh machine needs is built into .venv from the hash-pinned requirements.lock.
# No make? See CONTRIBUTING.md for the same in three commands.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
NODE_STAMP := web/node_modules/.package-lock.json

.PHONY: help install test lint unit demo docs real soak lock clean

help:
	@echo "make demo     train on a synthetic world; writes demo/ (patches, run, report, maps)"
	@echo "make test     lint, types and tests"
	@echo "make real     the checks on the real data sets that TERRAZZO_DATA names"
	@echo "make soak     the heavy checks at full size (kills, fuzz, large files); long"
	@echo "make docs     build the documentation into site/ (open site/index.html)"
	@echo "make lock     resolve requirements.lock anew"

install: $(STAMP) $(NODE_STAMP)

$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "terrazzo needs Python 3.11 or later; set PYTHON=..."; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check "uv>=0.5"
	$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements.lock
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation -e .
	@touch $(STAMP)

# axe and the bundler of the page, for its tests, which skip without them. npm writes this file last. Nothing here fails.
$(NODE_STAMP): web/package-lock.json web/package.json
	@if ! command -v npm > /dev/null; then echo "npm is not installed: the tests that need axe or the bundler will skip"; \
	elif npm ci --prefix web --loglevel=silent --no-progress > /dev/null && touch $@; then :; \
	else echo "npm ci --prefix web failed (run it to see why): the tests that need axe or the bundler will skip"; fi

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

unit: $(STAMP) $(NODE_STAMP)
	$(BIN)/python -m pytest -m "not real and not soak" -n 2

test: lint unit

real: $(STAMP)
	$(BIN)/python -m pytest -m "real and not soak"

soak: $(STAMP)
	$(BIN)/python -m pytest -m soak

demo: $(STAMP)
	$(BIN)/terrazzo synthesize demo/world --images 36 --height 256 --width 384
	$(BIN)/terrazzo prepare demo/world --patch-size 128 --out demo/patches
	$(BIN)/terrazzo train demo/patches --recipe unet-lite0 --epochs 12 --out demo/run --resume
	$(BIN)/terrazzo evaluate demo/run/model.safetensors demo/patches --out demo/report
	$(BIN)/terrazzo predict demo/run/model.safetensors demo/world/images --out demo/maps
	@echo "look at demo/report/report.html and demo/maps"

docs: $(STAMP)
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict
	@echo "open site/index.html; with the search: $(BIN)/python -m http.server -d site"

lock:
	$(BIN)/uv pip compile pyproject.toml --all-extras --group dev --group docs --universal --python-version 3.11 \
	  --generate-hashes --no-emit-index-url --no-emit-find-links --no-header -o requirements.lock

clean:
	rm -rf $(VENV) demo site build dist .pytest_cache .mypy_cache .ruff_cache
