"""The catalogue in the admin."""

from decimal import Decimal
from html.parser import HTMLParser
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth import get_user_model
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from products.models import Merchant, Product, Sku, StockReason
from products.stock import Cause, adjust
from tests.factories import MerchantFactory, ProductFactory, SkuFactory
from tests.products.rows import take_units

pytestmark = pytest.mark.django_db


@pytest.fixture
def staff(client: Client) -> Client:
    """A browser in which a superuser is logged in."""
    user = get_user_model().objects.create_superuser(
        username="staff", email="staff@example.com", password="correct horse battery"
    )
    client.force_login(user)
    return client


def page(view: str, row: Merchant | Product | Sku | None = None) -> str:
    return reverse(f"admin:products_{view}", args=[row.pk] if row else [])


class FormReader(HTMLParser):
    """Collects what a browser would send if the page's forms were submitted as they are shown."""

    def __init__(self) -> None:
        super().__init__()
        self.fields: dict[str, str] = {}
        self._open = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        name, value = attributes.get("name") or "", attributes.get("value")
        match tag, attributes.get("type"):
            case ("input", "checkbox") if name and "checked" in attributes:
                self.fields[name] = value or "on"
            case ("input", kind) if name and kind not in {"checkbox", "submit", "file"}:
                self.fields[name] = value or ""
            case ("textarea" | "select", _):
                self._open = name
                self.fields[name] = ""
            case ("option", _) if "selected" in attributes:
                self.fields[self._open] = value or ""

    def handle_data(self, data: str) -> None:
        if self.lasttag == "textarea" and self._open:
            self.fields[self._open] += data.strip()

    def handle_endtag(self, tag: str) -> None:
        if tag in {"textarea", "select"}:
            self._open = ""


def read_form(client: Client, url: str) -> dict[str, str]:
    reader = FormReader()
    reader.feed(client.get(url).content.decode())
    return {name: value for name, value in reader.fields.items() if "__prefix__" not in name}


def deliver(sku: Sku, units: int) -> None:
    cause = Cause(StockReason.DELIVERY, "", f"staff:{get_user_model().objects.get().pk}")
    adjust(sku_id=sku.pk, units=units, cause=cause, now=timezone.now())


def submit(client: Client, url: str, fields: dict[str, str]) -> None:
    response = client.post(url, fields)
    assert response.status_code == 302, response.context["errors"]


@pytest.mark.parametrize("model", ["merchant", "product", "sku"])
def test_pages_open(staff: Client, model: str) -> None:
    sku = SkuFactory.create()
    row: Any = {"merchant": sku.product.merchant, "product": sku.product, "sku": sku}[model]

    for url in (page(f"{model}_changelist"), page(f"{model}_add"), page(f"{model}_change", row)):
        assert staff.get(url).status_code == 200, url
    assert staff.get(page(f"{model}_changelist"), {"q": str(row)}).status_code == 200


@pytest.mark.parametrize("model", ["merchant", "product", "sku", "stockchange"])
def test_lists_cost_as_many_queries_for_many_rows_as_for_one(staff: Client, model: str) -> None:
    url = page(f"{model}_changelist")
    deliver(SkuFactory.create(), 1)
    with CaptureQueriesContext(connection) as for_one:
        staff.get(url)
    for sku in SkuFactory.create_batch(20):
        deliver(sku, 1)

    with CaptureQueriesContext(connection) as for_many:
        staff.get(url)

    assert len(for_many) == len(for_one)


def test_filters_find_what_they_say(staff: Client) -> None:
    SkuFactory.create(code="FULL-1", stock=1)
    SkuFactory.create(code="NONE-1", stock=0)

    left = staff.get(page("sku_changelist"), {"has_stock": "yes"}).content.decode()
    sold_out = staff.get(page("sku_changelist"), {"has_stock": "no"}).content.decode()

    assert ("FULL-1" in left, "NONE-1" in left) == (True, False)
    assert ("FULL-1" in sold_out, "NONE-1" in sold_out) == (False, True)


