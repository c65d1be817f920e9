"""The node's API: the routers of the capabilities under one address, described by one OpenAPI document."""

import re
from functools import cache
from http import HTTPStatus
from pathlib import Path
from typing import Any

import msgspec
import yaml
from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import resolve
from ninja import NinjaAPI
from ninja.errors import HttpError, ValidationError

from chuanyu.cases.api import refused
from chuanyu.cases.api import router as cases
from chuanyu.cases.errors import CaseError
from chuanyu.clearing.actions import ClearingError
from chuanyu.clearing.api import Refused
from chuanyu.clearing.api import refused as reading_refused
from chuanyu.clearing.api import router as clearing
from chuanyu.clearing.files.api import refused as file_refused
from chuanyu.clearing.files.api import router as files
from chuanyu.core.documents import DocumentError
from chuanyu.core.problem import Problem, Wrong
from chuanyu.core.text import Text
from chuanyu.exchange.api import router as exchange
from chuanyu.identity.roles import ACCESS
from chuanyu.node import errors

REF = "#/components/schemas/"
SAMPLE = "0193d0e5-7c00-7000-8000-0000000000a1"  # stands for any id in an address
WRONG = Text("请求里有读不懂或超出范围的内容。", "Something in the request cannot be read or is out of bounds.")
UNREADABLE = Text("这一项缺少、读不懂或超出范围。", "This is missing, cannot be read or is out of bounds.")
SESSION: dict[str, list[str]] = {"session": []}
CSRF: dict[str, list[str]] = {"session": [], "csrf": []}


class Api(NinjaAPI):
    """One OpenAPI document whose references all lead somewhere: msgspec's structures come with the operations that use them."""

    def get_openapi_schema(self, **options: Any) -> Any:
        """The document, each operation's `x-components` moved to where `$ref` looks for them."""
        document = super().get_openapi_schema(**options)
        known = document.setdefault("components", {}).setdefault("schemas", {})
        for methods in document["paths"].values():
            for operation in methods.values():
                known.update(operation.pop("x-components", {}))
                for parameter in operation.get("parameters", ()):
                    words = operation.get("x-parameters", {}).get(parameter["name"])
                    if words:
                        parameter["description"] = words["en"]
        (_,), structures = msgspec.json.schema_components([Problem], ref_template=REF + "{name}")
        known.update(structures)
        for path, methods in document["paths"].items():
            for method, operation in methods.items():
                _refusals(operation, path, method.upper())
        document["components"]["securitySchemes"] = security()
        for name, schema in known.items():
            for field, property_ in schema.get("properties", {}).items():
                if words := meaning(name, field):
                    property_ |= {"title": words["zh"], "description": words["en"]}
        return document


def security() -> dict[str, Any]:
    """How one signs in: here by session, with a token against forgery to write; agencies' systems by token at the gateway."""
    return {
        "session": {
            "type": "apiKey", "in": "cookie", "name": settings.SESSION_COOKIE_NAME,
            "description": "The session of who signed in at the portal; staff with a second factor.",
        },
        "csrf": {
            "type": "apiKey", "in": "header", "name": "X-CSRFToken",
            "description": f"The value of the cookie {settings.CSRF_COOKIE_NAME}; every write carries it.",
        },
        "token": {
            "type": "http", "scheme": "bearer",
            "description": "An agency's system, at the gateway's /api/clearing/ alone: the same readings, and its transfers.",
        },
    }  # fmt: skip


def _refusals(operation: dict[str, Any], path: str, method: str) -> None:
    """What the operation may answer but 200, each a Problem, and what one signs in with."""
    name = resolve(re.sub(r"\{[^}]*\}", SAMPLE, path)).view_name
    public, writes = "public" in ACCESS.get(name, ()), method != "GET"
    statuses = set() if public else {401, 403}
    statuses |= {404} if "{" in path else set()
    statuses |= {400, 409, 422} if writes else set()
    statuses |= (
        {422} if operation.get("parameters") and any(p["in"] == "query" for p in operation["parameters"]) else set()
    )
    statuses |= {429} if (name, method) == ("api:cases", "POST") else set()
    for status in sorted(statuses):
        operation["responses"][str(status)] = {
            "description": HTTPStatus(status).phrase,
            "content": {"application/json": {"schema": {"$ref": REF + Problem.__name__}}},
        }
    operation["security"] = [] if public else [CSRF if writes else SESSION]


@cache
def meanings() -> dict[str, dict[str, str]]:
    """fields.yaml: `field` or `Structure.field` → {zh, en}."""
    found: dict[str, dict[str, str]] = yaml.safe_load((Path(__file__).parent / "fields.yaml").read_text())
    return found


def meaning(structure: str, field: str) -> dict[str, str] | None:
    """What a field of a structure means, or None where nobody has said."""
    return meanings().get(f"{structure}.{field}") or meanings().get(field)


api = Api(
    title="Chuanyu",
    version="1",
    description="Services, cases and one's own data at one node. Sign in with a session; writes carry the CSRF token.",
    urls_namespace="api",
    docs_url=None,
)
api.add_router("", cases)
api.add_router("", clearing)
api.add_router("", exchange)
api.add_router("", files)
api.add_exception_handler(CaseError, refused)
api.add_exception_handler(Refused, reading_refused)
api.add_exception_handler(ClearingError, file_refused)
api.add_exception_handler(DocumentError, file_refused)


def invalid(request: HttpRequest, error: Any) -> HttpResponse:
    """A parameter or a field of the body that isn't what the document says: which, by its place."""
    paths = {".".join(str(part) for part in one["loc"][1:]): one["type"] for one in error.errors}
    body = Problem(
        error="invalid",
        text=WRONG,
        fields=tuple(Wrong(path=path, message=UNREADABLE, code=code) for path, code in paths.items()),
        trace=getattr(request, "trace", ""),
    )
    return HttpResponse(msgspec.json.encode(body), status=422, content_type="application/json")


def unreadable(request: HttpRequest, error: Any) -> HttpResponse:
    """What the framework itself refuses: a body that is no JSON."""
    body = Problem(error=errors.WORDS[400], text=WRONG, trace=getattr(request, "trace", ""))
    return HttpResponse(msgspec.json.encode(body), status=error.status_code, content_type="application/json")


api.add_exception_handler(ValidationError, invalid)
api.add_exception_handler(HttpError, unreadable)
api.add_exception_handler(Http404, lambda request, _: errors.not_found(request))
