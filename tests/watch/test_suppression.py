"""Small counts are not shown, and nothing that is shown brings them back. The check is independent: it tries everything."""

from hypothesis import example, given, settings
from hypothesis import strategies as st

from chuanyu.watch.suppression import Cell, known, publish, rounded, walk

CEILING = 400  # beyond any total of these trees


def tree(*breakdowns: list[int]) -> Cell:
    """A total broken down in several ways; each breakdown gets a last part that makes it add up."""
    total = max(sum(parts) for parts in breakdowns)
    return Cell(
        total,
        {str(i): [Cell(n) for n in [*parts, total - sum(parts)]] for i, parts in enumerate(breakdowns)},
    )


def possible(cell: Cell) -> set[int]:
    """Every count of the cell that fits what is shown of it and below it. Sets instead of bounds, so no proof is borrowed."""
    found = set(range(cell.shown.low, min(cell.shown.high, CEILING) + 1))
    for parts in cell.parts.values():
        sums = {0}
        for part in parts:
            one = possible(part)
            sums = {a + b for a in sums for b in one if a + b <= CEILING}
        found &= sums
    return found


def possible_of(root: Cell, wanted: Cell) -> set[int]:
    """Every count of `wanted` for which the whole tree still fits what is shown."""
    found = set()
    for value in range(0, 15):
        kept = wanted.shown
        pinned = type(kept)("withheld", None)
        wanted.shown = _Pin(pinned.kind, value)  # type: ignore[assignment]
        if possible(root):
            found.add(value)
        wanted.shown = kept
    return found & set(range(wanted.shown.low, wanted.shown.high + 1))


class _Pin:
    def __init__(self, kind: str, value: int) -> None:
        self.kind, self.value = kind, value
        self.low = self.high = value


counts = st.lists(st.integers(0, 30), min_size=1, max_size=5)


@settings(max_examples=150, deadline=None)
@given(st.lists(counts, min_size=1, max_size=2))
@example([[14, 14, 14, 14, 9]])  # shown as 10 each and a total of 70: the last one is 9 if nothing else is done
@example([[5, 11]])
@example([[4, 5]])
@example([[9, 7]])
def test_what_is_shown_says_no_more_of_a_small_count_than_that_it_is_small(breakdowns: list[list[int]]) -> None:
    root = tree(*breakdowns)
    publish(root)
    for cell in walk(root):
        if cell.shown.kind == "small":
            assert possible_of(root, cell) == set(range(1, 10))


@given(st.lists(counts, min_size=1, max_size=3))
def test_what_is_shown_is_true(breakdowns: list[list[int]]) -> None:
    root = tree(*breakdowns)
    publish(root)
    bounds = known(root)
    for cell in walk(root):
        low, high = bounds[id(cell)]
        assert low <= cell.count <= high
        assert cell.shown.kind != "none" or cell.count == 0
        assert cell.shown.kind != "about" or cell.count >= 10
        assert 0 < cell.count < 10 or cell.shown.kind != "small"


def test_a_count_by_itself() -> None:
    assert [rounded(n).kind for n in (0, 1, 9, 10)] == ["none", "small", "small", "about"]
    assert [rounded(n).value for n in (10, 14, 15, 24, 25, 995)] == [10, 10, 20, 20, 30, 1000]


def test_the_four_and_the_fifth() -> None:
    """The case the module begins with: what gives the fifth away is withheld, the others stay."""
    root = tree([14, 14, 14, 14, 9])
    publish(root)
    kinds = [part.shown.kind for part in root.parts["0"]]
    assert kinds.count("withheld") >= 1 and kinds.count("small") == 1 and root.shown.value == 70


def test_where_all_are_few_the_breakdown_goes() -> None:
    root = tree([9, 7])
    publish(root)
    assert root.shown.value == 20
    assert {part.shown.kind for part in root.parts["0"]} == {"withheld"}


def test_parts_must_add_up() -> None:
    try:
        Cell(3, {"x": [Cell(1), Cell(1)]})
    except ValueError as error:
        assert "add up to 2, not to 3" in str(error)
    else:
        raise AssertionError
