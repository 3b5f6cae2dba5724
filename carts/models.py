"""The carts' permanent copy. `carts.permanent` alone writes it, from the hashes, in bulk."""

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from products.models import Sku

_CART_ID_LENGTH = 24
_ORDER_ID_LENGTH = 32
_GUEST_ID_LENGTH = 128
_OWNER_LENGTH = 140


class CartStatus(models.TextChoices):
    """Whether a cart lives, and if not, how it ended."""

    ACTIVE = "ACTIVE", _("Active")
    EXPIRED = "EXPIRED", _("Expired")
    CHECKEDOUT = "CHECKEDOUT", _("Checked out")


_ACTIVE = Q(status=CartStatus.ACTIVE)


class Cart(models.Model):
    """One cart as it was when last saved; `version` says which state that was.

    It belongs to a user or to the guest whose id `session_id` is. Total and unit count are those
    of what was selected and purchasable then, for the staff: nothing is sold by them. `merged`,
    `settled` and `handover` are as in the hash. `retired_at` is when the hash was found gone or
    taken away for being idle; a save or a restore clears it.
    """

    id = models.CharField(primary_key=True, max_length=_CART_ID_LENGTH, editable=False)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        # A trigger deletes them with the user.
        models.DO_NOTHING,
        null=True,
        blank=True,
        related_name="carts",
        db_index=False,
        verbose_name=_("user"),
    )
    # NULL, not "": no index condition but IS NOT NULL is implied by a prepared `= $1`.
    session_id = models.CharField(  # noqa: DJ001
        _("guest id"), max_length=_GUEST_ID_LENGTH, null=True, blank=True
    )
    status = models.CharField(
        _("status"), max_length=10, choices=CartStatus.choices, default=CartStatus.ACTIVE
    )
    currency = models.CharField(_("currency"), max_length=3)
    total_amount = models.DecimalField(_("total when saved"), max_digits=20, decimal_places=2)
    item_count = models.IntegerField(_("units when saved"))
    version = models.BigIntegerField(_("version"))
    merged = models.TextField(_("marks of merged carts"), blank=True, default="")
    settled = models.TextField(_("marks of settled orders"), blank=True, default="")
    handover = models.CharField(_("being merged into"), max_length=64, blank=True, default="")
    created_at = models.DateTimeField(_("created"))
    updated_at = models.DateTimeField(_("changed"))
    expires_at = models.DateTimeField(_("idle from"))
    saved_at = models.DateTimeField(_("saved"))
    retired_at = models.DateTimeField(_("retired"), null=True, blank=True)

    class Meta:
        ordering = ("-updated_at", "id")
        verbose_name = _("cart")
        verbose_name_plural = _("carts")
        # Changing lines takes the permission "change".
        permissions = (
            ("save_cart", "Can save carts now"),
            ("restore_cart", "Can bring carts back from the database"),
            ("repair_cart", "Can repair drifted carts"),
            ("merge_cart", "Can merge guests' carts into users'"),
            ("expire_cart", "Can end carts"),
        )
        constraints = (
            models.CheckConstraint(
                name="cart_of_user_or_guest",
                condition=Q(user__isnull=False, session_id__isnull=True)
                | Q(user__isnull=True, session_id__isnull=False),
            ),
            models.CheckConstraint(
                name="cart_status_known", condition=Q(status__in=CartStatus.values)
            ),
            models.CheckConstraint(name="cart_version_positive", condition=Q(version__gt=0)),
            models.UniqueConstraint(
                fields=("user",),
                condition=_ACTIVE & Q(user__isnull=False),
                name="cart_active_of_user",
            ),
            models.UniqueConstraint(
                fields=("session_id",),
                condition=_ACTIVE & Q(session_id__isnull=False),
                name="cart_active_of_guest",
            ),
        )
        indexes = (
            models.Index(
                F("user"),
                F("created_at").desc(),
                name="cart_of_user",
                condition=Q(user__isnull=False),
            ),
            models.Index(
                F("session_id"),
                F("created_at").desc(),
                name="cart_of_guest",
                condition=Q(session_id__isnull=False),
            ),
            models.Index("expires_at", "id", name="cart_idle", condition=Q(retired_at=None)),
            models.Index("expires_at", "id", name="cart_ended", condition=~_ACTIVE),
            models.Index("updated_at", name="cart_handed_over", condition=~Q(handover="")),
        )

    def __str__(self) -> str:
        return self.id


class CartItem(models.Model):
    """A line of a copy. `revision` is the SkuRevision it was added at."""

    cart = models.ForeignKey(
        Cart, models.CASCADE, related_name="items", db_index=False, verbose_name=_("cart")
    )
    # Without a constraint in the database: a copy takes whatever the living cart holds, and SKUs
    # are never removed. Checking each line would also lock the rows that orders wait for.
    sku = models.ForeignKey(
        Sku,
        models.PROTECT,
        related_name="cart_items",
        db_index=False,
        db_constraint=False,
        verbose_name=_("SKU"),
    )
    quantity = models.IntegerField(_("units"))
    selected = models.BooleanField(_("selected"))
    revision = models.BigIntegerField(_("revision"))
    added_at = models.DateTimeField(_("added"))
    updated_at = models.DateTimeField(_("changed"))

    class Meta:
        ordering = ("added_at", "sku_id")
        verbose_name = _("cart item")
        verbose_name_plural = _("cart items")
        constraints = (
            models.UniqueConstraint(fields=("cart", "sku"), name="cartitem_of_cart_and_sku"),
            models.CheckConstraint(name="cartitem_has_units", condition=Q(quantity__gt=0)),
        )
        # By the SKU alone: saving writes to it for each new line, and this way it stays small.
        indexes = (models.Index(fields=("sku",), name="cartitem_of_sku"),)

    def __str__(self) -> str:
        return f"{self.sku_id}: {self.quantity}"


