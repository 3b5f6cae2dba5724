"""Each role of the staff × each thing that can be done in admin: done, or 403 and nothing changed.

Roles are the groups as a migration makes them, signed in with what they have and no more.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from redis import Redis

from carts.admin.actions.menu import ACTIONS as CART_ACTIONS
from carts.live.keys import cart_key
from carts.models import Cart, CartItem
from orders.admin import OrderAdmin
from orders.lifecycle import pay_order, ship_order
from orders.models import Order
from products.admin import ProductAdmin
from products.models import Product, Sku
from tests.accounts.factories import StaffFactory, UserFactory
from tests.carts.permanent.copies import lose_hash, owner_of, row_of, save_all
from tests.carts.shopper import Shopper, item_id, new_guest, new_user
from tests.factories import SkuFactory
from tests.orders.buying import buy

pytestmark = pytest.mark.django_db

VIEWER, SUPPORT, OPERATOR = "viewer", "support", "operator"
EVERYBODY = frozenset({VIEWER, SUPPORT, OPERATOR})
HELPERS = frozenset({SUPPORT, OPERATOR})
OPERATORS = frozenset({OPERATOR})
NOBODY: frozenset[str] = frozenset()
ORDERS, PRODUCTS = "orders_order", "products_product"
# A member of staff without a role.
STRANGER = "stranger"


@dataclass
class Scene:
    """A user and a guest with saved carts, and an order of somebody else's."""

    user: Shopper
    guest: Shopper
    sku: Sku
    redis: Redis
    order_id: str = ""

    def line(self) -> str:
        return item_id(self.user.cart(), self.sku)


@pytest.fixture
def scene(redis_server: Redis) -> Scene:
    made = Scene(new_user(), new_guest(), SkuFactory.create(stock=50), redis_server)
    buyer = new_user()
    made.order_id = buy(buyer, made.sku)["id"]
    made.user.add(made.sku, 2)
    made.guest.add(made.sku, 3)
    save_all()
    return made


@dataclass(frozen=True)
class CartButton:
    """A button of the guest's page for what is done to guests, else of the user's; confirmed."""

    action: str
    body: Callable[[Scene], dict[str, Any]] = lambda _: {}

    def __call__(self, client: Client, scene: Scene) -> Any:
        row = row_of(scene.guest if self.action in {"merge", "expire"} else scene.user)
        url = reverse("admin:carts_cart_do", args=[row.pk, self.action])
        confirmed = {"confirmed": "yes", "version": row.version}
        return client.post(url, confirmed | self.body(scene))


@dataclass(frozen=True)
class ListAction:
    """An action of a list, chosen for the scene's order or product."""

    action: str
    model: str

    def __call__(self, client: Client, scene: Scene) -> Any:
        chosen = scene.order_id if self.model == "orders_order" else scene.sku.product_id
        body = {"action": self.action, "_selected_action": [chosen], "post": "yes"}
        return client.post(reverse(f"admin:{self.model}_changelist"), body)


@dataclass(frozen=True)
class OrderButton:
    """A button of the page of the scene's order; confirmed."""

    action: str

    def __call__(self, client: Client, scene: Scene) -> Any:
        url = reverse("admin:orders_order_move", args=[scene.order_id])
        return client.post(url, {"action": self.action, "post": "yes"})


ADJUSTMENT = {"how": "adjust", "units": "5", "reason": "delivery", "note": "", "expected": "49"}


def adjust_stock(client: Client, scene: Scene) -> Any:
    url = reverse("admin:products_sku_adjust_stock", args=[scene.sku.pk])
    return client.post(url, ADJUSTMENT)


def look(name: str, *arguments: Callable[[Scene], str]) -> Callable[[Client, Scene], Any]:
    def get(client: Client, scene: Scene) -> Any:
        return client.get(reverse(name, args=[each(scene) for each in arguments]))

    return get


def prepare_nothing(_: Scene) -> None:
    """The scene will do as it is."""


def lose_the_hash(scene: Scene) -> None:
    lose_hash(scene.redis, scene.user)


def drift_apart(scene: Scene) -> None:
    row_of(scene.user).items.update(quantity=9)


def leave_unsaved(scene: Scene) -> None:
    scene.user.add(scene.sku)


def bring_order_to(status: str) -> Callable[[Scene], None]:
    def bring(scene: Scene) -> None:
        pay_order(order_id=scene.order_id, actor="x", now=timezone.now())
        if status == "SHIPPED":
            ship_order(order_id=scene.order_id, actor="x", now=timezone.now())

    return bring


def take_off_shelf(_: Scene) -> None:
    Product.objects.update(status=0)


def mark_deleted(_: Scene) -> None:
    Product.objects.update(is_deleted=True)


def state(scene: Scene) -> Any:
    """Return all that an action could change, in both stores."""
    hashes = {
        shopper.owner_id: scene.redis.hgetall(cart_key(owner_of(shopper)))
        for shopper in (scene.user, scene.guest)
    }
    return (
        hashes,
        list(Cart.objects.order_by("pk").values()),
        list(CartItem.objects.order_by("pk").values()),
        list(Order.objects.values("pk", "status")),
        list(Sku.objects.values("pk", "stock", "is_deleted")),
        list(Product.objects.values("pk", "status", "is_deleted")),
    )


def describe_merge(scene: Scene) -> dict[str, Any]:
    version = row_of(scene.user).version
    return {"user": scene.user.owner_id, "strategy": "sum", "user_version": version}


@dataclass(frozen=True)
class Case:
    """Something to do, who may, and what has to be so for it to change anything."""

    do: Callable[[Client, Scene], Any]
    roles: frozenset[str]
    prepare: Callable[[Scene], None] = prepare_nothing


