"""Functions for tests that build stimulus sets."""

from typer.testing import CliRunner

from cli import app
from stimuli.build.distorted_set import build_distorted_set, plan_distorted_set


def file_contents(folder):
    """Return relative path -> bytes of every file in a folder."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()
    }


def build(settings, images, out, levels=(), *, crossed=False, n_workers=1):
    """Plan and build a distorted set."""
    return build_distorted_set(plan_distorted_set(settings, images, out, levels, crossed=crossed), n_workers=n_workers)


def cli(*words):
    """Call the command line in this process; the result has `exit_code` and `output`."""
    return CliRunner().invoke(app, [str(word) for word in words])
