"""From the cells of other programs' files to values; the text of an error says what is wrong."""

import re
from decimal import Decimal
from html import unescape

import nh3

from products.bounds import MAX_STOCK
from products.exchange.entries import EntryError
from products.exchange.parsing import read_price

# Which currencies a sign can mean; letters alone are the code of one.
_SIGNS = {
    "€": {"EUR"},
    "£": {"GBP"},
    "₹": {"INR"},
    "₩": {"KRW"},
    "₽": {"RUB"},
    "¥": {"CNY", "JPY"},
    "￥": {"CNY", "JPY"},
    "元": {"CNY"},
    "kr": {"DKK", "NOK", "SEK"},
    "zł": {"PLN"},
    "$": {"AUD", "BND", "CAD", "FJD", "HKD", "MXN", "NZD", "SGD", "TWD", "USD"},
    "US$": {"USD"},
    "A$": {"AUD"},
    "C$": {"CAD"},
    "CA$": {"CAD"},
    "HK$": {"HKD"},
    "NT$": {"TWD"},
    "NZ$": {"NZD"},
    "S$": {"SGD"},
    "MX$": {"MXN"},
    "R$": {"BRL"},
}
_SIGN = r"[^\d\s.,'’–-]{0,4}"
# "–" stands for no decimals in Swiss amounts.
_AMOUNT = re.compile(rf"({_SIGN})\s*(\d(?:[\d.,'’\s]*\d)?)(?:[.,][–-]+)?\s*({_SIGN})", re.ASCII)
# A number without marks for its thousands, and a number with them.
_PLAIN = re.compile(r"\d+(?:[.,]\d{1,2})?")
_GROUPED = re.compile(r"[1-9]\d{0,2}(?:(?P<mark>[.,'’\s])\d{3})(?:(?P=mark)\d{3})*(?:[.,]\d{1,2})?")
_YES = {"true", "yes", "1", "y", "on", "active", "published", "backorder", "是"}
_NO = {"false", "no", "0", "-1", "n", "off", "archived", "draft", "unlisted", "否"}
# What begins and ends a line in a text; nh3 leaves nothing else.
_BLOCKS = {
    *("p", "div", "br", "li", "ul", "ol", "tr", "td", "th", "table", "blockquote", "pre", "hr")
}
_HEADINGS = {f"h{level}" for level in range(1, 7)}
_MARKUP = re.compile(r"<[A-Za-z!/]")
_TAG = re.compile(r"</?[a-z0-9]+ ?/?>")


def parse_price(cell: str, name: str, *, currency: str) -> Decimal:
    """Read an amount such as "￥1,299.00", "$15", "1.299,00 €" or "CHF 15.50".

    If there are points and commas, the last is the decimal mark. A lone comma before three digits
    marks thousands; a lone point there could mean either, and is refused. So is any currency but
    the shop's.
    """
    plain = cell.replace("\N{NO-BREAK SPACE}", " ").replace("\N{NARROW NO-BREAK SPACE}", " ")
    found = _AMOUNT.fullmatch(plain.strip())
    if found is None:
        raise EntryError(f"{name} {cell!r} is no amount")
    for sign in filter(None, (found[1], found[3])):
        if currency not in _SIGNS.get(sign, {sign.upper()}):
            raise EntryError(f"{name} is in {sign}, and the shop's currency is {currency}")
    return read_price(Decimal(_unify(found[2], f"{name} {cell!r}")), name)


def parse_flag(cell: str, name: str, *, default: bool) -> bool:
    """Read yes or no in the words of other programs; an empty cell is the default."""
    word = cell.strip().lower()
    if not word:
        return default
    if word not in _YES | _NO:
        raise EntryError(f"{name} {cell!r} is neither yes nor no")
    return word in _YES


def parse_stock(cell: str, name: str) -> int:
    """Read a stock. A negative one, which other programs use for oversold goods, counts as 0."""
    number = parse_integer(cell, name)
    if number > MAX_STOCK:
        raise EntryError(f"{name} must be at most {MAX_STOCK:,}")
    return max(number, 0)


def parse_integer(cell: str, name: str) -> int:
    """Read a whole number, which other programs may write as 5.0."""
    if not re.fullmatch(r"[+-]?\d{1,12}(\.0+)?", cell.strip(), re.ASCII):
        raise EntryError(f"{name} {cell!r} is no whole number")
    return int(Decimal(cell.strip()))


def strip_html(text: str) -> str:
    """Return what HTML says as plain text, a line for each block; other text stays as it is."""
    if not _MARKUP.search(text):
        return unescape(text).strip()
    kept = nh3.clean(text, tags=_BLOCKS | _HEADINGS, attributes={}, link_rel=None)
    lines = unescape(_TAG.sub("\n", " ".join(kept.split()))).split("\n")
    return "\n".join(line for line in (" ".join(each.split()) for each in lines) if line)


def _unify(number: str, name: str) -> str:
    """Return a number with a point for its decimals and no other marks."""
    if _PLAIN.fullmatch(number):
        return number.replace(",", ".")
    grouped = _GROUPED.fullmatch(number)
    if grouped is None:
        raise EntryError(f"{name} is no amount with two decimals at most")
    mark = grouped["mark"]
    if mark == "." and "," not in number and number.count(".") == 1:
        raise EntryError(f"{name} could mean thousands or decimals")
    return number.replace(mark, "").replace(",", ".")
