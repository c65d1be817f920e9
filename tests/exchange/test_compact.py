"""The compact: proposed, signed by both, verified against the one in force, and its keys replaced without a pause."""

import base64
import stat
from datetime import timedelta
from pathlib import Path

import msgspec
import pair
import pytest
from pair import NOW, Pair

from chuanyu.core.service import NODES
from chuanyu.core.text import Text
from chuanyu.exchange import compact as agreement
from chuanyu.exchange import grants, keys, signing
from chuanyu.exchange.compact import Compact, Signature, Signed
from chuanyu.exchange.errors import CompactError

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
    found = {(one.from_, one.to): one for one in grants.of_service(pair.service())}
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
    assert {(one.from_, one.to): one.fields for one in found} == {
        ("sichuan/hrss", "chongqing/edu"): ("application", "attachment", "person", "receipt"),
        ("chongqing/edu", "sichuan/hrss"): ("application", "attachment", "person", "record"),
    }


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

    def accepted(key_id: str, moment: object) -> bool:
        """As the other node decides: a listed key, valid now, and a signature that is its own."""
        listed = compact.signing_key("sichuan", key_id)
        if listed is None or not listed.valid(moment):  # type: ignore[arg-type]
            return False
        public = signing.load_public(listed.id, listed.suite, listed.point)
        return signing.verify(public, b"message", signing.sign(held.signers[key_id], b"message"))

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
