"""JSON Schema (2020-12) of a document class: what another system must send us."""

from typing import Any

from chuanyu.core.documents.fields import Document, Field, fields
from chuanyu.core.money import Money

_MONEY = r"^-?[0-9]{1,16}(\.[0-9]{1,2})?$"
_DECIMAL = r"^-?[0-9]{1,18}(\.[0-9]{1,10})?$"


def json_schema(cls: type[Document]) -> dict[str, Any]:
    """The schema of `cls`, self-contained. Titles are Chinese with the English in `description`."""
    schema: dict[str, Any] = {
        "type": "object",
        "properties": {field.name: _property(field) for field in fields(cls)},
        "required": [field.name for field in fields(cls) if field.required],
        "additionalProperties": False,
    }
    about = (cls.__doc__ or "").strip()
    if about:
        schema["description"] = about.splitlines()[0]
    return schema


def _property(field: Field) -> dict[str, Any]:
    description = field.title.en if field.hint is None else f"{field.title.en}. {field.hint.en}"
    schema = {"title": field.title.zh, "description": description, **_type(field)}
    if field.nullable:
        schema["type"] = [schema["type"], "null"]
        if "enum" in schema:
            schema["enum"] = [*schema["enum"], None]
    return schema


def _type(field: Field) -> dict[str, Any]:
    match field.kind:
        case "integer":
            return {"type": "integer", "minimum": field.ge, "maximum": field.le}
        case "flag":
            return {"type": "boolean"}
        case "money":
            pattern = _MONEY.replace("-?", "") if field.ge >= Money(0) else _MONEY
            return {"type": "string", "format": "money-cny", "pattern": pattern}
        case "decimal":
            return {"type": "string", "format": "decimal", "pattern": _DECIMAL}
        case "date":
            return {"type": "string", "format": "date"}
        case "choice":
            return {"type": "string", "enum": [value for value, _ in field.choices]}
        case "group":
            return json_schema(field.cls)  # type: ignore[arg-type]
        case "list":
            return {
                "type": "array",
                "items": json_schema(field.cls),  # type: ignore[arg-type]
                "minItems": field.min_length,
                "maxItems": field.max_length,
            }
        case _:
            schema: dict[str, Any] = {"type": "string", "maxLength": field.max_length}
            if field.min_length or field.required:
                schema["minLength"] = field.min_length or 1
            if field.pattern:
                schema["pattern"] = f"^(?:{field.pattern})$"
            return schema
