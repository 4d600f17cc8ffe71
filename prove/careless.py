"""A pytest plugin that breaks a rule of delivery, so that its model must see it: an unknown is taken for not sent."""

from __future__ import annotations

from prove.wrapped import hope

hope()
