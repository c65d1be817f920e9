"""The worker's half of delivery: what the gateway took in is applied here, once, by the handlers capabilities registered.

One transaction per message: the handler's changes and the row's new state commit together or not at all, so a worker
that is killed has done nothing. Rows are taken with SKIP LOCKED, so several workers are safe. Inside a stream a row
waits for the ones before it; a parked one (it came too early) does not hold up those that may be what it waits for.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import msgspec
import structlog
from django.db import DataError, connection, transaction
from django.db.models import F

from chuanyu.core.canonical import CanonicalError
from chuanyu.core.numbers import NumberError
from chuanyu.core.text import Text
from chuanyu.exchange import actions, installed
from chuanyu.exchange import envelope as envelopes
from chuanyu.exchange.envelope import Envelope
from chuanyu.exchange.errors import ExchangeError, SubjectError
from chuanyu.exchange.handlers import NotYet, Refused, message, messages, returns
from chuanyu.exchange.models import Inbox, Outbox
from chuanyu.identity import vault

TRIES = 8  # of a message that fails for a reason nobody foresaw, before a person must look: about 4 minutes
FAILED = "failed"  # the code of such a failure
_FAILED_TEXT = {
    "zh": "处理时出错，技术人员可按编号查找原因。",
    "en": "It failed; a technician finds the cause by its trace.",
}
# what no table can hold (NUL in a text, a word too long), no hash can cover or no structure can take: trying again is vain
UNFIT = (DataError, CanonicalError, msgspec.ValidationError)
_UNFIT_TEXT = Text("报文内容的格式不对。", "The message's content does not have the shape it should.")
FIRST_WAIT, LONGEST_WAIT = 1.0, 60.0  # seconds between tries, doubling
BATCH = 500  # messages in one round, so that the worker's other jobs get their turn

log = structlog.get_logger("chuanyu.inbox")

# the earliest row that is due and has nothing unfinished before it in its stream; parked rows let others pass
_NEXT = """
SELECT id FROM exchange_inbox AS row
 WHERE state IN ('new', 'parked') AND next_try <= now()
   AND (stream = '' OR NOT EXISTS (
         SELECT FROM exchange_inbox AS before
          WHERE before.stream = row.stream AND before.state IN ('new', 'dead')
            AND (before.received, before.id) < (row.received, row.id)))
 ORDER BY received, id LIMIT 1 FOR UPDATE SKIP LOCKED
"""

# something changed: what came too early may have its turn now. Rows another worker holds are left to their own timer
_WAKE = """
UPDATE exchange_inbox SET next_try = now() WHERE id IN (
  SELECT id FROM exchange_inbox WHERE state = 'parked' AND next_try > now() FOR UPDATE SKIP LOCKED)
"""


def work() -> int:
    """Apply what is due, and tell senders at this node what was refused elsewhere. Returns how many rows were settled."""
    return _round(_apply_one) + _round(_tell_one)


def _round(step: Callable[[], bool]) -> int:
    count = 0
    while count < BATCH and step():
        count += 1
    return count


def _apply_one() -> bool:
    """Take one row and settle it; False when none is due."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(_NEXT)
            found = cursor.fetchone()
        if found is None:
            return False
        row = Inbox.objects.get(pk=found[0])
        try:
            with transaction.atomic():
                _apply(envelopes.decode(bytes(row.envelope)))
        except NotYet as early:
            _park(row, early.code)
        except Refused as refused:
            _refuse(row, refused)
        except UNFIT as error:
            log.warning(
                "message unfit", message=str(row.id), reason=str(error).split("\n", 1)[0]
            )  # the next lines quote it
            _refuse(row, Refused("malformed", _UNFIT_TEXT))
        except Exception as error:
            _failed(row, error)
        else:
            Inbox.objects.filter(pk=row.pk).update(
                state=Inbox.APPLIED, applied=_now(), error=None, tries=F("tries") + 1
            )
            with connection.cursor() as cursor:
                cursor.execute(_WAKE)
    return True


def _apply(received: Envelope) -> None:
    handler = messages.get(received.action)
    if handler is None:
        raise Refused(
            "unknown_action",
            Text(f"本节点不处理 {received.action}。", f"This node does not handle {received.action}."),
        )
    handler(received, _person(received))


