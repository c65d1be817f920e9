"""The compact: proposed, signed by both, verified against the one in force, and its keys replaced without a pause."""

import base64
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import msgspec
import pair
import psycopg
import pytest
from pair import NOW, Pair

from chuanyu.core.service import NODES
from chuanyu.core.text import Text
from chuanyu.exchange import compact as agreement
from chuanyu.exchange import grants, installed, keys, signing
from chuanyu.exchange.compact import Compact, Signature, Signed
from chuanyu.exchange.errors import CompactError
from chuanyu.exchange.models import Compact as CompactRow
from chuanyu.exchange.trust import Trust
from link import Link

SERVICES = {"moving"}


@pytest.fixture
def two(tmp_path: Path) -> Pair:
    return pair.make(tmp_path)


def verify(two: Pair, signed: Signed, trusted: Compact | None) -> None:
    agreement.verify(signed, trusted=trusted, now=NOW)


def refused(two: Pair, signed: Signed) -> str:
    with pytest.raises(CompactError) as caught:
        verify(two, signed, two.compact)
    assert caught.value.text.zh and caught.value.text.en
    return caught.value.code


def test_the_grants_of_a_procedure_go_both_ways_and_carry_its_documents() -> None:
    found = {(one.from_, one.to): one for one in grants.of_service(pair.service()) if "case.events" in one.actions}
    assert set(found) == {("sichuan/hrss", "chongqing/hrss"), ("chongqing/hrss", "sichuan/hrss")}
    grant = found["sichuan/hrss", "chongqing/hrss"]
    assert grant.fields == ("application", "attachment", "person", "receipt", "record")
    assert (grant.purpose, grant.basis) == ("moving", ("act-1", "act-2"))
    assert "case.events" in grant.actions


def test_a_party_that_stands_at_one_node_only_gets_one_way_documents(tmp_path: Path) -> None:
    service = pair.service()
    assert service.procedure
    fixed = {**service.procedure.parties}
    fixed["receiving"] = pair.Party("receiving", "hrss", "sichuan")
    fixed["sending"] = pair.Party("sending", "edu", "chongqing")
    procedure = pair.Procedure(fixed, "applied", (), {})
    found = list(grants.of_service(pair.Service(**(vars(service) | {"procedure": procedure}))))
    assert {(one.from_, one.to): one.fields for one in found if one.actions == ("known_facts",)} == {
        ("sichuan/hrss", "chongqing/portal"): ("person",),
        ("chongqing/edu", "sichuan/portal"): ("person",),
    }
    found = [one for one in found if "case.events" in one.actions]
    assert {(one.from_, one.to): one.fields for one in found} == {
        ("sichuan/hrss", "chongqing/edu"): ("application", "attachment", "person", "receipt"),
        ("chongqing/edu", "sichuan/hrss"): ("application", "attachment", "person", "record"),
    }


def test_what_a_node_knows_may_be_asked_on_consent_alone() -> None:
    found = [one for one in grants.of_service(pair.service()) if one.actions == ("known_facts",)]
    assert {(one.from_, one.to, one.basis, one.fields) for one in found} == {
        ("sichuan/hrss", "chongqing/portal", ("consent",), ("person",)),
        ("chongqing/hrss", "sichuan/portal", ("consent",), ("person",)),
    }
    without = pair.service()
    nothing = {name: spec for name, spec in without.documents.items() if spec.by != "node"}
    left = grants.of_service(pair.Service(**(vars(without) | {"documents": nothing})))
    assert all("case.events" in one.actions for one in left)


def test_it_survives_its_file_and_its_bytes_are_canonical(two: Pair) -> None:
    signed = two.sign(two.compact)
    again = agreement.parse_signed(signed.encode())
    assert again == signed
    assert again.compact.digest == two.compact.digest
    assert agreement.parse(two.compact.body) == two.compact
    assert b" " not in two.compact.body.split(b'"agencies"')[0]


def test_the_first_is_trusted_as_it_comes_but_must_be_signed_by_its_own_keys(two: Pair) -> None:
    verify(two, two.sign(two.compact), None)
    with pytest.raises(CompactError, match="unsigned"):
        verify(two, Signed(compact=two.compact), None)


def test_an_update_needs_both_signatures(two: Pair) -> None:
    signed = two.sign(two.next())
    verify(two, signed, two.compact)
    for node in NODES:
        rest = {name: one for name, one in signed.signatures.items() if name != node}
        assert refused(two, Signed(compact=signed.compact, signatures=rest)) == "unsigned"


