"""`config/env/`: places and secrets of an environment, checked against the site and resolved when it is run.

`check` needs no secret to be at hand; `compile_environment` reads them. No value is ever told in a fault.
"""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Iterator
from ipaddress import ip_network
from pathlib import Path
from urllib.parse import unquote, urlsplit

from engine.errors import Fault, SiteError, UsageError
from engine.site.files import Site
from engine.site.hints import did_you_mean
from engine.site.release import (
    Credentials,
    DestinationPlace,
    Environment,
    ListenerPlace,
    SftpPlace,
    SignedTokens,
    TlsFiles,
)
from engine.site.schema.environment import (
    BearerFile,
    DestinationPlaceFile,
    EnvironmentFile,
    FetchFile,
    ListenerPlaceFile,
    TlsPlaceFile,
)
from engine.site.schema.site import SiteFile
from engine.site.sources import Source, Sources
from engine.site.yaml import Path as NodePath

_REFERENCE = re.compile(r"\$\{(secret|env):([A-Za-z0-9][A-Za-z0-9_.-]*)\}")
_SECRETS = ("token", "password", "secret")
_EVERYWHERE = ("0.0.0.0", "::")
_ADDRESSES = {
    "http": ("http", "https://HOST/PATH"),
    "mllp": ("mllp", "mllp://HOST:PORT"),
    "file": ("file", "file:FOLDER"),
    "tryton": ("http", "https://HOST/DATABASE"),
}
"""Kind of destination → scheme of its address, and how it is written."""
_EXAMPLES = {
    "http": "https://erp.example.org/api",
    "mllp": "mllp://billing.example.org:2575",
    "file": "file:var/out",
    "tryton": "https://erp.example.org/database",
}
_LOCAL = re.compile(r"file:|[a-z]+://(localhost|127\.[0-9.]+|\[::1\])([:/]|$)")
_LOGIN_IN_ADDRESS = re.compile(r"://[^/\s]*:[^/\s]*@")
_KEY_IN_ADDRESS = re.compile(r"[?&](?:[a-z_-]*(?:token|secret|password|passwd|key))=[^&\s]+", re.IGNORECASE)
"""Logins and keys that addresses carry along."""


def check_environments(sources: Sources) -> list[Fault]:
    """Faults of every environment file."""
    if sources.site is None:
        return []
    return [
        *(
            fault
            for source in sources.environments.sources.values()
            for fault in _check(source, sources.site.model)
        ),
        *_shared([*sources.environments.sources.values()]),
    ]


def compile_environment(site: Site, sources: Sources) -> Environment:
    """The environment that the site is to run in, secrets resolved.

    Raises `UsageError` when it is not said which, `SiteError` with all faults of its file and its secrets.
    """
    source = _chosen(site, sources)
    faults = list(_check(source, sources.site.model)) if sources.site else []
    vault = _Vault(source, site.folder / source.model.secrets)
    model = source.model
    store = site.folder / model.store.removeprefix("sqlite:")
    environment = Environment(
        name=source.name,
        store=store,
        control=site.folder / model.control if model.control else store.with_suffix(".sock"),
        listeners={
            name: _listener_place(vault, site.folder, name, place) for name, place in model.listeners.items()
        },
        destinations={
            name: _destination_place(vault, site.folder, name, place)
            for name, place in model.destinations.items()
        },
        owners={owner: tuple(people) for owner, people in model.owners.items()},
    )
    faults += vault.faults
    if faults:
        raise SiteError(faults)
    return environment


def _chosen(site: Site, sources: Sources) -> Source[EnvironmentFile]:
    names = sources.environments.names
    name = site.environment or (next(iter(names)) if len(names) == 1 else None)
    if name is None:
        mend = f"name one: {', '.join(sorted(names))}" if names else "add config/env/NAME.yaml"
        raise UsageError("SIT055", "it is not said in which environment to run", mend)
    if name not in names:
        raise UsageError("SIT055", f"there is no environment '{name}'", did_you_mean(name, names))
    source = sources.environments.sources.get(name)
    if source is None:
        raise SiteError(
            [fault for fault in sources.faults if fault.where.startswith(f"config/env/{name}.yaml")]
        )
    return source


