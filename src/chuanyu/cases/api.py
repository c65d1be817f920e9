"""The API of services and cases: thin HTTP over actions and queries. Who may call it is in identity's access table.

Answers are JSON; a refusal is a core.problem.Problem.
"""

from typing import Any
from uuid import UUID

import msgspec
from django.http import HttpRequest, HttpResponse
from ninja import Query, Router, Schema
from pydantic import Field

from chuanyu.cases import actions, bills, queries
from chuanyu.cases import described as words
from chuanyu.cases.bills import Bill
from chuanyu.cases.described import described
from chuanyu.cases.errors import CaseError
from chuanyu.cases.views import Acted, CaseView, RowView
from chuanyu.core.catalogue import catalogue
from chuanyu.core.documents import json_schema
from chuanyu.core.ids import uuid7
from chuanyu.core.numbers import NumberError
from chuanyu.core.problem import problem
from chuanyu.core.service import Service
from chuanyu.core.text import Text
from chuanyu.identity import finding
from chuanyu.identity.access import actor

router = Router(tags=["cases"])

FARTHEST = 100_000  # how far into a list one may page
NO_BILL = Text("办件没有这张账单。", "The case has no such bill.")
STATUS = {
    "not_found": 404,
    "not_yours": 403,
    "duplicate": 409,
    "moved_on": 409,
    "closed": 409,
    "already_asked": 409,
    "posting": 409,
    "too_often": 429,
}


class Start(Schema):
    """File a case. `id` (UUIDv7) is the idempotency key: the same one answers with the same case. `number`: counter only."""

    service: str
    documents: dict[str, dict[str, Any]]
    id: UUID = Field(default_factory=uuid7)
    number: str | None = None


class Act(Schema):
    """Take a step. `expects` is the sequence the caller saw; `id` the idempotency key of a request to the owner."""

    expects: int
    documents: dict[str, dict[str, Any]] = Field(default_factory=dict)
    note: str = Field("", max_length=2000)
    id: UUID | None = None


@router.get(
    "/services",
    url_name="services",
    openapi_extra=described("services", "全部事项：键、名称、任务条、办理方式和参与方。"),
)
def services(request: HttpRequest) -> HttpResponse:
    """Every service: its key, names, clause, mode and parties."""
    return _json([_summary(service) for service in catalogue().values()])


@router.get(
    "/services/{key}",
    url_name="service",
    openapi_extra=described(
        "service", "一个事项的完整声明，和它每份材料的 JSON Schema。", parameters={"key": words.KEY}
    ),
)
def service(request: HttpRequest, key: str) -> HttpResponse:
    """One service as it is declared, and the JSON schema of each of its documents."""
    found = catalogue().get(key)
    if found is None:
        raise CaseError("not_found", Text("没有这项服务。", "There is no such service."))
    schemas = {name: json_schema(spec.cls) for name, spec in found.documents.items()}
    return _json(_summary(found) | {"declaration": found.declaration, "hash": found.hash, "documents": schemas})


@router.get(
    "/cases",
    url_name="cases",
    openapi_extra=described(
        "cases",
        "居民：自己的办件。窗口：等本单位办的办件，期限近的在前。每次最多 200 件，用 start 往后翻。",
        list[RowView],
        parameters=words.PAGE_FIELDS,
    ),
)
def cases(
    request: HttpRequest,
    limit: int = Query(queries.LIMIT, ge=1, le=queries.LIMIT),
    start: int = Query(0, ge=0, le=FARTHEST),
) -> HttpResponse:
    """A resident's own cases, or what waits for a clerk's agency, the nearest deadline first: 200 at most, `start` pages on."""
    who = actor(request)
    read = queries.mine if who.person else queries.worklist
    return _json(read(who, start=start, limit=limit))


@router.post(
    "/cases",
    url_name="cases",
    openapi_extra=described(
        "start",
        "提交一个办件：为自己，或在窗口为身份证号是 number 的人。",
        Acted,
        parameters=words.START_FIELDS,
        roles=("resident", "clerk"),
    ),
)
def start(request: HttpRequest, body: Start) -> HttpResponse:
    """File a case: for oneself, or at the counter for the person with this number."""
    who = actor(request)
    person = who.person
    actions.check_may_file(who, body.service)  # before anybody is looked for
    if person is None and body.number:
        try:
            person = finding.seek(body.number, actor=who, purpose=body.service)
        except NumberError as error:
            raise CaseError("number", error.text) from None
        except finding.TooOften:
            raise CaseError("too_often", finding.TOO_OFTEN) from None
    if person is None:
        raise CaseError("number", Text("请填写申请人的身份证号码。", "Give the applicant's identity number."))
    return _json(
        actions.start(service=body.service, actor=who, person=person, documents=body.documents, request_id=body.id)
    )


@router.get(
    "/cases/{uuid:case}",
    url_name="case",
    openapi_extra=described(
        "case", "一个办件的全部内容：材料、经过、现在能办的步骤。", CaseView, parameters={"case": words.CASE}
    ),
)
def case(request: HttpRequest, case: UUID) -> HttpResponse:
    """One case, whole: its documents, its history, the steps that can be taken now."""
    return _json(queries.view(case, actor(request)))


@router.get(
    "/cases/{uuid:case}/bills/{name}",
    url_name="bill",
    openapi_extra=described(
        "bill",
        "一张账单：合计、计算过程和逐项说明。",
        Bill,
        parameters={"case": words.CASE, "name": words.PAPER},
    ),
)
def bill(request: HttpRequest, case: UUID, name: str) -> HttpResponse:
    """A bill explained: totals, the steps of the computation and each line. `name`: the paper that explains it."""
    found = bills.bill(queries.view(case, actor(request)), name)
    if found is None:
        raise CaseError("not_found", NO_BILL)
    return _json(found)


@router.post(
    "/cases/{uuid:case}/acts/{act}",
    url_name="act",
    openapi_extra=described(
        "act",
        "办一步；不由本方办的，请持有的一方办。",
        Acted,
        parameters={"case": words.CASE, "act": words.ACT} | words.ACT_FIELDS,
    ),
)
def act(request: HttpRequest, case: UUID, act: str, body: Act) -> HttpResponse:
    """Take a step, or ask the side that holds the case to."""
    return _json(
        actions.act(
            case=case,
            act=act,
            actor=actor(request),
            documents=body.documents,
            note=body.note,
            expects=body.expects,
            request_id=body.id,
        )
    )


def refused(request: HttpRequest, error: CaseError | type[CaseError]) -> HttpResponse:
    """A refusal with what to mend."""
    assert isinstance(error, CaseError)
    trace = getattr(request, "trace", "")
    body = problem(error.code, error.text, fields=error.fields, case=error.case, trace=trace)
    return _json(body, STATUS.get(error.code, 422))


def _summary(service: Service) -> dict[str, Any]:
    procedure = service.procedure
    return {
        "key": service.key,
        "chapter": service.chapter,
        "name": service.name,
        "summary": service.summary,
        "clause": service.clause,
        "mode": service.mode,
        "life": service.life,
        "parties": {p.name: {"agency": p.agency, "node": p.node} for p in procedure.parties.values()}
        if procedure
        else {},
        "takes": procedure.start_takes if procedure else (),
    }


def _json(body: Any, status: int = 200) -> HttpResponse:
    return HttpResponse(msgspec.json.encode(body), status=status, content_type="application/json")
