# `make` lists the targets. Everything that is set up goes into .venv; nothing else in the clone changes.
#
#   make run ARGS="-v specs/crumpet.yaml"      more options for what runs
#   make run PYTHON=/opt/python/bin/python3    another Python than the first one found

VENV := .venv
BIN := $(VENV)/bin
# Most of what is installed is never imported, so what is imported is compiled then, once, whatever the user's habit is.
unexport PYTHONDONTWRITEBYTECODE
PIP := PIP_DISABLE_PIP_VERSION_CHECK=1 $(BIN)/python -m pip install -qq --no-compile
# Many tests wait: for a server, a process, a clock. One worker more than there are cores uses that time.
WORKERS := $(shell echo $$(( $$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2) + 1 )))
ARGS :=
# What is run with the oldest versions of what convrun depends on: the parts that call it, and what reads and writes files with
# them; of the plugin what an oldest pytest can do. All else stands above these, and is the same with any version.
DEPENDENT := backends/test_live_calls.py backends/test_pacing.py backends/test_prices.py backends/test_responses_live.py \
	backends/test_retries.py conversation/test_api_conversations.py conversation/test_async_conversations.py \
	conversation/test_async_tools.py lanes/test_judge_prompts.py lanes/test_judged_recordings.py scaffold/test_first_project.py templates \
	cassette/test_cassette_files.py cassette/test_cassette_format.py cassette/test_cassette_recording.py \
	cassette/test_cassette_stock.py checks/test_evaluation.py checks/test_json_checks.py checks/test_text_catalogue.py \
	cli/test_cli_help.py cli/test_cli_output.py conversation/test_media_types.py conversation/test_structured_output.py \
	conversation/test_tool_arguments.py conversation/test_tool_schemas.py conversation/test_wrong_arguments.py \
	importing/test_import_shapes.py pytest_plugin/test_collecting.py pytest_plugin/test_old_pytest.py \
	recording/test_exported_cassettes.py recording/test_record_modes.py recording/test_recorded_attachments.py \
	recording/test_recorded_replays.py recording/test_recording_keys.py recording/test_bad_providers.py \
	run/test_run_tool_policies.py run/test_run_own_kinds.py \
	test_document.py test_environment.py test_expect.py test_golden.py test_schemas.py test_settings.py

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help run test lint format types docs schemas fuzz kills exact bench record-examples lowest coverage clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: $(VENV)/.installed ## run the example specs, offline
	@$(BIN)/convrun run $(ARGS)

test: $(VENV)/.dev ## run all tests, on all cores
	@$(BIN)/python -m pytest -n $(WORKERS) $(ARGS)

lint: $(VENV)/.dev ## check style and format
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

format: $(VENV)/.dev ## mend style and format, as far as that goes by itself
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

types: $(VENV)/.dev ## check the types
	@$(BIN)/mypy

docs: $(VENV)/.dev ## run the code blocks of README.md and docs/
	@$(BIN)/python -m pytest -q tests/test_docs.py $(ARGS)

schemas: $(VENV)/.dev ## write what is generated from the code: the JSON Schemas, the reference of specs
	@$(BIN)/convrun schema spec > schemas/spec.schema.json
	@$(BIN)/convrun schema result > schemas/result.schema.json
	@$(BIN)/convrun schema mutate > schemas/mutate.schema.json
	@$(BIN)/python docs/reference.py > docs/reference.md

fuzz: $(VENV)/.dev ## feed 10,000 damaged files of each kind, 10,000 flips of bytes, and cassettes cut at every byte
	@$(BIN)/python tests/fuzz/fuzzing.py $(ARGS)

kills: $(VENV)/.dev ## kill 200 recordings at random points; nothing that was paid for may be lost
	@$(BIN)/python tests/fuzz/killing.py $(ARGS)

exact: $(VENV)/.dev ## record 2,000 random conversations, and compare each request with what the server got
	@$(BIN)/python tests/fuzz/exactness.py $(ARGS)

bench: $(VENV)/.dev $(VENV)/peers/.installed ## measure whole processes beside the same work done by hand and with llm
	@$(BIN)/python benchmarks/measure.py $(ARGS)

record-examples: $(VENV)/.installed ## record the example specs and those of `convrun init` anew, from a scripted server on loopback
	@$(BIN)/python -m demo.record $(ARGS)

lowest: $(VENV)/lowest/.dev ## run the tests of what calls dependencies with the oldest that pyproject.toml allows
	@# A warning of an old version about itself is no defect of ours.
	@$(VENV)/lowest/bin/python -m pytest -n $(WORKERS) -q -W default $(DEPENDENT:%=tests/%) $(ARGS)

coverage: $(VENV)/.dev ## say what no test reaches in this process
	@$(BIN)/python -m coverage run -m pytest -q $(ARGS)
	@$(BIN)/python -m coverage combine -q
	@$(BIN)/python -m coverage report

clean: ## remove the environment and all caches
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage .coverage.* .fuzz dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The first Python that is new enough and really works: a pyenv shim may exist for a version that is not installed.
find_python = for python in $(1); do \
	"$$python" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && break; python=; done; \
	test -n "$$python" || { echo "convrun needs Python 3.11 or newer with venv: install one, or name it: make PYTHON=..." >&2; exit 1; }

$(BIN)/python:
	@$(call find_python,$(PYTHON) python3.13 python3.12 python3.11 python3 python); \
	"$$python" -m venv $(VENV)

$(VENV)/.installed: pyproject.toml | $(BIN)/python
	@$(PIP) -e .
	@touch $@

$(VENV)/.dev: pyproject.toml | $(BIN)/python
	@$(PIP) -e '.[dev]'
	@touch $(VENV)/.installed $@

$(VENV)/peers/.installed: benchmarks/peers.txt | $(BIN)/python
	@$(BIN)/python -m venv --clear $(VENV)/peers
	@PIP_DISABLE_PIP_VERSION_CHECK=1 $(VENV)/peers/bin/python -m pip install -qq -r benchmarks/peers.txt
	@touch $@

$(VENV)/lowest/.dev: pyproject.toml .ci/lowest.py | $(BIN)/python
	@# The oldest Python first: the oldest dependencies have wheels for it.
	@$(call find_python,python3.11 python3.12 $(BIN)/python); \
	"$$python" -m venv --clear $(VENV)/lowest; \
	"$$python" .ci/lowest.py > $(VENV)/lowest/constraints.txt
	@PIP_DISABLE_PIP_VERSION_CHECK=1 $(VENV)/lowest/bin/python -m pip install -qq --no-compile -c $(VENV)/lowest/constraints.txt -e '.[dev]'
	@touch $@
