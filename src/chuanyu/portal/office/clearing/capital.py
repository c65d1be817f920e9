"""Amounts in the characters that Chinese payment papers use (大写金额), as the People's Bank prescribes for bills."""

DIGITS = "零壹贰叁肆伍陆柒捌玖"
PLACES = ("", "拾", "佰", "仟")
GROUPS = ("", "万", "亿", "万亿")


def capital(fen: int) -> str:
    """1234567890 → 壹仟贰佰叁拾肆万伍仟陆佰柒拾捌元玖角整. `fen` from 0 to below 10^18; ValueError else."""
    if not 0 <= fen < 10**18:
        raise ValueError(f"{fen} fen can't be written out")
    yuan, rest = divmod(fen, 100)
    jiao, cents = divmod(rest, 10)
    said = f"{_whole(yuan)}元" if yuan else ""
    if yuan and (yuan % 10 == 0 if jiao else cents):
        said += "零"
    if jiao:
        said += f"{DIGITS[jiao]}角"
    if cents:
        return f"{said}{DIGITS[cents]}分"
    return f"{said or '零元'}整"


def _whole(yuan: int) -> str:
    said, gap = "", False
    groups = []
    while yuan:
        yuan, group = divmod(yuan, 10000)
        groups.append(group)
    for at in range(len(groups) - 1, -1, -1):
        group = groups[at]
        if group == 0:
            gap = bool(said)
            continue
        if said and (gap or group < 1000):
            said += "零"
        said += _group(group) + GROUPS[at]
        gap = False
    return said


def _group(number: int) -> str:
    said, gap = "", False
    for at in range(3, -1, -1):
        digit = number // 10**at % 10
        if digit == 0:
            gap = bool(said)
            continue
        said += ("零" if gap else "") + DIGITS[digit] + PLACES[at]
        gap = False
    return said
