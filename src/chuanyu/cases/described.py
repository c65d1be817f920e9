"""What OpenAPI cannot know of the cases API by itself: the Chinese, what parameters mean, who may call, and one example each.

Ids and people in the examples are made up: the number is a sample's, of an area code nobody is registered in.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from chuanyu.core.text import Text

_CASE, _REQUEST = "0193d0e5-7c00-7000-8000-0000000000a1", "0193d0e5-7c00-7000-8000-0000000000b2"
_PENSION = {"zh": "企业职工基本养老保险关系转移接续", "en": "Enterprise pension transfer"}
_APPLIED = {"zh": "待受理", "en": "Waiting for acceptance"}
_HRSS = {"zh": "四川省人力资源和社会保障厅", "en": "Sichuan Human Resources and Social Security Department"}
_ROW = {
    "id": _CASE, "reference": "CY-7K3M-92QD-0V4T", "service": "pension_transfer", "name": _PENSION, "state": "applied",
    "title": _APPLIED, "final": False, "owner_node": "sichuan", "owner_agency": _HRSS, "since": "2025-03-03T01:20:00Z",
    "due": "2025-03-24", "overdue": False,
}  # fmt: skip
_SUMMARY = {
    "key": "pension_transfer", "name": _PENSION, "clause": 15, "mode": "online",
    "parties": {"receiving": {"agency": "hrss", "node": "filed_at"}, "sending": {"agency": "hrss", "node": "other"}},
    "takes": ["application"],
}  # fmt: skip
CASE = Text("办件的 id；列表和提交时的回答里有。", "The case's id, as in the list and in the answer to filing.")
KEY = Text("事项的键，如 pension_transfer。", "The service's key, such as pension_transfer.")
ACT = Text(
    "步骤的名称：办件的 acts 里列出现在能办的。", "The step's name; the case's acts list those that can be taken now."
)
PAPER = Text(
    "解释账单的材料，如 settlement；材料目录里有。",
    "The paper that explains the bill, such as settlement; see Documents.",
)
PAGE_FIELDS = {
    "limit": Text("最多要几件，1 到 200；不写是 200。", "How many at most, 1 to 200; 200 when left out."),
    "start": Text("跳过前面几件；不写从第一件起。", "How many to pass over; from the first when left out."),
}
START_FIELDS = {
    "service": KEY,
    "documents": Text(
        "提交时要的每份材料，按名称；字段见材料目录。",
        "Each document that filing takes, by name; for their fields see Documents.",
    ),
    "id": Text(
        "由调用方生成（UUIDv7），就是办件的 id。同一个 id 再发一次，得到同一个办件。",
        "Made by the caller (UUIDv7); it becomes the case's id. Sent again, it answers with the same case.",
    ),
    "number": Text(
        "申请人的身份证号，只有窗口要填。每次查找都有记录，太频繁回 429。",
        "The applicant's identity number, at the counter alone. Every search is written down; too many answer 429.",
    ),
}
ACT_FIELDS = {
    "expects": Text(
        "您看到的 sequence。办件已经走到下一步时回 409，什么都不改。",
        "The sequence you saw. If the case has moved on, the answer is 409 and nothing changes.",
    ),
    "documents": Text(
        "这一步要的材料，按名称（见 acts 的 takes）。", "The documents the step takes, by name (see takes of acts)."
    ),
    "note": Text(
        "给申请人看的一句话；acts 里 note 为 true 的步骤必填。",
        "The sentence the applicant will read; required where an act has note: true.",
    ),
    "id": Text(
        "请对方办时，请求的 id（UUIDv7）；不填由节点生成。",
        "For a step asked of the owner: the request's id (UUIDv7); made by the node when left out.",
    ),
}
SENT = {
    "start": {
        "id": _CASE, "service": "pension_transfer", "number": "500000198506150044",
        "documents": {"application": {"household": "511602", "employed_since": "2025-02-03"}},
    },
    "act": {"expects": 1},
}  # fmt: skip
ANSWERS: Mapping[str, Any] = {
    "services": [_SUMMARY],
    "service": _SUMMARY | {"hash": "9f2c…", "declaration": {"…": "…"}, "documents": {"application": {"type": "object", "…": "…"}}},
    "cases": [_ROW],
    "start": {
        "case": _CASE, "reference": "CY-7K3M-92QD-0V4T", "sequence": 1, "state": "applied", "outcome": "", "reason": None,
        "request": None,
    },
    "case": _ROW | {
        "sequence": 1, "documents": [{"name": "application", "body": {"household": "511602"}, "…": "…"}],
        "acts": [{"name": "accept", "title": {"zh": "受理", "en": "Accept"}, "takes": [], "note": False, "…": "…"}],
        "steps": [{"sequence": 1, "by": "applicant", "…": "…"}],
    },
    "act": {
        "case": _CASE, "reference": "CY-7K3M-92QD-0V4T", "sequence": 2, "state": "requested", "outcome": "accept",
        "reason": None, "request": None,
    },
    "bill": {
        "case": _CASE, "reference": "CY-7K3M-92QD-0V4T", "service": "medical_settlement", "document": "settlement",
        "fund": {"name": "fund", "title": {"zh": "基金支付", "en": "Paid by the fund"}, "kind": "money", "value": "22627.00"},
        "groups": [{"…": "…"}], "lines": [{"number": 1, "amount": "27500.00", "fund": "22627.00", "patient": "4873.00", "…": "…"}],
    },
}  # fmt: skip


def described(
    name: str, zh: str, kind: Any = None, *, parameters: Mapping[str, Text] = {}, roles: tuple[str, ...] = ()
) -> dict[str, Any]:
    """`openapi_extra` of the operation `name`. `kind`: the msgspec type it answers with; `roles`: fewer than its address allows."""
    content: dict[str, Any] = {"example": ANSWERS[name]}
    found: dict[str, Any] = {"x-zh": zh, "x-parameters": msgspec.to_builtins(dict(parameters))}
    if kind is not None:
        (content["schema"],), found["x-components"] = msgspec.json.schema_components(
            [kind], ref_template="#/components/schemas/{name}"
        )
    found["responses"] = {200: {"content": {"application/json": content}}}
    if name in SENT:
        found["x-sent"] = SENT[name]
    if roles:
        found["x-roles"] = list(roles)
    return found
