"""Experiments, the loop that presents them to an observer, and the trial log that it writes.

`experiments.sets.registry.make_experiment` makes an experiment by name, and `experiments.session.run` runs it.
"""
