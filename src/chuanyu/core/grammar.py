"""The shape of service.yaml and examples.yaml: which keys there are and what each holds."""

import re

from chuanyu.core.outcomes import KINDS
from chuanyu.core.parameters import CERTAINTIES, RESERVED, UNITS
from chuanyu.core.service import NODES
from chuanyu.core.shapes import Anything, Day, Each, Flag, Keys, Listed, Maybe, OneOf, Str, Targets, Whole

MODES = ("online", "relay", "joint")  # 全程网办, 异地代收代办, 多地联办
LIVES = ("study", "work", "ill", "old", "child", "home", "travel", "move", "business", "help")
CHAPTERS = ("education", "health", "culture", "employment", "living", "safety", "delivery")
PARTY_NODES = ("filed_at", "other", *NODES)
CYCLES = ("gross", "net")
MOVED_UNITS = ("CNY", "points", "items")
WINDOWS = ("day", "month")
SOURCES = ("fund", "prepayment", "person")
TARGETS = ("fund", "person", "holder")
CLAUSES = 22

_BASIS = re.compile(r"[a-z0-9][a-z0-9-]{0,59}")

TEXT = Keys(code="text", keys={"zh": Str(code="text"), "en": Str(code="text")})
WORDS = Keys(
    code="words", keys={tongue: Listed(of=Str(code="words"), single=True, code="words") for tongue in ("zh", "en")}
)
REF = Str(code="source")

VALUES = Listed(
    of=Keys(
        keys={
            "from": Day(),
            "until": Maybe(shape=Day()),
            "value": Anything(),
            "ref": REF,
            "certainty": OneOf(words=CERTAINTIES, code="certainty"),
        }
    )
)

ACT = Keys(
    keys={
        "title": TEXT,
        "by": Str(code="act_by"),
        "takes": Maybe(shape=Listed(of=Str(), single=True)),
        "decide": Maybe(shape=Str()),
        "makes": Maybe(shape=Listed(of=Str(), single=True)),
        "reserve": Maybe(shape=Listed(of=Str(), single=True)),
        "post": Maybe(shape=Listed(of=Str(), single=True)),
        "void": Maybe(shape=Listed(of=Str(), single=True)),
        "reverse": Maybe(shape=Listed(of=Str(), single=True)),
        "note": Maybe(shape=Flag()),
        "at": Maybe(shape=Str()),
        "to": Targets(),
    }
)

STATE = Keys(
    keys={
        "title": TEXT,
        "owner": Maybe(shape=Str()),
        "term": Maybe(shape=Str()),
        "does": Maybe(shape=Each(word="act", of=ACT, reserved=("start",))),
        "outside": Maybe(shape=Flag()),
        "final": Maybe(shape=Flag()),
    }
)

CASES = Keys(
    keys={
        "parties": Each(
            word="party",
            of=Keys(keys={"agency": Str(), "node": OneOf(words=PARTY_NODES, code="party_node")}),
            reserved=("owner", "applicant", "auto", "node", "resident"),
        ),
        "start": Keys(keys={"state": Str(), "takes": Listed(of=Str(), single=True)}),
        "states": Each(word="state", of=STATE),
        "many": Maybe(shape=Flag()),
    }
)

POSTING = Keys(
    code="posting",
    keys={
        "title": Maybe(shape=TEXT),  # `check` asks for it; cases that began before it was asked for go on
        "payer": Str(code="posting"),
        "payee": Str(code="posting"),
        "unit": OneOf(words=MOVED_UNITS, code="posting"),
        "cycle": OneOf(words=CYCLES, code="posting"),
        "window": Maybe(shape=OneOf(words=WINDOWS, code="posting")),
        "from": Maybe(shape=OneOf(words=SOURCES, code="posting")),
        "to": Maybe(shape=OneOf(words=TARGETS, code="posting")),
        "holder": Maybe(shape=Keys(code="posting", keys={"document": Str(code="posting"), "of": Str(code="posting")})),
        "allowance": Maybe(shape=Str(code="posting")),
        "prepayment": Maybe(
            shape=Keys(
                code="prepayment",
                keys={
                    "rule": Str(code="prepayment"),
                    "yellow": Str(code="prepayment"),
                    "red": Str(code="prepayment"),
                },
            )
        ),
    },
)

