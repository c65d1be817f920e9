"""Why the ledger refuses, in a sentence for the person who asked, and with which HTTP status a program is told."""

from typing import NamedTuple

from chuanyu.core.text import Text


class Reason(NamedTuple):
    """`kept`: the same id gets this answer for ever; else the caller may mend it and send it again."""

    code: str
    kept: bool
    text: Text


REASONS: dict[int, Reason] = {
    2: Reason("id_reused", False, Text("这个编号已用于另一笔转账。", "This id was used for another transfer.")),
    3: Reason("unknown_account", False, Text("没有这个账户。", "There is no such account.")),
    4: Reason("same_account", False, Text("付款和收款是同一个账户。", "Both sides are the same account.")),
    5: Reason("insufficient", True, Text("付款账户余额不足。", "The paying account does not have enough.")),
    6: Reason("closed_account", True, Text("账户已关闭。", "The account is closed.")),
    7: Reason(
        "bad_amount", False, Text("金额须大于零且不超过上限。", "The amount must be above zero and below the limit.")
    ),
    8: Reason("unit_differs", False, Text("两个账户的计量单位不同。", "The two accounts have different units.")),
    9: Reason("linked", True, Text("同组的另一笔转账被拒绝。", "Another transfer of the same chain was refused.")),
    10: Reason("over_ceiling", True, Text("收款账户将超过上限。", "The receiving account would exceed its limit.")),
    11: Reason("unknown_transfer", False, Text("没有所指的转账。", "The transfer it refers to is not there.")),
    12: Reason("other_transfer", False, Text("所指的转账与此不符。", "The transfer it refers to does not fit.")),
    13: Reason("exceeds", True, Text("金额超过所指的转账。", "It is more than the transfer it refers to.")),
    14: Reason("already_posted", True, Text("预留金额已经入账。", "The reservation was posted already.")),
    15: Reason("already_voided", True, Text("预留金额已经退回。", "The reservation was given back already.")),
    16: Reason("expired", True, Text("预留金额已过期。", "The reservation has expired.")),
    17: Reason("window_closed", False, Text("清算窗口已关闭。", "The clearing window is closed.")),
    18: Reason("unknown_window", False, Text("没有这个清算窗口。", "There is no such clearing window.")),
    19: Reason("bad_kind", False, Text("转账类型与内容不符。", "The kind of transfer does not fit what it carries.")),
}
CODES = {status: reason.code for status, reason in REASONS.items()}
