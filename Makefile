# Everything runs in .venv, made on first use. `make study` is the whole thing on real data.
PYTHON ?= python3
BIN := .venv/bin
# Processes that test at once.
WORKERS ?= 2
# Without --no-compile a third of the installing time goes into files that nobody imports.
PIP_INSTALL := $(BIN)/python -m pip install --quiet --no-compile --disable-pip-version-check \
	-c constraints.txt

# Networks as small as these are faster on one thread, and two test workers share two cores.
export OMP_NUM_THREADS ?= 1

.PHONY: study test test-python soak lint types api optunahub clean

study: .venv/studies.stamp
	$(BIN)/python studies/digits.py

# COVERAGE=1 counts lines and branches too, which takes half as long again.
test: .venv/dev.stamp
	$(BIN)/python -m pytest -m "not soak" -n $(WORKERS) --dist loadfile $(if $(COVERAGE),--cov --cov-report term)

# The same without torch, for any Python: `make test-python PYTHON=python3.13`, in build/. Files that
# import torch, or a helper that does, are left out.
OTHER = build/$(shell $(PYTHON) -c 'import sys; print("python%d.%d" % sys.version_info[:2])')
NEED_MORE := torch|sklearn|grimp|linear_fit|sine_fit|odd_values|public_calls|optuna_bisect\.(adjuster|training|curvature|integrations)
test-python:
	$(PYTHON) -m venv $(OTHER)
	$(OTHER)/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt \
		-e '.[dashboard]' hypothesis optunahub 'psycopg[binary]' pytest pytest-xdist \
		redis ruff scipy
	$(OTHER)/bin/python -m pytest -m "not soak" -n $(WORKERS) --dist loadfile $$(grep -rLE '^ *(import|from) +($(NEED_MORE))' \
		--include='test_*.py' --exclude-dir=studies --exclude-dir=integrations --exclude-dir=training tests)

# Launchers and Transformers want packages of their own; Ray (420 MB) is left to pip install '.[ray]'.
soak: .venv/soak.stamp
	$(BIN)/python -m pytest -m soak -n $(WORKERS) --dist loadfile

lint: .venv/dev.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-cache

types: .venv/dev.stamp
	$(BIN)/mypy

# A page for every public module, in build/api. One of them imports Transformers.
api: .venv/soak.stamp
	$(BIN)/python studies/reference/build.py

# The folder of OptunaHub's registry, in build/optunahub.
optunahub: .venv/dev.stamp
	$(BIN)/python studies/optunahub/build.py

clean:
	rm -rf .venv build dist .coverage .coverage.* .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/bin/python:
	$(PYTHON) -m venv .venv

.venv/studies.stamp: pyproject.toml constraints.txt | .venv/bin/python
	$(PIP_INSTALL) -e '.[studies]'
	touch $@

# The dev extra contains the studies extra.
.venv/dev.stamp: pyproject.toml constraints.txt | .venv/bin/python
	$(PIP_INSTALL) -e '.[dev]'
	touch .venv/studies.stamp $@

.venv/soak.stamp: .venv/dev.stamp
	$(PIP_INSTALL) -e '.[dev,launchers,transformers]'
	touch $@
