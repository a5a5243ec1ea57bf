"""Executors that need more than this machine; `core.processes` has the one for processes on this machine."""
