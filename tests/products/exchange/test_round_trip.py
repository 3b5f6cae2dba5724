"""What is written is read again as it was."""

from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from products.exchange.cartwright import write_cartwright
from products.exchange.entries import MerchantEntry, ProductEntry, SkuEntry
from products.exchange.jsonl import write_jsonl
from tests.products.exchange.files import entries_of, read_file

_LETTERS = st.sampled_from("aZ0 -=+@',;\"\t/茶é".replace("\t", ""))
_LABELS = st.text(_LETTERS, max_size=20).map(
    lambda text: f"x{text}y" if not text.strip() else text.strip()
)
_PRICES = st.integers(0, 999_999_999).map(lambda cents: Decimal(cents) / 100)
_SKUS = st.builds(
    SkuEntry,
    code=_LABELS,
    price=_PRICES,
    external_id=st.none() | _LABELS,
    attributes=st.dictionaries(_LABELS, _LABELS, max_size=3),
    original_price=st.none() | _PRICES,
    stock=st.none() | st.integers(0, 1_000_000_000),
    tracks_stock=st.booleans(),
    purchase_limit=st.none() | st.integers(1, 2_147_483_647),
    min_quantity=st.none() | st.integers(1, 9_999),
    quantity_step=st.none() | st.integers(1, 9_999),
    barcode=st.just("") | _LABELS,
    is_active=st.booleans(),
)
_PRODUCTS = st.builds(
    ProductEntry,
    external_id=_LABELS,
    name=_LABELS,
    skus=st.lists(_SKUS, min_size=1, max_size=3).map(tuple),
    description=_LABELS,
    images=st.lists(st.sampled_from(["/a.svg", "https://ex.org/b.jpg?c=1,2"]), max_size=2).map(
        tuple
    ),
    merchant=st.none() | st.builds(MerchantEntry, _LABELS, st.none() | _LABELS),
    is_on_shelf=st.booleans(),
    translations=st.dictionaries(
        st.sampled_from(["en", "pt-BR"]),
        st.fixed_dictionaries({"name": _LABELS}),
        max_size=2,
    ),
)


@pytest.mark.parametrize("name", ["goods.csv", "goods.jsonl"])
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(entries=st.lists(_PRODUCTS, min_size=1, max_size=3, unique_by=lambda each: each.external_id))
def test_what_is_written_is_read_as_it_was(
    tmp_path: Path, name: str, entries: list[ProductEntry]
) -> None:
    path = tmp_path / name
    with path.open("w", newline="", encoding="utf-8") as file:
        if name.endswith("jsonl"):
            write_jsonl(entries, file)
        else:
            write_cartwright(entries, file, attributes=3)

    assert entries_of(read_file(path)) == {entry.external_id: entry for entry in entries}


def test_no_cell_is_a_formula(tmp_path: Path) -> None:
    entry = ProductEntry("=1", "+2", (SkuEntry("@c", Decimal(1)),), description="-3")
    path = tmp_path / "goods.csv"
    with path.open("w", newline="") as file:
        write_cartwright([entry], file, attributes=0)

    cells = path.read_text().splitlines()[1].split(",")
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@"))]
