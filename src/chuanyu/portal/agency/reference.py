"""The API reference, drawn from the node's own OpenAPI document: nothing is loaded from elsewhere, nothing can be out of date.

The document is read as any program would read it; who may call an address is read from the access table.
"""

import json
import re
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import resolve, reverse
from django.utils.translation import gettext

from chuanyu.core.text import Text
from chuanyu.identity.roles import ACCESS, ROLES
from chuanyu.portal.agency.agency import crumbs, rooms

SAMPLE = "0193d0e5-7c00-7000-8000-0000000000a1"  # stands for any id in an address
REF = "#/components/schemas/"
ROLE_NAMES = {
    "public": Text("不用登录", "no sign-in needed"),
    "resident": Text("居民", "residents"),
    "clerk": Text("窗口人员", "clerks"),
    "officer": Text("经办负责人", "officers"),
    "office": Text("专班", "the office"),
}
Words = tuple[tuple[str, str], ...]  # pieces of a type: text, and the structure it leads to or ""


@dataclass(frozen=True)
class Part:
    """A parameter or a field: its name, its type, whether it must be there."""

    name: str
    type: Words
    required: bool
    says: Text | None = None


@dataclass(frozen=True)
class Operation:
    """One method of one address."""

    id: str
    method: str
    path: str
    says: Text
    roles: list[Text]
    parameters: list[Part]
    body: list[Part]
    body_name: str
    answer: Words
    example: str
    answered: str  # an example of the answer
    refusals: list[str]  # the statuses of a Problem


@dataclass(frozen=True)
class Structure:
    """An object of the API."""

    name: str
    says: str
    parts: list[Part]


def reference(request: HttpRequest) -> HttpResponse:
    """Every operation, every structure, and how errors look."""
    document = openapi(request)
    context = {
        "operations": operations(document),
        "structures": structures(document),
        "document": reverse("api:openapi-json"),
        "version": document["info"]["version"],
        "rooms": rooms(request),
        "crumbs": crumbs(("", Text("接口", "API"))),
    }
    return render(request, "portal/agency/reference.html", context)


def openapi(request: HttpRequest) -> dict[str, Any]:
    """The node's OpenAPI document. It changes only with the program."""
    address = reverse("api:openapi-json")
    return _parsed(resolve(address).func(request).content)


@cache
def _parsed(content: bytes) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(content)
    return document


def operations(document: dict[str, Any]) -> list[Operation]:
    """In the order of the document."""
    return [
        _operation(document, path, method.upper(), found)
        for path, methods in document["paths"].items()
        for method, found in methods.items()
    ]


def structures(document: dict[str, Any]) -> list[Structure]:
    """Every named structure, by name. What only says both languages is left to its own line."""
    found = document.get("components", {}).get("schemas", {})
    return [Structure(name, schema.get("description", ""), _parts(schema)) for name, schema in sorted(found.items())]


def _operation(document: dict[str, Any], path: str, method: str, found: dict[str, Any]) -> Operation:
    schema = found.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
    name = schema.get("$ref", "").removeprefix(REF)
    body = document["components"]["schemas"][name] if name else schema
    content = found["responses"].get("200", {}).get("content", {}).get("application/json", {})
    answer = content.get("schema", {})
    english = found.get("description") or found.get("summary", "")
    return Operation(
        id=found["operationId"].replace("_", "-"),
        method=method,
        path=path,
        says=Text(found.get("x-zh") or english, english),
        roles=_roles(path, found.get("x-roles")),
        parameters=[
            Part(each["name"], _type(each.get("schema", {})), each.get("required", False), _says(found, each["name"]))
            for each in found.get("parameters", ())
        ],
        body=[replace(part, says=_says(found, part.name) or part.says) for part in _parts(body)],
        body_name=name,
        answer=_type(answer) if answer else (("JSON", ""),),
        example=_example(method, path, found.get("x-sent")),
        answered=json.dumps(content["example"], ensure_ascii=False, indent=2) if "example" in content else "",
        refusals=[status for status in found["responses"] if status != "200"],
    )


def _says(operation: dict[str, Any], name: str) -> Text | None:
    """What a parameter or a field of the body means."""
    words = operation.get("x-parameters", {}).get(name)
    return Text(**words) if words else None


def _roles(path: str, fewer: list[str] | None) -> list[Text]:
    """Who the access table lets in; `fewer`: of them those whom this operation of the address is for."""
    roles = ACCESS.get(resolve(re.sub(r"\{[^}]*\}", SAMPLE, path)).view_name, frozenset())
    names = ["public"] if "public" in roles else [role for role in ROLES if role in (fewer or roles)]
    return [ROLE_NAMES[role] for role in names]


def _parts(schema: dict[str, Any]) -> list[Part]:
    required = set(schema.get("required", ()))
    return [
        Part(
            name,
            _type(each),
            name in required,
            Text(each["title"], each["description"]) if "description" in each else None,
        )
        for name, each in schema.get("properties", {}).items()
    ]


def _type(schema: dict[str, Any]) -> Words:
    """A type in words; structures by name."""
    if ref := schema.get("$ref", ""):
        name = ref.removeprefix(REF)
        return ((name, name),)
    for several in ("anyOf", "oneOf"):
        if several in schema:
            found: list[tuple[str, str]] = []
            for each in schema[several]:
                found += [(gettext(" 或 "), "")] if found else []
                found += _type(each)
            return tuple(found)
    match schema.get("type"):
        case "array":
            return ((gettext("列表："), ""), *_type(schema.get("items", {})))
        case "object" if isinstance(schema.get("additionalProperties"), dict):
            return ((gettext("按名称："), ""), *_type(schema["additionalProperties"]))
        case None:
            return ((gettext("任意 JSON"), ""),)
        case kind:
            shape = schema.get("format")
            return ((f"{kind} ({shape})" if shape else str(kind), ""),)


def _example(method: str, path: str, sent: dict[str, Any] | None) -> str:
    """A call one can try: with the node's own address, and the token where something is written."""
    for name, value in (("key", "pension_transfer"), ("case", SAMPLE), ("act", "accept")):
        path = path.replace("{" + name + "}", value)
    lines = [f"curl {settings.PLACE.portal_url}{path}"]
    if method != "GET":
        lines[0] = lines[0].replace("curl ", f"curl -X {method} ")
        lines.append('  -H "X-CSRFToken: $TOKEN" -H "Content-Type: application/json"')
        lines.append(f"  -d '{json.dumps(sent, ensure_ascii=False, indent=2)}'")
    if "public" not in ACCESS.get(resolve(re.sub(r"\{[^}]*\}", SAMPLE, path)).view_name, frozenset()):
        lines.insert(1, f'  -b "{settings.SESSION_COOKIE_NAME}=$SESSION"')
    return " \\\n".join(lines)
