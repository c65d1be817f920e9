"""What a resident tells the two provinces."""

from datetime import date
from typing import Annotated

from chuanyu.core.documents import Choice, Document, Meta, Title


class Kind(Choice):
    """What it is."""

    complaint = "complaint", "对服务不满意（投诉）", "A complaint about a service"
    objection = "objection", "对办理结果有异议", "An objection to a result"
    suggestion = "suggestion", "建议", "A suggestion"


class Province(Choice):
    """Whose office it is about: a province by its division code."""

    chongqing = "500000", "重庆的单位", "An office in Chongqing"
    sichuan = "510000", "四川的单位", "An office in Sichuan"


class Opinion(Document):
    """意见、投诉与异议: told once, at either side."""

    kind: Annotated[Kind, Title("您要说的是", "This is")]
    about: Annotated[Province, Title("说的是哪边的单位", "It is about")]
    what: Annotated[
        str,
        Title("事情经过", "What happened", "时间、地点、经过。", "When, where, what."),
        Meta(min_length=1, max_length=2000),
    ]
    agency: Annotated[str, Title("单位名称", "Name of the office"), Meta(max_length=80)] = ""
    reference: Annotated[
        str,
        Title(
            "办件编号",
            "Case number",
            "以“CY-”开头，在进度页上。对结果有异议时必填。",
            "It begins with “CY-”. Needed when you object to a result.",
        ),
        Meta(max_length=24),
    ] = ""
    decided_on: Annotated[date | None, Title("收到结果的日期", "You got the result on")] = None
    wish: Annotated[str, Title("希望怎么解决", "What should happen now"), Meta(max_length=500)] = ""
    phone: Annotated[
        str,
        Title("联系电话", "Telephone", "只用于核实和回访。", "Only to check and to call back."),
        Meta(max_length=20),
    ] = ""
    in_court: Annotated[
        bool,
        Title("已经在诉讼、仲裁或行政复议中", "It is before a court, an arbitration or a reconsideration already"),
    ] = False
