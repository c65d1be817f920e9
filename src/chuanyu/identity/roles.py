"""Who may open which page: the one table. Default deny: an address without a row here is answered with 404.

`ACCESS` names each URL (with its namespace) and the roles that may open it. Adding a page means adding its row; the
system check in checks.py names every address without a row and every row without an address. Whether someone may see
*this* case or person is decided by the action or query behind the page; here only roles count.
"""

from typing import Literal

from chuanyu.identity.actor import Actor

RESIDENT = frozenset({"resident"})
CLERK = frozenset({"clerk"})
OFFICER = frozenset({"officer"})
OFFICE = frozenset({"office"})
STAFF = CLERK | OFFICER | OFFICE
ANY = RESIDENT | STAFF  # anyone signed in
PUBLIC = ANY | {"public"}
ROLES = ("public", "resident", "clerk", "officer", "office")

ACCESS: dict[str, frozenset[str]] = {
    # node
    "health": PUBLIC,
    "set_language": PUBLIC,
    # sign-in
    "account_login": PUBLIC,
    "account_inactive": PUBLIC,
    "account_logout": PUBLIC,  # also ends a sign-in that is halfway
    "account_lock": STAFF,
    "account_alive": ANY,
    "account_reauthenticate": ANY,
    "account_change_password": ANY,
    "mfa_authenticate": PUBLIC,  # between password and second factor nobody is signed in yet
    "mfa_reauthenticate": ANY,
    "mfa_index": ANY,
    "mfa_activate_totp": ANY,
    "mfa_deactivate_totp": RESIDENT,  # staff can't do without
    "mfa_view_recovery_codes": ANY,
    "mfa_generate_recovery_codes": ANY,
    # portal
    "portal:home": PUBLIC,
    "portal:life": PUBLIC,
    "portal:eligible": PUBLIC,
    "portal:rate": PUBLIC,
    "portal:accessibility": PUBLIC,
    "portal:large_text": PUBLIC,
    "portal:design": PUBLIC,
    "portal:services": PUBLIC,
    "portal:guide": PUBLIC,
    "portal:plan": PUBLIC,
    "portal:agency": PUBLIC,
    "portal:documents": PUBLIC,
    "portal:document": PUBLIC,
    "portal:reference": PUBLIC,
    "portal:apply": RESIDENT,
    "portal:check": RESIDENT,
    "portal:sent": RESIDENT,
    "portal:my_cases": RESIDENT,
    "portal:tracker": RESIDENT,
    "portal:my_act": RESIDENT,
    "portal:my_file": RESIDENT,
    "portal:accesses": RESIDENT,
    "portal:facts": RESIDENT,
    "portal:me": RESIDENT,
    "portal:messages": RESIDENT,
    "portal:papers": RESIDENT,
    "portal:money": RESIDENT,
    "portal:purse": RESIDENT,
    "portal:receipt": RESIDENT | CLERK | OFFICER,
    "portal:bill": RESIDENT | CLERK | OFFICER,
    "portal:consents": RESIDENT,
    "portal:withdraw_consent": RESIDENT,
    "portal:delegates": RESIDENT,
    "portal:offer": RESIDENT,
    "portal:delegation": RESIDENT,
    "portal:act_for": RESIDENT,
    "portal:download": RESIDENT | CLERK | OFFICER,
    "portal:worklist": CLERK | OFFICER,
    "portal:worklist_counts": CLERK | OFFICER,
    "portal:workspace": CLERK | OFFICER,
    "portal:act": CLERK,
    "portal:person": CLERK,
    "portal:person_apply": CLERK,
    "portal:person_check": CLERK,
    "portal:file": CLERK,
    "portal:slip": CLERK,
    "portal:shift": CLERK,
    "portal:cashier": CLERK,
    "portal:cashier_act": CLERK,
    "portal:takings": CLERK | OFFICER,
    "portal:grants": STAFF,
    "portal:keys": STAFF,
    "portal:levels": STAFF,
    "portal:exchanged": STAFF,
    "portal:uploads": STAFF,
    "portal:upload_take": CLERK | OFFICER,
    "portal:upload": STAFF,
    "portal:upload_lines": STAFF,
    "portal:held": STAFF,
    "portal:held_decide": OFFICER,
    "portal:pages": STAFF,
    "portal:pages_settle": OFFICER,
    "portal:office": OFFICE,
    "portal:overdue": OFFICER | OFFICE,
    "portal:late": OFFICER | OFFICE,
    "portal:letters": OFFICER | OFFICE,
    "portal:scorecards": OFFICER | OFFICE,
    "portal:scorecard": OFFICER | OFFICE,
    "portal:flows": OFFICER | OFFICE,
    "portal:report": OFFICE,
    "portal:workbook": OFFICE,
    "portal:ratings": OFFICER | OFFICE,
    "portal:rating": OFFICER | OFFICE,
    "portal:clearing": OFFICER | OFFICE,
    "portal:windows": OFFICER | OFFICE,
    "portal:window": OFFICER | OFFICE,
    "portal:orders": OFFICER | OFFICE,
    "portal:order": OFFICER | OFFICE,
    "portal:bank_answers": OFFICER | OFFICE,
    "portal:prepayments": OFFICER | OFFICE,
    "portal:accounts": OFFICER | OFFICE,
    "portal:account": OFFICER | OFFICE,
    # API
    "api:api-root": PUBLIC,
    "api:openapi-json": PUBLIC,
    "api:services": PUBLIC,
    "api:service": PUBLIC,
    "api:cases": RESIDENT | CLERK | OFFICER,
    "api:case": RESIDENT | CLERK | OFFICER,
    "api:bill": RESIDENT | CLERK | OFFICER,
    "api:act": RESIDENT | CLERK,
    "api:accesses": RESIDENT,
    "api:files": CLERK | OFFICER | OFFICE,
    "api:file_upload": CLERK | OFFICER,
    "api:file": CLERK | OFFICER | OFFICE,
    "api:file_results": CLERK | OFFICER | OFFICE,
    "api:held": CLERK | OFFICER | OFFICE,
    "api:held_decide": OFFICER,
    "api:windows": OFFICER | OFFICE,
    "api:window": OFFICER | OFFICE,
    "api:window_transfers": OFFICER | OFFICE,
    "api:orders": OFFICER | OFFICE,
    "api:ledger_accounts": OFFICER | OFFICE,
    "api:ledger_statement": OFFICER | OFFICE,
}

