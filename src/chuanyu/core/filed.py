"""Whether `batch` makes sense beside the rest of the declaration: its documents, its posting. Fields and rules need the folder."""

from collections.abc import Iterator

from chuanyu.core.service import Batch, Declared
from chuanyu.core.sheet import Finding


def findings(view: Declared) -> Iterator[Finding]:
    """Everything unsound in `batch`."""
    batch = view.batch
    if batch is None:
        return
    for at, name in (("document", batch.document), ("history.document", batch.history and batch.history.document)):
        document = view.documents.get(name or "")
        if name and (document is None or document.by != "node"):
            yield Finding(f"batch.{at}", "batch", f"{name!r} of 'batch' is no declared document by the node")
    if batch.by and batch.key and batch.by not in batch.key:
        message = f"'key' of 'batch' leaves out {batch.by!r}: the rows of two nodes could not be told apart"
        yield Finding("batch.key", "batch", message)
    if batch.posts is not None:
        yield from _posting(view, batch)


def _posting(view: Declared, batch: Batch) -> Iterator[Finding]:
    assert batch.posts is not None
    posting, at = view.postings.get(batch.posts), f"clearing.{batch.posts}"
    if posting is None:
        yield Finding("batch.posts", "batch", f"'batch' posts {batch.posts!r}, which 'clearing' doesn't declare")
        return
    if posting.payee != batch.by:
        message = (
            f"payee {posting.payee!r} of posting {posting.name!r} is not {batch.by!r}: who uploads a row is paid for it"
        )
        yield Finding(f"{at}.payee", "batch", message)
    if posting.payer == posting.payee:
        yield Finding(f"{at}.payer", "batch", f"payer and payee of posting {posting.name!r} are the same")
    if not posting.window:
        yield Finding(at, "batch", f"posting {posting.name!r} of 'batch' has no window: pages are settled together")
    if (posting.source, posting.target) != ("fund", "fund"):
        yield Finding(at, "batch", f"posting {posting.name!r} of 'batch' goes from fund to fund, and nowhere else")
