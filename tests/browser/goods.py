"""Goods for the shop's shelves, with pictures that exist."""

from decimal import Decimal
from typing import Any

from playwright.sync_api import Locator, Page

from products.models import Merchant, Product, Sku
from tests.factories import MerchantFactory, ProductFactory, SkuFactory

PICTURE = "/static/products/demo/th-100.svg"


def put_on_sale(
    name: str, price: str = "10.00", merchant: Merchant | None = None, **sku: Any
) -> Sku:
    """Put a product of one SKU on the shelf."""
    product = ProductFactory.create(
        name=name, images=[PICTURE], merchant=merchant or MerchantFactory.create()
    )
    return SkuFactory.create(
        **{"product": product, "price": Decimal(price), "attributes": {}} | sku
    )


def change_price(sku: Sku, price: str) -> None:
    """Give a SKU a new price, behind the back of whoever is looking at it."""
    Sku.objects.filter(pk=sku.pk).update(price=Decimal(price))


def change_stock(sku: Sku, stock: int) -> None:
    """Give a SKU a new stock."""
    Sku.objects.filter(pk=sku.pk).update(stock=stock)


def take_off_shelf(sku: Sku) -> None:
    """Hide a SKU's product from customers."""
    Product.objects.filter(pk=sku.product_id).update(status=0)


def add_from_product_page(page: Page, address: str, sku: Sku, quantity: int = 1) -> None:
    """Add units of a SKU by its product's page, and close the drawer that opens."""
    page.goto(f"{address}/products/{sku.product_id}?sku={sku.pk}")
    page.get_by_role("spinbutton", name="Quantity").fill(str(quantity))
    page.get_by_role("button", name="Add to cart").click()
    page.get_by_role("button", name="Close the cart").click()


def find_line(page: Page, sku: Sku) -> Locator:
    """Return the line of a SKU in the page's cart."""
    return page.locator("main .line").filter(has_text=sku.product.name)
