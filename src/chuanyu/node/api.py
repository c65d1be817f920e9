"""The node's API: the routers of the capabilities under one address, described by one OpenAPI document."""

from functools import cache
from pathlib import Path
from typing import Any

import yaml
from ninja import NinjaAPI

from chuanyu.cases.api import refused
from chuanyu.cases.api import router as cases
from chuanyu.cases.errors import CaseError
from chuanyu.clearing.actions import ClearingError
from chuanyu.clearing.api import router as clearing
from chuanyu.clearing.files.api import refused as file_refused
from chuanyu.clearing.files.api import router as files
from chuanyu.core.documents import DocumentError
from chuanyu.exchange.api import router as exchange


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
        for name, schema in known.items():
            for field, property_ in schema.get("properties", {}).items():
                if words := meaning(name, field):
                    property_ |= {"title": words["zh"], "description": words["en"]}
        return document


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
api.add_exception_handler(ClearingError, file_refused)
api.add_exception_handler(DocumentError, file_refused)
