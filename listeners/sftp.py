"""Files of an SFTP server, brought into a folder that is watched. The server's copy goes when ours is on disk.

A file is claimed there by a rename, so that what is fetched and what is removed are one and the same file, whatever the
sender puts under its name meanwhile. After a crash or a broken connection the next look goes on with what it finds:

    on the server     in the folder     then
    .taking-NAME      -                 it is fetched, from its beginning
    .taking-NAME      .fetched/NAME     it is on our disk: it is removed there, and dropped into the folder
    -                 .fetched/NAME     it is dropped into the folder

SSH File Transfer Protocol version 3 (draft-ietf-secsh-filexfer-02). The server must show a host key that is known.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import cast

import asyncssh

from engine.clock import Clock
from engine.domain.filing import FileIntake
from engine.errors import Fault
from engine.site.release import Listener, SftpPlace
from listeners.looking import Looker, Quiet, Stamp
from listeners.naming import shortened

CLAIMED = ".taking-"
FETCHING, FETCHED = ".fetching", ".fetched"

CONNECT_WITHIN = 20.0
"""Seconds for the connection and the login together."""

PIECE = 1 << 18
"""Bytes asked for at once."""


class Trouble(Exception):
    """Why there is no connection, or nothing can be done over it: a fault of its own, in an operator's words."""

    def __init__(self, code: str, what: str, mend: str) -> None:
        super().__init__(what)
        self.code, self.what, self.mend = code, what, mend


class SftpFetcher(Looker):
    """A service for one folder. `rules`: the listener's in the release in force, asked at each look; a file that is
    longer than its limit stays where it is, and `quiet` and `unfinished` are asked at the server."""

    does = "fetching"

    def __init__(
        self,
        feed: str,
        intake: FileIntake,
        clock: Clock,
        *,
        report: Callable[[Fault], None],
        place: SftpPlace,
        folder: Path,
        rules: Callable[[], Listener],
    ) -> None:
        super().__init__(feed, intake, folder, report=report, every=place.every)
        self._place = place
        self._rules = rules
        self._quiet = Quiet(clock)

    async def _look(self) -> int:
        done = 0
        try:
            async with connected(self._place) as server:
                claimed, whole = await self._files(server, self._rules())
                for ours in await asyncio.to_thread(self._fetched):
                    done += await self._try(self._go_on(server, ours, claimed))
                for name in claimed:
                    done += await self._try(self._fetch(server, name))
                for name in whole:
                    if self.leaves:
                        break
                    done += await self._try(self._take(server, name))
        except Trouble as trouble:
            self.say_once(trouble.code, trouble.what, trouble.mend)
        return done

    async def _try(self, work: Awaitable[int]) -> int:
        """A file that the server, or our disk, will not have moved stays; the others go on."""
        try:
            return await work
        except (asyncssh.SFTPConnectionLost, asyncssh.SFTPNoConnection):
            raise
        except asyncssh.SFTPError as error:
            trouble = _refused(error)
            self.say_once(trouble.code, trouble.what, trouble.mend)
        except OSError as error:
            self.tell(error)
        return 0

    async def _files(self, server: asyncssh.SFTPClient, rules: Listener) -> tuple[list[str], list[str]]:
        """Names of the files that were claimed before, and of the whole ones, the oldest first."""
        claimed: list[str] = []
        found: list[tuple[str, Stamp]] = []
        for entry in await server.readdir("."):
            name, told = str(entry.filename), entry.attrs
            if told.type != asyncssh.FILEXFER_TYPE_REGULAR or "/" in name:
                continue  # a server names files, not places of ours
            if name.startswith(CLAIMED):
                claimed.append(name.removeprefix(CLAIMED))
            elif not name.startswith(".") and not name.endswith(rules.files.unfinished):
                found.append((name, (told.mtime or 0, told.size or 0)))
        self._say_long([name for name, (_, size) in found if size > rules.limit_bytes])
        found = [one for one in found if one[1][1] <= rules.limit_bytes]
        whole = self._quiet.of(sorted(found, key=lambda one: (one[1], one[0])), rules.files.quiet)
        return sorted(claimed), whole

    def _say_long(self, names: list[str]) -> None:
        if names:
            what = f"{len(names)} files on the server are longer than the listener's limit and stay there"
            self.say_once("FIL004", what, "raise `limit`, or have them cut into smaller ones")

    # One file ------------------------------------------------------------------------------------------------

    def _fetched(self) -> list[Path]:
        """What an earlier look had on our disk already."""
        for folder in (FETCHING, FETCHED):
            (self.folder / folder).mkdir(exist_ok=True)
        return sorted((self.folder / FETCHED).iterdir())

    async def _go_on(self, server: asyncssh.SFTPClient, ours: Path, claimed: list[str]) -> int:
        if ours.name in claimed:
            claimed.remove(ours.name)
            await server.remove(CLAIMED + ours.name)
        return await asyncio.to_thread(self._drop, ours)

    async def _take(self, server: asyncssh.SFTPClient, name: str) -> int:
        kept = await self._claim(server, name)
        return await self._fetch(server, kept) if kept else 0

    async def _claim(self, server: asyncssh.SFTPClient, name: str) -> str:
        """What it is called from now on: a long name leaves no room for more. '' while one of its name is on our disk,
        since what is claimed and fetched must be one file; and when it was taken back meanwhile."""
        kept = shortened(name)
        if await asyncio.to_thread((self.folder / FETCHED / kept).exists):
            return ""
        try:
            await server.rename(name, CLAIMED + kept)
        except asyncssh.SFTPNoSuchFile:
            return ""
        return kept

    async def _fetch(self, server: asyncssh.SFTPClient, name: str) -> int:
        """One claimed file: on our disk, then gone from the server, then in the folder. 0: one of its name still waits
        there."""
        half, ours = self.folder / FETCHING / name, self.folder / FETCHED / name
        async with server.open(CLAIMED + name, "rb") as theirs:
            with await asyncio.to_thread(half.open, "wb") as file:
                while piece := await theirs.read(PIECE):
                    await asyncio.to_thread(file.write, cast(bytes, piece))
                await asyncio.to_thread(_flush, file.fileno(), file.flush)
        await asyncio.to_thread(_rename, half, ours)
        await server.remove(CLAIMED + name)
        return await asyncio.to_thread(self._drop, ours)

    def _drop(self, ours: Path) -> int:
        place = self.folder / ours.name
        if place.exists():
            return 0  # its namesake was not taken yet: at the next look
        _rename(ours, place)
        return 1