LOOKS = {
    "see carts": Case(look("admin:carts_cart_changelist"), EVERYBODY),
    "see a cart": Case(
        look("admin:carts_cart_change", lambda scene: row_of(scene.user).pk), EVERYBODY
    ),
    "see orders": Case(look("admin:orders_order_changelist"), EVERYBODY),
    "see an order": Case(
        look("admin:orders_order_change", lambda scene: scene.order_id), EVERYBODY
    ),
    "see payments": Case(look("admin:orders_payment_changelist"), EVERYBODY),
    "see products": Case(look("admin:products_product_changelist"), EVERYBODY),
    "see SKUs": Case(look("admin:products_sku_changelist"), EVERYBODY),
    "see users": Case(look("admin:accounts_user_changelist"), EVERYBODY),
    "see changes": Case(look("admin:carts_cartchange_changelist"), EVERYBODY),
    "see unreadable changes": Case(look("admin:carts_unreadablechange_changelist"), OPERATORS),
    "see groups": Case(look("admin:auth_group_changelist"), NOBODY),
    "see jobs": Case(look("admin:django_celery_beat_periodictask_changelist"), NOBODY),
    "add a user": Case(look("admin:accounts_user_add"), NOBODY),
    "add a SKU": Case(look("admin:products_sku_add"), NOBODY),
}
ACTIONS = {
    "set units": Case(
        CartButton("quantity", lambda scene: {"item": scene.line(), "quantity": 4}), HELPERS
    ),
    "deselect": Case(
        CartButton("select", lambda scene: {"item": scene.line(), "selected": "no"}), HELPERS
    ),
    "deselect all": Case(CartButton("select", lambda _: {"selected": "no"}), HELPERS),
    "remove": Case(CartButton("remove", lambda scene: {"item": scene.line()}), HELPERS),
    "clear": Case(CartButton("clear"), HELPERS),
    "add": Case(CartButton("add", lambda scene: {"sku": scene.sku.pk, "quantity": 1}), HELPERS),
    "save": Case(CartButton("save"), OPERATORS, leave_unsaved),
    "restore": Case(CartButton("restore"), OPERATORS, lose_the_hash),
    "repair": Case(CartButton("repair"), OPERATORS, drift_apart),
    "merge": Case(CartButton("merge", describe_merge), OPERATORS),
    "expire": Case(CartButton("expire"), OPERATORS),
    "pay": Case(ListAction("mark_paid", ORDERS), OPERATORS),
    "ship": Case(ListAction("mark_shipped", ORDERS), OPERATORS, bring_order_to("PAID")),
    "complete": Case(ListAction("mark_completed", ORDERS), OPERATORS, bring_order_to("SHIPPED")),
    "cancel": Case(ListAction("mark_cancelled", ORDERS), HELPERS),
    "pay on its page": Case(OrderButton("mark_paid"), OPERATORS),
    "ship on its page": Case(OrderButton("mark_shipped"), OPERATORS, bring_order_to("PAID")),
    "complete on its page": Case(
        OrderButton("mark_completed"), OPERATORS, bring_order_to("SHIPPED")
    ),
    "cancel on its page": Case(OrderButton("mark_cancelled"), HELPERS),
    "adjust stock": Case(adjust_stock, OPERATORS),
    "put on shelf": Case(ListAction("put_on_shelf", PRODUCTS), NOBODY, take_off_shelf),
    "take off shelf": Case(ListAction("take_off_shelf", PRODUCTS), NOBODY),
    "delete a product": Case(ListAction("delete_selected", PRODUCTS), NOBODY),
    "restore a product": Case(ListAction("restore", PRODUCTS), NOBODY, mark_deleted),
}


def sign_in_as(role: str) -> Client:
    staff = StaffFactory.create(is_superuser=False, password="!")
    if role != STRANGER:
        staff.groups.add(Group.objects.get(name=role))
    client = Client()
    client.force_login(staff)
    return client


@pytest.mark.parametrize("role", [VIEWER, SUPPORT, OPERATOR, STRANGER])
def test_who_may_look_at_what(scene: Scene, role: str) -> None:
    client = sign_in_as(role)

    statuses = {name: case.do(client, scene).status_code for name, case in LOOKS.items()}

    assert statuses == {name: 200 if role in case.roles else 403 for name, case in LOOKS.items()}


@pytest.mark.parametrize("role", [VIEWER, SUPPORT, OPERATOR, STRANGER])
@pytest.mark.parametrize("name", ACTIONS)
def test_who_may_do_what(scene: Scene, name: str, role: str) -> None:
    case = ACTIONS[name]
    case.prepare(scene)
    client = sign_in_as(role)
    before = state(scene)

    response = case.do(client, scene)

    if role in case.roles:
        assert response.status_code == 302
        assert state(scene) != before
    else:
        assert response.status_code == 403
        assert state(scene) == before


def test_customers_and_visitors_are_sent_to_the_login(scene: Scene) -> None:
    customer = Client()
    customer.force_login(UserFactory.create(password="!"))
    before = state(scene)

    for case in (*LOOKS.values(), *ACTIONS.values()):
        for client in (customer, Client()):
            response = case.do(client, scene)
            assert (response.status_code, response["Location"][:13]) == (302, "/admin/login/")

    assert state(scene) == before


def test_every_action_on_carts_orders_and_products_is_in_the_table() -> None:
    tried = {case.do.action for case in ACTIONS.values() if hasattr(case.do, "action")}

    assert tried == {
        *CART_ACTIONS,
        *OrderAdmin.actions,
        *ProductAdmin.actions,
        "delete_selected",
    }
