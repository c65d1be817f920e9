"""The API of files for staff: upload, what became of it, rows that wait. An agency's own system uses the door (door.py)."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

import msgspec
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from ninja import Router, Schema
from pydantic import Field

from chuanyu.clearing import described as words
from chuanyu.clearing.actions import ClearingError
from chuanyu.clearing.described import described
from chuanyu.clearing.files import intake, judging, queries
from chuanyu.core.documents import DocumentError
from chuanyu.core.text import Text
from chuanyu.identity.access import actor

router = Router(tags=["files"])

CHUNK = 256 * 1024
STATUS = {"not_found": 404, "not_allowed": 403, "too_large": 413, "not_held": 409}
WRONG_HEADER = Text("表头不符合要求。", "The heading is not as it should be.")


class Decision(Schema):
    """What an officer decides about held rows: let them count, or drop them."""

    rows: list[int] = Field(min_length=1, max_length=5000)
    release: bool
    reason: str = Field(min_length=1, max_length=500)


@router.get(
    "/clearing/files",
    url_name="files",
    openapi_extra=described(
        "files", "本单位上传过的文件，新的在前。", list[queries.UploadView], path={"service": words.SERVICE}
    ),
)
def files(request: HttpRequest, service: str = "") -> HttpResponse:
    """The uploads of one's own agency, newest first."""
    return _json(queries.uploads(actor(request), service=service or None))


@router.get(
    "/clearing/files/{uuid:id}",
    url_name="file",
    openapi_extra=described("file", "一次上传，以及头几行有问题的记录。", queries.UploadView, path={"id": words.FILE}),
)
def file(request: HttpRequest, id: UUID) -> HttpResponse:
    """One upload with the first lines that are not well."""
    return _json(queries.upload(id, actor(request)))


@router.get(
    "/clearing/files/{uuid:id}/results",
    url_name="file_results",
    openapi_extra={
        "x-zh": "每一行怎么处理的，CSV。",
        "x-parameters": msgspec.to_builtins({"id": words.FILE}),
        "responses": {200: {"content": {"text/csv": {"schema": {"type": "string"}}}}},
    },
)
def file_results(request: HttpRequest, id: UUID) -> StreamingHttpResponse:
    """What became of every line, as CSV."""
    lines = queries.results(id, actor(request))
    response = StreamingHttpResponse(lines, content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{id}.csv"'
    return response


# after the addresses with an id, which a service's name would swallow
@router.post(
    "/clearing/files/{service}",
    url_name="file_upload",
    openapi_extra=described(
        "file_upload",
        "上传文件，作为请求的正文：UTF-8 的 CSV（首行为字段名）或 JSON Lines，可压缩（gzip）。",
        queries.UploadView,
        path={"service": words.FILE_SERVICE, "name": words.FILE_NAME},
    ),
)
def upload(request: HttpRequest, service: str, name: str = "") -> HttpResponse:
    """Upload a file as the request's body: CSV in UTF-8 with the field names as heading, or JSON lines; either may be gzipped."""
    taken, new = intake.upload(service=service, actor=actor(request), name=name, chunks=_chunks(request))
    return _json(queries.upload(taken.pk, actor(request)), 202 if new else 200)


@router.get(
    "/clearing/held/{service}",
    url_name="held",
    openapi_extra=described(
        "held", "等待负责人处理的记录。", list[queries.HeldView], path={"service": words.FILE_SERVICE}
    ),
)
def held(request: HttpRequest, service: str) -> HttpResponse:
    """The rows that wait for an officer."""
    return _json(queries.held(service, actor(request)))


@router.post(
    "/clearing/held/{service}/decide",
    url_name="held_decide",
    openapi_extra=described(
        "held_decide",
        "放行或剔除等待处理的记录，写明理由。",
        dict[str, int],
        path={"service": words.FILE_SERVICE, "rows": words.ROWS, "release": words.RELEASE, "reason": words.REASON},
    ),
)
def held_decide(request: HttpRequest, service: str, body: Decision) -> HttpResponse:
    """Release held rows, or drop them, with the reason."""
    decided = judging.decide(
        service=service, rows=body.rows, release=body.release, actor=actor(request), reason=body.reason
    )
    return _json(decided)


def refused(request: HttpRequest, error: Any) -> HttpResponse:
    """Why nothing was done, and what to mend."""
    body, status = answer(error)
    return _json(body | {"trace": getattr(request, "trace", "")}, status)


def answer(error: ClearingError | DocumentError) -> tuple[dict[str, Any], int]:
    """(body, status) for an error of a file as a whole."""
    if isinstance(error, DocumentError):
        fields = [{"path": one.path, "message": one.message, "code": one.code} for one in error.errors]
        return {"error": "header", "text": WRONG_HEADER, "fields": fields}, 422
    return {"error": error.code, "text": error.text}, STATUS.get(error.code, 422)


def _chunks(request: HttpRequest) -> Iterator[bytes]:
    while chunk := request.read(CHUNK):
        yield chunk


def _json(body: Any, status: int = 200) -> HttpResponse:
    return HttpResponse(msgspec.json.encode(body), status=status, content_type="application/json")