def _flush(descriptor: int, flush: Callable[[], None]) -> None:
    flush()
    os.fsync(descriptor)


def _rename(old: Path, new: Path) -> None:
    """On disk when it returns: the server's copy may go."""
    os.replace(old, new)
    folder = os.open(new.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


@asynccontextmanager
async def connected(place: SftpPlace) -> AsyncIterator[asyncssh.SFTPClient]:
    """The server, in the folder that is fetched from. Raises `Trouble`."""
    key, known = await asyncio.to_thread(_keys, place)
    try:
        async with asyncio.timeout(CONNECT_WITHIN):
            connection = await asyncssh.connect(
                place.host,
                place.port,
                username=place.user,
                password=place.password,
                client_keys=[key] if key else None,
                known_hosts=known,
                config=None,
                agent_path=None,
                keepalive_interval=10,
            )
        async with connection, connection.start_sftp_client(path_errors="surrogateescape") as server:
            await server.chdir(place.path)
            yield server
    except asyncssh.HostKeyNotVerifiable:
        raise Trouble(
            "FIL021",
            "the SFTP server's host key is not one of those in known_hosts",
            "ask its owner for the key; if the server is the right one, write it there",
        ) from None
    except asyncssh.PermissionDenied:
        raise Trouble(
            "FIL022", "the SFTP server refuses the login", "see to user, key and password"
        ) from None
    except (asyncssh.SFTPConnectionLost, asyncssh.SFTPNoConnection) as error:
        raise _unreachable(error) from None
    except asyncssh.SFTPError as error:
        raise _refused(error) from None
    except (ConnectionError, asyncssh.Error, TimeoutError) as error:
        raise _unreachable(error) from None


def _refused(error: Exception) -> Trouble:
    what = f"the SFTP server refuses: {type(error).__name__}"
    return Trouble(
        "FIL023", what, "see that the folder is there, and that its files may be read, renamed and removed"
    )


def _unreachable(error: Exception) -> Trouble:
    what = f"the SFTP server cannot be reached: {type(error).__name__}"
    return Trouble("FIL020", what, "see to its address, and to the firewalls between")


def _keys(place: SftpPlace) -> tuple[asyncssh.SSHKey | None, asyncssh.SSHKnownHosts]:
    try:
        known = asyncssh.read_known_hosts(str(place.known_hosts))
    except (OSError, ValueError):
        mend = "see that the file is there, as ssh-keyscan writes it"
        raise Trouble("FIL021", "known_hosts of the SFTP server cannot be read", mend) from None
    try:
        return asyncssh.read_private_key(str(place.key)) if place.key else None, known
    except (OSError, ValueError):
        mend = "give it in OpenSSH's format, without a passphrase"
        raise Trouble("FIL022", "the key for the SFTP server cannot be used", mend) from None