def test_a_changed_grant_breaks_the_signatures(two: Pair) -> None:
    signed = two.sign(two.next())
    wide = msgspec.structs.replace(signed.compact.grants[0], fields=("diagnosis",))
    changed = msgspec.structs.replace(signed.compact, grants=(wide, *signed.compact.grants[1:]))
    assert refused(two, Signed(compact=changed, signatures=signed.signatures)) == "bad_signature"


def test_a_thief_with_new_keys_cannot_swap_himself_in(two: Pair, tmp_path: Path) -> None:
    thief = pair.make(tmp_path / "thief")
    taken = two.next(nodes={**two.compact.nodes, "sichuan": thief.compact.nodes["sichuan"]})
    signatures = {
        "chongqing": agreement.sign(taken, two.held("chongqing").signer(two.compact, NOW)),
        "sichuan": agreement.sign(taken, thief.held("sichuan").signer(thief.compact, NOW)),
    }
    assert refused(two, Signed(compact=taken, signatures=signatures)) == "unknown_key"
    # nor can he claim the old key's id
    old = two.compact.nodes["sichuan"].keys[0].id
    signatures["sichuan"] = Signature(key=old, signature=signatures["sichuan"].signature)
    assert refused(two, Signed(compact=taken, signatures=signatures)) == "bad_signature"
    signatures["sichuan"] = Signature(key=old, signature="not base64")
    assert refused(two, Signed(compact=taken, signatures=signatures)) == "bad_signature"


def test_one_node_cannot_sign_for_both(two: Pair) -> None:
    mine = agreement.sign(two.next(), two.held("sichuan").signer(two.compact, NOW))
    signed = Signed(compact=two.next(), signatures=dict.fromkeys(NODES, mine))
    assert refused(two, signed) == "unknown_key"


def test_names_this_node_does_not_know_are_found(two: Pair) -> None:
    def problems(compact: Compact) -> list[str]:
        return [text.en for text in agreement.problems(compact, agencies=pair.AGENCIES, services=SERVICES)]

    assert problems(two.compact) == []
    stranger = msgspec.structs.replace(two.compact.grants[0], id="x", from_="sichuan/mint")
    assert "unknown agency sichuan/mint" in problems(two.next(grants=(*two.compact.grants, stranger)))[0]
    unknown = msgspec.structs.replace(two.compact.grants[0], id="x", service="alchemy")
    assert "unknown service alchemy" in problems(two.next(grants=(*two.compact.grants, unknown)))[0]
    assert (
        "no agency sichuan/mint"
        in problems(two.next(agencies={**pair.AGENCIES, "sichuan/mint": Text("铸", "mint")}))[0]
    )
    assert "appears twice" in problems(two.next(grants=(two.compact.grants[0], *two.compact.grants)))[0]
    renamed = msgspec.structs.replace(two.compact.nodes["sichuan"].keys[0], id="sichuan-000000000000")
    node = msgspec.structs.replace(two.compact.nodes["sichuan"], keys=(renamed,))
    assert "does not match its id" in problems(two.next(nodes={**two.compact.nodes, "sichuan": node}))[0]


@pytest.mark.parametrize("body", ["", "[]", "{", '{"version": "1"}', '{"version": 1, "extra": 2}', b"\xff"])
def test_a_file_that_is_no_compact_is_one_clear_error(body: str | bytes) -> None:
    with pytest.raises(CompactError, match="bad_compact"):
        agreement.parse(body)


def test_the_differences_are_lines_a_person_reads(two: Pair, tmp_path: Path) -> None:
    first = [line.en for line in agreement.diff(None, two.compact)]
    assert first[0] == "Version 0 → 1"
    assert any(line.startswith("+ grant moving:sichuan/hrss>chongqing/hrss: case.attachment") for line in first)
    key = keys.add_signing_key(tmp_path / "sichuan", "sichuan", not_before=NOW)
    sichuan = agreement.with_key(two.compact.nodes["sichuan"], key, overlap=timedelta(days=7))
    changed = msgspec.structs.replace(two.compact.grants[0], basis=("act-1", "act-3"))
    new = two.next(
        nodes={**two.compact.nodes, "sichuan": sichuan},
        agencies={**two.compact.agencies, "sichuan/civil": Text("民政厅", "Civil affairs")},
        grants=(changed, *two.compact.grants[1:-1]),
    )
    lines = [line.en for line in agreement.diff(two.compact, new)]
    assert lines == [
        "Version 1 → 2",
        f"~ key {two.compact.nodes['sichuan'].keys[0].id} counts until 2026-02-07T00:00:00+00:00",
        f"+ key {key.id} (es256)",
        "+ agency sichuan/civil Civil affairs",
        f"~ grant {changed.id}: basis +act-3 -act-2",
        f"- grant {two.compact.grants[-1].id}",
    ]
    assert all(line.zh for line in agreement.diff(two.compact, new))


