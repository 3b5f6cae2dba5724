"""Other programs' files: what is read of them, and what is told as faulty."""

import tracemalloc
from decimal import Decimal
from pathlib import Path

import pytest

from products.exchange.cartwright import read_cartwright
from products.exchange.entries import EntryError, MerchantEntry, Read
from tests.products.exchange.files import (
    GOOGLE,
    SHOPIFY,
    WOOCOMMERCE,
    entries_of,
    faults_of,
    read_file,
    read_text,
)


def test_shopify(tmp_path: Path) -> None:
    found = read_text(tmp_path, SHOPIFY, currency="USD")

    assert faults_of(found) == []
    cup, card = entries_of(found)["cup"], entries_of(found)["card"]
    assert (cup.name, cup.merchant, cup.is_on_shelf) == (
        'Cup "Nord"',
        MerchantEntry("Nordlicht"),
        True,
    )
    assert cup.description == "Holds tea.\nBlue\nRed & round"
    assert [image.rpartition("/")[2] for image in cup.images] == [
        "a.jpg",
        "b.jpg",
        "c.jpg",
        "r.jpg",
    ]
    blue, red, green = cup.skus
    assert (blue.code, blue.price, blue.original_price) == (
        "CUP-1",
        Decimal("12.90"),
        Decimal("15.00"),
    )
    assert (blue.stock, blue.tracks_stock, blue.barcode) == (7, True, "4006381333931")
    assert list(blue.attributes.items()) == [("Color", "Blue"), ("Size", "S")]
    assert (red.code, red.price, red.original_price, red.stock) == (
        "cup/Red/S",
        Decimal("1299.00"),
        None,
        0,
    )
    assert (green.code, green.tracks_stock) == ("CUP-3", False)
    assert (card.skus[0].code, card.skus[0].attributes, card.is_on_shelf) == ("card", {}, False)
    assert card.merchant is None


def test_shopify_with_the_columns_of_today(tmp_path: Path) -> None:
    text = (
        "Title,URL handle,Description,Vendor,Status,SKU,Option1 name,Option1 value,Price,"
        "Compare-at price,Inventory tracker,Inventory quantity,Continue selling when out of stock\n"
        "Mug,mug,Big,V,Active,M-1,Color,Red,8.00,9.00,shopify,3,DENY\n"
        ",mug,,,,M-2,,Blue,8.00,,shopify,0,CONTINUE\n"
    )

    [mug] = entries_of(read_text(tmp_path, text)).values()

    assert [(sku.code, sku.stock, sku.tracks_stock) for sku in mug.skus] == [
        ("M-1", 3, True),
        ("M-2", 0, False),
    ]
    assert dict(mug.skus[1].attributes) == {"Color": "Blue"}


def test_woocommerce(tmp_path: Path) -> None:
    found = read_text(tmp_path, WOOCOMMERCE)

    assert faults_of(found) == [
        (7, "products of type 'external' cannot be sold here"),
        (8, "there is no parent 'id:99' in the file"),
    ]
    hoodie = entries_of(found)["10"]
    assert (hoodie.name, hoodie.description) == ("Hoodie", "Warm and soft")
    assert [image.rpartition("/")[2] for image in hoodie.images] == [
        "blue.jpg",
        "h1.jpg",
        "h2.jpg",
    ]
    blue, red = hoodie.skus
    assert (blue.code, blue.external_id, blue.stock) == ("woo/12", "12", 8)
    assert (red.code, red.price, red.original_price, dict(red.attributes)) == (
        "HOOD-R",
        Decimal("39.50"),
        Decimal("45.00"),
        {"Colour": "Red"},
    )
    [voucher] = entries_of(found)["13"].skus
    [sold_out] = entries_of(found)["14"].skus
    assert (voucher.tracks_stock, voucher.is_active) == (False, False)
    assert (sold_out.tracks_stock, sold_out.stock) == (True, 0)


def test_google_in_xml(tmp_path: Path) -> None:
    found = read_text(tmp_path, GOOGLE)

    assert faults_of(found) == [(9, "price is in USD, and the shop's currency is EUR")]
    [tee] = entries_of(found).values()
    assert (tee.external_id, tee.description, tee.merchant) == (
        "T",
        "Soft & warm",
        MerchantEntry("Nordlicht"),
    )
    red, medium = tee.skus
    assert (red.code, red.price, red.original_price) == ("T-1", Decimal("19.99"), Decimal(25))
    assert (red.tracks_stock, dict(red.attributes)) == (False, {"Color": "Red"})
    assert (medium.stock, medium.tracks_stock) == (0, True)


def test_google_in_a_table(tmp_path: Path) -> None:
    text = "id\ttitle\tprice\tavailability\tbrand\nA\tCup\t5.00 EUR\tin stock\tB\n"

    [cup] = entries_of(read_text(tmp_path, text)).values()

    assert (cup.skus[0].code, cup.skus[0].price) == ("A", Decimal(5))


@pytest.mark.parametrize(
    "text",
    [
        '<?xml version="1.0"?><!DOCTYPE l [<!ENTITY a "aa"><!ENTITY b "&a;&a;">]>'
        "<rss><item><id>&b;</id></item></rss>",
        '<?xml version="1.0"?><!DOCTYPE l SYSTEM "file:///etc/passwd"><rss></rss>',
        '<!DOCTYPE l [<!ENTITY x SYSTEM "file:///etc/passwd">]><rss><item>&x;</item></rss>',
    ],
)
def test_entities_in_xml_are_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(EntryError, match="entities"):
        read_text(tmp_path, text)


