# Two commands: `make demo` runs the main job, `make test` passes the tests. Both set up all they need.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready

.PHONY: setup demo demo-erp test check lint types imports bench schemas samples clean prove-once

$(READY): requirements-dev.txt setup.cfg pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --requirement requirements-dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	touch $(READY)

setup: $(READY)

demo: $(READY)
	$(BIN)/python -m demo.run

# The morning into a real ERP, set up in .erp/ on first use; SHARE=1: all patients, half an hour.
demo-erp: $(READY)
	$(BIN)/python -m demo.erp.run --share $(or $(SHARE),8)

# Files in their order, of which the long ones come first: neither of the two waits for the other at the end.
test: $(READY)
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder --durations=10

lint: $(READY)
	$(BIN)/ruff check engine listeners tests bench demo prove
	$(BIN)/ruff format --check engine listeners tests bench demo prove

types: $(READY)
	$(BIN)/mypy

imports: $(READY)
	$(BIN)/lint-imports

check: lint types imports test

# Proofs that each line of money has one effect: short and seeded; `make prove-kill FULL=1 SEED=7` for the full figures.
prove-once: $(READY)
	$(BIN)/python -m prove $(if $(FULL),--full) --seed $(or $(SEED),1)

prove-%: $(READY)
	$(BIN)/python -m prove $* $(if $(FULL),--full) --seed $(or $(SEED),1)

bench: $(READY)
	$(BIN)/python bench/run.py
	$(BIN)/python bench/backlog.py
	$(BIN)/python bench/fhir.py

schemas: $(READY)
	$(BIN)/python -c 'from pathlib import Path; from engine.site.jsonschema import write_schemas; from engine.site.reference import write_reference; write_schemas(Path("docs/schema")); write_reference(Path("docs/reference"))'

# What becomes of each file of tests/samples, sent to running engines: writes docs/guide/samples.md.
samples: $(READY)
	$(BIN)/python -m prove.sample_table

clean:
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
