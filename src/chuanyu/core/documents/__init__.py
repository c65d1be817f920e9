"""Documents: what is exchanged and what rules decide on. Typed, bounded, titled in both languages.

A document class lists its fields; the form, the JSON schema, the errors and the storage form all follow from that list:

    class ContributionYear(Document):
        year: Annotated[int, Title("年份", "Year"), Meta(ge=1949, le=2100)]
        months: Annotated[int, Title("缴费月数", "Months paid"), Meta(ge=1, le=12)]
        wages: Annotated[Money, Title("缴费工资", "Contribution wages")]

Field types: str, int, bool, date, Decimal, Money, a `Choice`, `Division`, `Time`, a nested Document, tuple[Document, ...];
each may be optional (`| None = None`). Bounds come from `Meta` (msgspec.Meta); a field without gets those of fields.py.
"""

from msgspec import Meta

from chuanyu.core.documents.decoding import DocumentError, FieldError, decode, encode
from chuanyu.core.documents.fields import (
    Choice,
    DefinitionError,
    Division,
    Document,
    Field,
    Moment,
    Person,
    Points,
    Sex,
    Share,
    Time,
    Title,
    definition_errors,
    fields,
)
from chuanyu.core.documents.forms import from_form
from chuanyu.core.documents.schema import json_schema

__all__ = [
    "Choice",
    "DefinitionError",
    "Division",
    "Document",
    "DocumentError",
    "Field",
    "FieldError",
    "Meta",
    "Moment",
    "Person",
    "Points",
    "Sex",
    "Share",
    "Time",
    "Title",
    "decode",
    "definition_errors",
    "encode",
    "fields",
    "from_form",
    "json_schema",
]
