"""`from analysis import …` returns the public functions, and `import analysis` loads no heavy package."""

import subprocess
import sys

import pytest

import analysis
from tests.test_layers import HEAVY, ROOT


@pytest.mark.parametrize("name", analysis.__all__)
def test_every_public_name_is_a_documented_function(name):
    """The function has the same name in its module."""
    function = getattr(analysis, name)
    assert function.__name__ == name and function.__doc__
    assert name in dir(analysis)


def test_no_public_name_is_a_module_name():
    """Importing a module of the same name would replace the function."""
    files = {path.stem for path in (ROOT / "analysis").iterdir()}
    assert not files & set(analysis.__all__)


def test_unknown_name():
    with pytest.raises(AttributeError, match="module 'analysis' has no attribute 'kapa'"):
        analysis.kapa  # noqa: B018
    with pytest.raises(ImportError, match="cannot import name 'kapa'"):
        from analysis import kapa  # noqa: F401


def test_import_analysis_is_light():
    code = f"import sys, analysis; print([m for m in {[*HEAVY, 'numpy']} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout == "[]\n"
