# make demo   the main job, from nothing        make test    the tests
# make check  what CI runs: lint, types, all tests      make clean   the environment and the demo, gone
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready

.PHONY: demo test test-extras test-human lint check bench bench-generative bench-microcosm clean env
env: $(READY)

demo: $(READY)
	$(BIN)/observers demo --out demo

test: $(READY)
	$(BIN)/python -m pytest -q -n auto --maxprocesses 4 $(PYTEST_ARGS)

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

check: lint
	$(MAKE) test PYTEST_ARGS=--slow
	$(MAKE) test-extras
	$(MAKE) test-human

# Extras beside the environment, without their needs: a torchvision that does not fit the torch at hand would break both.
test-extras: $(READY)
	UV_FIND_LINKS="$(PIP_FIND_LINKS)" $(BIN)/uv pip install -q --target .venv/extras --no-deps --python $(BIN)/python -c constraints.txt timm torchvision \
		plenoptic pyrtools einops imageio scikit-image lazy-loader tifffile importlib-resources resvg-py psignifit
	PYTHONPATH=.venv/extras $(BIN)/python -m pytest -q tests/observers/test_zoo.py tests/observers/test_paper_models.py tests/stimuli/test_texture_synthesis.py tests/observers/microcosm/test_icons.py tests/analysis/test_psychometric.py

# People at a real screen, under Xvfb: PsychoPy, and Debian's xvfb, xdotool, libgl1-mesa-dri, libglu1-mesa, libportaudio2,
# libusb-1.0-0. What is not there is skipped, and said.
test-human: $(READY)
	UV_FIND_LINKS="$(PIP_FIND_LINKS)" $(BIN)/uv pip install -q --python $(BIN)/python -c constraints.txt -e ".[human]"
	$(BIN)/python -m pytest -q --slow tests/observers/people/test_psychopy.py

bench: $(READY)
	$(BIN)/python benchmarks/measures.py
	$(BIN)/python benchmarks/channels_last.py
	$(BIN)/python benchmarks/distortions.py
	$(BIN)/python benchmarks/report.py

# Hours on two cores without what benchmarks/cache already holds; what each takes is said in benchmarks/README.md.
bench-generative: $(READY)
	$(BIN)/python benchmarks/unet.py
	$(BIN)/python benchmarks/precision.py
	$(BIN)/python benchmarks/overhead.py
	$(BIN)/python benchmarks/racing.py --plot benchmarks/cache/racing.png

# Two hours on two cores; answers that benchmarks/cache holds are not asked again.
bench-microcosm: $(READY)
	$(BIN)/python benchmarks/microcosm.py --figures docs/microcosm
	$(BIN)/python benchmarks/drawing.py --figures docs/microcosm

# uv does not read pip's own settings; a wheel folder named to pip is handed on to it. Plain pip does the same, slower:
#   python3 -m venv .venv && .venv/bin/pip install -c constraints.txt -e ".[dev]"
$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(None if v in ((3, 11), (3, 12)) else "Python 3.11 or 3.12 is needed and $(PYTHON) is %d.%d: make PYTHON=python3.12 $(MAKECMDGOALS)" % v)'
	$(PYTHON) -m venv --clear .venv
	$(BIN)/python -m pip install -q -c constraints.txt uv
	UV_FIND_LINKS="$(PIP_FIND_LINKS)" $(BIN)/uv pip install -q --python $(BIN)/python -c constraints.txt -e ".[dev]"
	@touch $@

clean:
	rm -rf .venv demo
