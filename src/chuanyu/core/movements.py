"""Whether what moves makes sense: who pays, from which account, in which act, and that nothing reserved stays behind."""

from collections.abc import Iterator

from chuanyu.core.service import Act, Declared, Posting, Procedure, State
from chuanyu.core.sheet import Finding

VERBS = ("reserve", "post", "void", "reverse")


def findings(view: Declared) -> Iterator[Finding]:
    """Everything unsound in `clearing` and in the acts that move what it declares."""
    for posting in view.postings.values():
        yield from _sides(view, posting)
        yield from _prepayment(view, posting)
        yield from _holder(view, posting)
        yield from _needed(view, posting)
    if view.procedure is not None:
        for state in view.procedure.states.values():
            for act in state.does.values():
                yield from _act(view, state, act)
        yield from _flow(view, view.procedure)


def _sides(view: Declared, posting: Posting) -> Iterator[Finding]:
    at, name = f"clearing.{posting.name}", posting.name
    parties = (*view.procedure.parties, "applicant") if view.procedure else ("applicant",)
    if view.batch is not None and view.batch.posts == name:
        return  # its sides are fields of a row: see `filed`
    for role, who, key, account in (
        ("payer", posting.payer, "from", posting.source),
        ("payee", posting.payee, "to", posting.target),
    ):
        if who and who not in parties:
            yield Finding(f"{at}.{role}", "posting", f"{role} {who!r} of posting {name!r} is no party")
        if who and (who == "applicant") != (account == "person"):
            message = f"{role} {who!r} of posting {name!r} has {key} {account!r}: the applicant, and nobody else, has 'person'"
            yield Finding(f"{at}.{role}", "posting", message)
    if posting.allowance and posting.source != "person":
        message = f"posting {name!r} has an allowance, but nobody's own account pays"
        yield Finding(f"{at}.allowance", "posting", message)
    if posting.payer and posting.payer == posting.payee:
        yield Finding(f"{at}.payee", "posting", f"payer and payee of posting {name!r} are the same")


def _prepayment(view: Declared, posting: Posting) -> Iterator[Finding]:
    at, name = f"clearing.{posting.name}", posting.name
    if (posting.source == "prepayment") != (posting.prepayment is not None):
        yield Finding(
            at, "prepayment", f"posting {name!r} has one of 'from: prepayment' and 'prepayment', but not both"
        )
    if posting.prepayment is None:
        return
    for key in ("yellow", "red"):
        alarm = getattr(posting.prepayment, key)
        parameter = view.parameters.get(alarm)
        if alarm and (parameter is None or parameter.unit not in ("ratio", "")):
            message = f"{key} {alarm!r} of posting {name!r} is no parameter that is a ratio"
            yield Finding(f"{at}.prepayment.{key}", "prepayment", message)


def _holder(view: Declared, posting: Posting) -> Iterator[Finding]:
    """`to: holder` says by which document of the payee's register, and by which of the case's, the holder is known."""
    at, name = f"clearing.{posting.name}.holder", posting.name
    if (posting.target == "holder") != (posting.holder is not None):
        yield Finding(at, "posting", f"posting {name!r} has one of 'to: holder' and 'holder', but not both")
    if posting.holder is None:
        return
    held = view.documents.get(posting.holder.document)
    if held is None or not held.register or held.made or held.by != posting.payee:
        message = f"{posting.holder.document!r} of posting {name!r} is no document in the register of {posting.payee!r}"
        yield Finding(f"{at}.document", "posting", message)
    if posting.holder.of not in view.documents:
        yield Finding(f"{at}.of", "posting", f"{posting.holder.of!r} of posting {name!r} is no declared document")


def _needed(view: Declared, posting: Posting) -> Iterator[Finding]:
    """A posting is posted by some act, and a personal account is in one book."""
    at, name = f"clearing.{posting.name}", posting.name
    moving = [
        (state, act)
        for state in (view.procedure.states.values() if view.procedure else ())
        for act in state.does.values()
        if name in act.moves
    ]
    by_files = view.batch is not None and view.batch.posts == name
    if not by_files and not any(name in act.post for _, act in moving):
        yield Finding(at, "posting", f"no act posts {name!r}")
    owners = sorted({state.owner for state, _ in moving if state.owner})
    if posting.payer == "applicant" and len(owners) > 1:
        message = f"the applicant's account of posting {name!r} would be in the books of {' and '.join(owners)}"
        yield Finding(at, "posting", message)


def _act(view: Declared, state: State, act: Act) -> Iterator[Finding]:
    name = f"act {act.name!r} of state {state.name!r}"
    for verb in VERBS:
        at = f"cases.states.{state.name}.does.{act.name}.{verb}"
        for moved in getattr(act, verb):
            posting = view.postings.get(moved)
            if posting is None:
                yield Finding(at, "posting", f"{name} moves {moved!r}, which 'clearing' doesn't declare")
                continue
            if act.moves.count(moved) > 1:
                yield Finding(at, "posting", f"{name} moves {moved!r} more than once")
            own = posting.payer in (state.owner, "applicant", "")  # the applicant's account is in the owner's book
            if state.owner and (not own or act.by not in ("owner", "auto")):
                message = f"{name} moves {moved!r}: only the payer {posting.payer!r} can, as owner of the state"
                yield Finding(at, "posting", message)


def _flow(view: Declared, procedure: Procedure) -> Iterator[Finding]:
    """Follow what may be reserved, and what may be posted, from the start through every act."""
    reached: dict[str, frozenset[tuple[str, str]]] = {procedure.start_state: frozenset()}
    waiting = [procedure.start_state]
    while waiting:
        state = procedure.states.get(waiting.pop())
        for act in state.does.values() if state else ():
            assert state is not None
            for outcome, target in act.to.items():
                after = reached[state.name] if outcome != "accept" else _moved(reached[state.name], act)
                if target not in reached or not after <= reached[target]:
                    reached[target] = reached.get(target, frozenset()) | after
                    waiting.append(target)
    for name, maybe in reached.items():
        state = procedure.states.get(name)
        if state is None:
            continue
        if state.final:
            for verb, moved in sorted(maybe):
                if verb == "reserve":
                    message = (
                        f"{moved!r} may still be reserved when state {name!r} ends the case: post or void it before"
                    )
                    yield Finding(f"cases.states.{name}", "posting", message)
        for act in state.does.values():
            yield from _order(state, act, maybe)


def _moved(before: frozenset[tuple[str, str]], act: Act) -> frozenset[tuple[str, str]]:
    after = before - {("reserve", name) for name in (*act.post, *act.void)} - {("post", name) for name in act.reverse}
    return after | {("reserve", name) for name in act.reserve} | {("post", name) for name in act.post}


def _order(state: State, act: Act, maybe: frozenset[tuple[str, str]]) -> Iterator[Finding]:
    at = f"cases.states.{state.name}.does.{act.name}"
    name = f"act {act.name!r} of state {state.name!r}"
    for moved in act.reserve:
        if ("reserve", moved) in maybe:
            yield Finding(f"{at}.reserve", "posting", f"{name} reserves {moved!r}, which may be reserved already")
    for moved in act.void:
        if ("reserve", moved) not in maybe:
            yield Finding(f"{at}.void", "posting", f"{name} voids {moved!r}, which is never reserved before")
    for moved in act.reverse:
        if ("post", moved) not in maybe:
            yield Finding(f"{at}.reverse", "posting", f"{name} reverses {moved!r}, which is never posted before")
