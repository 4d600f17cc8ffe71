"""Files of an SFTP server: each in the folder once, and gone from the server only when it is there."""

from __future__ import annotations

import asyncio
import os
import traceback
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import asyncssh
import pytest

from engine.errors import Fault
from engine.site.release import FileRules, Listener, SftpPlace
from listeners import sftp as module
from listeners.sftp import SftpFetcher


class Clock:
    def __init__(self) -> None:
        self.seconds = 0.0

    def now_us(self) -> int:
        return 0

    def monotonic(self) -> float:
        return self.seconds


class Open:
    accepting = True


class Asked(asyncssh.SSHServer):
    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:
        return (username, password) == ("suture", "right")


class Server:
    """A real one, on a folder of this machine."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "server"
        (self.folder / "out").mkdir(parents=True)
        self.removes = True
        self.removed = asyncio.Event()
        self.key = asyncssh.generate_private_key("ssh-ed25519")
        self.user = asyncssh.generate_private_key("ssh-ed25519")
        self.user.write_private_key(folder / "user")
        (folder / "authorized").write_bytes(self.user.export_public_key())
        self.authorized = str(folder / "authorized")

    @asynccontextmanager
    async def listening(self):
        server = self

        class Files(asyncssh.SFTPServer):
            def __init__(self, chan):
                super().__init__(chan, chroot=str(server.folder))

            def remove(self, path):
                if not server.removes:
                    raise asyncssh.SFTPPermissionDenied("no")
                server.removed.set()
                return super().remove(path)

        acceptor = await asyncssh.listen(
            "127.0.0.1", 0, server_factory=Asked, server_host_keys=[self.key], sftp_factory=Files,
            authorized_client_keys=self.authorized,
        )  # fmt: skip
        try:
            yield acceptor.get_port()
        finally:
            acceptor.close()
            await acceptor.wait_closed()

    def known_hosts(self, port: int) -> bytes:
        return f"[127.0.0.1]:{port} ".encode() + self.key.export_public_key()

    def put(self, name: str, content: bytes = b"MSH|", at: int = 1_700_000_000) -> Path:
        path = self.folder / "out" / name
        path.write_bytes(content)
        os.utime(path, (at, at))
        return path

    def names(self) -> list[str]:
        return sorted(path.name for path in (self.folder / "out").iterdir())


class House:
    def __init__(self, folder: Path, place: SftpPlace) -> None:
        self.place, self.clock, self.told = place, Clock(), list[Fault]()
        self.folder = folder / "in"
        self.folder.mkdir()

    def fetcher(self, **more) -> SftpFetcher:
        files = FileRules(quiet=more.get("quiet", 0.0), unfinished=(".tmp",))
        rules = Listener(
            "night",
            "folder",
            "original",
            False,
            more.get("limit", 1000),
            False,
            "close",
            None,
            "/",
            files=files,
        )
        return SftpFetcher(
            "night",
            Open(),
            self.clock,
            report=self.told.append,
            folder=self.folder,
            place=self.place,
            rules=lambda: rules,
        )

    def files(self) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in self.folder.iterdir() if path.is_file()}

    def codes(self) -> list[str]:
        return [fault.code for fault in self.told]


@pytest.fixture
def server(tmp_path: Path) -> Server:
    return Server(tmp_path)


@pytest.fixture
async def house(tmp_path: Path, server: Server):
    async with server.listening() as port:
        known = tmp_path / "known_hosts"
        known.write_bytes(server.known_hosts(port))
        yield House(tmp_path, SftpPlace("127.0.0.1", port, "suture", "/out", known, tmp_path / "user"))


async def test_a_whole_file_comes_into_the_folder_and_goes_from_the_server(house, server):
    server.put("b.hl7", b"two", 2)
    server.put("a.hl7", b"one" * 300, 1)
    server.put("half.tmp")
    server.put(".hidden")
    (server.folder / "out" / "folder").mkdir()
    assert await house.fetcher().look() == 2
    assert house.files() == {"a.hl7": b"one" * 300, "b.hl7": b"two"}
    assert server.names() == [".hidden", "folder", "half.tmp"]
    assert house.told == []


async def test_a_password_opens_it_too_and_a_wrong_one_is_said_once(house, server):
    server.put("a.hl7")
    house.place = replace(house.place, key=None, password="wrong")
    fetcher = house.fetcher()
    assert [await fetcher.look(), await fetcher.look()] == [0, 0]
    assert house.codes() == ["FIL022"]
    house.place = replace(house.place, password="right")
    assert await house.fetcher().look() == 1


async def test_an_unknown_host_key_is_refused(house, server):
    server.put("a.hl7")
    other = asyncssh.generate_private_key("ssh-ed25519").export_public_key()
    house.place.known_hosts.write_bytes(f"[127.0.0.1]:{house.place.port} ".encode() + other)
    assert await house.fetcher().look() == 0
    assert house.codes() == ["FIL021"]
    assert server.names() == ["a.hl7"]


@pytest.mark.parametrize(
    ("change", "code"),
    [({"port": 9}, "FIL020"), ({"path": "/nowhere"}, "FIL023"), ({"key": Path("/nowhere")}, "FIL022"),
     ({"known_hosts": Path("/nowhere")}, "FIL021")],
)  # fmt: skip
async def test_what_is_amiss_is_told_by_its_code(house, change, code):
    house.place = replace(house.place, **change)
    assert await house.fetcher().look() == 0
    assert house.codes() == [code]


async def test_a_file_that_is_still_written_is_left_until_it_is_quiet(house, server):
    server.put("a.hl7", b"half")
    fetcher = house.fetcher(quiet=30.0)
    assert await fetcher.look() == 0
    house.clock.seconds = 31
    server.put("a.hl7", b"half and more")
    assert await fetcher.look() == 0
    house.clock.seconds = 62
    assert await fetcher.look() == 1
    assert house.files() == {"a.hl7": b"half and more"}


async def test_a_file_over_the_limit_stays_there(house, server):
    server.put("long.hl7", b"x" * 1001)
    server.put("short.hl7")
    assert await house.fetcher().look() == 1
    assert server.names() == ["long.hl7"]
    assert house.codes() == ["FIL004"]


async def test_a_namesake_waits_until_the_earlier_one_was_taken(house, server):
    server.put("a.hl7", b"monday")
    fetcher = house.fetcher()
    assert await fetcher.look() == 1
    server.put("a.hl7", b"tuesday")
    assert await fetcher.look() == 0
    assert house.files() == {"a.hl7": b"monday"}
    server.put("a.hl7", b"wednesday")
    assert await fetcher.look() == 0
    (house.folder / "a.hl7").unlink()
    await fetcher.look()
    assert house.files() == {"a.hl7": b"tuesday"}
    (house.folder / "a.hl7").unlink()
    await fetcher.look()
    await fetcher.look()
    assert house.files() == {"a.hl7": b"wednesday"}
    assert server.names() == []


@pytest.mark.parametrize("last", range(12))
async def test_whatever_dies_on_the_way_each_file_comes_once_and_none_is_lost(
    house, server, monkeypatch, last
):
    """The process, or the connection, ends after so many steps on either side."""
    server.put("a.hl7", b"one" * 300, 1)
    server.put("b.hl7", b"two", 2)
    steps = 0

    def counted(real):
        def step(*arguments, **named):
            nonlocal steps
            steps += 1
            if steps > last:
                raise asyncssh.ConnectionLost("gone")
            return real(*arguments, **named)

        return step

    with monkeypatch.context() as patched:
        for name in ("rename", "remove", "open"):
            patched.setattr(asyncssh.SFTPClient, name, counted(getattr(asyncssh.SFTPClient, name)))
        for name in ("_rename", "_flush"):
            patched.setattr(module, name, counted(getattr(module, name)))
        await house.fetcher().look()
    taken: list[bytes] = []
    for _ in range(3):
        await house.fetcher().look()
        for path in [path for path in house.folder.iterdir() if path.is_file()]:
            taken.append(path.read_bytes())
            path.unlink()
    assert sorted(taken) == [b"one" * 300, b"two"]
    assert server.names() == []


async def test_what_the_server_will_not_remove_is_told_and_comes_once(house, server):
    server.put("a.hl7")
    server.removes = False
    fetcher = house.fetcher()
    assert [await fetcher.look(), await fetcher.look()] == [0, 0]
    assert house.codes() == ["FIL023"]
    server.removes = True
    await fetcher.look()
    assert house.files() == {"a.hl7": b"MSH|"}


async def test_it_looks_by_itself_and_stops(house, server):
    server.put("a.hl7")
    house.place = replace(house.place, every=0.01)
    fetcher = house.fetcher()
    await fetcher.start()
    async with asyncio.timeout(5):
        await server.removed.wait()
    await fetcher.stop()
    assert server.names() == []
    assert await house.fetcher().look() == 0
    assert house.files() == {"a.hl7": b"MSH|"}


async def test_a_look_that_nobody_foresaw_is_told_and_the_next_one_fetches(house, server, monkeypatch):
    server.put("a.hl7")
    fetcher = house.fetcher()
    with monkeypatch.context() as patched:
        patched.setattr(fetcher, "_files", None)
        assert [await fetcher.look(), await fetcher.look()] == [0, 0]
    assert house.codes() == ["FIL017"]
    assert await fetcher.look() == 1


async def test_a_file_that_stays_is_told_once_and_stops_no_other(house, server):
    server.put("a.hl7", b"one", 1)
    server.put("b.hl7", b"two", 2)
    (server.folder / "out" / ".taking-a.hl7").mkdir()
    fetcher = house.fetcher()
    assert [await fetcher.look(), await fetcher.look()] == [1, 0]
    assert house.files() == {"b.hl7": b"two"}
    assert house.codes() == ["FIL023"]


async def test_long_files_are_told_once(house, server):
    server.put("long.hl7", b"x" * 2000)
    fetcher = house.fetcher()
    assert [await fetcher.look(), await fetcher.look()] == [0, 0]
    assert house.codes() == ["FIL004"]


async def test_a_long_name_is_shortened_when_it_is_claimed(house, server):
    server.put("n" * 250 + ".hl7")
    assert await house.fetcher().look() == 1
    (name,) = house.files()
    assert name.endswith("n.hl7")
    assert server.names() == []


async def test_a_file_that_cannot_be_removed_keeps_no_other_waiting_on_our_disk(house, server):
    for name in (".fetching", ".fetched"):
        (house.folder / name).mkdir()
    for name in ("a.hl7", "b.hl7"):
        (house.folder / ".fetched" / name).write_bytes(name.encode())
    server.put(".taking-a.hl7")
    server.removes = False
    assert await house.fetcher().look() == 1
    assert house.files() == {"b.hl7": b"b.hl7"}
    assert house.codes() == ["FIL023"]


TELLING = "DOE_JANE_MRN7001.hl7"


async def waits_in_the_folder(house, server, patched) -> None:
    (house.folder / TELLING).write_bytes(b"monday")
    server.put(TELLING)


async def is_too_long(house, server, patched) -> None:
    server.put(TELLING, b"x" * 2000)


async def is_not_removed(house, server, patched) -> None:
    server.put(TELLING)
    server.removes = False


async def is_claimed_by_a_folder(house, server, patched) -> None:
    server.put(TELLING)
    (server.folder / "out" / f".taking-{TELLING}").mkdir()


async def is_gone_when_it_is_opened(house, server, patched) -> None:
    path = server.put(TELLING)
    rename = asyncssh.SFTPClient.rename

    async def renamed(*arguments, **named):
        await rename(*arguments, **named)
        for one in path.parent.iterdir():
            one.unlink()

    patched.setattr(asyncssh.SFTPClient, "rename", renamed)


async def is_in_a_folder_of_its_name(house, server, patched) -> None:
    server.put(TELLING)
    house.place = replace(house.place, path=f"/out/{TELLING}")


async def meets_a_folder_on_our_disk(house, server, patched) -> None:
    server.put(TELLING)
    (house.folder / ".fetching" / TELLING).mkdir(parents=True)


async def meets_a_full_disk(house, server, patched) -> None:
    server.put(TELLING)

    def full(*_):
        raise OSError(28, "No space left on device", TELLING)

    patched.setattr(module, "_flush", full)


async def cannot_be_renamed_here(house, server, patched) -> None:
    server.put(TELLING)

    def refused(old, new):
        raise PermissionError(13, "Permission denied", str(old), None, str(new))

    patched.setattr(module, "_rename", refused)


def raising(error: Exception, name: str):
    async def fails(house, server, patched) -> None:
        server.put(TELLING)

        def raised(*_, **__):
            raise error

        patched.setattr(asyncssh.SFTPClient, name, raised)

    fails.__name__ = f"{name} raises {type(error).__name__}"
    return fails


WAYS = [
    waits_in_the_folder,
    is_too_long,
    is_not_removed,
    is_claimed_by_a_folder,
    is_gone_when_it_is_opened,
    is_in_a_folder_of_its_name,
    meets_a_folder_on_our_disk,
    meets_a_full_disk,
    cannot_be_renamed_here,
    *(
        raising(error, name)
        for name in ("readdir", "rename", "open", "remove")
        for error in (
            asyncssh.SFTPFailure(f"cannot {TELLING}"),
            asyncssh.SFTPConnectionLost(TELLING),
            asyncssh.ConnectionLost(TELLING),
            ValueError(TELLING),
        )
    ),
]


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
async def test_no_fault_log_line_or_exception_tells_the_name_of_a_file(
    house, server, monkeypatch, caplog, capfd, complaints, way
):
    """Files are named after patients. What is logged: at the level that stands where nobody sets one."""
    with monkeypatch.context() as patched:
        await way(house, server, patched)
        fetcher = house.fetcher()
        for _ in range(2):
            await fetcher.look()
    if way is not waits_in_the_folder:
        assert house.told
    said = [
        str(house.told),
        repr(fetcher),
        *(fault.__repr__() for fault in house.told),
        *map(str, complaints),
    ]
    said += [caplog.text, *capfd.readouterr()]
    assert not [text for text in said if "DOE_JANE" in text or "MRN7001" in text]


async def test_whoever_connects_is_told_no_name_by_the_exception(house, server):
    with pytest.raises(module.Trouble) as told:
        async with module.connected(house.place) as folder:
            await folder.stat(TELLING)
    assert "DOE_JANE" not in "".join(traceback.format_exception(told.value))
