"""From a site's files to its release, its environment and its tests: the way in for everybody else.

    site = load_site(folder, "demo")
    faults = check(site)                    every fault and warning of every file
    release = compile_release(site)         raises SiteError with the same faults when one is an error
    environment = compile_environment(site)
    tests = compile_tests(site)

Each call reads the site anew from its bytes; nothing is kept between calls.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from zoneinfo import ZoneInfo

from engine.errors import Fault, SiteError
from engine.reference.table import Table
from engine.site import channel_tests, environment
from engine.site.channels import compile_channel
from engine.site.files import SITE_FILE, Site, load_site, unpack_site
from engine.site.lint import lint
from engine.site.maps import Maps, compile_maps
from engine.site.origins import origin_faults
from engine.site.release import (
    Channel,
    ChannelTest,
    Environment,
    FileRules,
    Listener,
    Naks,
    Release,
)
from engine.site.row_feeds import row_feed_faults
from engine.site.rows import row_faults
from engine.site.schema.site import ListenerFile
from engine.site.sources import Sources, read_sources

__all__ = [
    "Site",
    "check",
    "compile_environment",
    "compile_release",
    "compile_tests",
    "load_site",
    "unpack_site",
]


def check(site: Site) -> list[Fault]:
    """Every fault and warning of the site, all environments and tests included, in the order of files and
    lines."""
    sources = read_sources(site)
    maps, channels, faults = _compile(site, sources, {}, {})
    if not any(fault.severity == "error" for fault in faults):
        faults += lint(sources, maps, channels)  # what a broken file uses cannot be told
    faults += environment.check_environments(sources)
    for source in sources.channels.sources.values():
        faults += channel_tests.compile_tests(site, source)[1]
    return list(SiteError(dict.fromkeys(faults)).faults)


def compile_release(
    site: Site, table_csv: Mapping[str, bytes] | None = None, known: Mapping[str, Table] | None = None
) -> Release:
    """The release. `table_csv`: table → rows that take the place of its file's (the store's versions). `known`: tables
    that were compiled before, and serve again where rows and declaration are the same.

    Raises `SiteError` with all faults; warnings do not keep a release from being made.
    """
    sources = read_sources(site)
    maps, channels, faults = _compile(site, sources, table_csv or {}, known or {})
    if any(fault.severity == "error" for fault in faults) or sources.site is None:
        raise SiteError(dict.fromkeys(faults))
    model = sources.site.model
    zone = ZoneInfo(model.time_zone)
    return Release(
        hash=site.hash,
        site=model.site,
        zone=zone,
        currency=model.currency,
        second_person=model.corrections.second_person,
        channels=tuple(channels),
        listeners={
            name: replace(
                _listener(name, listener),
                naks=_naks(name, listener, channels, zone, model.currency, maps.tables),
            )
            for name, listener in model.listeners.items()
        },
        destinations=dict(model.destinations),
        tables=maps.tables,
    )


def compile_environment(site: Site) -> Environment:
    """The environment named when the site was loaded, or its only one. Reads secrets.

    Raises `UsageError` when it is not said which, `SiteError` when its file or its secrets are at fault.
    """
    return environment.compile_environment(site, read_sources(site))


def compile_tests(site: Site) -> tuple[ChannelTest, ...]:
    """The tests of all channels, in the order of files. Raises `SiteError` with the faults of the tests."""
    tests: list[ChannelTest] = []
    faults: list[Fault] = []
    for source in read_sources(site).channels.sources.values():
        found, wrong = channel_tests.compile_tests(site, source)
        tests += found
        faults += wrong
    if faults:
        raise SiteError(faults)
    return tuple(tests)


def _compile(
    site: Site, sources: Sources, table_csv: Mapping[str, bytes], known: Mapping[str, Table]
) -> tuple[Maps, list[Channel], list[Fault]]:
    maps = compile_maps(site, sources, table_csv, known)
    channels: list[Channel] = []
    faults = [*sources.faults, *maps.faults, *origin_faults(sources)]
    faults += row_faults(site, sources, maps, table_csv)
    for source in sources.channels.sources.values():
        channel, wrong = compile_channel(source, sources, maps, site.files)
        faults += wrong
        if channel is not None:
            channels.append(channel)
    faults += row_feed_faults(sources, channels)
    if SITE_FILE not in site.files:
        faults.append(Fault(SITE_FILE, "SIT005", "there is no site here", "lay one out with `suture init`"))
    return maps, channels, faults


def _listener(name: str, model: ListenerFile) -> Listener:
    return Listener(
        name=name,
        kind=model.kind,
        acks=model.acks,
        accepts_test=model.accepts_test,
        limit_bytes=model.limit,
        tolerant=model.tolerant,
        when_unable=model.when_unable,
        default_charset=model.charset,
        path=model.path,
        typed=model.answers == "typed",
        sends=tuple(model.sends),
        files=FileRules(
            model.files.quiet,
            tuple(model.files.unfinished),
            model.files.counts == "hold",
            model.files.same_id == "refuse",
        ),
        rate=model.rate,
    )


def _naks(
    name: str,
    model: ListenerFile,
    channels: Iterable[Channel],
    zone: ZoneInfo,
    currency: str,
    tables: dict[str, Table],
) -> Naks | None:
    """What is refused at this door; None when it is nothing."""
    refusing = tuple(channel for channel in channels if name in channel.feeds and channel.refuses)
    return Naks(refusing, model.nak_within, zone, currency, tables) if refusing else None
