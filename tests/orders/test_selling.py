"""Order numbers; what an order sells is shown by tests/orders/api/test_placing.py."""

import re

from orders.selling import draw_order_number


def test_an_order_number_is_three_groups_of_four_readable_symbols() -> None:
    group = "[0-9A-HJKMNP-TV-Z]{4}"

    for _ in range(100):
        assert re.fullmatch(f"{group}-{group}-{group}", draw_order_number())


def test_order_numbers_are_drawn_from_the_whole_range() -> None:
    numbers = [draw_order_number().replace("-", "") for _ in range(2_000)]

    assert len(set(numbers)) == 2_000
    # Were any place fixed or counted up, it would show less than all 32 symbols.
    assert {len({number[place] for number in numbers}) for place in range(12)} == {32}
