"""What a look at somebody's record is for, in words: a clerk chooses from these, and the person reads the same."""

from chuanyu.core.catalogue import catalogue
from chuanyu.core.documents import Choice
from chuanyu.core.text import Text
from chuanyu.identity import delegations


class Purpose(Choice):
    """Why a clerk looks somebody up."""

    apply = "counter.apply", "本人到窗口申请办事", "Applying at the counter"
    follow = "counter.follow", "本人到窗口查询、补正或撤回办件", "Asking about, correcting or withdrawing a case"
    correct = "counter.correct", "本人到窗口更正登记信息", "Having a record corrected"


_WORDS = {str(each): each.text for each in Purpose} | {delegations.PURPOSE: Text("委托", "Delegation")}


def said(key: str) -> Text:
    """A purpose of the counter, or the service of the case that was opened; the key itself for one unknown here."""
    service = catalogue().get(key)
    return _WORDS.get(key) or (service.name if service else Text(key, key))
