.DEFAULT_GOAL := help
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed
# A file stays with one worker; long files come first (see tests/conftest.py).
SPREAD := -n 2 --dist loadfile --no-loadscope-reorder
REPEATED := --hypothesis-profile=check
# Many tests start processes: what Python compiled for one serves the next.
export PYTHONDONTWRITEBYTECODE :=

help: ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

install: $(STAMP) ## Install everything into .venv

$(STAMP): pyproject.toml scripts/install.sh
	@PYTHON=$(PYTHON) sh scripts/install.sh
	@touch $(STAMP)

demo: $(STAMP) ## Start the whole portal with its story, and print where to look
	@$(BIN)/python -m portal.demo

reset-demo: $(STAMP) ## Forget the demo's data, so that `make demo` starts afresh
	@$(BIN)/python -m portal.demo --reset-only

test: $(STAMP) ## Run the tests
	$(BIN)/pytest $(SPREAD)

check: $(STAMP) format lint types layers cover ## Everything CI runs

format: $(STAMP) ## Is the code formatted?
	$(BIN)/ruff format --check .

lint: $(STAMP) ## Style
	$(BIN)/ruff check .

types: $(STAMP) ## Types
	$(BIN)/mypy

layers: $(STAMP) ## Who imports whom
	$(BIN)/lint-imports

# What the gates count must not depend on chance, nor on a browser being there: those
# tests run after the others, unmeasured. Examples repeat, so that a run can be repeated.
cover: $(STAMP) ## The tests, with the coverage gates
	$(BIN)/python -W ignore::RuntimeWarning -m slipcover --branch --source portal --json --out .coverage.json \
	  -m pytest $(SPREAD) $(REPEATED) -m "not no_cover"
	$(BIN)/pytest $(SPREAD) $(REPEATED) -m no_cover
	$(BIN)/python scripts/coverage_gates.py .coverage.json

fix: $(STAMP) ## Format and repair what can be repaired
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

serve: $(STAMP) ## Start web and worker on the settings of the environment
	$(BIN)/portal db upgrade
	$(BIN)/portal serve

screenshots: $(STAMP) ## Make the pictures of the README from the demo
	$(BIN)/python scripts/screenshots.py

bench: $(STAMP) ## Print the benchmarks' ratios against their limits
	@for f in bench/bench_*.py; do echo "== $$f"; PYTHONPATH=. $(BIN)/python $$f; done

bench-rating: $(STAMP) ## Rate a million sales and print the ratio to reading and writing
	@$(BIN)/python bench/bench_rating.py

bench-close: $(STAMP) ## Close a month of a million sales and print the ratio to reading and writing
	@$(BIN)/python bench/bench_close.py --sales 1000000 --partners 10000 --workers 1 2

mutants: $(STAMP) ## Plant mistakes in the engine and see that the tests notice each
	@$(BIN)/python bench/mutants.py

bench-papers: $(STAMP) ## Set 10,000 statements on paper and print pages a second and core, and the memory
	@PYTHONPATH=. $(BIN)/python bench/bench_papers.py --statements 10000

bench-verify: $(STAMP) ## Verify a million statement lines and print the seconds
	@PYTHONPATH=. $(BIN)/python bench/bench_verify.py

experiments: $(STAMP) ## Tamper, kill, race and shuffle at full size; print the figures
	@PYTHONPATH=. $(BIN)/python bench/experiments.py

.PHONY: bench-papers bench-close bench-rating bench-verify experiments mutants help install demo reset-demo test check format lint types layers cover fix serve screenshots bench
