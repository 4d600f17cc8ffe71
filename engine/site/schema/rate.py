"""`rate:` of a listener: how many requests a sender may make, as `100/s` or `600/min`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated

from pydantic import BeforeValidator, WithJsonSchema

from engine.site.schema.base import mistake

_RATE = re.compile(r"([0-9]{1,9})\s*/\s*(s|min)")
_SECONDS = {"s": 1, "min": 60}


@dataclass(frozen=True, slots=True)
class Rate:
    """`requests` in `seconds`; whoever was quiet for so long may make as many at once."""

    requests: int
    seconds: int


def _rate(value: object) -> object:
    found = _RATE.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise mistake("is not a rate", "write a whole number and its time: 100/s or 600/min")
    if int(found[1]) == 0:
        raise mistake("lets no request in", "write at least 1/min, or leave it out: then nobody is counted")
    return Rate(int(found[1]), _SECONDS[found[2]])


RequestRate = Annotated[
    Rate,
    BeforeValidator(_rate),
    WithJsonSchema({"title": "rate", "type": "string", "pattern": "^[0-9]+ */ *(s|min)$"}),
]
