# Everything starts here. Settings are environment variables, or are given to make:
#   make run NGALAM112_SIP_PORT=5070      make demo ARGS="--format json"      make test ARGS="-k menu"

PYTHON ?= python3
ARGS ?=
BIN := .venv/bin
# else each of the processes that a test run starts would compile all our code anew
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup ready demo storm chaos run test lint bench requirements clean

help: ## show this
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16
	@sed -n 's/^#  //p' Makefile

setup: ## install what is missing: packages, the Asterisk root, .venv
	@$(PYTHON) -m deploy.setup

# what every other target needs; silent and quick when nothing is missing
ready:
	@$(PYTHON) -m deploy.setup --quiet

demo: ready ## the whole line on loopback: 4 operators, 30 citizens, then the report
	@$(BIN)/ngalam112 demo $(ARGS)

storm: ready ## random citizens and phones against the line; SEED= repeats one, CALLS= (1000)
	@$(BIN)/ngalam112 storm $(if $(SEED),--seed $(SEED)) $(if $(CALLS),--calls $(CALLS)) $(ARGS)

chaos: ready ## every part of the line dies in turn; SEED= repeats one, QUICK=1 takes minutes
	@$(BIN)/ngalam112 chaos $(if $(SEED),--seed $(SEED)) $(if $(QUICK),--quick) $(ARGS)

run: ready ## the line in the foreground for real softphones, until Ctrl-C
	@$(BIN)/ngalam112 up $(ARGS)

# PROCESSES tests run beside each other, of which two are plays of a whole line. ROUNDS= and LOAD= are
# for a burn-in: what is marked as integration, so many times, beside so many busy loops. FULL=1 speaks
# whole prompts, tries all examples of each property, lets full crowds call and plays one line at a
# time, which takes about three times as long.
test: ready ## every test, with a real Asterisk and real databases; ROUNDS=5 LOAD=2 is a burn-in
	@$(if $(FULL),NGALAM112_TESTS=full )$(BIN)/python -m tests.rounds \
		--rounds $(or $(ROUNDS),1) --load $(or $(LOAD),0) \
		-n $(PROCESSES) $(if $(ROUNDS)$(LOAD),-m integration) $(ARGS)
PROCESSES ?= 5

lint: ready ## style, types, and the direction of imports
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/mypy -p deploy
	@$(BIN)/lint-imports

bench: ready ## the line beside app_queue and a bare Asterisk; SEED= repeats one, QUICK=1 takes minutes
	@$(BIN)/ngalam112 bench $(if $(SEED),--seed $(SEED)) $(if $(QUICK),--quick) $(ARGS)

requirements: ready ## pin the newest packages that pyproject.toml allows, with their hashes
	@CUSTOM_COMPILE_COMMAND="make requirements" $(BIN)/pip-compile $(PIN) -o requirements.txt pyproject.toml
	@CUSTOM_COMPILE_COMMAND="make requirements" $(BIN)/pip-compile $(PIN) --extra dev \
		-c requirements.txt -o requirements-dev.txt pyproject.toml
PIN = --quiet --upgrade --generate-hashes --strip-extras --allow-unsafe --no-emit-options \
	--no-emit-index-url --no-emit-find-links --no-emit-trusted-host

clean: ## remove .venv and what the tools left; the state (var/) and the cached root stay
	@rm -rf .venv build dist *.egg-info .pytest_cache .ruff_cache .mypy_cache .hypothesis \
		.import_linter_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