class PendingSettlement(models.Model):
    """Units an order bought that may still be in a cart or in its permanent copy, by SKU.

    Written in the order's own transaction, and removed once the copy is without them; until
    then, whatever brings the cart back from its copy takes them out. `owner` is the key of a
    CartOwner. Written through `carts.operations.settling` only.
    """

    order_id = models.CharField(_("order"), primary_key=True, max_length=_ORDER_ID_LENGTH)
    owner = models.CharField(_("owner"), max_length=_OWNER_LENGTH)
    cart_id = models.CharField(_("cart"), max_length=_CART_ID_LENGTH)
    units = models.JSONField(_("units by SKU"))
    created_at = models.DateTimeField(_("created"), default=timezone.now)

    class Meta:
        verbose_name = _("pending settlement")
        verbose_name_plural = _("pending settlements")
        indexes = (models.Index(fields=("owner",), name="settlement_of_owner"),)

    def __str__(self) -> str:
        return self.order_id


class CartChange(models.Model):
    """A change to a line of a cart, as the change stream told of it.

    Kept whatever becomes of the cart, so it refers to no other row. `owner_id` is a user's id, or
    what stands for a guest's id, which is a secret. `actor` is who made the change where it was
    not the owner. All changes that one call made have the cart version it led to. Where a user has
    been erased, either is "erased", as if of a guest.
    """

    stream_id = models.CharField(_("stream entry"), max_length=41)
    cart_id = models.CharField(_("cart"), max_length=_CART_ID_LENGTH)
    owner_kind = models.CharField(
        _("owner kind"), max_length=5, choices=(("user", _("User")), ("guest", _("Guest")))
    )
    owner_id = models.CharField(_("owner"), max_length=_CART_ID_LENGTH)
    action = models.CharField(_("action"), max_length=20)
    sku_id = models.CharField(_("SKU"), max_length=64)
    before = models.PositiveIntegerField(_("units before"))
    after = models.PositiveIntegerField(_("units after"))
    version = models.PositiveBigIntegerField(_("cart version"))
    actor = models.CharField(_("actor"), max_length=150, blank=True)
    source = models.CharField(_("source"), max_length=20)
    request_id = models.CharField(_("request"), max_length=64)
    at = models.DateTimeField(_("time"))

    class Meta:
        ordering = ("-id",)
        verbose_name = _("cart change")
        verbose_name_plural = _("cart changes")
        constraints = (
            # Draining an entry again writes nothing. The cart's version is part of it for the day
            # an emptied Redis with a clock set back uses an entry's id a second time.
            models.UniqueConstraint(
                fields=("cart_id", "version", "stream_id"), name="cartchange_once"
            ),
        )
        indexes = (
            models.Index(fields=("owner_id", "at"), name="cartchange_of_owner"),
            models.Index(fields=("sku_id", "at"), name="cartchange_of_sku"),
            models.Index(fields=("at",), name="cartchange_at"),
            models.Index(fields=("actor",), name="cartchange_by_actor", condition=~Q(actor="")),
        )

    def __str__(self) -> str:
        return f"{self.action} {self.sku_id}: {self.before} -> {self.after}"


class UnreadableChange(models.Model):
    """An entry of a change stream that is no CartChange, set aside with the reason.

    `shard` is the key prefix of its shard; `entry` has its fields, without a guest's id.
    """

    shard = models.CharField(_("shard"), max_length=8, blank=True)
    stream_id = models.CharField(_("stream entry"), max_length=41)
    entry = models.JSONField(_("entry"))
    reason = models.TextField(_("reason"))
    set_aside_at = models.DateTimeField(_("set aside"), default=timezone.now)

    class Meta:
        ordering = ("-id",)
        verbose_name = _("unreadable cart change")
        verbose_name_plural = _("unreadable cart changes")
        constraints = (
            models.UniqueConstraint(fields=("shard", "stream_id"), name="unreadablechange_once"),
        )

    def __str__(self) -> str:
        return f"{self.stream_id}: {self.reason}"


class Publication(models.Model):
    """How far the change log has been published: up to which change, by channel."""

    KAFKA = "kafka"

    channel = models.CharField(_("channel"), primary_key=True, max_length=20)
    last_id = models.BigIntegerField(_("last change"), default=0)

    class Meta:
        verbose_name = _("publication")
        verbose_name_plural = _("publications")

    def __str__(self) -> str:
        return f"{self.channel}: {self.last_id}"