def test_keys_are_readable_by_the_node_only_and_made_once(tmp_path: Path) -> None:
    first = keys.make_keys(tmp_path, "sichuan")
    assert keys.make_keys(tmp_path, "sichuan").signers.keys() == first.signers.keys()
    files = list((tmp_path / "keys").iterdir())
    assert len(files) == 2
    assert all(stat.S_IMODE(file.stat().st_mode) == 0o600 for file in files)
    (tmp_path / "keys" / "signing-broken.pem").write_text("no key")
    with pytest.raises(CompactError, match=r"signing-broken\.pem"):
        keys.load(tmp_path, "sichuan")


def test_a_signing_key_is_replaced_without_a_pause(two: Pair, tmp_path: Path) -> None:
    """The new one is listed before it counts; in the overlap both verify; afterwards only the new one."""
    old_key = two.compact.nodes["sichuan"].keys[0]
    begin, overlap = NOW + timedelta(days=1), timedelta(days=7)
    new_key = keys.add_signing_key(tmp_path / "sichuan", "sichuan", not_before=begin)
    sichuan = agreement.with_key(two.compact.nodes["sichuan"], new_key, overlap=overlap)
    signed = two.sign(two.next(nodes={**two.compact.nodes, "sichuan": sichuan}))
    verify(two, signed, two.compact)
    compact, held = signed.compact, two.held("sichuan")

    receiver = Trust(node="chongqing", compact=compact, keys=two.held("chongqing"))

    def accepted(key_id: str, moment: datetime) -> bool:
        """A message signed at that moment, as the other node's gateway decides about it."""
        created = int(moment.timestamp())
        sent = signing.sign_request(held.signers[key_id], method="POST", uri=receiver.uri, body=b"{}", created=created)
        public = receiver.peer_key(sent.key_id, sent.created, created)
        if public is None:
            return False
        signing.verify_request(public, sent, method="POST", uri=receiver.uri, body=b"{}")
        return True

    assert held.signer(compact, NOW).id == old_key.id  # not before it counts
    assert not accepted(new_key.id, NOW)
    during = begin + overlap / 2
    assert held.signer(compact, during).id == new_key.id
    assert accepted(old_key.id, during) and accepted(new_key.id, during)
    after = begin + overlap
    assert held.signer(compact, after).id == new_key.id
    assert not accepted(old_key.id, after) and accepted(new_key.id, after)
    # the next compact is signed by the new key; a signature of the old one no longer counts
    two.compact = compact
    with pytest.raises(CompactError, match="key_not_valid"):
        by_old = Signed(
            compact=two.next(),
            signatures={
                "chongqing": agreement.sign(two.next(), two.held("chongqing").signer(compact, after)),
                "sichuan": agreement.sign(two.next(), held.signers[old_key.id]),
            },
        )
        agreement.verify(by_old, trusted=compact, now=after)
    agreement.verify(two.sign(two.next(), now=after), trusted=compact, now=after)


def test_a_node_without_a_key_that_counts_says_so(two: Pair) -> None:
    with pytest.raises(CompactError, match="no_key"):
        two.held("sichuan").signer(two.compact, pair.BEGIN - timedelta(days=1))


def test_the_second_suite_signs_too(two: Pair, tmp_path: Path) -> None:
    if "sm2" not in signing.suites():
        pytest.skip("this machine's libcrypto has no SM2")
    key = keys.add_signing_key(tmp_path / "sichuan", "sichuan", suite="sm2", not_before=NOW)
    sichuan = agreement.with_key(two.compact.nodes["sichuan"], key, overlap=timedelta(days=1))
    two.compact = two.next(nodes={**two.compact.nodes, "sichuan": sichuan})
    assert (
        len(base64.b64decode(agreement.sign(two.compact, two.held("sichuan").signer(two.compact, NOW)).signature)) == 64
    )
    verify(two, two.sign(two.next()), two.compact)