def test_a_product_with_a_sku_can_be_added(staff: Client) -> None:
    merchant = MerchantFactory.create()
    fields = read_form(staff, page("product_add")) | {
        "merchant": merchant.id,
        "name": "TH-100",
        "images": '["/a.svg"]',
        "skus-TOTAL_FORMS": "1",
        "skus-0-code": "TH-100-WHT",
        "skus-0-attributes": '{"颜色": "白"}',
        "skus-0-price": "149.99",
        "skus-0-stock": "5",
        "skus-0-is_active": "on",
    }

    submit(staff, page("product_add"), fields)

    sku = Sku.objects.get(code="TH-100-WHT", product__name="TH-100")
    assert (sku.price, sku.stock, sku.is_active) == (Decimal("149.99"), 5, True)
    first = sku.stock_changes.get()
    assert (first.before, first.after, first.reason) == (0, 5, "initial")
    assert sku.revisions.get(id=sku.revision).image == "/a.svg"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("images", '"/a.svg"'),
        ("images", '["javascript:alert(1)"]'),
        ("images", "[1]"),
        ("skus-0-attributes", "[]"),
        ("skus-0-attributes", '{"a": 1}'),
        ("skus-0-price", "-1"),
        ("skus-0-purchase_limit", "0"),
    ],
)
def test_nonsense_is_refused_by_the_form(staff: Client, field: str, value: str) -> None:
    sku = SkuFactory.create()
    url = page("product_change", sku.product)

    response = staff.post(url, read_form(staff, url) | {"name": "New", field: value})

    assert response.status_code == 200
    assert len(response.context["errors"]) == 1
    assert not Product.objects.filter(name="New").exists()


def open_sku_form(staff: Client, sku: Sku) -> tuple[str, dict[str, str], str]:
    url = page("sku_change", sku)
    return url, read_form(staff, url), "stock"


def open_product_form(staff: Client, sku: Sku) -> tuple[str, dict[str, str], str]:
    url = page("product_change", sku.product)
    return url, read_form(staff, url), "skus-0-stock"


@pytest.mark.parametrize("open_form", [open_sku_form, open_product_form])
def test_saving_a_form_does_not_undo_a_sale_made_since_it_was_opened(
    staff: Client, open_form: Any
) -> None:
    sku = SkuFactory.create(stock=10)
    url, fields, stock = open_form(staff, sku)
    take_units(buyer="user:u1", units={sku.id: 3})

    submit(staff, url, fields | {stock.replace("stock", "price"): "99.00"})

    sku.refresh_from_db()
    assert (sku.price, sku.stock) == (Decimal("99.00"), 7)


@pytest.mark.parametrize("open_form", [open_sku_form, open_product_form])
def test_the_stock_of_a_sku_is_not_changed_by_its_form(staff: Client, open_form: Any) -> None:
    sku = SkuFactory.create(stock=10)
    url, fields, stock = open_form(staff, sku)

    submit(staff, url, fields | {stock: "25"})

    sku.refresh_from_db()
    assert sku.stock == 10


@pytest.mark.parametrize("model", ["product", "sku"])
def test_a_page_costs_as_many_queries_for_much_history_as_for_little(
    staff: Client, model: str
) -> None:
    sku = SkuFactory.create()
    row: Any = {"product": sku.product, "sku": sku}[model]
    deliver(sku, 1)
    # The first page of all also looks up what this process then knows.
    staff.get(page(f"{model}_change", row))
    with CaptureQueriesContext(connection) as for_little:
        staff.get(page(f"{model}_change", row))
    for units in range(1, 30):
        deliver(sku, units)
        Sku.objects.filter(pk=sku.pk).update(price=units)
    SkuFactory.create_batch(20, product=sku.product)

    with CaptureQueriesContext(connection) as for_much:
        staff.get(page(f"{model}_change", row))

    assert len(for_much) == len(for_little)


def is_deleted(row: Product | Sku) -> bool:
    row.refresh_from_db()
    return row.is_deleted


