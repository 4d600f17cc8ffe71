"""One folder, two environments with a store and an engine each: what was tested in one is put in force in the other."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.site.compile import load_site
from tests.acceptance.rig import ROOT, Far, child, free_ports

CHARGES = "mappings/tables/charges.csv"
NEW_ROW = (
    "code=IMP-NEW-09",
    "payer_class=*",
    "charge_code=27810107",
    "billable=yes",
    "revenue_code=0278",
    "factor=1",
)


class Two:
    """TEST and PROD of one site, both running."""

    def __init__(self, folder: Path, urls: dict[str, str]) -> None:
        self.folder, self.site = folder, folder / "site"
        for part in ("config", "channels", "mappings"):
            shutil.copytree(ROOT / part, self.site / part)
        (self.site / "config/env/demo.yaml").unlink()
        for name in ("test", "prod"):
            ehr, cabinet, http = free_ports(3)
            (self.site / f"config/env/{name}.yaml").write_text(
                f"store: sqlite:var/{name}.db\nlisteners:\n  ehr: {{port: {ehr}}}\n  cabinet: {{port: {cabinet}}}\n"
                f'  hl7-http: {{port: {http}}}\ndestinations:\n  erp: {{url: "{urls["erp"]}"}}\n'
                f'  billing: {{url: "{urls["billing"]}"}}\n'
            )
        self.engines = [self._served(name) for name in ("test", "prod")]

    def _served(self, name: str) -> subprocess.Popen:
        process = child(
            self.folder / f"{name}.err", "engine", "serve", "--site", str(self.site), "--env", name
        )
        assert process.stdout is not None
        assert any(line.strip() == "ready" for line in process.stdout), (
            self.folder / f"{name}.err"
        ).read_text()
        return process

    def ask(self, *words: str, option: bool = True) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "engine", *words, *(["--site"] if option else []), str(self.site)],
            cwd=ROOT, text=True, capture_output=True, timeout=60, check=False,
        )  # fmt: skip

    def release(self, environment: str) -> str:
        return str(json.loads(self.ask("status", "--env", environment, "--json").stdout)["release"])

    def edit(self, file: str, old: str, new: str) -> None:
        text = (self.site / file).read_text()
        assert old in text
        (self.site / file).write_text(text.replace(old, new, 1))

    def close(self) -> None:
        for process in self.engines:
            process.kill()
            process.wait(10)
            assert process.stdout is not None
            process.stdout.close()


@pytest.fixture
def two(tmp_path: Path, far: Far) -> Iterator[Two]:
    both = Two(tmp_path, far.urls)
    yield both
    both.close()


def test_what_was_tested_goes_live_as_it_was_tested_or_not_at_all(two: Two) -> None:
    first = two.release("prod")
    assert two.release("test") == first
    two.edit(CHARGES, "IMP-FEM-06,*,27810106", "IMP-FEM-06,*,27810107")
    early = two.ask("promote", "--tested-in", "test", "--env", "prod")
    assert early.returncode == 2
    assert "CLI014 the files are release" in early.stderr
    assert CHARGES in early.stderr

    assert two.ask("reload", "--env", "test").returncode == 0
    added = two.ask("tables", "add", "charges", *NEW_ROW, "--reason", "new", "--env", "test")
    assert added.returncode == 0, added.stderr
    refused = two.ask("promote", "--tested-in", "test", "--env", "prod")
    assert "CLI015" in refused.stderr
    assert "+ code=IMP-NEW-09 payer_class=* charge_code=27810107" in refused.stderr
    assert "suture tables export charges --env test" in refused.stderr
    assert two.release("prod") == first

    assert two.ask("tables", "export", "charges", "--env", "test").returncode == 0
    stale = two.ask("promote", "--tested-in", "test", "--env", "prod")
    assert "CLI014 the files are release" in stale.stderr
    assert CHARGES in stale.stderr
    assert two.ask("reload", "--env", "test").returncode == 0
    tested = two.release("test")
    done = two.ask("promote", "--tested-in", "test", "--env", "prod")
    assert done.stdout == f"release {tested} is in force in prod, as edition 2\n", done.stderr
    assert two.release("prod") == tested != first


def test_a_hash_is_promoted_only_if_the_files_are_it(two: Two) -> None:
    first = two.release("test")
    two.edit("channels/adt.yaml", "is remembered", "is kept in mind")
    refused = two.ask("promote", first, "--env", "prod")
    assert refused.returncode == 2
    assert f"not {first}: channels/adt.yaml" in refused.stderr
    assert (
        "take the files of that release out of version control"
        in two.ask("promote", "f" * 16, "--env", "prod").stderr
    )
    assert two.ask("reload", "--env", "test").returncode == 0
    tested = two.release("test")
    assert two.release("prod") == first
    assert two.ask("promote", tested, "--env", "prod").returncode == 0
    assert two.release("prod") == tested
    assert "CLI013" in two.ask("promote", "--env", "prod").stderr
    assert "CLI013" in two.ask("promote", "--tested-in", "prod", "--env", "prod").stderr


def test_files_whose_own_tests_fail_go_live_nowhere(two: Two) -> None:
    first = two.release("prod")
    two.edit("channels/samples/charge-femoral.json", '"27810107"', '"27810999"')
    edited = load_site(two.site).hash
    for refused in (two.ask("reload", "--env", "test"), two.ask("promote", edited, "--env", "prod")):
        assert refused.returncode == 1
        assert "ACT003 test 'two knee components" in refused.stderr
        assert "channels/ehr-usage.yaml:" in refused.stderr
    assert two.release("prod") == two.release("test") == first


def test_an_engine_refuses_the_store_and_is_warned_of_the_far_ends_of_another_environment(two: Two) -> None:
    two.close()
    place = two.site / "config/env/test.yaml"
    place.write_text(
        place.read_text().replace("var/test.db", "var/prod.db").replace("127.0.0.1", "far.example.org")
    )
    prod = two.site / "config/env/prod.yaml"
    prod.write_text(prod.read_text().replace("127.0.0.1", "far.example.org"))
    checked = two.ask("check", option=False).stderr
    assert "config/env/test.yaml:1:8: SIT077 environment 'prod' has this store already" in checked
    assert "SIT077 (warning) environment 'prod' posts to this address too" in checked
    prod.unlink()  # as where each environment has a folder of its own: the store itself knows whose it is
    served = two.ask("serve", "--env", "test")
    assert served.returncode != 0
    assert "STO003 the store belongs to environment 'prod', the engine runs 'test'" in served.stderr
