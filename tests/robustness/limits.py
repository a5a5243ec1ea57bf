"""Limits of a forked command."""

import resource
import signal


def limit_file_size(n_bytes: int) -> None:
    """Make writes fail with an error as soon as a file would have more than `n_bytes` bytes."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, n_bytes))
