from __future__ import annotations

import re
from pathlib import Path

import pytest

from engine.errors import SiteError, UsageError
from engine.site.compile import check, compile_environment
from engine.site.files import Site

PRODUCTION = """
store: sqlite:var/live.db
secrets: secrets
listeners:
  ehr: {host: 10.0.0.5, port: 2575}
  cabinet: {host: 10.0.0.6, port: 2575}
  hl7-http: {port: 8081, user: departments, password: "${secret:http}"}
destinations:
  erp: {url: "https://erp.example.org/api/", token: "${env:ERP_TOKEN}"}
  billing: {url: "https://billing.example.org"}
"""


@pytest.fixture
def live(example: Site, tmp_path: Path) -> Site:
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "http").write_text("opensesame\n")
    files = {**example.files, "config/env/production.yaml": PRODUCTION.encode()}
    return Site(tmp_path, files, "production")


def test_the_demo_needs_no_secret_and_no_setting_up(example: Site) -> None:
    demo = compile_environment(example)
    assert demo.name == "demo"
    assert demo.store == example.folder / "var/suture.db"
    assert demo.control == example.folder / "var/suture.sock"
    assert (demo.listeners["ehr"].host, demo.listeners["ehr"].port) == ("127.0.0.1", 2575)
    assert demo.destinations["erp"].url == "http://127.0.0.1:9801"
    credentials = demo.listeners["hl7-http"].credentials
    assert credentials is not None
    assert (credentials.user, credentials.password) == ("ehr", "demo")


def test_secrets_come_from_files_and_variables(live: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ERP_TOKEN", "t0ken")
    environment = compile_environment(live)
    assert environment.destinations["erp"].token == "t0ken"
    assert environment.destinations["erp"].url == "https://erp.example.org/api"
    credentials = environment.listeners["hl7-http"].credentials
    assert credentials is not None
    assert credentials.password == "opensesame"


def test_no_repr_shows_a_secret(live: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ERP_TOKEN", "t0ken")
    shown = repr(compile_environment(live))
    assert "t0ken" not in shown
    assert "opensesame" not in shown


def test_checking_needs_no_secret_but_running_does(live: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ERP_TOKEN", raising=False)
    (live.folder / "secrets" / "http").unlink()
    assert check(live) == []
    with pytest.raises(SiteError) as raised:
        compile_environment(live)
    assert [(fault.code, fault.where.split(":")[1]) for fault in raised.value.faults] == [
        ("SIT054", "7"),
        ("SIT054", "9"),
    ]


def test_the_same_port_on_two_addresses_is_no_clash(live: Site) -> None:
    assert check(live) == []


@pytest.mark.parametrize("host", ["10.0.0.5", "0.0.0.0"])
def test_the_same_port_on_one_address_is_a_clash(live: Site, host: str) -> None:
    text = live.files["config/env/production.yaml"].replace(b"10.0.0.6", host.encode())
    faults = check(Site(live.folder, {**live.files, "config/env/production.yaml": text}))
    assert [(fault.code, fault.where.rsplit(":", 1)[0]) for fault in faults] == [
        ("SIT052", "config/env/production.yaml:6")
    ]


def test_listeners_on_any_free_port_do_not_clash(live: Site) -> None:
    text = (
        live.files["config/env/production.yaml"]
        .replace(b"port: 2575", b"port: 0")
        .replace(b"0.0.6", b"0.0.5")
    )
    assert check(Site(live.folder, {**live.files, "config/env/production.yaml": text})) == []


def test_of_several_environments_one_must_be_named(live: Site) -> None:
    with pytest.raises(UsageError, match=r"SIT055.*demo, production"):
        compile_environment(Site(live.folder, live.files))
    with pytest.raises(UsageError, match="did you mean 'production'"):
        compile_environment(Site(live.folder, live.files, "prodution"))


def test_the_only_environment_need_not_be_named(example: Site) -> None:
    assert compile_environment(Site(example.folder, example.files)).name == "demo"


def test_an_environment_with_a_fault_is_not_made(live: Site) -> None:
    text = live.files["config/env/production.yaml"].replace(b"port: 8081", b"port: many")
    with pytest.raises(SiteError, match="SIT012"):
        compile_environment(
            Site(live.folder, {**live.files, "config/env/production.yaml": text}, "production")
        )


def test_the_production_example_of_the_readme_has_no_fault(example: Site) -> None:
    readme = (example.folder / "config" / "README.md").read_text()
    block, *_ = re.findall(r"```yaml\n(.*?)```", readme, re.DOTALL)
    files = {**example.files, "config/env/production.yaml": block.encode()}
    assert check(Site(example.folder, files)) == []


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("https://erp.example.org/api", 1),
        ("http://127.0.0.1:9801", 0),
        ("http://localhost:9801/", 0),
        ("file:out", 0),
    ],
)
def test_a_far_end_of_two_environments_is_warned_of_unless_it_is_on_this_machine(
    example: Site, url: str, told: int
) -> None:
    demo = example.files["config/env/demo.yaml"].replace(b"http://127.0.0.1:9801", url.encode())
    files = {**example.files, "config/env/demo.yaml": demo}
    files["config/env/live.yaml"] = demo.replace(b"var/suture.db", b"var/live.db").replace(b":9802", b":9803")
    faults = check(Site(example.folder, files))
    shared = [fault for fault in faults if fault.code == "SIT077"]
    assert len(shared) == told


def test_a_store_of_two_environments_is_a_fault(example: Site) -> None:
    files = {**example.files, "config/env/live.yaml": example.files["config/env/demo.yaml"]}
    (fault,) = check(Site(example.folder, files))
    assert (fault.code, fault.severity, fault.where) == ("SIT077", "error", "config/env/live.yaml:3:8")
