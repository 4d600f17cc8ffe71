"""The demo's morning into a real ERP: Tryton, in a virtual environment of its own, spoken to over its API. Not shipped.

`seed.py` is run by the ERP's own Python, never imported here.
"""