BATCH = Keys(
    code="batch",
    keys={
        "document": Str(code="batch"),
        "agency": Str(code="batch"),
        "key": Listed(of=Str(code="batch"), single=True, code="batch"),
        "subject": Str(code="batch"),
        "by": Str(code="batch"),
        "day": Str(code="batch"),
        "time": Maybe(shape=Str(code="batch")),
        "counts": Str(code="batch"),
        "posts": Maybe(shape=Str(code="batch")),
        "history": Maybe(
            shape=Keys(
                code="batch",
                keys={"document": Str(code="batch"), "field": Str(code="batch"), "days": Whole(most=366, code="batch")},
            )
        ),
    },
)

SERVICE = Keys(
    keys={
        "name": TEXT,
        "summary": TEXT,
        "words": Maybe(shape=WORDS),
        "clause": Whole(least=1, most=CLAUSES, code="clause"),
        "leads": Keys(code="lead", keys={node: Str(code="lead") for node in NODES}),
        "mode": OneOf(words=MODES, code="mode"),
        "life": Listed(of=OneOf(words=LIVES, code="life"), code="life"),
        "basis": Each(
            word="basis",
            names=_BASIS,
            of=Keys(
                keys={
                    "title": TEXT,
                    "from": Day(code="basis_date"),
                    "until": Maybe(shape=Day(code="basis_date")),
                    "url": Maybe(shape=Str()),
                }
            ),
        ),
        "parameters": Maybe(
            shape=Each(
                word="parameter",
                reserved=RESERVED,
                of=Keys(
                    keys={
                        "title": TEXT,
                        "unit": OneOf(words=UNITS, code="unit"),
                        "values": Maybe(shape=VALUES),
                        "chongqing": Maybe(shape=VALUES),
                        "sichuan": Maybe(shape=VALUES),
                    }
                ),
            )
        ),
        "documents": Maybe(
            shape=Each(
                word="document",
                reserved=("p", "day"),
                of=Keys(
                    keys={
                        "class": Str(),
                        "by": Str(code="document_by"),
                        "title": Maybe(shape=TEXT),
                        "register": Maybe(shape=Flag()),
                        "made": Maybe(shape=Flag()),
                        "explains": Maybe(shape=Str(code="made")),
                    }
                ),
            )
        ),
        "reasons": Maybe(
            shape=Each(
                word="reason",
                of=Keys(keys={"zh": Str(code="text"), "en": Str(code="text"), "remedy": Maybe(shape=TEXT)}),
            )
        ),
        "cases": Maybe(shape=CASES),
        "clearing": Maybe(shape=Each(word="posting", of=POSTING)),
        "batch": Maybe(shape=BATCH),
        "watch": Maybe(
            shape=Keys(
                keys={
                    "promise": Keys(
                        code="promise",
                        keys={
                            "within": Whole(least=1, code="promise"),
                            "unit": OneOf(words=("working_days", "days", "months"), code="promise"),
                            "share": Str(code="promise"),
                            "ref": Str(code="promise"),
                            "certainty": OneOf(words=CERTAINTIES, code="promise"),
                        },
                    )
                }
            )
        ),
    }
)

EXAMPLES = Keys(
    keys={
        "decisions": Maybe(
            shape=Listed(
                of=Keys(
                    keys={
                        "name": TEXT,
                        "rule": Str(),
                        "as_of": Day(),
                        "at": Maybe(shape=OneOf(words=NODES)),
                        "given": Anything(kind=dict, empty={}),
                        "expect": Keys(
                            keys={
                                "outcome": Maybe(shape=OneOf(words=KINDS)),
                                "value": Maybe(shape=Anything()),
                                "reason": Maybe(shape=Str()),
                                "ref": Maybe(shape=Str()),
                            }
                        ),
                    }
                )
            )
        ),
        "journeys": Maybe(
            shape=Listed(
                of=Keys(
                    keys={
                        "name": TEXT,
                        "as_of": Maybe(shape=Day()),
                        "hours": Maybe(shape=Keys(keys={"from": Str(code="journey"), "until": Str(code="journey")})),
                        "resident": Anything(kind=dict, empty={}),
                        "register": Maybe(
                            shape=Listed(
                                of=Keys(
                                    keys={
                                        "at": OneOf(words=NODES),
                                        "agency": Str(),
                                        "document": Str(),
                                        "body": Anything(kind=dict, empty={}),
                                    }
                                )
                            )
                        ),
                        "steps": Listed(
                            of=Keys(
                                keys={
                                    "at": OneOf(words=NODES),
                                    "as": Str(),
                                    "do": Str(),
                                    "with": Maybe(shape=Anything(kind=dict)),
                                    "note": Maybe(shape=Str()),
                                    "see": Maybe(shape=Anything(kind=dict)),
                                }
                            )
                        ),
                    }
                )
            )
        ),
    }
)
