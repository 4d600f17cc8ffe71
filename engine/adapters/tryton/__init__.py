"""Tryton, an ERP with an API of its own: business documents made step by step, each found by reference first."""
