"""What a site becomes: a frozen release and the environment it runs in. Values only; reads no file, knows no
YAML.

The release is the same in every environment and has a content hash. Ports, addresses and secrets are the
environment's. Made by `engine.site.compile`; the pipeline steps with it, the adapters and listeners are set
up by it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from zoneinfo import ZoneInfo

from engine.codecs.hl7v2.path import HL7Path
from engine.codecs.hl7v2.profile import Profile
from engine.codecs.rows import Layout
from engine.domain.posting import Measure
from engine.mapping.expression import Expression
from engine.mapping.reader import ReadMap
from engine.mapping.translation import Translation
from engine.mapping.writer import WriteMap
from engine.reference.table import Table
from engine.site.schema.destination import Destination
from engine.site.schema.rate import Rate


@dataclass(frozen=True, slots=True)
class Skip:
    """Lines for which `when` holds are filtered, counted under `because` with their money."""

    when: Expression
    because: str


@dataclass(frozen=True, slots=True)
class Nak:
    """Messages for which `when` holds are refused at the door. `code`: HL7 table 0357. `where`: the place that ERR
    names. `whole`: asked once of the message, with its `lines`; else of each line."""

    when: Expression
    code: int
    where: HL7Path
    because: str
    whole: bool


@dataclass(frozen=True, slots=True)
class SameLine:
    """What makes a line the same line twice (rules of money, 2).

    `by`: fields that identify it; strong when every one is present and the read map says where one of them is
    unique. `otherwise`: the weak composite used when a field of `by` is absent; empty: all that the line
    says. `changed`: hold | correct | new, for the same strong key with other content. `alike`: hold | new,
    for the same weak key in another message.
    """

    by: tuple[str, ...]
    otherwise: tuple[str, ...]
    changed: str
    alike: str


@dataclass(frozen=True, slots=True)
class Owned:
    """Which lines count, of feeds that tell of the same use. `by`: (name, value) by which they are compared. `same`:
    what two lines of one thing agree in."""

    when: Expression
    by: tuple[tuple[str, Expression], ...]
    same: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class EffectRule:
    """One entry of a channel's `deliver`: what a line does at a destination, and how it is written and
    undone.

    `when` None: always. `per`: message (one document for the lines of a message) | line (one for each).
    `head`: what the document says outside its lines, of fields and translations; lines that differ in any of
    it never share a document, else the first line's location or supplier would be said of all.
    `holds_document`: one bad line holds the whole document, else it waits alone. `price` is set when
    `measure` is PRICED_HERE. `quantity` None: the line's own. `needs`: translations that any of it depends
    on, closed over chained `by`. `owner`: whose worklist gets holds that no table row mends. `says`: the dotted names
    that its document tells, by which a correction knows whether anything changed; `keeps`: their first parts, and those
    that its undo needs: what is kept of a posted line.
    `explodes`: the translation that may give several rows, for each of which the effect is owed once. `as_sent`: merged
    persons go by the numbers in the message.
    """

    name: str
    destination: str
    when: Expression | None
    write: WriteMap
    undo: WriteMap | None
    per: str
    holds_document: bool
    measure: Measure
    price: Expression | None
    quantity: Expression | None
    needs: frozenset[str]
    owner: str
    head: tuple[Expression, ...] = ()
    says: tuple[str, ...] = ()
    keeps: tuple[str, ...] = ()
    explodes: str | None = None
    as_sent: bool = False
    owned: Owned | None = None


@dataclass(frozen=True, slots=True)
class AfterDischarge:
    """Seconds after a discharge by which a line must have come for the account, for the stays that `when` holds for."""

    within: float
    when: Expression | None


@dataclass(frozen=True, slots=True)
class Keep:
    """One entry of a channel's `tables`: what a record of a master says of a code table. `row`: column → value; keys
    are among them. `new_rows`, `within`: see `engine.reference.amending`."""

    table: str
    when: Expression | None
    row: dict[str, Expression]
    new_rows: dict[str, str]
    within: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Channel:
    """One interface. `lane`: account | visit | patient | station. `no_original`: hold | post alone. `on_refused`:
    hold | undo others, of a line that one destination applied and another refuses for good. `expect`: effect → seconds
    from receipt after which it is late. `where`: file:line of the channel. `profile`: what its messages
    must fit, or are refused. `account_from`: `case`: whose a line without an account is, its case says. `keeps`: code
    tables that a master keeps; then it has no effects."""

    name: str
    feeds: frozenset[str]
    reader: ReadMap
    where: str
    skips: tuple[Skip, ...]
    same_line: SameLine
    credit_finds: tuple[tuple[str, ...], ...]
    no_original: str
    on_refused: str
    lane: str
    translations: tuple[Translation, ...]
    effects: tuple[EffectRule, ...]
    expect: dict[str, float]
    after_discharge: AfterDischarge | None = None
    naks: tuple[Nak, ...] = ()
    profile: Profile | None = None
    account_from: str | None = None
    keeps: tuple[Keep, ...] = ()

    @property
    def refuses(self) -> bool:
        """Whether its messages are judged at the door."""
        return bool(self.naks) or self.profile is not None


@dataclass(frozen=True, slots=True)
class Naks:
    """What the channels of a listener refuse. `channels`: those that refuse anything. `within`: seconds for the
    judgement of one message."""

    channels: tuple[Channel, ...]
    within: float
    zone: ZoneInfo
    currency: str
    tables: dict[str, Table] = field(repr=False)


@dataclass(frozen=True, slots=True)
class FileRules:
    """How the files of a folder are taken. `quiet`: seconds for which a whole one is unchanged, 0: it is renamed into
    place; `unfinished`: endings of names that are left alone. `hold_miscounted`: messages of a file whose counts differ
    wait for a person. `ids_are_unique`: another file with the same FHS-11 is refused."""

    quiet: float = 0.0
    unfinished: tuple[str, ...] = ()
    hold_miscounted: bool = True
    ids_are_unique: bool = True


@dataclass(frozen=True, slots=True)
class Listener:
    """How a feed is taken in. `kind`: mllp | hl7-http | fhir | folder. `acks`: original | enhanced | by header.
    `accepts_test`: MSH-11 T and D are taken. `tolerant`: loose MLLP framing. `when_unable`: close | AR.
    `path`: of hl7-http and fhir. `typed`: orders are answered with the message of their own kind. `naks` None: no
    channel refuses anything. `sends`: message types that come in, as the site says. `files`: of a folder.
    `rate`: of each sender, of hl7-http and fhir; None: nobody is counted."""

    name: str
    kind: str
    acks: str
    accepts_test: bool
    limit_bytes: int
    tolerant: bool
    when_unable: str
    default_charset: str | None
    path: str
    typed: bool = False
    naks: Naks | None = None
    sends: tuple[str, ...] = ()
    files: FileRules = field(default_factory=FileRules)
    rate: Rate | None = None


@dataclass(frozen=True, slots=True)
class Release:
    """Everything that steps a message, from one state of the site's files. `hash`: of all of them but
    `config/env/`. `second_person`: another one approves corrections. `tables`: the compiled versions to translate
    with."""

    hash: str
    site: str
    zone: ZoneInfo
    currency: str
    second_person: bool
    channels: tuple[Channel, ...]
    listeners: dict[str, Listener]
    destinations: dict[str, Destination]
    tables: dict[str, Table]
    _routes: dict[tuple[str, str], tuple[Channel, ...]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        routes: dict[tuple[str, str], tuple[Channel, ...]] = {}
        for channel in self.channels:
            for feed in channel.feeds:
                for trigger in channel.reader.triggers:
                    routes[feed, trigger] = (*routes.get((feed, trigger), ()), channel)
        object.__setattr__(self, "_routes", routes)

    def rows_of(self, feed: str) -> tuple[Layout, ...]:
        """How the rows of files stand that a folder takes, by each map that reads them; none: they are HL7."""
        readers = {channel.reader.name: channel.reader for channel in self.channels if feed in channel.feeds}
        return tuple(reader.rows for reader in readers.values() if reader.rows is not None)

    def channels_for(self, feed: str, trigger: str) -> tuple[Channel, ...]:
        """Every channel that takes `trigger` (`DFT^P03`) from `feed`, in file order."""
        return self._routes.get((feed, trigger), ())


@dataclass(frozen=True, slots=True)
class Credentials:
    """A user and password. Neither shows in reprs."""

    user: str = field(repr=False)
    password: str = field(repr=False)


Network = IPv4Network | IPv6Network


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """Where the keys of a listener are, as PEM. `certificate`: the server's, with its chain. `clients`: the CA whose
    clients may connect; `fingerprints`: SHA-256 of client certificates, in small hex. With either, a client must show a
    certificate."""

    certificate: Path
    key: Path
    clients: Path | None = None
    fingerprints: frozenset[str] = frozenset()

    @property
    def asks_clients(self) -> bool:
        return self.clients is not None or bool(self.fingerprints)

    def paths(self) -> tuple[Path, ...]:
        return (self.certificate, self.key, *((self.clients,) if self.clients else ()))


@dataclass(frozen=True, slots=True)
class SignedTokens:
    """JWTs that open a listener, by a shared `secret` or by the public `keys` in a JWKS file. `scopes`: all of them are
    asked for. `issuer` None: any."""

    audience: str
    secret: str | None = field(default=None, repr=False)
    keys: Path | None = None
    issuer: str | None = None
    scopes: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class SftpPlace:
    """A folder of an SFTP server, from the user's home unless it begins with `/`. `key`: a private key in OpenSSH's
    format; `every`: seconds between two looks."""

    host: str
    port: int
    user: str
    path: str
    known_hosts: Path
    key: Path | None = None
    password: str | None = field(default=None, repr=False)
    every: float = 60.0


@dataclass(frozen=True, slots=True)
class ListenerPlace:
    """Where a listener listens. `credentials`: HTTP Basic, `bearer`: signed tokens; neither: anyone may send. `tls`
    None: in clear. `allow`: networks that may connect; empty: all. `folder`: where the files of a folder are dropped,
    None for all others; `fetch`: from which server they are brought there."""

    host: str
    port: int
    credentials: Credentials | None
    tls: TlsFiles | None = None
    allow: tuple[Network, ...] = ()
    bearer: SignedTokens | None = None
    folder: Path | None = None
    fetch: SftpPlace | None = None


@dataclass(frozen=True, slots=True)
class DestinationPlace:
    """Where a destination is and how to be let in. `url` has no trailing slash; `token` is a bearer token."""

    url: str
    token: str | None = field(repr=False)
    credentials: Credentials | None


@dataclass(frozen=True, slots=True)
class Environment:
    """One place the release runs in. `store`: SQLite file. `control`: local socket, beside the store. `owners`: owner
    of held lines → login names of who works them."""

    name: str
    store: Path
    control: Path
    listeners: dict[str, ListenerPlace]
    destinations: dict[str, DestinationPlace]
    owners: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def owned_by(self, person: str) -> frozenset[str]:
        """The owners whose lists somebody works."""
        return frozenset(owner for owner, people in self.owners.items() if person in people)


@dataclass(frozen=True, slots=True)
class ChannelTest:
    """One entry of a channel's `tests`. `given`: raw message; `before`: those that came before it. `received`: the
    clock of the test, None for now.

    `expect`: effect → the documents it must write, in order, as JSON trees; `"*"` stands for any value.
    Effects that are not named must write nothing. `rows`: table → its rows that are new or other. `holds`: (effect,
    None of a record of a master, beginning of the cause). `state`: of the message. `nak`: code and place with which the
    door must refuse it. `files`: effect → the site's files that its documents were read from, where they stand in
    files.
    """

    channel: str
    name: str
    where: str
    given: bytes
    received: datetime | None
    expect: dict[str, list[object]]
    holds: tuple[tuple[str | None, str], ...]
    state: str | None
    nak: tuple[int, str] | None = None
    before: tuple[bytes, ...] = ()
    rows: dict[str, list[dict[str, str]]] = field(default_factory=dict)
    files: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def __repr__(self) -> str:
        return f"ChannelTest({self.where}, {self.name!r})"
