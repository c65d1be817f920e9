"""The embedded server: private, and it starts again whatever a kill left behind."""

import shutil
import signal
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from chuanyu.node import place, postgres, processes


@pytest.fixture
def server() -> Iterator[postgres.Server]:
    home = Path(tempfile.mkdtemp(prefix="chuanyu server "))
    home.chmod(0o711)
    sockets = Path(tempfile.mkdtemp(prefix="chuanyu-", dir="/tmp"))
    sockets.rmdir()
    server = postgres.Server(home=home, sockets=sockets, password="only here")
    server.create()
    server.start()
    yield server
    server.stop()
    server.remove()
    shutil.rmtree(home)


def url(server: postgres.Server) -> str:
    return place.socket_url("postgres", server.password, "postgres", server.sockets)


def test_nothing_listens_and_nobody_else_gets_near(server: postgres.Server) -> None:
    with psycopg.connect(url(server)) as connection:
        shown = connection.execute("SHOW listen_addresses").fetchone()
        assert shown == ("",)
        version = connection.execute("SHOW server_version_num").fetchone()
        assert version and int(version[0]) // 10000 == 18
    assert stat.S_IMODE(server.sockets.stat().st_mode) == 0o700
    assert stat.S_IMODE(server.data.stat().st_mode) == 0o700
    hba = (server.data / "pg_hba.conf").read_text()
    assert "trust" not in [word for line in hba.splitlines() if not line.startswith("#") for word in line.split()]


def test_starts_again_although_its_old_number_is_taken(server: postgres.Server) -> None:
    assert server.process is not None
    with psycopg.connect(url(server), autocommit=True) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 1 AS one")
    processes.end(processes.postgres_in(server.data), first=signal.SIGKILL, patience=5)
    server.process.wait()
    with subprocess.Popen(["sleep", "600"], **server._identity) as other:
        for lock in (server.data / "postmaster.pid", server.sockets / ".s.PGSQL.5432.lock"):
            lines = lock.read_text().splitlines()
            lock.write_text("\n".join([str(other.pid), *lines[1:]]) + "\n")
        server.start()
        other.kill()
    with psycopg.connect(url(server)) as connection:
        assert connection.execute("SELECT one FROM kept").fetchone() == (1,)


def test_a_server_left_running_is_ended_first(server: postgres.Server) -> None:
    left = server.process
    assert left is not None
    again = postgres.Server(home=server.log.parents[1], sockets=server.sockets, password=server.password)
    again.start()
    assert left.wait(10) is not None
    with psycopg.connect(url(server)) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
    again.stop()


def test_a_socket_folder_of_someone_else_is_refused(server: postgres.Server, tmp_path: Path) -> None:
    server.stop()
    server.sockets.symlink_to(tmp_path)
    with pytest.raises(postgres.PostgresError, match="belongs to someone else"):
        server.start()
    server.sockets.unlink()
