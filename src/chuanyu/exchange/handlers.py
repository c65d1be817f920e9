"""Where capabilities tell exchange what to do with a message. Exchange imports none of them: they register here.

Three kinds. A *message* is applied later by a worker, in one transaction with its inbox row. A *query* is answered at
once, inside the gateway (so it is `async` and has a database connection of the gateway's, not Django's). A *returned*
handler runs when the peer has finally refused a message of ours.

    @message("case.event")
    def apply(envelope: Envelope, person: UUID | None) -> None: ...
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from chuanyu.core.text import Text
from chuanyu.exchange.envelope import Envelope


class NotYet(Exception):
    """The message came before something it needs: it is parked and tried again. `code` says what is missing."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Refused(Exception):
    """This message will never be applied: it is kept for the officer and its sender is told `code` and `text`."""

    def __init__(self, code: str, text: Text) -> None:
        super().__init__(f"{code}: {text.en}")
        self.code = code
        self.text = text


@dataclass(frozen=True)
class Asked:
    """A query, authorised and opened. `connection` is the gateway's asyncpg connection (raw SQL, read only).

    `person` is None when this node has never seen them; `number` is None when the query is about nobody. `stamp` changes
    when the compact or this node's keys do: what a handler derives from them it may keep as long.
    """

    connection: Any
    envelope: Envelope
    person: UUID | None
    number: str | None
    stamp: object = None


MessageHandler = Callable[[Envelope, UUID | None], None]
QueryHandler = Callable[[Asked], Awaitable[dict[str, Any]]]
ReturnedHandler = Callable[[Envelope, dict[str, Any]], None]

messages: dict[str, MessageHandler] = {}
queries: dict[str, QueryHandler] = {}
returns: dict[str, ReturnedHandler] = {}


def message(action: str) -> Callable[[MessageHandler], MessageHandler]:
    """Register the one handler of messages with this action. It may raise NotYet or Refused; anything else is retried.

    `person` is the subject's id in this node's vault, enrolled on the spot when the node has never seen them.
    """
    return _register(messages, action)


def query(action: str) -> Callable[[QueryHandler], QueryHandler]:
    """Register the one handler that answers queries with this action.

    It may raise Refused (nobody known, no consent, not permitted for this person): whatever the reason, the asker gets
    the one answer `errors.no_answer()`, and the reason goes to this node's log by trace id. It never raises NotYet.
    """
    return _register(queries, action)


def returned(action: str) -> Callable[[ReturnedHandler], ReturnedHandler]:
    """Register what happens when our message with this action is finally refused: `answer` is the refusal body."""
    return _register(returns, action)


def _register(table: dict[str, Any], action: str) -> Callable[[Any], Any]:
    def put(handler: Any) -> Any:
        if table.get(action, handler) is not handler:
            raise RuntimeError(f"two handlers for {action}: {table[action].__module__} and {handler.__module__}")
        table[action] = handler
        return handler

    return put
