"""A file of a case, for those who may see the case."""

from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.utils.http import content_disposition_header

from chuanyu.cases import queries
from chuanyu.cases.errors import CaseError
from chuanyu.identity.access import actor


def download(request: HttpRequest, id_: UUID) -> HttpResponse:
    """The bytes, to be saved and not shown: what others uploaded never runs in our origin."""
    try:
        found = queries.attachment(id_, actor(request))
    except CaseError:
        raise Http404 from None
    response = HttpResponse(bytes(found.content), content_type=found.media_type)
    response.headers["Content-Disposition"] = content_disposition_header(True, found.filename) or "attachment"
    return response