def test_a_bad_row_leaves_its_siblings(tmp_path: Path) -> None:
    text = SHOPIFY.replace("CUP-3,,3,deny,9,", "CUP-3,,3,deny,9 kr,")

    found = read_text(tmp_path, text, currency="USD")

    assert faults_of(found) == [(7, "price is in kr, and the shop's currency is USD")]
    assert len(entries_of(found)["cup"].skus) == 2


def test_a_quote_that_never_ends_is_told(tmp_path: Path) -> None:
    rows = "".join(f"p-{n},Cup,C-{n},1\n" for n in range(5))

    found = read_text(tmp_path, 'external_id,name,code,price\na,Cup,A,1\nb,"Cup,B,1\n' + rows)

    assert list(entries_of(found)) == ["a"]
    assert faults_of(found) == [(3, "the row cannot be read: unexpected end of data")]


def test_a_column_that_is_not_known_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EntryError, match="not known: is_active"):
        read_text(tmp_path, "external_id,name,code,price,is_active\na,Cup,A,1,no\n")


def test_broken_xml_is_told_with_its_line_after_what_was_whole(tmp_path: Path) -> None:
    text = GOOGLE.partition("<item><g:id>T-2")[0] + "\n<item><g:id>"

    found = read_text(tmp_path, text)

    assert list(entries_of(found)) == ["T"]
    assert any("XML is broken" in reason for _, reason in faults_of(found))


OWN = (
    "external_id;name;code;price;stock;tracks_stock;attribute1_name;attribute1_value;description\n"
    "p-1;茶杯;TB-1;￥1,299.00;5;;颜色;白;'=1+1\n"
    'p-1;茶杯;TB-2;"12,50 ¥";;no;颜色;黑;"two\nlines"\n'
)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "gb18030"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_own_tables_in_any_encoding_and_with_any_delimiter(
    tmp_path: Path, encoding: str, delimiter: str
) -> None:
    text = OWN if delimiter == ";" else OWN.replace("1,299", "1299").replace("12,50", "12.50")

    found = read_text(tmp_path, text.replace(";", delimiter), encoding=encoding, currency="CNY")

    assert faults_of(found) == []
    [cup] = entries_of(found).values()
    assert (cup.name, cup.description) == ("茶杯", "=1+1")
    white, black = cup.skus
    assert (white.price, white.stock, dict(white.attributes)) == (Decimal(1299), 5, {"颜色": "白"})
    assert (black.price, black.stock, black.tracks_stock) == (Decimal("12.50"), None, False)


def test_three_bad_rows_among_many_are_told_by_line_and_reason(tmp_path: Path) -> None:
    rows = [f"p-{n},Cup {n},C-{n},9.99" for n in range(10_000)]
    rows[17] = "p-17,Cup 17,C-17,nine"
    rows[4_000] = ",Cup,C,9.99"
    rows[9_999] = "p-9999,Cup,C-9999,9.99,too,many"

    found = read_text(tmp_path, "\n".join(["external_id,name,code,price", *rows]))

    assert sorted(faults_of(found)) == [
        (19, "price 'nine' is no amount"),
        (4_002, "external_id is empty"),
        (10_001, "the row has 6 cells for 4 columns"),
    ]
    assert len(entries_of(found)) == 9_997


def test_lines_are_counted_through_quotes_of_several_lines(tmp_path: Path) -> None:
    text = 'external_id,name,code,price\np,"a\nb",c,1\n\nq,Cup,d,x\n'

    found = read_text(tmp_path, text)

    assert [each.line for each in found] == [2, 5]


def test_json_lines(tmp_path: Path) -> None:
    text = (
        '{"externalId":"p","name":"Cup","skus":[{"code":"c","price":9.99}]}\n\n'
        '{"externalId":"q","name":"Cup","skus":[]}\n'
        "{nonsense\n"
        '{"externalId":"r","name":"Cup","skus":[{"code":"c","price":"9.99"}]}\n'
        '{"externalId":"s","name":"Cup","colour":1,"skus":[{"code":"c","price":9.99}]}\n'
    )

    found = read_text(tmp_path, text)

    assert [each.line for each in found if isinstance(each, Read)] == [1]
    assert faults_of(found) == [
        (3, "skus must be a list of 1 to 2048"),
        (4, "the line is no JSON"),
        (5, "skus[0].price must be a number"),
        (6, "colour is not known"),
    ]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"a,b\n1,2\n", "format is not known"),
        (b"external_id,name,code,price\n\xff\xff\xff,\x81\x20,c,1\n", "neither UTF-8 nor GBK"),
        (b"external_id,name,code,code\np,n,c,c\n", "comes twice"),
        (b"", "format is not known"),
    ],
)
def test_a_file_that_is_no_catalogue_is_refused(
    tmp_path: Path, content: bytes, reason: str
) -> None:
    path = tmp_path / "goods"
    path.write_bytes(content)

    with pytest.raises(EntryError, match=reason):
        read_file(path)


def test_a_big_file_is_read_in_little_memory(tmp_path: Path) -> None:
    path = tmp_path / "goods.csv"
    with path.open("w") as file:
        file.write("external_id,name,code,price,description\n")
        for number in range(20_000):
            file.write(f"p-{number},Cup,C-{number},9.99,{'very ' * 200}\n")
    assert path.stat().st_size > 20_000_000
    tracemalloc.start()

    count = sum(1 for _ in read_cartwright(path, currency="EUR"))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert count == 20_000
    assert peak < 4_000_000
