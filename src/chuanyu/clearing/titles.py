"""What a transfer is for, in words: as its service calls the posting, or as clearing calls what it posts by itself."""

from chuanyu.core.catalogue import catalogue
from chuanyu.core.text import Text

# what programs of the node post by themselves; the rest are names of the services' own postings
OWN = {
    "opening": Text("注入资金", "Money put in"),
    "prepayment": Text("预付", "Prepayment"),
    "settlement": Text("支付单结清", "Order settled"),
    "return": Text("冲正收回", "Reversal taken back"),
    "adjustment": Text("差异调整", "Adjustment"),
}


def title(name: str, service: str) -> Text:
    """The title of a transfer by its name and its service; a name that nobody declares any more stands for itself."""
    found = catalogue().get(service)
    posting = found.postings.get(name) if found else None
    return posting.title if posting else OWN.get(name, Text(name, name))


def of_book(name: str, book: str) -> Text:
    """The same by a book ("nhsa/medical_settlement")."""
    return title(name, book.partition("/")[2])


def of_window(service: str, unit: str) -> Text:
    """What is settled together in a service's windows: the titles of all its postings there."""
    found = catalogue().get(service)
    titles = [p.title for p in found.postings.values() if p.window and p.unit == unit] if found else []
    return Text("、".join(t.zh for t in titles), ", ".join(t.en for t in titles)) if titles else Text(service, service)
