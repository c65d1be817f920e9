"""`chuanyu compact`: what the two provinces agreed, from a proposal to the version in force.

chuanyu compact propose --at sichuan --output next.json
chuanyu compact sign next.json --at sichuan          (then pass the file to the other province, which signs too)
chuanyu compact verify next.json --at chongqing
chuanyu compact install next.json --at chongqing     (each node for itself)
"""

import argparse
import sys
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from chuanyu.core.text import Text
from chuanyu.node import cli

if TYPE_CHECKING:
    from chuanyu.exchange.compact import Compact, Node, Signed

HELP = "the agreement of both provinces: show, propose, sign, verify, diff, install"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """One sub-command each."""
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)

    def verb(name: str, help: str, *, file: bool) -> argparse.ArgumentParser:
        sub = verbs.add_parser(name, help=help, description=help)
        cli.add_node(sub)
        sub.add_argument("--language", choices=("zh", "en"), default="en", help="of what is printed (default: en)")
        if file:
            sub.add_argument("file", type=Path, help="the signed or unsigned compact")
        return sub

    verb("show", "the compact in force at this node", file=False).add_argument(
        "--json", action="store_true", help="as the signed file"
    )
    propose = verb("propose", "write the next version: services, agencies and addresses as they are now", file=False)
    propose.add_argument("--output", type=Path, help="where to write it (default: standard output)")
    propose.add_argument("--rotate", choices=("signing", "agreement"), help="with a new key of this node")
    propose.add_argument("--begin", type=int, default=1, metavar="DAYS", help="until the new key counts (default: 1)")
    propose.add_argument(
        "--overlap", type=int, default=30, metavar="DAYS", help="the old key still counts after that (default: 30)"
    )
    propose.add_argument("--join", type=Path, help="the first compact: the other node's own proposal, to join with")
    verb("sign", "add this node's signature to the file", file=True)
    verb("verify", "check signatures and content against the compact in force", file=True)
    verb("diff", "what the file would change", file=True)
    verb("install", "put it in force at this node", file=True).add_argument(
        "--trust",
        default="",
        metavar="DIGEST",
        help="only for the very first: its digest, compared with the other side",
    )


def run(options: argparse.Namespace) -> int:
    """0; 1 with a sentence when the compact is refused."""
    cli.django(options.at)
    from chuanyu.exchange.errors import CompactError

    try:
        return {"show": show, "propose": propose, "sign": sign, "verify": verify, "diff": diff, "install": install}[
            options.verb
        ](options)
    except CompactError as error:
        raise cli.Stop(error.text.say(options.language)) from None


def show(options: argparse.Namespace) -> int:
    """Version, digest, keys and grants."""
    from chuanyu.exchange import compact as agreement
    from chuanyu.exchange import installed

    compact = installed.current()
    if options.json:
        print(installed.signed().encode().decode(), end="")
        return 0
    print(f"{compact.version}  {compact.issued.isoformat()}  sha-256 {compact.digest}")
    _print(options, list(agreement.diff(None, compact))[1:])
    return 0


def propose(options: argparse.Namespace) -> int:
    """An unsigned next version."""
    from chuanyu.core.catalogue import catalogue
    from chuanyu.exchange import compact as agreement
    from chuanyu.exchange import grants, installed

    current = _current()
    nodes = dict(current.nodes) if current else {}
    if options.join:
        nodes |= _read(options.join).compact.nodes
    nodes[options.at] = _own(options, nodes.get(options.at))
    proposed = agreement.propose(
        current,
        nodes=nodes,
        agencies=installed.known_agencies(),
        grants=grants.of_services(catalogue().values()),
        issued=datetime.now(UTC),
    )
    signed = agreement.Signed(compact=proposed)
    if options.output:
        installed.write(options.output, signed)
        _print(options, agreement.diff(current, proposed))
    else:
        print(signed.encode().decode(), end="")
    return 0


