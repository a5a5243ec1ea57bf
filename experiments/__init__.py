"""Experiments, the loop that presents them to an observer, and the trial log that it writes.

An experiment is a set of stimuli, the choices, and the order of the trials. `make_experiment` makes one by name, or from a
folder of images. `run` presents it to an observer, writes every response to a trial log, and returns the path of the log.
The same call resumes a session that was interrupted. `analysis.read_trials` reads the log.

Example:
    >>> from experiments import make_experiment, run
    >>> from observers import make_observer
    >>> log = run(make_experiment("drawn-cue-conflict"), make_observer("ideal"), "logs")
"""

from core.lazy import attach

__getattr__, __dir__, __all__ = attach(__name__, __file__)