@pytest.mark.parametrize("model", ["product", "sku"])
def test_deleting_only_marks_and_can_be_undone(staff: Client, model: str) -> None:
    sku = SkuFactory.create()
    row: Any = {"product": sku.product, "sku": sku}[model]

    submit(staff, page(f"{model}_delete", row), {"post": "yes"})

    assert is_deleted(row)

    submit(staff, page(f"{model}_changelist"), {"action": "restore", "_selected_action": row.pk})

    assert not is_deleted(row)
    history = staff.get(page(f"{model}_history", row)).content.decode()
    assert LogEntry.objects.filter(object_id=row.pk).count() == 2
    assert "Changed is_deleted" in history


@pytest.mark.parametrize("model", ["product", "sku"])
def test_deleting_many_only_marks(staff: Client, model: str) -> None:
    sku = SkuFactory.create()
    row: Any = {"product": sku.product, "sku": sku}[model]

    submit(
        staff,
        page(f"{model}_changelist"),
        {"action": "delete_selected", "_selected_action": row.pk, "post": "yes"},
    )

    assert is_deleted(row)


def test_a_merchant_with_products_cannot_be_deleted(staff: Client) -> None:
    product = ProductFactory.create()
    idle = MerchantFactory.create()

    staff.post(page("merchant_delete", product.merchant), {"post": "yes"})
    staff.post(page("merchant_delete", idle), {"post": "yes"})

    assert list(Merchant.objects.all()) == [product.merchant]


def test_products_go_on_and_off_shelf_in_bulk(staff: Client) -> None:
    products = ProductFactory.create_batch(2)
    selected = [product.pk for product in products]
    other = ProductFactory.create()
    url = page("product_changelist")

    submit(staff, url, {"action": "take_off_shelf", "_selected_action": selected})  # type: ignore[dict-item]
    off_shelf = set(Product.objects.filter(status=0))
    submit(staff, url, {"action": "put_on_shelf", "_selected_action": selected})  # type: ignore[dict-item]

    assert off_shelf == set(products)
    assert Product.objects.filter(status=1).count() == 3
    assert LogEntry.objects.filter(object_id__in=selected).count() == 4
    assert not LogEntry.objects.filter(object_id=other.pk).exists()


def test_revisions_are_shown_and_read_only(staff: Client) -> None:
    sku = SkuFactory.create(price=Decimal("149.99"))
    Sku.objects.update(price=Decimal("159.99"))
    url = page("sku_change", sku)

    html = staff.get(url).content.decode()
    submit(staff, url, read_form(staff, url) | {"revision": "1"})

    sku.refresh_from_db()
    assert "149.99" in html
    assert "159.99" in html
    assert 'name="revision"' not in html
    assert 'name="revisions-0-price"' not in html
    assert sku.revisions.count() == 2
    assert sku.revisions.latest("id").pk == sku.revision


def test_only_what_is_deleted_is_marked_so(staff: Client) -> None:
    kept, gone = SkuFactory.create(), SkuFactory.create(is_deleted=True)

    rows: Any = staff.get(reverse("admin:products_sku_changelist")).context["cl"]

    marks = {sku.pk: rows.model_admin.show_deleted(sku) for sku in rows.result_list}
    assert marks == {kept.pk: None, gone.pk: ("yes", "Deleted")}


@pytest.mark.parametrize(
    ("query", "text"), [("", "There is nothing here yet"), ("?q=x", "Nothing was found")]
)
def test_an_empty_list_says_why(staff: Client, query: str, text: str) -> None:
    page = staff.get(reverse("admin:products_merchant_changelist") + query).content.decode()

    assert text in page
    assert "yielded" not in page


def test_no_two_fields_of_a_page_have_one_name(staff: Client) -> None:
    url = page("product_change", ProductFactory.create())

    form: Any = staff.get(url, headers={"Accept-Language": "zh-hans"}).context["adminform"]

    names = [name_field(shown) for fieldset in form for line in fieldset for shown in line]
    assert "图片" in names
    assert len(set(names)) == len(names)


def name_field(shown: Any) -> str:
    """Return what stands before a field of a form, or before a value that is only shown."""
    return str(shown.field["label"] if shown.is_readonly else shown.field.label)