def _check(source: Source[EnvironmentFile], site: SiteFile) -> Iterator[Fault]:
    for section, known, placed in (
        ("listeners", site.listeners.keys(), source.model.listeners.keys()),
        ("destinations", site.destinations.keys(), source.model.destinations.keys()),
    ):
        thing = section.removesuffix("s")
        for name in sorted(known - placed):
            what = f"{thing} '{name}' has no place"
            place = (
                _example_place(source, name, site)
                if thing == "listener"
                else f'{{url: "{_EXAMPLES[site.destinations[name].kind]}"}}'
            )
            yield source.fault((section,), "SIT050", what, f"add below {section}: {name}: {place}", key=True)
        for name in sorted(placed - known):
            what = f"config/suture.yaml has no {thing} '{name}'"
            yield source.fault((section, name), "SIT051", what, did_you_mean(name, known), key=True)
    yield from _folders(source, site)
    yield from _port_clashes(source)
    yield from _other_kinds(source, site)
    yield from _logins(source, site)


def _shared(environments: list[Source[EnvironmentFile]]) -> Iterator[Fault]:
    """Stores and far ends that two environments would both use: what is tested in one is posted in the other."""
    stores: dict[str, str] = {}
    ends: dict[str, str] = {}
    folders: dict[str, str] = {}
    for source in environments:
        other = stores.setdefault(source.model.store, source.name)
        if other != source.name:
            what = f"environment '{other}' has this store already"
            yield source.fault(("store",), "SIT077", what, "give each environment a store of its own")
        for name, spot in source.model.listeners.items():
            if spot.folder is None:
                continue
            other = folders.setdefault(os.path.normpath(spot.folder), source.name)
            if other != source.name:
                what = f"environment '{other}' empties this folder too"
                mend = "give each environment a folder of its own"
                yield source.fault(("listeners", name, "folder"), "SIT096", what, mend)
        for name, place in source.model.destinations.items():
            url = place.url.rstrip("/")
            other = ends.setdefault(url, source.name)
            if other != source.name and not _LOCAL.match(url):
                what = f"environment '{other}' posts to this address too"
                mend = "write the address of this environment's own far end"
                yield source.warning(("destinations", name, "url"), "SIT077", what, mend)


def _example_place(source: Source[EnvironmentFile], listener: str, site: SiteFile) -> str:
    """How the place of a listener is written that has none."""
    if site.listeners[listener].kind == "folder":
        return f"{{folder: var/in/{listener}}}"
    return f"{{port: {max((place.port or 2574 for place in source.model.listeners.values()), default=2574) + 1}}}"


def _folders(source: Source[EnvironmentFile], site: SiteFile) -> Iterator[Fault]:
    """Each listener has what its kind needs, and no two of them empty the same folder."""
    taken: dict[str, str] = {}
    for name, place in source.model.listeners.items():
        kind = site.listeners[name].kind if name in site.listeners else ""
        path = ("listeners", name)
        if kind == "folder" and (place.folder is None or place.port is not None):
            what, mend = (
                f"'{name}' is a folder, its place is another",
                f"write {name}: {{folder: var/in/{name}}}",
            )
            yield source.fault(path, "SIT095", what, mend, key=True)
        elif kind and kind != "folder" and (place.folder is not None or place.port is None):
            what, mend = (
                f"'{name}' is {kind}, which listens on a port",
                f"write {_example_place(source, name, site)}",
            )
            yield source.fault(path, "SIT095", what, mend, key=True)
        if place.folder is not None:
            other = taken.setdefault(os.path.normpath(place.folder), name)
            if other != name:
                what, mend = (
                    f"listener '{other}' empties this folder already",
                    "give each listener its own folder",
                )
                yield source.fault((*path, "folder"), "SIT096", what, mend)


