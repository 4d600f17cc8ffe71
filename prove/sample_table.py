"""Every file of `tests/samples` through the doors of the example sites, and the page that says what became of each.

    python -m prove.sample_table            writes docs/guide/samples.md
    python -m prove.sample_table --show     says it, and writes nothing

Real engines, real sockets, a real sandbox. HL7 goes to the example site: cabinets' movements to their own door, all
else to the EHR's. FHIR goes to the example `fhir-resources`. X12 goes to the HTTP door, since there is none for it.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import socket
import tempfile
import time
from base64 import b64encode
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from signal import SIGKILL
from typing import NamedTuple
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import apsw

from engine.codecs.hl7v2.batch import split_messages
from engine.domain.posting import Action
from engine.domain.status import DeliveryState, EffectState, MessageState
from tests.acceptance.rig import END, ROOT, START, Far, Suture, code_of, free_ports

SAMPLES = ROOT / "tests" / "samples"
PAGE = ROOT / "docs" / "guide" / "samples.md"
LABORATORY = ROOT / "engine" / "cli" / "examples" / "fhir-resources"

_UNANSWERED = 2.0
"""Seconds in which bytes that nobody is answered for are kept."""

_HEAD = """\
<!-- Made by `make samples`: do not edit. -->

# What becomes of each sample

Every file of [tests/samples](../../tests/samples) was sent to a running engine with the example site: movements of
cabinets at their own door, all other HL7 at the EHR's, X12 at the HTTP door, and FHIR at the example `fhir-resources`,
in the order of [SOURCES.tsv](../../tests/samples/SOURCES.tsv). That table says where each is from, under which licence,
and which were written here. `make samples` makes this page; a test makes it again and compares.

*Answer* is what the sender got. *State* is where the message stands: routed (something was posted), held (it waits for
a person or a row), filtered (nothing to post, counted with its reason), duplicate, refused (the bytes are kept), or
nowhere (the door took nothing). The last column says what was posted and where, and what waits for which cause.

