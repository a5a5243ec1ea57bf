"""Executors for several machines; `core.parallel.processes` has the executor for processes on this machine."""
