"""A test is added below the others, and nothing else in the file changes."""

from __future__ import annotations

import pytest

from engine.capture.writing import with_tests
from engine.errors import UsageError
from engine.site.files import Site, load_site
from engine.site.sources import read_sources

HEAD = "channel: c\nabout: x  # why\nfrom: ehr\nread: hl7/r\n"
TEST = {
    "name": 'a "quoted": name, 1 of 2',
    "given": "samples/c-a.hl7",
    "received": "2026-11-20T10:15:00-06:00",
    "state": "routed",
    "expect": {"issue": "samples/c-a-issue.json"},
    "holds": [{"effect": "charge", "cause": "charges: code={X} # 1"}],
}


def written(tmp_path, text: str, *tests: dict) -> str:
    data = text.encode()
    source = read_sources(Site(tmp_path, {"channels/c.yaml": data})).channels.sources["c"]
    return with_tests(data, source, list(tests) or [TEST]).decode()


@pytest.mark.parametrize("tests", ["", "\ntests: []\n", "\ntests: [ ]   # none yet\n"])
def test_the_first_one(tmp_path, tests):
    text = written(tmp_path, HEAD + tests)
    assert text.startswith(HEAD)
    assert text.count("tests:") == 1
    assert (
        '\n  - name: "a \\"quoted\\": name, 1 of 2"\n    given: samples/c-a.hl7\n    received: 2026' in text
    )


def test_one_more_below_the_others_before_what_follows(tmp_path):
    before = (
        HEAD + "tests:\n    # the first\n    - name: one\n      given: samples/a.hl7\n      # last words\n"
    )
    after = "\n# how soon\nexpect: {issue: 15m}\n"
    text = written(tmp_path, before + after, {"name": "two", "given": "samples/b.hl7"})
    assert text == before + "    - name: two\n      given: samples/b.hl7\n" + after


def test_line_ends_stay(tmp_path):
    text = written(tmp_path, HEAD.replace("\n", "\r\n") + "tests:\r\n  - name: one\r\n    given: a.hl7")
    assert text.count("\n") == text.count("\r\n")


def test_what_cannot_be_added_to_is_left_alone(tmp_path):
    with pytest.raises(UsageError) as caught:
        written(tmp_path, HEAD + "tests: [{name: one, given: a.hl7}]\n")
    assert caught.value.code == "CAP006"


def test_the_example_channels_can_be_added_to(tmp_path):
    from pathlib import Path

    site = load_site(Path(__file__).parents[3])
    for source in read_sources(site).channels.sources.values():
        data = site.files[source.document.file]
        new = with_tests(data, source, [{"name": "two", "given": "samples/b.hl7"}])
        assert new.startswith(data.rstrip(b"\n"))
