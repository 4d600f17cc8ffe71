"""`files:` of a listener that is a folder: when a file is whole, and what its counts and ids are worth."""

from __future__ import annotations

from typing import Literal

from engine.site.schema.base import Duration, Model, Text, setting


class FilesFile(Model):
    """How the files of a folder are taken."""

    quiet: Duration = setting(
        "How long a file is unchanged before it is taken for whole; 0s: files are renamed into place when they are.",
        example="30s",
        default=10.0,
    )
    unfinished: list[Text] = setting(
        "Endings of names that are left alone until they are gone; so are names that begin with a dot.",
        example="[.tmp, .uploading]",
        default=[".tmp", ".part", ".filepart"],
    )
    counts: Literal["hold", "take"] = setting(
        "A file whose BTS-1 or FTS-1 is not what it holds, or that lacks its trailers: its messages are held for a "
        "person, or taken as they are.",
        example="take",
        default="hold",
    )
    same_id: Literal["refuse", "take"] = setting(
        "Another file that has the FHS-11 (or BHS-11) of one that was taken is refused, or taken: for senders whose "
        "ids are always the same. The very same file is refused in any case.",
        example="take",
        default="refuse",
    )
