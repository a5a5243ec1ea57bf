"""Everything that can respond to trials: people, recordings, classifiers, generative models and simulations.

An observer has a name, a kind, and one method, `observe`, which turns trials into responses. `make_observer` makes one of
the built-in observers by name; your own class needs no base class. `check_observer` tests whether a class follows the
contract, which `observers.protocol` states.

Example:
    >>> from observers import check_observer, make_observer
    >>> observer = make_observer("efficientnet-lite0")
    >>> response = next(observer.observe(trials))
    >>> response.choice, response.evidence.shape
    ('cat', (16,))
"""

from core.lazy import attach

__getattr__, __dir__, __all__ = attach(__name__, __file__)
