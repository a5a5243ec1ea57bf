"""Figures are written with the same bytes in every process."""

import subprocess
import sys

from analysis.figures import style


def test_files_are_identical_in_every_process_and_contain_text(tmp_path):
    code = (
        "import sys; from pathlib import Path; from matplotlib.figure import Figure; from analysis.figures import style\n"
        "with style.publication():\n"
        "    figure = Figure(); ax = figure.add_subplot(); ax.plot([0, 1], marker='^'); ax.set_xlabel('κ text')\n"
        "    style.save(figure, Path(sys.argv[1]))\n"
        "assert 'matplotlib.pyplot' not in sys.modules"
    )
    for name in ("first", "second"):
        subprocess.run([sys.executable, "-c", code, tmp_path / name], check=True)
    for suffix in style.FORMATS:
        first, second = (tmp_path / f"{name}.{suffix}" for name in ("first", "second"))
        assert first.read_bytes() == second.read_bytes()
        assert first.stat().st_size > 1000
    assert "κ text</text>" in (tmp_path / "first.svg").read_text("utf-8")
    assert b"CreationDate" not in (tmp_path / "first.pdf").read_bytes()
    assert b"/Type /Font" in (tmp_path / "first.pdf").read_bytes()
