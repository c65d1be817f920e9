"""What a case refuses to do, in a sentence for the person who asked."""

from uuid import UUID

from chuanyu.core.documents import FieldError
from chuanyu.core.text import Text


class CaseError(Exception):
    """`code` is stable and for programs; `text` is for people; `fields` name what to mend; `case` is the first one when a duplicate."""

    def __init__(self, code: str, text: Text, *, fields: tuple[FieldError, ...] = (), case: UUID | None = None) -> None:
        super().__init__(f"{code}: {text.en}")
        self.code = code
        self.text = text
        self.fields = fields
        self.case = case


NOT_FOUND = Text("没有这个办件，或者您无权查看。", "There is no such case, or you may not see it.")
NOT_YOURS = Text("您不能对这个办件做这一步。", "You may not take this step on this case.")
MOVED_ON = Text(
    "您看到的页面已经过时：办件在这之后有了新的进展。请刷新后再办。",
    "The page you saw is out of date: the case has moved on. Reload it and try again.",
)
NO_SUCH_STEP = Text("办件现在的状态没有这一步。", "The case is not in a state that has this step.")
POSTING = Text("款项正在记账，记账完成前不能办下一步。", "The money is being posted; the next step has to wait for it.")
ALREADY_OPEN = Text(
    "同一事项您已有一个正在办理的办件，不用重复申请。",
    "You already have an open case for this service; there is no need to apply again.",
)
NO_PERSON = Text("这里还没有这个人的身份信息。", "This person is not known here yet.")
NO_PROCEDURE = Text("这个事项没有可以在线办理的流程。", "This service has no procedure that can be started here.")
DOCUMENTS = Text("有些内容需要修改，请看下面标出的地方。", "Some entries need mending; they are marked below.")
NOT_NEEDED = Text("这一步不需要这份材料。", "This step does not take this document.")
MISSING_DOCUMENT = Text("缺少这份材料。", "This document is missing.")
TOO_LARGE = Text("附件不能超过 2 MB。", "An attachment may not be larger than 2 MB.")
SEALED = Text(
    "这个文件不能移除：后面的步骤已经用到它，或者不是您添加的。",
    "This file cannot be removed: a later step rests on it, or somebody else added it.",
)
TOO_MANY = Text("一个办件最多 20 个附件。", "A case can have at most 20 attachments.")
NOT_ALLOWED_TYPE = Text("附件只接受 PDF、PNG、JPEG。", "Attachments must be PDF, PNG or JPEG.")
CLOSED = Text("办件已经结束，不能再改动。", "The case is closed and can no longer change.")
NEEDS_SENTENCE = Text("请写一句给申请人看的说明。", "Please write the sentence the applicant will read.")
ALREADY_ASKED = Text(
    "这一步已经提出，正在等对方处理。", "This step has already been asked for and waits for the other side."
)
NO_RULE = Text(
    "这个办件的规则版本在本节点已不可用，请联系管理员。",
    "The rule this case began under is no longer available at this node; tell the administrator.",
)

MORE_THAN_RESERVED = Text(
    "现在的金额超过了先前预留的金额，请先撤销预留再重新核算。",
    "The amount is now more than what was reserved; release the reservation and compute it anew.",
)

# why a request or a posting was refused: code → the sentence people read
REASONS = {
    "too_late": Text(
        "提出时办件已经进入下一环节，没有按此办理。",
        "The case had already moved on when this was asked, so it was not done.",
    ),
    "closed": Text(
        "提出时办件已经结束，没有按此办理。", "The case had already ended when this was asked, so it was not done."
    ),
    "documents": Text("提交的材料不符合要求，没有按此办理。", "The documents sent did not fit, so it was not done."),
    "posting_insufficient": Text(
        "付款账户余额不足，款项未划出，办件退回上一环节。",
        "The paying fund does not have enough money. Nothing was paid and the case went back one step.",
    ),
    "posting_closed_account": Text(
        "付款或收款账户已关闭，款项未划出，办件退回上一环节。",
        "An account is closed. Nothing was paid and the case went back one step.",
    ),
    "posting_failed": Text(
        "款项未能入账，办件退回上一环节。", "The money could not be posted. The case went back one step."
    ),
}
