"""What OpenAPI cannot know of the clearing API by itself: the Chinese, what parameters mean, and one example of each answer.

The amounts are those of a month in which Chongqing owes 12,345,678.90 yuan and Sichuan 9,876,543.21.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from chuanyu.core.text import Text

_OURS, _THEIRS, _SERVICE = "chongqing/nhsa", "sichuan/nhsa", "medical_settlement"
_TRANSFER, _CASE = "0193d0e5-7c00-7000-8000-0000000000d4", "0193d0e5-7c00-7000-8000-0000000000a1"
_HASH = "9f2c41d07b58e6a3c0d9e1f4b7a86235d41c90ef7762ab8835c1d2e0f9a4b6c7"
_ORDER = {
    "number": "CQ20250421-000007", "service": _SERVICE,
    "title": {"zh": "医保基金支付（住院）", "en": "The fund's share, inpatient"},
    "payer": _OURS, "payee": _THEIRS, "amount": 1234567890, "unit": "CNY",
    "state": "issued", "issued": "2025-04-21T01:00:00Z", "paid": None, "received": None, "window": 3, "period": "2025-03",
    "case": None,
}  # fmt: skip
_WINDOW = {
    "id": 3, "name": "medical_settlement/2025-03/sichuan/nhsa", "book": "nhsa/medical_settlement", "service": _SERVICE,
    "period": "2025-03", "own": _OURS, "peer": _THEIRS, "unit": "CNY", "cycle": "gross", "state": "closed",
    "out": 1234567890, "out_count": 546, "back": 987654321, "back_count": 431, "agreed": True, "signed": True,
    "their_signed": True, "closes": "2025-04-20", "pay_by": "2025-05-31", "closed": "2025-04-21T01:00:00Z", "settled": None,
    "reconciled": None, "differences": 0, "orders": [_ORDER],
}  # fmt: skip
_PAID = [{"payer": _OURS, "payee": _THEIRS, "count": 546, "sum": 1234567890, "sha256": _HASH}]
_SAID = {"paid": _PAID, "key": "chongqing-sign-1", "signature": "MEUCIQ…", "valid": True}
_FILE = "0193d0e5-7c00-7000-8000-0000000000f6"
_NOTE = {
    "line": 17, "kind": "refused", "key": "", "field": "fare", "code": "money",
    "text": {"zh": "金额须为元，最多两位小数。", "en": "An amount in yuan with at most two decimals."},
}  # fmt: skip
_UPLOAD = {
    "id": _FILE, "service": "transit_card", "agency": "chongqing/transport", "name": "taps-2025-03-05.csv.gz",
    "by": "clerk-transport", "sha256": _HASH, "size": 482113, "state": "done", "parts": 2, "judged": 2,
    "rows": 20000, "counted": 19986, "duplicates": 11, "refused": 2,
    "held": 1, "total": 3997200, "received": "2025-03-06T01:00:00Z", "done": "2025-03-06T01:00:21Z",
    "setbacks": [], "notes": [_NOTE],
}  # fmt: skip
ANSWERS: dict[str, Any] = {
    "files": [_UPLOAD],
    "file": _UPLOAD,
    "file_upload": _UPLOAD | {"state": "reading", "judged": 0, "counted": 0, "duplicates": 0, "refused": 0, "held": 0, "total": 0},
    "held": [{
        "id": 41, "upload": _FILE, "line": 902, "key": "…", "day": "2025-02-20", "cells": {"card": "…", "fare": "2.00"},
        "why": {"zh": "刷卡记录超过规定天数才上传，需要核查后计入清算。", "en": "The tap was uploaded after the days allowed."},
    }],
    "held_decide": {"released": 1, "total": 180},
    "windows": [_WINDOW],
    "window": {"window": _WINDOW, "ours": {"node": "chongqing", **_SAID}, "theirs": {"node": "sichuan", **_SAID}},
    "window_transfers": {
        "transfers": [{
            "id": _TRANSFER, "at": "2025-03-05T02:10:00Z", "kind": "post", "mirror": False, "amount": 2262700,
            "code": "fund_share", "debit": "prepaid/sichuan/nhsa", "credit": "topup/sichuan/nhsa", "case": _CASE, "of": None,
            "counts": True,
        }],
        "before": f"2025-03-05T02:10:00Z~{_TRANSFER}",
    },
    "orders": [_ORDER],
    "ledger_accounts": [{
        "book": "nhsa/medical_settlement", "name": "prepaid/sichuan/nhsa", "unit": "CNY", "balance": 1800000000, "entries": 212,
        "reserved": 2262700, "expected": 0, "floor": 0, "ceiling": None, "closed": False, "people": 0,
    }],
    "ledger_statement": {
        "book": "nhsa/medical_settlement", "account": "prepaid/sichuan/nhsa", "unit": "CNY",
        "entries": [{
            "at": "2025-03-05T02:10:00Z", "seq": 212, "transfer": _TRANSFER, "code": "fund_share",
            "other": "topup/sichuan/nhsa", "amount": -2262700, "after": 1800000000,
        }],
        "before": None,
    },
}  # fmt: skip
WINDOW = Text("清算期的 id，清算期列表里有。", "The window's id, as in the list.")
BEFORE = Text("上一页给出的 before；不写是第一页。", "What the last page gave as before; without it, the first page.")
SERVICE = Text("只要这个事项的；不写是全部。", "Of this service only; without it, of all.")
BOOK = Text("账簿，如 nhsa/medical_settlement。", "The book, such as nhsa/medical_settlement.")
FILE = Text("上传的 id，上传列表里有。", "The upload's id, as in the list.")
FILE_SERVICE = Text("收文件的事项，如 transit_card。", "A service that takes files, such as transit_card.")
FILE_NAME = Text("文件名，只用来显示。", "The file's name, only to be shown.")
ROWS = Text("记录的 id，见等待处理的记录。", "The rows' ids, as in the list of those that wait.")
RELEASE = Text("true 放行，false 剔除。", "true lets them count, false drops them.")
REASON = Text("理由，记在记录上。", "Why; it stays with the rows.")
ACCOUNT = Text("账户，如 fund；个人账户不给。", "The account, such as fund; persons' accounts are not shown.")


def described(
    name: str, zh: str, kind: Any, *, path: Mapping[str, Text] = {}, query: Mapping[str, Text] = {}
) -> dict[str, Any]:
    """`openapi_extra` of the operation `name`. `kind`: the msgspec type it answers with; `query`: what it reads by itself."""
    (schema,), components = msgspec.json.schema_components([kind], ref_template="#/components/schemas/{name}")
    asked = [{"name": each, "in": "query", "required": False, "schema": {"type": "string"}} for each in query]
    return {
        "x-zh": zh,
        "x-components": components,
        "x-parameters": msgspec.to_builtins({**path, **query}),
        "parameters": asked,
        "responses": {200: {"content": {"application/json": {"schema": schema, "example": ANSWERS[name]}}}},
    }
