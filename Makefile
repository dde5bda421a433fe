# The whole developer interface. `make run` and `make test` do all set-up themselves; the second time it takes seconds.
SHELL := /bin/bash
.DEFAULT_GOAL := help
BIN := .venv/bin
export PYTHON LLAMA_FLAGS

.PHONY: help setup setup-run setup-test run test lint types format bench clean

help: ## show this
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 10

setup: setup-test ## all set-up, without running anything

setup-run:
	@scripts/setup.sh run

setup-test:
	@scripts/setup.sh test

run: setup-run ## start the server (ARGS="--port 9000"); the instruct model follows in the background
	@exec $(BIN)/voicebox serve $(ARGS)

test: setup-test ## run the tests (ARGS="-k turn")
	@$(BIN)/pytest $(ARGS)

lint: setup-test ## ruff: rules and format
	@$(BIN)/ruff check . && $(BIN)/ruff format --check .

types: setup-test ## mypy, strict
	@$(BIN)/mypy

format: setup-test ## ruff: fix and format
	@$(BIN)/ruff check --fix . && $(BIN)/ruff format .

bench: setup-run ## measure on recordings (DATA=folder with manifest.jsonl)
	@test -n "$(DATA)" || { echo "make bench DATA=FOLDER: a folder of recordings with a manifest.jsonl" >&2; exit 2; }
	$(BIN)/voicebox bench speech $(DATA)
	$(BIN)/voicebox bench turn $(DATA)
	$(BIN)/voicebox bench chat scripts/bench/chat_questions.jsonl

clean: ## remove the virtual environment and caches; models stay
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis build dist
