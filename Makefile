# Callboard needs Python 3.11-3.13, make and a C library; everything else comes into .venv.
SHELL := /bin/sh
VENV := .venv
STAMP := $(VENV)/.installed
BIN := $(VENV)/bin

.PHONY: run dev test check bench chaos fresh screenshots setup e5 console clean

run: $(STAMP) console
	@exec $(BIN)/callboard run

dev: $(STAMP) console
	@exec $(BIN)/callboard dev

test: $(STAMP) console
	@$(BIN)/python -m pytest --numprocesses 2

check: $(STAMP)
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/python scripts/build_console.py --check

bench: $(STAMP)
	@$(BIN)/python -m tests.bench $(ARGS)

chaos: $(STAMP)
	@$(BIN)/python -m tests.chaos $(ARGS)

# The first start on an empty machine, as root and as a new user; takes minutes.
fresh: $(STAMP)
	@$(BIN)/python -m tests.fresh $(ARGS)

# Every page in both languages and colour schemes, 390 to 2560 px wide; fails on what does not fit or is not translated.
screenshots: $(STAMP) console
	@$(BIN)/python -m tests.browser.screenshots $(ARGS)

# At once unless one of its sources changed.
console: $(STAMP)
	@$(BIN)/python scripts/build_console.py

setup: $(STAMP)

e5: $(STAMP)
	@sh scripts/setup.sh $(VENV) e5

$(STAMP): requirements.lock pyproject.toml scripts/setup.sh
	@sh scripts/setup.sh $(VENV)
	@touch $(STAMP)

clean:
	rm -rf gateway/console/node_modules gateway/console/dist $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .bench .chaos .screenshots
