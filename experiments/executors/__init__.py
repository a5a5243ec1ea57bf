"""Executors for several machines; `core.processes` has the executor for processes on this machine."""
