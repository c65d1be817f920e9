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
    "同一事项您已有一个正在办理的办件，不用重复申请。", "You already have an open case for this service; there is no need to apply again."
)
NO_PERSON = Text("这里还没有这个人的身份信息。", "This person is not known here yet.")
NO_PROCEDURE = Text("这个事项没有可以在线办理的流程。", "This service has no procedure that can be started here.")
DOCUMENTS = Text("有些内容需要修改，请看下面标出的地方。", "Some entries need mending; they are marked below.")
NOT_NEEDED = Text("这一步不需要这份材料。", "This step does not take this document.")
MISSING_DOCUMENT = Text("缺少这份材料。", "This document is missing.")
TOO_LARGE = Text("附件不能超过 4 MB。", "An attachment may not be larger than 4 MB.")
NOT_ALLOWED_TYPE = Text("附件只接受 PDF、PNG、JPEG。", "Attachments must be PDF, PNG or JPEG.")
CLOSED = Text("办件已经结束，不能再改动。", "The case is closed and can no longer change.")
NEEDS_SENTENCE = Text("请写一句给申请人看的说明。", "Please write the sentence the applicant will read.")