def _other_kinds(source: Source[EnvironmentFile], site: SiteFile) -> Iterator[Fault]:
    """Addresses that do not fit how documents are carried."""
    for name, place in source.model.destinations.items():
        if name not in site.destinations:
            continue
        kind = site.destinations[name].kind
        scheme = place.url.partition(":")[0].replace("https", "http")
        wanted, address = _ADDRESSES[kind]
        if scheme != wanted:
            what = f"'{name}' is {kind}, its address is another"
            yield source.fault(("destinations", name, "url"), "SIT057", what, f"write {address}")
        elif wanted != "http" and (place.token or place.user):
            what = f"'{name}' is {kind}, which asks for no user or token"
            yield source.fault(("destinations", name), "SIT056", what, "take them out", key=True)
        elif kind == "tryton" and not place.token:
            what, mend = f"'{name}' is tryton, which asks for a key", "give it as token"
            yield source.fault(("destinations", name), "SIT056", what, mend, key=True)


def _port_clashes(source: Source[EnvironmentFile]) -> Iterator[Fault]:
    taken: defaultdict[int, list[tuple[str, str]]] = defaultdict(list)
    for name, place in source.model.listeners.items():
        if not place.port:
            continue
        for other, host in taken[place.port]:
            if place.host == host or host in _EVERYWHERE or place.host in _EVERYWHERE:
                what = f"listener '{other}' has this port already"
                yield source.fault(
                    ("listeners", name, "port"), "SIT052", what, "give each listener its own port"
                )
                break
        taken[place.port].append((name, place.host))


def _logins(source: Source[EnvironmentFile], site: SiteFile) -> Iterator[Fault]:
    """Users without passwords, passwords where none is asked, secrets in clear."""
    places: dict[str, dict[str, ListenerPlaceFile] | dict[str, DestinationPlaceFile]] = {
        "listeners": source.model.listeners,
        "destinations": source.model.destinations,
    }
    for section, entries in places.items():
        for name, place in entries.items():
            path = (section, name)
            if (place.user is None) != (place.password is None):
                what = f"'{name}' has one of user and password"
                yield source.fault(path, "SIT056", what, "give both, or neither", key=True)
            if isinstance(place, DestinationPlaceFile) and place.token and place.user:
                what = f"'{name}' has a token and a user"
                yield source.fault(path, "SIT056", what, "give one of them", key=True)
            if (
                section == "listeners"
                and place.user
                and name in site.listeners
                and site.listeners[name].kind == "mllp"
            ):
                what = f"'{name}' is mllp, which asks for no user"
                yield source.fault((*path, "user"), "SIT056", what, "take user and password out")
            yield from _in_clear(source, path, place)
            if isinstance(place, ListenerPlaceFile) and place.bearer is not None:
                yield from _bearer(source, (*path, "bearer"), place.bearer)
            if isinstance(place, ListenerPlaceFile) and place.fetch is not None:
                yield from _fetch(source, (*path, "fetch"), place)
            if isinstance(place, DestinationPlaceFile):
                yield from _in_address(source, path, place.url)


def _in_address(source: Source[EnvironmentFile], path: NodePath, url: str) -> Iterator[Fault]:
    """A password in an address ends in logs and process lists, whatever is behind it."""
    found = _LOGIN_IN_ADDRESS.search(url) or _KEY_IN_ADDRESS.search(url)
    if found is not None:
        mend = "take it out of the address, and write it beside it: token: ${secret:NAME}"
        where = source.document.within((*path, "url"), found.start())
        yield Fault(where, "SIT053", "a secret stands in the address", mend)


def _bearer(source: Source[EnvironmentFile], path: NodePath, bearer: BearerFile) -> Iterator[Fault]:
    if (bearer.keys is None) == (bearer.secret is None):
        yield source.fault(
            path, "SIT056", "tokens are signed by keys or with a secret", "give one of them", key=True
        )
    yield from _in_clear(source, path, bearer)


def _fetch(source: Source[EnvironmentFile], path: NodePath, place: ListenerPlaceFile) -> Iterator[Fault]:
    assert place.fetch is not None
    if place.folder is None:
        what, mend = "files are fetched into a folder, and this listener has none", "take `fetch` out"
        yield source.fault(path, "SIT095", what, mend, key=True)
    if (place.fetch.key is None) == (place.fetch.password is None):
        what = "an SFTP server is shown a key or a password"
        yield source.fault(path, "SIT056", what, "give one of them", key=True)
    yield from _in_clear(source, path, place.fetch)


