"""Experiments, the loop that lets an observer answer them, and the trial log that it writes.

`experiments.registry.make_experiment` makes an experiment by name; `experiments.session.run` runs it.
"""
