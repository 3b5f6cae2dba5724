"""The ready-made roles of the staff: groups with the permissions that each kind of work needs.

After each migration, missing groups are made, and get the permissions that their role has never
been given. The rest is up to the operators: a permission that they take from a group is not given
again, and a group that they rename or delete is not made again.
"""

from typing import Any

from django.apps import apps as installed_apps
from django.apps.registry import Apps
from django.db import transaction

# Looks at everything, and changes nothing.
VIEWER = (
    "accounts.view_user",
    "carts.view_cart",
    "carts.view_cartchange",
    "orders.view_order",
    "orders.view_orderevent",
    "orders.view_orderitem",
    "orders.view_payment",
    "products.view_merchant",
    "products.view_product",
    "products.view_sku",
    "products.view_skurevision",
    "products.view_stockchange",
)
# Helps customers: changes the lines of carts, and cancels orders that are not paid.
SUPPORT = (*VIEWER, "carts.change_cart", "orders.cancel_order")
# Keeps the shop running: mends carts, books payments, sends goods, counts the stock.
OPERATOR = (
    *SUPPORT,
    "carts.save_cart",
    "carts.restore_cart",
    "carts.repair_cart",
    "carts.merge_cart",
    "carts.expire_cart",
    "carts.view_publication",
    "carts.view_unreadablechange",
    "orders.pay_order",
    "orders.ship_order",
    "orders.complete_order",
    "products.adjust_stock",
)
ROLES = {"viewer": VIEWER, "support": SUPPORT, "operator": OPERATOR}


def grant_roles(*, apps: Apps = installed_apps, **_: Any) -> None:
    """Give every role what it has never been given. Called after each migration, with its models.

    A permission that is not there yet is given by a later migration.
    """
    try:
        grants = apps.get_model("accounts", "RoleGrant").objects
        permissions = apps.get_model("auth", "Permission").objects
    except LookupError:
        # Their tables have just been taken away.
        return
    known = {
        f"{permission.content_type.app_label}.{permission.codename}": permission
        for permission in permissions.select_related("content_type")
    }
    for role, wanted in ROLES.items():
        given = set(grants.filter(role=role).values_list("permission", flat=True))
        new = [name for name in wanted if name in known and name not in given]
        if not new:
            continue
        with transaction.atomic():
            group = _find_group(apps, role, is_new=not given)
            if group is None:
                continue
            group.permissions.add(*[known[name] for name in new])
            grants.bulk_create([grants.model(role=role, permission=name) for name in new])


def _find_group(apps: Apps, role: str, *, is_new: bool) -> Any | None:
    """Return the role's group, made for a new role.

    None where the operators have renamed or deleted it, and where a group of theirs has the name.
    """
    groups = apps.get_model("auth", "Group").objects
    if not is_new:
        return groups.filter(name=role).first()
    group, is_ours = groups.get_or_create(name=role)
    return group if is_ours else None
