"""Orders as sold, what became of them, what was paid, and what keeps them from being sold twice."""

from decimal import Decimal

from cuid2 import create_id
from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import F, Q, Value
from django.db.models.functions import Concat
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy as _

from carts.domain.cart import CartOwner
from config.notation import MAX_CENTS
from products.bounds import NAME_LENGTH
from products.models import Sku

_ID_LENGTH = 32
# "user:<id>" or "guest:<id>", as in products.PurchaseTally.
_BUYER_LENGTH = 140
_MARK_LENGTH = 160
# Whatever can be ordered can be paid, so both have the same bound.
_MAX_AMOUNT = Decimal(MAX_CENTS).scaleb(-2)


class OrderStatus(models.TextChoices):
    """How far an order is; `orders.lifecycle` knows what may follow what."""

    PENDING = "PENDING", _("Pending")
    PAID = "PAID", _("Paid")
    SHIPPED = "SHIPPED", _("Shipped")
    COMPLETED = "COMPLETED", _("Completed")
    CANCELLED = "CANCELLED", _("Cancelled")


_PAID = (OrderStatus.PAID, OrderStatus.SHIPPED, OrderStatus.COMPLETED)


class LineReturn(models.TextChoices):
    """Whether the lines of a cancelled order go back into the buyer's cart."""

    NONE = "", _("Not asked for")
    DUE = "DUE", _("Due")
    DONE = "DONE", _("Done")


class Order(models.Model):
    """What one buyer bought from one cart. Amounts, names and lines never change.

    `returned` is what of a cancelled order went back into the cart, as the API shows it. `marks`
    say whom it counts against (see `orders.pending`).
    """

    id = models.CharField(
        primary_key=True, max_length=_ID_LENGTH, default=create_id, editable=False
    )
    number = models.CharField(_("number"), max_length=20, unique=True, editable=False)
    buyer = models.CharField(_("buyer"), max_length=_BUYER_LENGTH, editable=False)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        # A trigger makes them nobody's when the user is deleted.
        models.DO_NOTHING,
        null=True,
        blank=True,
        related_name="orders",
        verbose_name=_("user"),
    )
    cart_id = models.CharField(_("cart"), max_length=_ID_LENGTH, editable=False)
    status = models.CharField(
        _("status"), max_length=10, choices=OrderStatus.choices, default=OrderStatus.PENDING
    )
    total_amount = models.DecimalField(_("total"), max_digits=20, decimal_places=2)
    currency = models.CharField(_("currency"), max_length=3)
    item_count = models.PositiveIntegerField(_("units"))
    contact = models.JSONField(_("contact"), null=True, blank=True)
    shipping_address = models.JSONField(_("shipping address"), null=True, blank=True)
    note = models.TextField(_("note"), blank=True, default="")
    line_return = models.CharField(
        _("return to cart"),
        max_length=4,
        choices=LineReturn.choices,
        blank=True,
        default=LineReturn.NONE,
    )
    marks = ArrayField(
        models.CharField(max_length=_MARK_LENGTH), default=list, db_default=[], editable=False
    )
    returned = models.JSONField(_("returned to cart"), null=True, blank=True)
    created_at = models.DateTimeField(_("created"))
    expires_at = models.DateTimeField(_("payment due"))
    paid_at = models.DateTimeField(_("paid"), null=True, blank=True)
    cancelled_at = models.DateTimeField(_("cancelled"), null=True, blank=True)

    class Meta:
        ordering = ("-created_at", "-id")
        verbose_name = _("order")
        verbose_name_plural = _("orders")
        permissions = (
            ("pay_order", "Can mark orders paid"),
            ("ship_order", "Can mark orders shipped"),
            ("complete_order", "Can mark orders completed"),
            ("cancel_order", "Can cancel orders"),
        )
        constraints = (
            models.CheckConstraint(
                name="order_status_known", condition=Q(status__in=OrderStatus.values)
            ),
            models.CheckConstraint(
                name="order_line_return_known",
                condition=Q(line_return="")
                | Q(line_return__in=("DUE", "DONE"), status=OrderStatus.CANCELLED),
            ),
            models.CheckConstraint(
                name="order_buyer_is_user_or_guest",
                condition=Q(user__isnull=True, buyer__startswith="guest:")
                | Q(user__isnull=False, buyer=Concat(Value("user:"), F("user_id"))),
            ),
            models.CheckConstraint(
                name="order_total_not_negative", condition=Q(total_amount__gte=0)
            ),
            models.CheckConstraint(
                name="order_total_bounded", condition=Q(total_amount__lte=_MAX_AMOUNT)
            ),
            models.CheckConstraint(name="order_has_units", condition=Q(item_count__gt=0)),
            models.CheckConstraint(
                name="order_paid_at_when_paid",
                condition=Q(status__in=_PAID, paid_at__isnull=False)
                | (~Q(status__in=_PAID) & Q(paid_at__isnull=True)),
            ),
            models.CheckConstraint(
                name="order_cancelled_at_when_cancelled",
                condition=Q(status=OrderStatus.CANCELLED, cancelled_at__isnull=False)
                | (~Q(status=OrderStatus.CANCELLED) & Q(cancelled_at__isnull=True)),
            ),
        )
        indexes = (
            models.Index("buyer", F("created_at").desc(), F("id").desc(), name="order_of_buyer"),
            models.Index(F("created_at").desc(), F("id").desc(), name="order_newest"),
            models.Index(
                fields=("expires_at",),
                name="order_unpaid",
                condition=Q(status=OrderStatus.PENDING),
            ),
            GinIndex(
                fields=("marks",),
                name="order_pending_marks",
                condition=Q(status=OrderStatus.PENDING),
            ),
            models.Index(
                fields=("cancelled_at",),
                name="order_return_due",
                condition=Q(line_return=LineReturn.DUE),
            ),
        )

    def __str__(self) -> str:
        return self.number

    @cached_property
    def sold_items(self) -> "list[OrderItem]":
        """The items, in the order of the cart."""
        return list(self.items.all())

    @property
    def owner(self) -> CartOwner:
        """Whose cart it was bought from."""
        return CartOwner.parse(self.buyer)

    @property
    def actor(self) -> str:
        """The buyer as events name them: a guest's id is a secret."""
        return self.buyer if self.user_id else "guest"


