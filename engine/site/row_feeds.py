"""Files of rows, where they come in: by folders, and read alike by all channels of a folder."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from engine.errors import Fault
from engine.site.release import Channel
from engine.site.sources import Sources


def row_feed_faults(sources: Sources, channels: Iterable[Channel]) -> Iterator[Fault]:
    """A file is cut into messages before any channel reads them: the first channel of a folder says how."""
    if sources.site is None:
        return
    first: dict[str, Channel] = {}
    for channel in channels:
        source = sources.channels.sources.get(channel.name)
        if source is None:  # it stands in a file of another name, which is a fault of its own
            continue
        rows = channel.reader.rows
        for feed in sorted(channel.feeds):
            known = sources.site.model.listeners.get(feed)
            if known is None:
                continue
            if rows is not None and known.kind != "folder":
                what, mend = f"rows of files do not come in by {known.kind}", f"make '{feed}' a folder"
                yield source.fault(("from",), "SIT097", what, mend)
                continue
            other = first.setdefault(feed, channel)
            before = other.reader.rows
            if (before and before.cutting) != (rows and rows.cutting):
                what = f"channel {other.name} cuts the files of '{feed}' otherwise"
                mend = (
                    "read the same type with the same separator and `together` in all, or take another folder"
                )
                yield source.fault(("read",), "SIT098", what, mend)
