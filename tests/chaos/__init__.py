"""Several engines on real servers, killed and stopped at random; nothing may be lost.

``python -m tests.chaos`` runs it at any length, ``test_chaos.py`` a short one.
"""
