"""All YAML files of a site, parsed and validated, each under the name that others call it by. Follows no
reference."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Generic, TypeVar

from pydantic import BaseModel

from engine.errors import Fault
from engine.site.files import CHANNELS, ENVIRONMENTS, MAPPINGS, SITE_FILE, Site
from engine.site.schema.channel import ChannelFile
from engine.site.schema.environment import EnvironmentFile
from engine.site.schema.mapping import ReadFile, TableFile, WriteFile
from engine.site.schema.site import SiteFile
from engine.site.validate import validate
from engine.site.yaml import Document, Path, parse

M = TypeVar("M", bound=BaseModel)
M_co = TypeVar("M_co", bound=BaseModel, covariant=True)


@dataclass(frozen=True, slots=True)
class Source(Generic[M_co]):
    """One file: its tree as a model, with the places of its parts."""

    name: str
    document: Document
    model: M_co

    def where(self, *path: str | int, key: bool = False) -> str:
        """`file:line:col` of the value at `path`, or of its key."""
        return self.document.where(path, key=key)

    def fault(self, path: Path, code: str, what: str, mend: str, *, key: bool = False) -> Fault:
        return Fault(self.document.where(path, key=key), code, what, mend)

    def warning(self, path: Path, code: str, what: str, mend: str, *, key: bool = False) -> Fault:
        return Fault(self.document.where(path, key=key), code, what, mend, "warning")


@dataclass(slots=True)
class Shelf(Generic[M]):
    """Sources of one kind by name. `names` has the broken ones too: a reference to them is no second
    fault."""

    sources: dict[str, Source[M]] = field(default_factory=dict)
    names: set[str] = field(default_factory=set)


@dataclass(slots=True)
class Sources:
    """Everything that could be read, and what is wrong with the rest."""

    site: Source[SiteFile] | None = None
    environments: Shelf[EnvironmentFile] = field(default_factory=Shelf)
    channels: Shelf[ChannelFile] = field(default_factory=Shelf)
    reads: Shelf[ReadFile] = field(default_factory=Shelf)
    writes: Shelf[WriteFile] = field(default_factory=Shelf)
    tables: Shelf[TableFile] = field(default_factory=Shelf)
    faults: list[Fault] = field(default_factory=list)


def read_sources(site: Site) -> Sources:
    """Parses and validates every YAML file of the site, all faults noted."""
    sources = Sources()
    for file in site.files:
        suffix = PurePosixPath(file).suffix
        if suffix == ".yaml":
            _read(sources, file, site.files[file])
        elif suffix.lower() in (".yaml", ".yml"):
            mend = "let its name end in .yaml"
            sources.faults.append(Fault(f"{file}:1:1", "SIT006", "is not read", mend, "warning"))
    return sources


def _read(sources: Sources, file: str, data: bytes) -> None:
    document, faults = parse(data, file)
    sources.faults += faults
    name = _name(file)
    if file == SITE_FILE:
        sources.site = _source(sources, SiteFile, name, document)
    elif file.startswith(ENVIRONMENTS):
        _shelve(sources, sources.environments, EnvironmentFile, name, document)
    elif file.startswith(CHANNELS) and "/" not in name:
        _shelve(sources, sources.channels, ChannelFile, name, document)
        _must_be_called(sources, sources.channels, name, "channel")
    elif file.startswith(MAPPINGS):
        _read_mapping(sources, name, document, file)
    else:
        mend = (
            "channels stand in channels/ itself, the site in config/suture.yaml, environments in config/env/"
        )
        sources.faults.append(Fault(f"{file}:1:1", "SIT006", "is not read", mend, "warning"))


def _read_mapping(sources: Sources, name: str, document: Document | None, file: str) -> None:
    tree = document.tree if document and isinstance(document.tree, dict) else {}
    short = name.rsplit("/", 1)[-1]
    if "read" in tree:
        _shelve(sources, sources.reads, ReadFile, name, document)
    elif "write" in tree:
        _shelve(sources, sources.writes, WriteFile, name, document)
    elif "table" in tree:
        _shelve(sources, sources.tables, TableFile, short, document)
        _must_be_called(sources, sources.tables, short, "table")
    else:
        for shelf in (sources.reads, sources.writes, sources.tables):
            shelf.names.update((name, short))
        if document is not None:
            mend = "begin it with read: (a message), write: (a document) or table: (a code table)"
            sources.faults.append(Fault(f"{file}:1:1", "SIT004", "is no mapping", mend))


def _shelve(sources: Sources, shelf: Shelf[M], model: type[M], name: str, document: Document | None) -> None:
    if name in shelf.names and document is not None:
        what = f"'{name}' has a second file of this kind"
        sources.faults.append(Fault(f"{document.file}:1:1", "SIT015", what, "rename one of them"))
        return
    shelf.names.add(name)
    source = _source(sources, model, name, document)
    if source is not None:
        shelf.sources[name] = source


def _source(sources: Sources, model: type[M], name: str, document: Document | None) -> Source[M] | None:
    if document is None:
        return None
    value, faults = validate(model, document)
    sources.faults += faults
    return Source(name, document, value) if value is not None else None


def _must_be_called(sources: Sources, shelf: Shelf[M], name: str, key: str) -> None:
    source = shelf.sources.get(name)
    called = getattr(source.model, key) if source else name
    if source and called != name:
        what = f"'{key}' is not the name of its file"
        sources.faults.append(
            source.fault((key,), "SIT015", what, f"write {key}: {name}, or rename the file")
        )


def _name(file: str) -> str:
    """`mappings/hl7/ehr-dft.yaml` → `hl7/ehr-dft`; `config/env/demo.yaml` → `demo`."""
    for folder in (ENVIRONMENTS, CHANNELS, MAPPINGS, "config/"):
        if file.startswith(folder):
            return file[len(folder) : -len(".yaml")]
    return file
