# Chuanyu. `make help` says what there is.
# Every path is relative, so the checkout may lie anywhere, in a folder with spaces too.

PYTHON ?= python3
VENV := .venv/bin
CHUANYU := $(VENV)/python -m chuanyu.node.cli
TOGETHER := --numprocesses=auto --maxprocesses=4  # all tests: on every core at once

.DEFAULT_GOAL := help
.PHONY: help setup run test long check format shots lighthouse bench clean distclean

help: ## this list
	@echo "Chuanyu: public services across a border. Needs python3 (3.11 or newer) and make; the rest installs itself."
	@echo
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1|\2/p' Makefile | while IFS='|' read -r name words; do printf '%-16s %s\n' "$$name" "$$words"; done
	@echo
	@echo "After \`make setup\`, \`.venv/bin/chuanyu --help\` lists everything else."

setup: ## install into .venv: the package, PostgreSQL 18, the front-end files
	@$(PYTHON) tools/bootstrap.py

run: setup ## start both nodes with sample data: Chongqing on :8050, Sichuan on :8051 (UP="--fresh" begins anew)
	@$(CHUANYU) up $(UP)

test: ## everything that is checked: style, types, layers, services, tests (ARGS="tests/core -k money" for some of the tests)
	@$(PYTHON) tools/bootstrap.py --extra test
	@sh tools/browser.sh
	$(VENV)/ruff check .
	$(VENV)/ruff format --check .
	$(VENV)/mypy
	$(VENV)/lint-imports
	$(CHUANYU) check
	$(VENV)/python -m pytest $(or $(ARGS),$(TOGETHER))

check: setup ## only the services: every rule of the service language
	@$(CHUANYU) check

format: ## put the code into its one form
	@$(PYTHON) tools/bootstrap.py --extra test
	$(VENV)/ruff check --fix .
	$(VENV)/ruff format .

long: ## the long forms of the ledger's tests: every mutation, a minute of contention, ten kills (about half an hour)
	@$(PYTHON) tools/bootstrap.py --extra test
	CHUANYU_TRANSFERS=50000 CHUANYU_SECONDS=60 CHUANYU_KILLS=10 CHUANYU_EXAMPLES=100 CHUANYU_MUTATIONS=1 \
		$(VENV)/python -m pytest tests/clearing $(ARGS)

shots: ## pictures of every page into shots/, from two nodes of their own
	@$(PYTHON) tools/bootstrap.py --extra test
	@sh tools/browser.sh
	@PYTHONPATH=tests:tests/journeys $(VENV)/python tests/journeys/shots.py

lighthouse: ## Lighthouse on six pages of two nodes of their own: at least 95 in all four (needs npm)
	@$(PYTHON) tools/bootstrap.py --extra test
	@sh tools/browser.sh
	@cd tests/journeys/lighthouse && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
	@PYTHONPATH=tests:tests/journeys $(VENV)/python tests/journeys/lighthouse.py $(ARGS)

bench: ## measure, each figure beside the machine's own limit (ARGS="exchange cases")
	@$(PYTHON) tools/bootstrap.py --extra bench
	@$(CHUANYU) bench $(ARGS)

clean: ## remove what tools leave behind; data and .venv stay
	@rm -rf build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	@find src tests tools -name __pycache__ -type d -prune -exec rm -rf {} +

distclean: clean ## remove .venv, front-end files and ALL DATA of both nodes (var/)
	@if [ -x $(VENV)/python ]; then $(CHUANYU) down && $(VENV)/python -c 'from chuanyu.node.setup import erase; erase("chongqing"); erase("sichuan")'; fi
	@rm -rf .venv node_modules src/chuanyu/portal/static/vendor var