"""


class Sent(NamedTuple):
    """One message, its answer, and the ids of what the store kept of it, first and last."""

    file: str
    kind: str
    door: str
    answer: str
    first: int
    last: int


class Row(NamedTuple):
    file: str
    kind: str
    door: str
    answer: str
    state: str
    became: str


class Laboratory(Suture):
    """The example whose door speaks FHIR."""

    def __init__(self, folder: Path, urls: dict[str, str]) -> None:
        self.folder, self.site = folder, folder / "site"
        shutil.copytree(LABORATORY, self.site)
        self.ports = dict(zip(("lab",), free_ports(1), strict=True))
        self.environment = self.site / "config" / "env" / "demo.yaml"
        self.point_at(urls)
        self.process, self.program, self.log_level, self.runs = None, ("engine",), "info", 0


def rows(folder: Path) -> list[Row]:
    """Sends every sample, waits until all is settled, and says what became of it."""
    places = [folder / "hospital", folder / "laboratory"]
    for place in places:
        place.mkdir(parents=True)
    far = Far(folder)
    hospital, laboratory = Suture(places[0], far.urls), Laboratory(places[1], far.urls)
    try:
        for engine in (hospital, laboratory):
            engine.start()
        sent = [one for name in _named() for one in _send(name, hospital, laboratory)]
        for engine in (hospital, laboratory):
            engine.settled()
        return [
            row
            for engine, at_lab in ((hospital, False), (laboratory, True))
            for row in _told(engine, [one for one in sent if (one.door == "lab") is at_lab])
        ]
    finally:
        for engine in (hospital, laboratory):
            if engine.process is not None:
                engine.stop(SIGKILL)
        far.close()


def page(found: Iterable[Row]) -> str:
    """The page of the docs."""
    found = list(found)
    counts = Counter(row.state for row in found)
    lines = [
        f"{len(found)} messages: " + ", ".join(f"{counts[state]} {state}" for state in sorted(counts)),
        "",
    ]
    lines += ["| file | message | door | answer | state | what became of it |", "|---|---|---|---|---|---|"]
    lines += ["| " + " | ".join(text.replace("|", "\\|") for text in row) + " |" for row in found]
    return _HEAD + "\n".join(lines) + "\n"


# Sending ------------------------------------------------------------------------------------------------------


def _named() -> list[str]:
    """The files, in the order of SOURCES.tsv. One that it does not name has no licence, and is no sample."""
    listed = [line.split("\t")[0] for line in (SAMPLES / "SOURCES.tsv").read_text().splitlines()[1:]]
    there = {str(path.relative_to(SAMPLES)) for path in SAMPLES.glob("*/*")}
    if set(listed) != there:
        raise SystemExit(f"SOURCES.tsv and the folder differ: {sorted(set(listed) ^ there)}")
    return listed


def _send(name: str, hospital: Suture, laboratory: Suture) -> Iterator[Sent]:
    raw = (SAMPLES / name).read_bytes()
    folder = name.partition("/")[0]
    if folder.startswith("fhir"):
        kind, media = _fhir(name, raw)
        path = "/fhir" if kind == "Bundle" else f"/fhir/{kind}"
        send = partial(_post, laboratory, "lab", path, raw, media, "lab:demo")
        yield _kept(laboratory, name, f"FHIR {kind}", "lab", send)
    elif folder.startswith("x12"):
        found = re.search(rb"[~\n\r\s]ST\W(\d{3})", raw)
        kind = f"X12 {found[1].decode()}" if found else "X12"
        send = partial(_post, hospital, "hl7-http", "/hl7", raw, "text/plain", "ehr:demo")
        yield _kept(hospital, name, kind, "hl7-http", send)
    else:
        messages = split_messages(raw)
        for number, message in enumerate(messages, 1):
            door = "cabinet" if b"\rZPM" in message.replace(b"\n", b"\r") else "ehr"
            label = f"{name}, {number} of {len(messages)}" if len(messages) > 1 else name
            yield _kept(
                hospital, label, _type_of(message), door, partial(_over_mllp, hospital.ports[door], message)
            )


def _kept(engine: Suture, name: str, kind: str, door: str, send: Callable[[], str]) -> Sent:
    first = _newest(engine) + 1
    answer = send()
    until = time.monotonic() + (_UNANSWERED if answer == "none" or answer.startswith("HTTP 4") else 0)
    while (last := _newest(engine)) < first and time.monotonic() < until:
        time.sleep(0.05)
    _rest(engine)
    return Sent(name, kind, door, answer, first, last)


_OPEN = """SELECT EXISTS (SELECT 1 FROM message WHERE state = 0) OR EXISTS (SELECT 1 FROM delivery WHERE state < 4)
    OR EXISTS (SELECT 1 FROM effect WHERE state = 5)"""


def _rest(engine: Suture, seconds: float = 30.0) -> None:
    """Until nothing is on its way: what a cancellation meets must not be a matter of pace."""
    until = time.monotonic() + seconds
    while _ask(engine, _OPEN)[0][0]:
        if time.monotonic() > until:
            raise SystemExit("the engine did not come to rest")
        time.sleep(0.02)


def _type_of(message: bytes) -> str:
    fields = message.lstrip(b"\xef\xbb\xbf").split(b"\r")[0].split(b"\n")[0].split(b"|")
    return b"^".join(fields[8].split(b"^")[:2]).decode() if len(fields) > 8 else ""


def _over_mllp(port: int, message: bytes) -> str:
    """The code of the answer. The sender says no more after its message, so that no answer is seen at once."""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(START + message + END)
        connection.shutdown(socket.SHUT_WR)
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    return code_of(answer.strip(START + END)) or "none"


def _fhir(name: str, raw: bytes) -> tuple[str, str]:
    """Type of the resource, and how it is written."""
    if not name.endswith(".xml"):
        return json.loads(raw)["resourceType"], "application/fhir+json"
    found = re.search(rb"<(\w+)[ >]", raw[raw.find(b"?>") + 1 :])
    return found[1].decode() if found else "", "application/fhir+xml"


def _post(engine: Suture, door: str, path: str, raw: bytes, media: str, user: str) -> str:
    headers = {"Content-Type": media, "Authorization": f"Basic {b64encode(user.encode()).decode()}"}
    request = Request(f"http://127.0.0.1:{engine.ports[door]}{path}", raw, headers)
    try:
        with urlopen(request, timeout=20) as answer:
            return f"HTTP {answer.status}"
    except HTTPError as error:
        return f"HTTP {error.code}"


# What became of it --------------------------------------------------------------------------------------------


def _newest(engine: Suture) -> int:
    return int(_ask(engine, "SELECT coalesce(max(id), 0) FROM message")[0][0])


def _ask(engine: Suture, statement: str) -> list[tuple]:
    """What the store says, read beside the engine."""
    store = apsw.Connection(str(engine.site / "var" / "suture.db"), flags=apsw.SQLITE_OPEN_READONLY)
    store.set_busy_timeout(2000)
    try:
        return store.execute(statement).fetchall()
    finally:
        store.close()


def _told(engine: Suture, sent: Iterable[Sent]) -> Iterator[Row]:
    messages = {one[0]: one[1:] for one in _ask(engine, "SELECT id, state, reason FROM message")}
    lines: dict[int, list[str]] = defaultdict(list)
    for message, reason in _ask(engine, "SELECT message_id, reason FROM line WHERE state = 2 ORDER BY id"):
        lines[message].append(f"counted: {reason}")
    effects: dict[int, list[tuple]] = defaultdict(list)
    statement = (
        "SELECT e.message_id, e.destination, e.name, e.action, e.state, e.cause, d.state FROM effect e "
        "LEFT JOIN delivery d ON d.id = e.delivery_id ORDER BY e.id"
    )
    for message, *effect in _ask(engine, statement):
        effects[message].append(tuple(effect))
    for one in sent:
        kept = range(one.first, one.last + 1)
        state = ", ".join(dict.fromkeys(MessageState(messages[number][0]).word for number in kept))
        words = dict.fromkeys(
            word
            for number in kept
            for word in [*_posted(effects[number]), *lines[number]] or [_worded(messages[number][1])]
        )
        became = "; ".join(words) if kept else "the door took nothing"
        yield Row(one.file, one.kind, one.door, one.answer, state or "nowhere", became)


def _worded(reason: str) -> str:
    """A bare code with the words of its page."""
    page = ROOT / "engine" / "faults" / f"{reason[:3]}.md"
    found = re.search(rf"^#+ {reason}:? *(.+)$", page.read_text(), re.MULTILINE) if page.is_file() else None
    return f"{reason} {found[1]}" if found else reason


def _posted(effects: Iterable[tuple]) -> Iterator[str]:
    """What was posted and where, and what waits for which cause."""
    there: Counter[str] = Counter()
    waits: dict[str, list[str]] = defaultdict(list)
    for destination, name, action, state, cause, delivery in effects:
        what = f"{name} taken back" if action == Action.REVERSE else name
        if state == EffectState.ROUTED and delivery == DeliveryState.DELIVERED:
            there[f"{what} at {destination}"] += 1
        elif state == EffectState.ROUTED:
            waits[f"refused by {destination}"].append(what)
        else:
            waits[cause or EffectState(state).word].append(what)
    yield from (f"{count} × {what}" if count > 1 else what for what, count in sorted(there.items()))
    yield from (f"{', '.join(sorted(set(names)))}: {cause}" for cause, names in sorted(waits.items()))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--show", action="store_true")
    with tempfile.TemporaryDirectory(prefix="samples-") as folder:
        text = page(rows(Path(folder)))
    if parser.parse_args().show:
        print(text)
    else:
        PAGE.write_text(text)


if __name__ == "__main__":
    main()
