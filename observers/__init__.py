"""Everything that can respond to trials: people, recordings, classifiers, generative models and simulations.

All of them follow the contract in `observers.protocol`; `observers.registry.make_observer` makes one by name.
"""
