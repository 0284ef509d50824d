# Every target does all of its own set-up: a fresh Debian with Python 3.11, make and git is enough; no root.
PYTHON ?= python3
BIN := .venv/bin
EXTRAS := models,body,mesh,video,zstd,dask,ray,fast-coco,parquet,onnx,fit
export NUMBA_CACHE_DIR ?= $(CURDIR)/.numba_cache

.PHONY: demo test test-quick test-browser lint format bench leaderboard clean

demo: .venv/core
	$(BIN)/mhbench demo demo

test: .venv/dev
	$(BIN)/python -m pytest -n auto --dist loadfile

test-quick: .venv/dev
	$(BIN)/python -m pytest -n auto --dist loadfile -m "not slow"

# only the tests that open pages in Debian's Chromium; `make test` runs them too where it is installed
test-browser: .venv/dev
	$(BIN)/python -m pytest -m browser

lint: .venv/dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

format: .venv/dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: .venv/dev
	for script in benchmarks/*.py; do \
	  case $$script in benchmarks/measuring.py) ;; *) $(BIN)/python $$script || exit 1 ;; esac; \
	done

# reports/leaderboard and reports/site anew, on synthetic people
leaderboard: .venv/core
	MHBENCH=$(BIN)/mhbench reports/build.sh --anew

.venv/bin/pip:
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --upgrade pip

.venv/core: pyproject.toml constraints.txt | .venv/bin/pip
	@echo "installing mhbench into .venv: a minute or two the first time"
	$(BIN)/pip install --quiet --constraint constraints.txt --editable .
	touch $@

.venv/dev: pyproject.toml constraints.txt | .venv/bin/pip
	@echo "installing mhbench with all extras into .venv: some minutes the first time"
	$(BIN)/pip install --quiet --constraint constraints.txt --editable ".[$(EXTRAS)]" --group dev
	touch .venv/core $@

clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .numba_cache demo build dist