# All that a staff session reaches before its second factor was shown
BEFORE_SECOND_FACTOR = frozenset(
    {
        "account_logout",
        "account_lock",
        "account_alive",
        "account_reauthenticate",
        "mfa_activate_totp",
        "mfa_reauthenticate",
        "set_language",
        "portal:large_text",
        "health",
    }
)

# What nobody does or reads for another: it concerns the person, not a service that was delegated
ONESELF = frozenset(
    {
        "portal:accesses",
        "portal:facts",
        "portal:papers",
        "portal:consents",
        "portal:withdraw_consent",
        "portal:offer",
        "portal:delegation",
        "api:accesses",
    }
)
# What concerns the session alone: sent when a delegation has just ended, it is done all the same
WITHOUT_MANDATE = frozenset(
    {"account_logout", "account_alive", "set_language", "portal:large_text", "portal:act_for", "health"}
)

Answer = Literal["allow", "sign_in", "second_factor", "forbidden", "not_found", "oneself"]


def answer(name: str, visitor: Actor | None, *, verified: bool) -> Answer:
    """May `visitor` (None: not signed in) open the URL `name`? `verified`: this session showed a second factor."""
    roles = ACCESS.get(name)
    if roles is None:
        return "not_found"
    if visitor and visitor.kind == "staff" and not verified and name not in BEFORE_SECOND_FACTOR:
        return "second_factor"
    if "public" in roles:
        return "allow"
    if visitor is None:
        return "sign_in"
    if visitor.acts_for_another and name in ONESELF:
        return "oneself"
    return "allow" if roles & visitor.roles else "forbidden"