def _in_clear(
    source: Source[EnvironmentFile],
    path: NodePath,
    place: ListenerPlaceFile | DestinationPlaceFile | BearerFile | FetchFile,
) -> Iterator[Fault]:
    for key in _SECRETS:
        text = getattr(place, key, None)
        if text is None or _REFERENCE.fullmatch(text):
            continue
        if text.startswith("${"):
            what, mend = f"'{key}' names no secret", "write ${secret:NAME} or ${env:NAME}"
            yield source.fault((*path, key), "SIT053", what, mend)
        elif source.model.secrets_in_clear == "refused":
            what = f"'{key}' stands here in clear"
            mend = f"write ${{secret:NAME}} and put it in {source.model.secrets}/NAME, or write ${{env:NAME}}"
            yield source.fault((*path, key), "SIT053", what, mend)


class _Vault:
    """Turns references to secrets into secrets; what it cannot find is a fault."""

    def __init__(self, source: Source[EnvironmentFile], folder: Path) -> None:
        self.faults: list[Fault] = []
        self._source, self._folder = source, folder

    def reveal(self, path: NodePath, text: str | None) -> str | None:
        reference = _REFERENCE.fullmatch(text) if text is not None else None
        if reference is None:
            return text
        kind, name = reference.groups()
        found = os.environ.get(name) if kind == "env" else self._file(name)
        if not found:
            mend = f"set {name}" if kind == "env" else f"put it in {self._source.model.secrets}/{name}"
            self.faults.append(self._source.fault(path, "SIT054", f"secret '{name}' is not at hand", mend))
        return found

    def credentials(self, path: NodePath, user: str | None, password: str | None) -> Credentials | None:
        revealed = self.reveal((*path, "password"), password)
        return Credentials(user, revealed) if user and revealed else None

    def _file(self, name: str) -> str | None:
        try:
            return (self._folder / name).read_text("utf-8").rstrip("\r\n")
        except (OSError, UnicodeDecodeError):
            return None


def _listener_place(vault: _Vault, folder: Path, name: str, place: ListenerPlaceFile) -> ListenerPlace:
    return ListenerPlace(
        place.host,
        place.port or 0,
        vault.credentials(("listeners", name), place.user, place.password),
        _tls_files(folder, place.tls) if place.tls else None,
        tuple(ip_network(network) for network in place.allow),
        bearer=_signed_tokens(vault, folder, ("listeners", name, "bearer"), place.bearer)
        if place.bearer
        else None,
        folder=folder / place.folder if place.folder else None,
        fetch=_sftp_place(vault, folder, ("listeners", name, "fetch"), place.fetch) if place.fetch else None,
    )


def _sftp_place(vault: _Vault, folder: Path, path: NodePath, fetch: FetchFile) -> SftpPlace:
    url = urlsplit(fetch.from_)
    return SftpPlace(
        url.hostname or "",
        url.port or 22,
        unquote(url.username or ""),
        unquote(url.path.removeprefix("/~/") or "."),
        folder / fetch.known_hosts,
        folder / fetch.key if fetch.key else None,
        vault.reveal((*path, "password"), fetch.password),
        fetch.every,
    )


def _signed_tokens(vault: _Vault, folder: Path, path: NodePath, bearer: BearerFile) -> SignedTokens:
    return SignedTokens(
        bearer.audience,
        vault.reveal((*path, "secret"), bearer.secret),
        folder / bearer.keys if bearer.keys else None,
        bearer.issuer,
        frozenset(bearer.scopes),
    )


def _tls_files(folder: Path, tls: TlsPlaceFile) -> TlsFiles:
    return TlsFiles(
        folder / tls.certificate,
        folder / tls.key,
        folder / tls.clients if tls.clients else None,
        frozenset(shown.replace(":", "").lower() for shown in tls.fingerprints),
    )


def _destination_place(
    vault: _Vault, folder: Path, name: str, place: DestinationPlaceFile
) -> DestinationPlace:
    path = ("destinations", name)
    token = vault.reveal((*path, "token"), place.token)
    url = place.url.rstrip("/")
    if url.startswith("file:"):
        url = f"file:{folder / url.removeprefix('file:')}"
    return DestinationPlace(url, token, vault.credentials(path, place.user, place.password))