# --- installed at a node ---------------------------------------------------------------------------------------------


def next_of(link: Link, **change: object) -> Signed:
    """The next version after the one in force, signed by both nodes."""
    current = installed.current()
    parts = {
        "nodes": current.nodes,
        "agencies": current.agencies,
        "grants": current.grants,
        "issued": datetime.now(UTC),
    }
    new = agreement.propose(current, **(parts | change))  # type: ignore[arg-type]
    return sign_by_both(link, new, current)


def sign_by_both(link: Link, new: Compact, current: Compact) -> Signed:
    held = {node: keys.load(link.nodes.places[node].home, node) for node in NODES}
    return Signed(compact=new, signatures={node: agreement.sign(new, held[node].signer(current)) for node in NODES})


def test_both_nodes_have_the_same_compact_in_force(link: Link) -> None:
    found = []
    for node in NODES:
        with link.at(node):
            found.append(installed.current().digest)
            assert installed.adopt().digest == found[0]  # once more changes nothing
    assert found[0] == found[1]


def test_a_node_installs_what_both_signed_and_nothing_older(link: Link) -> None:
    old = installed.current()
    signed = next_of(link, grants=old.grants[1:])
    assert installed.install(signed).version == old.version + 1
    assert installed.current() == signed.compact
    for again in (signed, Signed(compact=old, signatures={})):
        with pytest.raises(CompactError, match="not_newer"):
            installed.install(again)
    assert installed.current() == signed.compact
    assert "marketing" not in installed.purposes() and "own_data" in installed.purposes()


@pytest.mark.parametrize("missing", NODES)
def test_a_node_refuses_what_one_side_did_not_sign(link: Link, missing: str) -> None:
    signed = next_of(link)
    rest = {node: one for node, one in signed.signatures.items() if node != missing}
    with pytest.raises(CompactError, match="unsigned"):
        installed.install(msgspec.structs.replace(signed, signatures=rest))


def test_a_node_refuses_unknown_agencies_and_services(link: Link) -> None:
    current = installed.current()
    for change in ({"service": "alchemy"}, {"to": "sichuan/mint"}):
        grant = msgspec.structs.replace(current.grants[-1], id="new", **change)
        with pytest.raises(CompactError, match=f"unknown .* {next(iter(change.values()))}"):
            installed.install(next_of(link, grants=(*current.grants, grant)))
    assert installed.current() == current


def test_the_first_must_be_compared_by_a_person(link: Link) -> None:
    signed = agreement.parse_signed((link.nodes.places["chongqing"].home / installed.FILE).read_bytes())
    CompactRow.objects.all().delete()
    with pytest.raises(CompactError, match="no_compact"):
        installed.current()
    for trust in ("", signed.compact.digest[:15], "0" * 64):
        with pytest.raises(CompactError, match=f"not_trusted.*{signed.compact.digest}"):
            installed.install(signed, trust=trust)
    assert installed.install(signed, trust=signed.compact.digest[:16]) == signed.compact


def test_the_gateway_is_told(link: Link) -> None:
    with psycopg.connect(link.nodes.places["chongqing"].database_url, autocommit=True) as ear:
        ear.execute(f"LISTEN {installed.CHANNEL}")
        installed.install(next_of(link))
        assert list(ear.notifies(timeout=2, stop_after=1))


def test_establishing_again_follows_a_change_of_address_or_service(tmp_path: Path) -> None:
    homes = [SimpleNamespace(node=node, home=tmp_path / node, gateway_url=f"http://127.0.0.1/{node}") for node in NODES]
    first = installed.establish(homes)
    verify_now(first, None)
    assert installed.establish(homes) == first
    homes[0].gateway_url = "http://127.0.0.1:9/elsewhere"
    second = installed.establish(homes)
    assert second.compact.version == 2
    verify_now(second, first.compact)
    third = installed.establish(homes, services=[])
    assert {grant.service for grant in third.compact.grants} == {"own_data"}
    verify_now(third, second.compact)


def verify_now(signed: Signed, trusted: Compact | None) -> None:
    agreement.verify(signed, trusted=trusted, now=datetime.now(UTC))