def _person(received: Envelope) -> UUID | None:
    """Who the message is about. Someone this node has never seen is enrolled: only the number is known of them."""
    if received.subject is None:
        return None
    try:
        return vault.enrol(installed.sealer().open(received.subject, received.purpose))
    except (SubjectError, NumberError) as error:
        raise Refused("bad_subject", error.text) from None


def _park(row: Inbox, code: str) -> None:
    before = 0 if _code(row) == FAILED else row.tries
    Inbox.objects.filter(pk=row.pk).update(
        state=Inbox.PARKED, tries=before + 1, next_try=_now() + _wait(before), error={"code": code}
    )


def _refuse(row: Inbox, refused: Refused) -> None:
    trace = str(row.id)
    text = {"zh": refused.text.zh, "en": refused.text.en}
    Inbox.objects.filter(pk=row.pk).update(
        state=Inbox.REFUSED, tries=F("tries") + 1, error={"code": refused.code, "text": text, "trace": trace}
    )
    log.warning("message refused", message=trace, code=refused.code)
    try:
        with transaction.atomic():
            actions.send_back(envelopes.decode(bytes(row.envelope)), code=refused.code, text=refused.text, trace=trace)
    except ExchangeError as error:  # the compact may have changed: the refusal stands, and our officer sees it
        log.warning("sender not told", message=trace, code=error.code)


def _failed(row: Inbox, error: Exception) -> None:
    trace = uuid4().hex
    tries = (row.tries if _code(row) == FAILED else 0) + 1
    log.error("message failed", message=str(row.id), trace=trace, tries=tries, dead=tries >= TRIES, exc_info=error)
    Inbox.objects.filter(pk=row.pk).update(
        state=Inbox.DEAD if tries >= TRIES else row.state,
        tries=tries,
        next_try=_now() + _wait(tries - 1),
        error={"code": FAILED, "text": _FAILED_TEXT, "trace": trace},
    )


def _code(row: Inbox) -> str:
    return str((row.error or {}).get("code", ""))


def _wait(before: int) -> timedelta:
    """The pause after one more try, when there were `before` of the same kind."""
    return timedelta(seconds=min(FIRST_WAIT * 2 ** min(before, 30), LONGEST_WAIT))


def _now() -> datetime:
    return datetime.now(UTC)


# --- what the peer refused of ours -----------------------------------------------------------------------------------


@message("returned")
def take_back(received: Envelope, person: UUID | None) -> None:
    """The peer will never apply a message of ours: it becomes a dead letter here, and its capability is told."""
    answer = received.document if isinstance(received.document, dict) else {}
    try:
        id = UUID(str(answer.get("id", "")))
    except ValueError:
        raise Refused("bad_document", Text("退回通知没有报文编号。", "The return names no message.")) from None
    ours = Outbox.objects.filter(pk=id, state__in=(Outbox.SENT, Outbox.WAITING))
    if not ours.update(state=Outbox.DEAD, answered=True, told=False, last_error=answer):
        log.warning("returned message is not ours", message=str(id))


def _tell_one() -> bool:
    """Run the `returned` handler of one dead row of ours that has not been told; False when there is none."""
    with transaction.atomic():
        waiting = Outbox.objects.select_for_update(skip_locked=True)
        row = waiting.filter(state=Outbox.DEAD, told=False, next_try__lte=_now()).order_by("created").first()
        if row is None:
            return False
        sent = envelopes.decode(bytes(row.envelope))
        try:
            with transaction.atomic():
                _tell(sent, row.last_error or {})
        except Exception:
            log.exception("telling of a returned message failed", message=str(row.id), action=sent.action)
            later = _now() + timedelta(seconds=LONGEST_WAIT)
            Outbox.objects.filter(pk=row.pk).update(next_try=later)
        else:
            Outbox.objects.filter(pk=row.pk).update(told=True)
    return True


def _tell(sent: Envelope, answer: dict[str, Any]) -> None:
    handler = returns.get(sent.action)
    if handler is not None:
        handler(sent, answer)
