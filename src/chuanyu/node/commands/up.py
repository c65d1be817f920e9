"""`chuanyu up`: set up what is missing, start the nodes, watch over them until Ctrl-C."""

import argparse
import os
import shutil
import signal
import socket
import sys
from contextlib import ExitStack
from pathlib import Path
from types import FrameType

from chuanyu.core.service import NODES
from chuanyu.node import cli, place, processes, running, setup, supervisor
from chuanyu.node.samples import about

HELP = "set up what is missing and start both nodes; Ctrl-C stops them"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which nodes, where, and whether to begin anew."""
    parser.add_argument("--node", choices=NODES, help="only this one (the other one may run elsewhere)")
    parser.add_argument("--fresh", action="store_true", help="delete all data of these nodes first")
    parser.add_argument(
        "--port-base",
        type=int,
        metavar="N",
        default=int(os.environ.get("CHUANYU_PORT_BASE", 0)) or None,
        help="portals on N and N+1, gateways a hundred above (default 8050; CHUANYU_PORT_BASE)",
    )
    parser.add_argument("--host", help="address to listen on (default 127.0.0.1; kept from then on)")
    parser.add_argument(
        "--alone", action="store_true", help="with --node: make no keys for the other node (production)"
    )
    parser.add_argument("--no-samples", action="store_true", help="no sample residents, staff and histories")
    parser.add_argument(
        "--database", action="store_true", help="only the database, no programs: to copy it, or to look"
    )


def run(options: argparse.Namespace) -> int:
    """0 after an orderly stop."""
    nodes = (options.node,) if options.node else NODES
    if options.alone and not options.node:
        raise cli.Stop("--alone goes with --node NODE.", code=2)
    for sig in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):  # SIGINT too: a shell starts background jobs without it
        signal.signal(sig, _interrupt)
    watched = supervisor.Supervisor(say=say)
    with ExitStack() as stack:
        for node in nodes:
            lock = running.Lock.take(place.var() / node, nodes)
            if lock is None:
                pid, _ = running.holder(node) or (0, ())
                raise cli.Stop(f"the node “{node}” already runs (process {pid}); `chuanyu down` stops it.")
            stack.callback(lock.free)
            if left := processes.marked(str(place.var() / node)):
                say(f"ending {len(left)} processes that an earlier start of {node} left behind")
                processes.end(left, first=signal.SIGTERM, patience=supervisor.STOP_SECONDS)
        try:
            _start(watched, nodes, options)
            watched.watch()
        except KeyboardInterrupt:
            say("stopping …")
            return 0
        finally:
            for sig in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                signal.signal(sig, signal.SIG_IGN)  # stopping is bounded in time; a second Ctrl-C would leave a mess
            watched.stop()
            for node in nodes:
                _forget_sockets(node)
            say("stopped; the data is kept")
    return 0


def say(sentence: str) -> None:
    """One line to whoever watches."""
    print(sentence, flush=True)


def _start(watched: supervisor.Supervisor, nodes: tuple[str, ...], options: argparse.Namespace) -> None:
    if options.fresh:
        say(f"deleting the data of {' and '.join(nodes)}")
        for node in nodes:
            setup.erase(node)
    # one node by itself still needs the other's keys and address: on a machine that is home to both, both are made
    setup.places(nodes if options.alone else NODES, port_base=options.port_base, host=options.host)
    setup.messages()
    places = [place.Place.load(node) for node in nodes]
    setup.command(places[:1], "django", "check")
    for here in places:
        _free(here.host, here.portal_port)
        _free(here.host, here.gateway_port)
    servers = {}
    for here in places:
        server, children = supervisor.of(here, say=say, nodes=len(places))
        servers[here.node] = (server, children)
        if server is not None:
            if not server.exists:
                say(f"{here.node}: making the database")
                server.create()
            database = children[0]
            watched.children.append(database)
            database.start()
    if options.database:
        for here in places:
            server, _ = servers[here.node]
            if server is None:
                raise cli.Stop(
                    f"the database of {here.node} is not ours to start (CHUANYU_{here.node.upper()}_DATABASE_URL)."
                )
            server.wait()
            say(f"  {here.node:<10} {here.sockets}    passwords in {place.var() / here.node / 'node.json'}")
        return
    setup.command(places[:1], "collect")
    say(f"migrations, keys, compact{'' if options.no_samples else ', sample data'}")
    for here in places:
        server, _ = servers[here.node]
        if server is not None:
            server.wait()
        setup.ready_database(here, server)
    setup.command(places, "migrate", "--at", "{node}")
    setup.command(places, "setup", "--at", "{node}", *(["--no-samples"] if options.no_samples else []))
    for here in places:
        _, children = servers[here.node]
        watched.children += [child for child in children if child.name != "postgres"]
    watched.until_ready()
    _announce(places, samples=not options.no_samples)


def _announce(places: list[place.Place], *, samples: bool) -> None:
    say("")
    for here in places:
        say(f"  {here.node:<10} {here.portal_url}    gateway {here.gateway_url}")
    if samples and os.environ.get("CHUANYU_SAMPLE") != "0":
        say("")
        for line in about():
            say(f"  {line}")
    if not shutil.which("chuanyu"):
        say("")
        say(f"  chuanyu is {os.path.relpath(Path(sys.executable).with_name('chuanyu'))}")
    say("")
    say("Both answer." if len(places) > 1 else "It answers.")
    if sys.stdout.isatty():
        say("Ctrl-C stops.")


def _free(host: str, port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise cli.Stop(f"port {port} can't be used ({error.strerror}); another one: --port-base N.") from None


def _forget_sockets(node: str) -> None:
    try:
        here = place.Place.load(node)
    except place.PlaceError:
        return
    if here.embedded:
        shutil.rmtree(here.sockets, ignore_errors=True)


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
