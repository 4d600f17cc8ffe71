"""Suture: hospital messages become stock, charges and costs, exactly once each."""

__version__ = "0.1.0"
