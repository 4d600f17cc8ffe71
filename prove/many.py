"""A pytest plugin: every property is tried as often as PROVE_EXAMPLES says, however long it takes."""

from __future__ import annotations

import os

from hypothesis import settings

settings.register_profile("many", max_examples=int(os.environ.get("PROVE_EXAMPLES", "100")), deadline=None)
settings.load_profile("many")
