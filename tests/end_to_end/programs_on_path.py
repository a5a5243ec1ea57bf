"""Programs that stand for those of a cluster in tests of job scripts."""

import os
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def put_on_path(monkeypatch, folder, **programs):
    """Write programs, given by name and text, and `observers` of this repository into a folder that is searched first."""
    programs["observers"] = f'#!/bin/sh\nPYTHONPATH="{ROOT}" exec "{sys.executable}" -m cli "$@"\n'
    folder.mkdir()
    for name, text in programs.items():
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
