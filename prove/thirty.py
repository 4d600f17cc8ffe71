"""A site of thirty channels, made of the example by a seed: five hospitals, each with six interfaces of its own.

Each hospital has other listeners, far ends, folders, tables and ports. The first differs from the example in its names
alone; the others also in what their feeds send, which effects they have, how lines are read and which rows they know.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from pathlib import Path

from engine.site.files import SITE_FILE, Site
from engine.site.subset import subset

HOSPITALS = ("bay", "ford", "glen", "hill", "lake")
CHANNELS = ("ehr-usage", "cabinet-vends", "adt", "adt-merge-accounts", "adt-merge-patients")
"""Of the example; each hospital has a laboratory besides."""

DEMO = "config/env/demo.yaml"
Edit = Callable[[str], str]

_EFFECTS = {"bill-only": ("contract",), "cost": ("activity",)}
"""Effects that a hospital may do without, with the look-ups that only they need."""

LAB = """\
channel: {name}-lab
about: The laboratory charges what it measured, once each.
owner: revenue-integrity
from: {name}-lab
read: {name}/hl7/lab-dft
skip:
  - {{when: quantity == 0, because: nothing was measured}}
same_line: {{by: [account, code, used_at], alike: new}}
credit_finds: [[account, code, used_on]]
lane: {lane}
translate:
  charge: {{table: {name}-charges, by: [code, payer_class]}}
deliver:
  charge:
    to: {name}-lab-billing
    when: charge.billable
    map: {name}/billing/lab-charge
    undo: {name}/billing/lab-credit
    per: line
    money: stated
"""
LAB_READ = """\
read: {trigger}
about: Charges of the laboratory
version: {version}
makes: charge
each: FT1
fields:
  account: PID-18.1
  account_authority: PID-18.4
  visit: PV1-19.1
  patient: PID-3[type=MR].1
  payer_class: PV1-20.1
  code: FT1-7.1
  quantity: FT1-10, else 1
  amount: FT1-11.1.1
  credit: FT1-6 == 'CD'
  used_at: FT1-4.1
  {extra}: FT1-13.1
extra:
  {extra}: {{type: text, about: Bench that measured, patient_data: false}}
"""
LAB_WRITE = """\
write: hl7
about: {about} of the laboratory, as a message
message: DFT^P03
document:
  MSH-3: {{text: SUTURE}}
  PID-18.1: account
  FT1:
    each: lines
    give:
      FT1-1: number
      FT1-4: used_on
      FT1-6: {{text: {kind}}}
      FT1-7.1: charge.charge_code
      FT1-10: quantity
      FT1-11: amount