class OrderItem(models.Model):
    """One SKU of an order as it was sold: name, image, code, merchant and price stay for ever."""

    order = models.ForeignKey(
        Order, models.CASCADE, related_name="items", db_index=False, verbose_name=_("order")
    )
    sku = models.ForeignKey(
        Sku, models.PROTECT, related_name="order_items", db_index=False, verbose_name=_("SKU")
    )
    product_id = models.CharField(_("product"), max_length=_ID_LENGTH)
    merchant_id = models.CharField(_("merchant id"), max_length=_ID_LENGTH)
    merchant_name = models.CharField(_("merchant"), max_length=200)
    sku_code = models.CharField(_("code"), max_length=64)
    name = models.CharField(_("name"), max_length=NAME_LENGTH)
    image = models.TextField(_("image"), blank=True)
    price = models.DecimalField(
        _("price"), max_digits=12, decimal_places=2, validators=[MinValueValidator(0)]
    )
    quantity = models.PositiveIntegerField(_("units"), validators=[MinValueValidator(1)])
    # The database sets it as well, because the release before does not know this field.
    selected = models.BooleanField(_("selected in the cart"), default=True, db_default=True)
    took_stock = models.BooleanField(_("taken from stock"), default=True, db_default=True)

    class Meta:
        ordering = ("id",)
        verbose_name = _("order item")
        verbose_name_plural = _("order items")
        constraints = (
            models.UniqueConstraint(fields=("order", "sku"), name="orderitem_of_order_and_sku"),
            models.CheckConstraint(name="orderitem_has_units", condition=Q(quantity__gt=0)),
            models.CheckConstraint(name="orderitem_price_not_negative", condition=Q(price__gte=0)),
        )

    def __str__(self) -> str:
        return f"{self.quantity} × {self.name}"

    @property
    def public_id(self) -> str:
        """The id that buyers see, because the row's number would tell how much the shop sells."""
        return f"{self.order_id}_{self.sku_id}"

    @property
    def total_price(self) -> Decimal:
        return self.price * self.quantity


