"""Pages for who asked for what they may not have, or for what makes no sense."""

import pytest
from django.test import Client

from tests.carts.admin.staff import read_text
from tests.config.admin.staff import sign_in

pytestmark = pytest.mark.django_db


def test_staff_without_a_permission_are_told_within_the_admin() -> None:
    client = sign_in("orders.view_order")

    response = client.get("/admin/carts/cart/")

    assert response.status_code == 403
    assert "Your account lacks the permission for this." in read_text(response)
    assert "/admin/orders/order/" in response.content.decode()


def test_a_form_that_did_not_come_from_here_is_refused_on_a_page_of_the_shop() -> None:
    response = Client(enforce_csrf_checks=True).post("/language", {"language": "en"})

    assert response.status_code == 403
    assert "This form is too old, or came from elsewhere." in read_text(response)


def test_a_nul_in_a_path_names_no_page(client: Client) -> None:
    response = client.get("/products/%00")

    assert response.status_code == 404


@pytest.mark.parametrize("path", ["/?x=%00", "/admin/orders/order/?buyer__regex=a"])
def test_what_makes_no_sense_is_told_on_a_page_of_the_shop(path: str) -> None:
    response = sign_in("orders.view_order").get(path)

    assert response.status_code == 400
    assert "The address or the form makes no sense." in read_text(response)


def test_the_api_refuses_a_nul_by_the_name_of_its_field(client: Client) -> None:
    response = client.get("/api/products?search=%00")

    assert response.status_code == 400
    assert response.json()["error"]["type"] == "invalid_field"
