# make demo    install the project and run the demonstration      make test    run the quick tests
# make check   run what CI runs: lint, types, all tests, docs      make docs    build the documentation site in site/
# make bench   run the benchmarks that take minutes                make clean   remove the environment, the demo and the site
# make robustness   attack the program with all cases; make check tries a sample of them
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
SELECTION := -m "not slow"

# If this variable were set, every test process would compile all libraries again, which takes a third of the time of the tests.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test test-all robustness coverage test-extras test-people lint docs check bench bench-generative bench-microcosm clean env
env: $(READY)

demo: $(READY)
	$(BIN)/observers demo --out demo

# The quick tests: those of tests/unit that are not marked as slow, and the rules for the repository.
test: $(READY)
	$(BIN)/python -m pytest -q -n auto --maxprocesses 4 --dist worksteal $(SELECTION) $(PYTEST_ARGS)

test-all: $(READY)
	$(MAKE) test SELECTION= PYTEST_ARGS=tests

# Kills at random moments, and damaged and hostile files, requests and names: SECURITY.md. This takes about an hour on two cores.
robustness: $(READY)
	OBSERVERS_ROBUSTNESS=full $(MAKE) test SELECTION= PYTEST_ARGS="tests/robustness $(PYTEST_ARGS)"

# Line coverage of the quick tests by module.
coverage: $(READY)
	$(MAKE) test PYTEST_ARGS="$(PYTEST_ARGS) --cov --cov-report=term"

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

docs: $(READY)
	UV_FIND_LINKS="$(PIP_FIND_LINKS)" $(BIN)/uv pip install -q --python $(BIN)/python -c constraints.txt -e ".[docs]"
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet

check: lint docs
	$(MAKE) test-all
	$(MAKE) test-extras
	$(MAKE) test-people

# These extras are installed in a separate folder without their dependencies, because a torchvision of another build than torch
# would break transformers and diffusers in the environment.
test-extras: $(READY)
	UV_FIND_LINKS="$(PIP_FIND_LINKS)" $(BIN)/uv pip install -q --target .venv/extras --no-deps --python $(BIN)/python -c constraints.txt timm torchvision \
		plenoptic pyrtools einops imageio scikit-image lazy-loader tifffile importlib-resources resvg-py psignifit
	PYTHONPATH=.venv/extras $(BIN)/python -m pytest -q tests/unit/observers/classifiers/test_zoo.py tests/unit/observers/test_paper_models.py tests/unit/stimuli/distort/test_texture_synthesis.py tests/unit/observers/microcosm/training/test_icons.py tests/unit/analysis/measures/test_psychometric.py

# Tests with a real screen under Xvfb. They need PsychoPy and Debian's xvfb, xdotool, libgl1-mesa-dri, libglu1-mesa,
# libportaudio2 and libusb-1.0-0. Tests whose requirements are missing are skipped with a reason.
test-people: $(READY)
	UV_FIND_LINKS="$(PIP_FIND_LINKS)" $(BIN)/uv pip install -q --python $(BIN)/python -c constraints.txt -e ".[people]"
	$(BIN)/python -m pytest -q tests/end_to_end/test_psychopy.py

bench: $(READY)
	$(BIN)/python benchmarks/measures.py
	$(BIN)/python benchmarks/channels_last.py
	$(BIN)/python benchmarks/distortions.py
	$(BIN)/python benchmarks/report.py

# These take hours on two cores unless benchmarks/cache holds earlier results; benchmarks/README.md gives the time of each.
bench-generative: $(READY)
	$(BIN)/python benchmarks/unet.py
	$(BIN)/python benchmarks/precision.py
	$(BIN)/python benchmarks/overhead.py
	$(BIN)/python benchmarks/racing.py --plot benchmarks/cache/racing.png

# This takes two to three hours on two cores; responses in benchmarks/cache are reused.
bench-microcosm: $(READY)
	$(BIN)/python benchmarks/microcosm.py --figures docs/microcosm
	$(BIN)/python benchmarks/drawing.py --figures docs/microcosm

# uv does not read pip's settings, so a folder of wheels that pip is configured to use is passed on. Plain pip does the same, slower:
#   python3 -m venv .venv && .venv/bin/pip install -c constraints.txt -e ".[dev,models]"
$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(None if v in ((3, 11), (3, 12)) else "Python 3.11 or 3.12 is needed and $(PYTHON) is %d.%d: make PYTHON=python3.12 $(MAKECMDGOALS)" % v)'
	$(PYTHON) -m venv --clear .venv
	$(BIN)/python -m pip install -q -c constraints.txt uv
	UV_FIND_LINKS="$(PIP_FIND_LINKS)" $(BIN)/uv pip install -q --python $(BIN)/python -c constraints.txt -e ".[dev,models]"
	@touch $@

clean:
	rm -rf .venv demo site