class OrderEvent(models.Model):
    """One change of an order's status, and who made it; the first one has no `from_status`.

    `actor` is "user:<id>", "guest", "staff:<id>", "payment:<event id>" or "system".
    """

    order = models.ForeignKey(Order, models.CASCADE, related_name="events", verbose_name=_("order"))
    from_status = models.CharField(
        _("from"), max_length=10, choices=OrderStatus.choices, blank=True
    )
    to_status = models.CharField(_("to"), max_length=10, choices=OrderStatus.choices)
    actor = models.CharField(_("by"), max_length=200)
    created_at = models.DateTimeField(_("at"))

    class Meta:
        ordering = ("id",)
        verbose_name = _("order event")
        verbose_name_plural = _("order events")

    def __str__(self) -> str:
        return f"{self.from_status} → {self.to_status}"


class PaymentFlag(models.TextChoices):
    """Why a payment needs somebody to look at it."""

    NONE = "", _("In order")
    UNKNOWN_ORDER = "unknown_order", _("Unknown order")
    WRONG_AMOUNT = "wrong_amount", _("Wrong amount")
    WRONG_CURRENCY = "wrong_currency", _("Wrong currency")
    ORDER_CANCELLED = "order_cancelled", _("Order was cancelled")
    ALREADY_PAID = "already_paid", _("Order was paid already")
    EVENT_REUSED = "event_reused", _("Event told of another payment before")


class Payment(models.Model):
    """A payment the provider told of, once per event; a flagged one changed nothing.

    If an event is used again for something else, a row of its own says so.
    """

    event_id = models.CharField(_("event"), max_length=128)
    order = models.ForeignKey(
        Order,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="payments",
        verbose_name=_("order"),
    )
    order_reference = models.CharField(_("order id as sent"), max_length=64)
    amount = models.DecimalField(_("amount"), max_digits=20, decimal_places=2)
    currency = models.CharField(_("currency"), max_length=3)
    flag = models.CharField(
        _("flag"), max_length=20, choices=PaymentFlag.choices, blank=True, default=PaymentFlag.NONE
    )
    received_at = models.DateTimeField(_("received"))

    class Meta:
        ordering = ("-id",)
        verbose_name = _("payment")
        verbose_name_plural = _("payments")
        constraints = (
            models.CheckConstraint(
                name="payment_flag_known",
                condition=Q(flag="") | Q(flag__in=[value for value in PaymentFlag.values if value]),
            ),
            models.CheckConstraint(
                name="payment_of_unknown_order_is_flagged",
                condition=Q(order__isnull=False) | ~Q(flag=""),
            ),
            models.CheckConstraint(name="payment_amount_not_negative", condition=Q(amount__gte=0)),
            models.CheckConstraint(
                name="payment_amount_bounded", condition=Q(amount__lte=_MAX_AMOUNT)
            ),
            models.UniqueConstraint(
                fields=("event_id",),
                name="payment_of_event",
                condition=~Q(flag=PaymentFlag.EVENT_REUSED),
            ),
            models.UniqueConstraint(
                fields=("event_id", "order_reference", "amount", "currency"),
                name="payment_told_once",
            ),
        )
        indexes = (
            models.Index(fields=("received_at",), name="payment_flagged", condition=~Q(flag="")),
        )

    def __str__(self) -> str:
        return self.event_id


class Reply(models.Model):
    """What was answered to a keyed call that orders, for its repeats.

    Written by the transaction of the order itself, so there is no order without it.
    """

    buyer = models.CharField(_("buyer"), max_length=_BUYER_LENGTH)
    key = models.CharField(_("key"), max_length=140)
    fingerprint = models.CharField(_("fingerprint"), max_length=64)
    status = models.PositiveSmallIntegerField(_("status"))
    body = models.BinaryField(_("body"))
    created_at = models.DateTimeField(_("created"))

    class Meta:
        verbose_name = _("reply")
        verbose_name_plural = _("replies")
        constraints = (
            models.UniqueConstraint(fields=("buyer", "key"), name="reply_of_buyer_and_key"),
        )
        indexes = (models.Index(fields=("created_at",), name="reply_oldest"),)

    def __str__(self) -> str:
        return self.key
