"""Walking the whole admin: no page tells a guest's id, not even to who may do everything."""

import re
from typing import Any
from urllib.parse import urljoin

import pytest

from carts.log.rows import drain_streams
from tests.carts.admin.staff import do
from tests.carts.permanent.copies import save_all
from tests.carts.shopper import new_guest
from tests.config.admin.staff import sign_in_superuser
from tests.factories import SkuFactory
from tests.orders.buying import buy

pytestmark = pytest.mark.django_db

_LINK = re.compile(r'href="((?:/admin/|\?)[^"#]*)"')
# Longer addresses are the same pages, sorted and filtered in all ways.
_MAX_PAGES = 120


def test_no_page_of_the_admin_tells_a_guests_id() -> None:
    guest, sku = new_guest(), SkuFactory.create()
    order = buy(guest, sku)
    guest.data("POST", f"/orders/{order['id']}/cancel")
    guest.add(sku, 2)
    save_all()
    guest.add(sku)
    client = sign_in_superuser()
    assert do(client, guest, "save").status == 200
    drain_streams()

    seen, waiting = set[str](), ["/admin/", "/admin/carts/cart/?unsaved=yes"]
    while waiting and len(seen) < _MAX_PAGES:
        path = waiting.pop(0)
        if path in seen or "logout" in path:
            continue
        seen.add(path)
        response: Any = client.get(path)
        text = b"".join(response).decode()
        assert guest.owner_id not in text, path
        links = {urljoin(path, link.replace("&amp;", "&")) for link in _LINK.findall(text)}
        waiting = sorted({*waiting, *links} - seen, key=lambda link: ("?" in link, len(link)))

    assert [path for path in waiting if "?" not in path and "logout" not in path] == []
    assert any("/orders/order/" in path and path.endswith("/change/") for path in seen)
    assert any("/carts/cart/" in path and path.endswith("/change/") for path in seen)
