"""Amounts, flags, texts and codes as other programs write them."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from products.exchange.codes import make_code
from products.exchange.entries import EntryError
from products.exchange.values import parse_flag, parse_integer, parse_price, parse_stock, strip_html


@pytest.mark.parametrize(
    ("cell", "currency", "amount"),
    [
        ("0", "EUR", "0"),
        ("15", "EUR", "15"),
        ("15.5", "EUR", "15.5"),
        ("15,50", "EUR", "15.5"),
        ("$15", "USD", "15"),
        ("US$ 15", "USD", "15"),
        ("15.00 USD", "USD", "15"),
        ("￥1,299.00", "CNY", "1299"),
        ("1,299", "USD", "1299"),
        ("1.299,00 €", "EUR", "1299"),
        ("1 299,90 €", "EUR", "1299.9"),
        ("CHF 1'299.50", "CHF", "1299.5"),
        ("CHF 1'299.–", "CHF", "1299"),
        ("1.299.000", "EUR", "1299000"),
        ("1,299,000.99", "EUR", "1299000.99"),
        ("9999999.99", "EUR", "9999999.99"),
        ("12元", "CNY", "12"),
    ],
)
def test_an_amount_is_read(cell: str, currency: str, amount: str) -> None:
    assert parse_price(cell, "price", currency=currency) == Decimal(amount)


@pytest.mark.parametrize(
    ("cell", "reason"),
    [
        ("", "no amount"),
        ("free", "no amount"),
        ("-5", "no amount"),
        ("1.299", "thousands or decimals"),
        ("0.125", "no amount with two decimals"),
        ("0,125", "no amount with two decimals"),
        (".99", "no amount"),
        ("10 - 20", "no amount"),
        ("1e5", "in e5|no amount"),
        ("20%", "in %"),
        ("5.00-", "no amount"),
        ("(5.00)", "in"),
        ("99 kr", "in kr"),
        ("A$15", "in A"),
        ("1.2.3", "no amount with two decimals"),
        ("12345.678", "no amount with two decimals"),
        ("10000000", "must be from 0 to"),
        ("15 USD", "in USD"),
        ("$15", "in \\$"),
        ("¥15", "in ¥"),
    ],
)
def test_what_is_no_amount_or_could_mean_two_is_refused(cell: str, reason: str) -> None:
    with pytest.raises(EntryError, match=reason):
        parse_price(cell, "price", currency="EUR")


@pytest.mark.parametrize(("cell", "stock"), [("5", 5), ("5.0", 5), ("-3", 0), (" 7 ", 7)])
def test_a_stock_is_read(cell: str, stock: int) -> None:
    assert parse_stock(cell, "stock") == stock


@pytest.mark.parametrize("cell", ["5.5", "many", "٥", "1e3", "9999999999"])
def test_what_is_no_stock_is_refused(cell: str) -> None:
    with pytest.raises(EntryError):
        parse_stock(cell, "stock")
    if cell != "9999999999":
        with pytest.raises(EntryError):
            parse_integer(cell, "stock")


@pytest.mark.parametrize(
    ("cell", "flag"), [("TRUE", True), ("no", False), ("", True), ("-1", False), ("draft", False)]
)
def test_a_flag_is_read(cell: str, flag: bool) -> None:
    assert parse_flag(cell, "active", default=True) == flag


def test_another_word_is_no_flag() -> None:
    with pytest.raises(EntryError, match="neither yes nor no"):
        parse_flag("perhaps", "active", default=True)


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("Plain, 5 > 3", "Plain, 5 > 3"),
        ("<p>One</p><p>Two<br>three</p>", "One\nTwo\nthree"),
        ("a<script>alert(1)</script>b", "ab"),
        ("<img src=x onerror=alert(1)>Cup &lt;b&gt;", "Cup <b>"),
        ("<p>Un\n  wrapped</p>", "Un wrapped"),
        ("R&amp;D", "R&D"),
    ],
)
def test_html_becomes_text(html: str, text: str) -> None:
    assert strip_html(html) == text


@given(st.lists(st.text(min_size=1, max_size=40), min_size=1, max_size=4))
def test_a_made_code_is_the_same_each_time_and_fits(parts: list[str]) -> None:
    assert make_code(parts) == make_code(parts)
    assert len(make_code(parts)) <= 64


def test_codes_of_different_parts_differ() -> None:
    long = "x" * 80
    made = [["a", "b"], ["a/b"], ["a", "b", ""], [long], [long, "y"], [long + "y"]]

    assert len({make_code(parts) for parts in made}) == len(made)