"""


def site_of_thirty(example: Site, seed: int) -> Site:
    """The site; the same for the same seed."""
    example = subset(example, CHANNELS)
    chance = random.Random(seed)
    files: dict[str, bytes] = {}
    heads = {file: [] for file in (SITE_FILE, DEMO)}
    parts = {(file, section): [] for file in heads for section in ("listeners", "destinations")}
    for number, name in enumerate(HOSPITALS):
        edits = _edits(chance) if number else {}
        for file, data in example.files.items():
            text = edits.get(file, lambda text: text)(data.decode())
            if text and file in heads:
                head, places = _sections(renamed(file, text, name))
                heads[file] = [head]
                for section, lines in places.items():
                    parts[file, section].append(lines)
            elif text:
                files[renamed_file(file, name)] = renamed(file, text, name).encode()
        files |= {file: text.encode() for file, text in _laboratory(name, chance).items()}
        parts[SITE_FILE, "listeners"].append(
            f"  {name}-lab: {{kind: mllp, limit: {chance.randint(1, 16)} MiB}}\n"
        )
        parts[SITE_FILE, "destinations"].append(
            f"  {name}-lab-billing:\n    kind: mllp\n    settle: {chance.randint(1, 60)}s\n    patient_data: allowed\n"
            "    takes: {DFT^P03: [PID-18.1, FT1-4, FT1-7.1, FT1-10, FT1-11?]}\n"
        )
        parts[DEMO, "listeners"].append(f"  {name}-lab: {{port: {_port('2577', name)}}}\n")
        parts[DEMO, "destinations"].append(
            f'  {name}-lab-billing: {{url: "mllp://127.0.0.1:{_port("9803", name)}"}}\n'
        )
    for file, head in heads.items():
        both = "".join(
            f"{section}:\n{''.join(parts[file, section])}\n" for section in ("listeners", "destinations")
        )
        files[file] = f"{''.join(head)}\n{both}".encode()
    files["config/env/production.yaml"] = _production(files[DEMO].decode()).encode()
    return Site(Path(), dict(sorted(files.items())))


def renamed_file(file: str, name: str) -> str:
    """Where the file of the example stands for a hospital."""
    top, _, rest = file.partition("/")
    if top == "channels":
        return file if "/" in rest else f"channels/{name}-{rest}"
    if rest.startswith("tables/"):
        return f"mappings/{name}/tables/{name}-{rest.removeprefix('tables/')}"
    return file if top == "config" else f"mappings/{name}/{rest}"


def renamed(file: str, text: str, name: str) -> str:
    """Text of a file of the example, or a piece of it, as the hospital says it."""
    text = re.sub(r"\b(hl7|erp|billing)/(?=[a-z])", rf"{name}/\1/", text)
    if file.startswith("channels/"):
        text = re.sub(
            r"(^channel: |\{table: |^tables: \{|^\s+to: )(?=[a-z])",
            rf"\g<1>{name}-",
            text,
            flags=re.MULTILINE,
        )
        text = re.sub(
            r"^from: \[(.*)\]", lambda found: f"from: [{_each(found[1], name)}]", text, flags=re.MULTILINE
        )
        return re.sub(r"^from: (?=[a-z])", f"from: {name}-", text, flags=re.MULTILINE)
    if "/tables/" in file:
        text = re.sub(r"^table: ", f"table: {name}-", text, flags=re.MULTILINE)
        return re.sub(r"(?<=: )(items?)(?=\.)", rf"{name}-\1", text)
    if file in (SITE_FILE, DEMO):
        text = re.sub(r"^  (?=[a-z0-9-]+:)", f"  {name}-", text, flags=re.MULTILINE)
        return re.sub(r"\b(257[56]|8081|980[12])\b", lambda found: str(_port(found[1], name)), text)
    return re.sub(r"(?<=table: )(?=feed)", f"{name}-", text)


def _each(names: str, name: str) -> str:
    return ", ".join(f"{name}-{one.strip()}" for one in names.split(","))


def _port(port: str, name: str) -> int:
    return int(port) + 10 * HOSPITALS.index(name)


def _sections(text: str) -> tuple[str, dict[str, str]]:
    """(what stands before, the entries of listeners and of destinations)."""
    head, _, rest = text.partition("listeners:\n")
    listeners, _, destinations = rest.partition("destinations:\n")
    return head, {"listeners": listeners.rstrip() + "\n", "destinations": destinations.rstrip() + "\n"}


def _edits(chance: random.Random) -> dict[str, Edit]:
    """What a hospital does otherwise, by file of the example. An empty text: it does without the file."""
    dropped = [effect for effect in _EFFECTS if chance.random() < 0.6]
    position = chance.choice(["FT1-13.1", "FT1-16.1", "FT1-13.1, else PV1-3.1"])
    trigger = chance.choice(["DFT^P03", "DFT^P11", "DFT^P03, DFT^P11"])
    share = chance.uniform(0.6, 0.95)
    fewer = chance.getrandbits(32)

    def usage(text: str) -> str:
        text = _untested(text)
        for effect in dropped:
            text = re.sub(rf"^  {effect}:\n(    .*\n)+", "", text, flags=re.MULTILINE)
            text = re.sub(rf"{effect}: 1h, ", "", text)
            for look_up in _EFFECTS[effect]:
                text = re.sub(rf"^  {look_up}:.*\n", "", text, flags=re.MULTILINE)
        text = text.replace("15m", chance.choice(["10m", "20m", "2h"]))
        return text.replace("lane: account", f"lane: {chance.choice(['account', 'visit', 'patient'])}")

    def read(text: str) -> str:
        text = text.replace("read: DFT^P03, DFT^P11", f"read: {trigger}")
        text = text.replace("department: FT1-13.1, else FT1-16.1", f"department: {position}")
        return text + "  room: FT1-16.2\n" if chance.random() < 0.5 else text

    def rows(text: str) -> str:
        some = random.Random(fewer)
        head, *lines = text.splitlines(keepends=True)
        return head + "".join(line for line in lines if some.random() < share)

    gone: Edit = lambda text: ""  # noqa: E731
    edits: dict[str, Edit] = {
        "channels/ehr-usage.yaml": usage,
        "channels/cabinet-vends.yaml": lambda text: _untested(text).replace(
            "30m", chance.choice(["45m", "1h"])
        ),
        "mappings/hl7/ehr-dft.yaml": read,
        "mappings/tables/feed-units.csv": rows,
        "mappings/tables/charges.csv": rows,
        "mappings/tables/locations.csv": rows,
        SITE_FILE: lambda text: text.replace("timeout: 10s", f"timeout: {chance.randint(5, 30)}s"),
    }
    for effect, table, maps in (
        ("bill-only", "contract-prices", ("bill-only-order", "bill-only-cancellation")),
        ("cost", "activity-rates", ("cost-posting", "cost-reversal")),
    ):
        if effect in dropped:
            edits |= {f"mappings/tables/{table}.{kind}": gone for kind in ("yaml", "csv")}
            edits |= {f"mappings/erp/{one}.yaml": gone for one in maps}
    if "bill-only" in dropped:
        before = edits[SITE_FILE]
        edits[SITE_FILE] = lambda text: before(
            re.sub(r"patient_data: limited.*", "patient_data: refused", text)
        )
    return edits


def _untested(text: str) -> str:
    """Its tests are of the first hospital's codes."""
    return text.split("\ntests:")[0] + "\n"


def _laboratory(name: str, chance: random.Random) -> dict[str, str]:
    version = chance.choice(["2.3.1", "2.4", "2.5.1", "2.6"])
    given = {"name": name, "lane": chance.choice(["account", "visit"]), "trigger": "DFT^P03", "version": version,
             "extra": chance.choice(["bench", "section", "analyser"])}  # fmt: skip
    return {
        f"channels/{name}-lab.yaml": LAB.format(**given),
        f"mappings/{name}/hl7/lab-dft.yaml": LAB_READ.format(**given),
        f"mappings/{name}/billing/lab-charge.yaml": LAB_WRITE.format(about="Charges", kind="CG"),
        f"mappings/{name}/billing/lab-credit.yaml": LAB_WRITE.format(about="Credits", kind="CD"),
    }


def _production(demo: str) -> str:
    """The same places elsewhere, with secrets that are not written down."""
    text = demo.replace("secrets_in_clear: allowed\n", "").replace(
        "password: demo", 'password: "${secret:http}"'
    )
    text = text.replace("127.0.0.1", "far.example.org").replace("var/suture.db", "/var/lib/suture/suture.db")
    return re.sub(r'url: "http:(.*?)"', r'url: "https:\1", token: "${secret:far}"', text)
