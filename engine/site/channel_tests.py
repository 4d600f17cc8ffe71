"""The `tests` of channels, their files read and their documents parsed. Runs none: that is the pipeline's."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from posixpath import join, normpath

from engine.errors import Fault
from engine.site.files import CHANNELS, Site
from engine.site.hints import did_you_mean
from engine.site.release import ChannelTest
from engine.site.schema.channel import ChannelFile, TestFile
from engine.site.sources import Source
from engine.site.yaml import Path, Tree


def compile_tests(site: Site, source: Source[ChannelFile]) -> tuple[list[ChannelTest], list[Fault]]:
    """The tests of one channel that can be run, and what is wrong with the others."""
    reader = _Reader(site, source)
    tests = [reader.test(("tests", place), test) for place, test in enumerate(source.model.tests)]
    return [test for test in tests if test is not None], reader.faults


class _Reader:
    """Reads one channel's tests, collecting faults."""

    def __init__(self, site: Site, source: Source[ChannelFile]) -> None:
        self.faults: list[Fault] = []
        self._site, self._source = site, source

    def test(self, path: Path, model: TestFile) -> ChannelTest | None:
        faults = len(self.faults)
        given = self._file((*path, "given"), model.given)
        before = [self._file((*path, "before", place), name) for place, name in enumerate(model.before)]
        received = self._moment((*path, "received"), model.received)
        expect = {name: self._documents((*path, "expect", name), tree) for name, tree in model.expect.items()}
        self._known_effects(path, model)
        if given is None or len(self.faults) > faults:
            return None
        return ChannelTest(
            channel=self._source.model.channel,
            name=model.name,
            where=self._source.where(*path).rsplit(":", 1)[0],
            given=given,
            received=received,
            expect=expect,
            holds=tuple((hold.effect, hold.cause) for hold in model.holds),
            state=model.state,
            before=tuple(one for one in before if one is not None),
            nak=(model.nak.code, model.nak.where) if model.nak else None,
            rows={name: [dict(row) for row in rows] for name, rows in model.rows.items()},
            files={name: files for name, tree in model.expect.items() if (files := _files(tree))},
        )

    def _known_effects(self, path: Path, model: TestFile) -> None:
        effects = self._source.model.deliver
        named: Iterator[tuple[Path, str]] = iter(
            [((*path, "expect", name), name) for name in model.expect]
            + [
                ((*path, "holds", place, "effect"), hold.effect)
                for place, hold in enumerate(model.holds)
                if hold.effect is not None
            ]
        )
        for name in model.rows:
            if name not in (kept := self._source.model.tables):
                what, mend = f"the channel keeps no table '{name}'", did_you_mean(name, kept)
                self.faults.append(self._source.fault((*path, "rows", name), "SIT023", what, mend, key=True))
        for here, name in named:
            if name not in effects:
                self._fault(here, "SIT025", f"there is no effect '{name}'", did_you_mean(name, effects))

    def _documents(self, path: Path, tree: Tree) -> list[object]:
        """Documents in place, or the files that hold them: one or a list of each."""
        documents: list[object] = []
        for place, entry in enumerate(tree if isinstance(tree, list) else [tree]):
            here = (*path, place) if isinstance(tree, list) else path
            if isinstance(entry, dict):
                documents.append(entry)
            elif isinstance(entry, str):
                documents += self._json(here, entry)
            else:
                self._fault(
                    here, "SIT060", "this is no document", "name a JSON file, or write the document here"
                )
        return documents

    def _json(self, path: Path, name: str) -> list[object]:
        data = self._file(path, name)
        if data is None:
            return []
        if data.startswith(b"MSH"):
            return [data]
        try:
            tree = json.loads(data)
        except ValueError:
            self._fault(
                path,
                "SIT060",
                "the file is neither JSON nor an HL7 message",
                "write one document, or a list of documents",
            )
            return []
        return tree if isinstance(tree, list) else [tree]

    def _file(self, path: Path, name: str) -> bytes | None:
        """A file by its path from the channel's folder."""
        full = normpath(join(CHANNELS, name))
        data = self._site.files.get(full) if full.startswith(CHANNELS) else None
        if data is None:
            near = [file.removeprefix(CHANNELS) for file in self._site.files if file.startswith(CHANNELS)]
            close = did_you_mean(name, near)
            mend = close if close.startswith("did") else "save it in a folder beside the channel"
            self._fault(path, "SIT005", f"there is no file {full}", mend)
        return data

    def _moment(self, path: Path, text: str | None) -> datetime | None:
        if text is None:
            return None
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            moment = None
        if moment is None or moment.tzinfo is None:
            mend = "write date, time and offset: 2026-11-20T10:15:00-06:00"
            self._fault(path, "SIT014", "'received' is no moment", mend)
            return None
        return moment

    def _fault(self, path: Path, code: str, what: str, mend: str) -> None:
        self.faults.append(self._source.fault(path, code, what, mend))


def _files(tree: Tree) -> tuple[str, ...]:
    """Paths in the site, when every document stands in a file."""
    names = tree if isinstance(tree, list) else [tree]
    if not all(isinstance(name, str) for name in names):
        return ()
    return tuple(normpath(join(CHANNELS, str(name))) for name in names)
