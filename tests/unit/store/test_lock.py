"""One engine per store."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from engine.errors import StoreError
from engine.store.lock import StoreLock

HOLDER = """
import fcntl, os, sys
descriptor = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT)
fcntl.flock(descriptor, fcntl.LOCK_EX)
os.write(descriptor, str(os.getpid()).encode())
print("held", flush=True)
sys.stdin.read()
"""


def test_a_second_holder_is_told_who_has_it(tmp_path):
    first = StoreLock(tmp_path / "suture.db")
    with pytest.raises(StoreError, match=f"STO007 process {os.getpid()} holds"):
        StoreLock(tmp_path / "suture.db")
    first.release()
    first.release()
    StoreLock(tmp_path / "suture.db").release()


def test_another_process_is_named_and_its_end_frees_the_store(tmp_path):
    lock = tmp_path / "suture.db.lock"
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(lock)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with holder:
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(StoreError, match=f"process {holder.pid} holds"):
            StoreLock(tmp_path / "suture.db")
        holder.kill()
    StoreLock(tmp_path / "suture.db").release()


def test_the_pid_of_an_earlier_holder_does_not_stay(tmp_path):
    (tmp_path / "suture.db.lock").write_text("123456789012")
    lock = StoreLock(tmp_path / "suture.db")
    assert (tmp_path / "suture.db.lock").read_text() == str(os.getpid())
    lock.release()
