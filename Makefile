# make demo   set everything up and show the main job
# make test   set everything up and pass all tests
# make check  lint, types, house; make fix  mend what a tool can mend; make dev  a console with sample data

PYTHON ?= python3
VENV   ?= .venv
WORKERS ?= auto
BIN     = $(VENV)/bin
READY   = $(VENV)/.ready
TOOLS   = $(VENV)/.ready-dev
export PIP_DISABLE_PIP_VERSION_CHECK = 1

.PHONY: demo test fast check fix dev lock clean
.DEFAULT_GOAL := test

$(READY): requirements.lock requirements-demo.lock pyproject.toml
	@$(PYTHON) tools/setup.py $(VENV) requirements.lock requirements-demo.lock
	@touch $(READY)

$(TOOLS): requirements-dev.lock pyproject.toml
	@$(PYTHON) tools/setup.py $(VENV) requirements.lock requirements-dev.lock
	@touch $(READY) $(TOOLS)

demo: $(READY)
	@$(BIN)/python tools/demo.py

test: $(TOOLS)
	@$(BIN)/python tools/browser.py
	@$(BIN)/python tools/model.py
	@$(BIN)/ruff check -q . && $(BIN)/ruff format -q --check . && $(BIN)/mypy && $(BIN)/lint-imports --no-logo
	@$(BIN)/pytest -q -n $(WORKERS) --dist loadgroup --no-loadscope-reorder -m "not quiet"; told=$$?; \
	 $(BIN)/pytest -q -m quiet && exit $$told

fast: $(TOOLS)
	@$(BIN)/pytest -q -m "not slow and not browser and not real and not database and not property"

check: $(TOOLS)
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy && $(BIN)/lint-imports

fix: $(TOOLS)
	@$(BIN)/ruff check --fix . ; $(BIN)/ruff format .

dev: $(READY)
	@$(BIN)/python tools/dev.py

lock:
	@$(PYTHON) tools/lock.py

clean:
	rm -rf $(VENV) .demo .mypy_cache .ruff_cache .import_linter_cache
