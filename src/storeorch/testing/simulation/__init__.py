"""A seeded simulator: whole histories of storeorch, with everything that can go wrong.

``simulate(seed)`` runs real engines, reconcilers and steps on the in-memory ports, in
virtual time and one thread. The seed decides what people declare, which worker dies
where, which answer is lost, and who deletes what by hand. Each effect and each commit
is judged by the promises of the architecture; the same seed tells the same history.

Example:
    >>> from storeorch.testing.simulation import simulate
    >>> simulate(7).breaches
    []
"""

from storeorch.testing.simulation.circumstances import Circumstances, Shop
from storeorch.testing.simulation.history import History, simulate
from storeorch.testing.simulation.promises import Breach, PromiseBroken

__all__ = ["Breach", "Circumstances", "History", "PromiseBroken", "Shop", "simulate"]