def _own(options: argparse.Namespace, listed: "Node | None") -> "Node":
    """This node's part: its address as set up, its keys as listed, and a new one if asked for."""
    import msgspec
    from django.conf import settings

    from chuanyu.exchange import compact as agreement
    from chuanyu.exchange import keys
    from chuanyu.identity.here import home

    if listed is None:
        signing, sealing = keys.public_keys(keys.make_keys(home(), options.at))
        listed = agreement.Node(gateway="", keys=signing, agreement=sealing)
    own = msgspec.structs.replace(listed, gateway=settings.PLACE.gateway_url)
    if not options.rotate:
        return own
    add = keys.add_signing_key if options.rotate == "signing" else keys.add_agreement_key
    begin = datetime.now(UTC) + timedelta(days=options.begin)
    return agreement.with_key(own, add(home(), options.at, not_before=begin), overlap=timedelta(days=options.overlap))


def sign(options: argparse.Namespace) -> int:
    """The file with this node's signature added, or replaced."""
    import msgspec

    from chuanyu.exchange import compact as agreement
    from chuanyu.exchange import installed, keys
    from chuanyu.identity.here import home

    signed = _read(options.file)
    signer = keys.load(home(), options.at).signer(_current() or signed.compact)
    signatures = signed.signatures | {options.at: agreement.sign(signed.compact, signer)}
    installed.write(options.file, msgspec.structs.replace(signed, signatures=signatures))
    _say(
        options,
        Text(
            f"{options.at} 已用 {signer.id} 签名，已有签名：{'、'.join(sorted(signatures))}。",
            f"Signed by {options.at} with {signer.id}; it now has: {', '.join(sorted(signatures))}.",
        ),
    )
    return 0


def verify(options: argparse.Namespace) -> int:
    """Whether this node would install it."""
    from chuanyu.core.catalogue import catalogue
    from chuanyu.exchange import compact as agreement
    from chuanyu.exchange import installed

    signed, current = _read(options.file), _current()
    agreement.verify(signed, trusted=current, now=datetime.now(UTC))
    wrong = agreement.problems(signed.compact, agencies=installed.known_agencies(), services=catalogue())
    if current is not None and signed.compact.version <= current.version:
        wrong.append(
            Text(f"不比现行的第 {current.version} 版新。", f"It is not newer than the one in force, {current.version}.")
        )
    _print(options, wrong, to=sys.stderr)
    if wrong:
        return 1
    _say(
        options,
        Text(
            f"签名有效，内容可以安装。摘要 {signed.compact.digest}",
            f"Signed by both and fit to install. Digest {signed.compact.digest}",
        ),
    )
    return 0


def diff(options: argparse.Namespace) -> int:
    """One line a change."""
    from chuanyu.exchange import compact as agreement

    _print(options, agreement.diff(_current(), _read(options.file).compact))
    return 0


def install(options: argparse.Namespace) -> int:
    """In force from now; the gateway takes it up at once."""
    from chuanyu.exchange import installed
    from chuanyu.identity.here import home

    signed = _read(options.file)
    compact = installed.install(signed, trust=options.trust)
    installed.write(home() / installed.FILE, signed)
    _say(
        options,
        Text(
            f"协议第 {compact.version} 版已在 {options.at} 生效。",
            f"Compact {compact.version} is in force at {options.at}.",
        ),
    )
    return 0


def _current() -> "Compact | None":
    from chuanyu.exchange import installed
    from chuanyu.exchange.errors import CompactError

    try:
        return installed.current()
    except CompactError as error:
        if error.code == "no_compact":
            return None
        raise


def _read(file: Path) -> "Signed":
    from chuanyu.exchange import compact as agreement

    try:
        return agreement.parse_signed(file.read_bytes())
    except OSError as error:
        raise cli.Stop(f"{file} can't be read: {error.strerror}.") from None


def _say(options: argparse.Namespace, text: Text) -> None:
    print(text.say(options.language))


def _print(options: argparse.Namespace, lines: Iterable[Text], *, to: TextIO | None = None) -> None:
    for line in lines:
        print(line.say(options.language), file=to)
