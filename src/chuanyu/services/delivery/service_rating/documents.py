"""What a rating says, and ratings counted."""

from typing import Annotated

from chuanyu.core.documents import Choice, Document, Meta, Title


class Level(Choice):
    """The five levels (gbf-2019-51); the last two are bad ratings."""

    very_satisfied = "very_satisfied", "非常满意", "Very satisfied"
    satisfied = "satisfied", "满意", "Satisfied"
    fairly_satisfied = "fairly_satisfied", "基本满意", "Fairly satisfied"
    dissatisfied = "dissatisfied", "不满意", "Dissatisfied"
    very_dissatisfied = "very_dissatisfied", "非常不满意", "Very dissatisfied"


class Rating(Document):
    """One person's rating of one case."""

    level: Annotated[Level, Title("您对这次办理", "How was it")]
    comment: Annotated[
        str,
        Title(
            "想说的话",
            "What you want to say",
            "好在哪里、哪里要改。请不要写身份证号。",
            "What was good, what should change. Please leave identity numbers out.",
        ),
        Meta(max_length=500),
    ] = ""
    named: Annotated[
        bool,
        Title(
            "实名评价",
            "Give my case number",
            "不勾选就是匿名：谁也看不到是哪一件。实名的差评一定回访。",
            "If not ticked, nobody sees which case it was. A bad rating with its case is always followed by a call back.",
        ),
    ] = False


class Tally(Document):
    """How many cases got which level in a period; `unrated`: cases closed in it that nobody rated."""

    very_satisfied: Annotated[int, Title("非常满意", "Very satisfied"), Meta(ge=0)] = 0
    satisfied: Annotated[int, Title("满意", "Satisfied"), Meta(ge=0)] = 0
    fairly_satisfied: Annotated[int, Title("基本满意", "Fairly satisfied"), Meta(ge=0)] = 0
    dissatisfied: Annotated[int, Title("不满意", "Dissatisfied"), Meta(ge=0)] = 0
    very_dissatisfied: Annotated[int, Title("非常不满意", "Very dissatisfied"), Meta(ge=0)] = 0
    unrated: Annotated[int, Title("未评价", "Not rated"), Meta(ge=0)] = 0
