"""A site's folder as bytes: read once, hashed, packed and unpacked. Parses nothing.

    config/suture.yaml  config/env/NAME.yaml  channels/NAME.yaml  channels/samples/*
    mappings/**/*.yaml  mappings/tables/*.csv

What is not of these kinds (README, editors' leftovers, hidden files) is no part of the site.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from posixpath import join, normpath

from engine.errors import Fault, SiteError, UsageError

SITE_FILE = "config/suture.yaml"
ENVIRONMENTS = "config/env/"
CHANNELS = "channels/"
MAPPINGS = "mappings/"
_SUFFIXES = {".yaml", ".yml", ".csv"}
_SAMPLE_SUFFIXES = {".hl7", ".json", ".txt", ".xml"}
_EPOCH = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class Site:
    """`files`: path from the folder, with `/`, → bytes. `environment`: the one to run in, None when not said.
    `folder`: where relative places of the environment begin."""

    folder: Path
    files: Mapping[str, bytes]
    environment: str | None = None

    @property
    def hash(self) -> str:
        """16 hex digits of SHA-256 over every file that makes the release: all but `config/env/`."""
        digest = sha256()
        for name, data in sorted(_release_files(self.files).items()):
            digest.update(f"{name}\0{len(data)}\0".encode())
            digest.update(data)
        return digest.hexdigest()[:16]

    def pack(self) -> bytes:
        """The release's files as one ZIP, for the store. The environment is not in it."""
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, data in sorted(_release_files(self.files).items()):
                archive.writestr(zipfile.ZipInfo(name, _EPOCH), data, zipfile.ZIP_DEFLATED)
        return out.getvalue()

    def __repr__(self) -> str:
        return f"Site({len(self.files)} files)"


def beside_channels(name: str) -> str:
    """The file that a channel names by its path from the channels' folder."""
    return normpath(join(CHANNELS, name))


def load_site(folder: Path, env: str | None = None) -> Site:
    """Reads every file of the site once. Raises `SiteError` when the folder holds no site."""
    if not (folder / SITE_FILE).is_file():
        mend = "run this in a site's folder, name the folder, or lay a site out with `suture init`"
        raise SiteError([Fault(str(folder / SITE_FILE), "SIT005", "there is no site here", mend)])
    files = {}
    for top in ("config", "channels", "mappings"):
        for path in sorted((folder / top).rglob("*")):
            name = path.relative_to(folder).as_posix()
            if _belongs(name) and path.is_file():
                files[name] = path.read_bytes()
    return Site(folder, files, env)


def unpack_site(packed: bytes, folder: Path = Path()) -> Site:
    """The site that `Site.pack` packed. Raises `UsageError` when these are no such bytes."""
    try:
        with zipfile.ZipFile(io.BytesIO(packed)) as archive:
            return Site(folder, {name: archive.read(name) for name in archive.namelist()})
    except (zipfile.BadZipFile, OSError, ValueError) as error:
        raise UsageError(
            "SIT007", "these bytes are no packed site", "restore the store from a backup"
        ) from error


def _belongs(name: str) -> bool:
    path = Path(name)
    if any(part.startswith((".", "__")) for part in path.parts):
        return False
    suffixes = _SUFFIXES | _SAMPLE_SUFFIXES if name.startswith(CHANNELS) else _SUFFIXES
    return path.suffix.lower() in suffixes


def _release_files(files: Mapping[str, bytes]) -> dict[str, bytes]:
    return {name: data for name, data in files.items() if not name.startswith(ENVIRONMENTS)}
