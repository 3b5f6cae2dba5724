"""The state machine without its rules: the shop, the books, and what must be so after each step."""

from collections import Counter

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant

from carts.models import CartItem
from products.models import Sku
from tests.carts.permanent.copies import is_unsaved, version_of
from tests.model.books import Books
from tests.model.stage import LIMITS, STOCK, SlowSaver, Stage
from tests.model.states import State
from tests.orders.buying import buyer_of
from tests.products.rows import read_tallies


class Machine(RuleBasedStateMachine):
    """The shop and the books side by side, with ways to ask both."""

    def __init__(self, stage: Stage) -> None:
        super().__init__()
        stage.clear()
        self.stage = stage
        self.books = Books(STOCK, LIMITS)
        self.slow_saver: SlowSaver | None = None
        # The version that each state of a cart was seen with.
        self._versions: dict[str, dict[int, int]] = {who: {} for who in stage.shoppers}
        self._checked: dict[str, tuple[State, dict[str, int]]] = {}

    @invariant()
    def living_carts_are_as_in_the_books(self) -> None:
        for who, book in self.books.books.items():
            if book.living is None:
                continue
            checked = book.living, dict(self.books.stock)
            if self._checked.get(who) != checked:
                self.check_cart(who)
                self._checked[who] = checked
            shopper = self.stage.shoppers[who]
            assert version_of(self.stage.redis, shopper) == self._versions[who][book.living.number]

    @invariant()
    def copies_are_as_in_the_books(self) -> None:
        found: dict[str, set[tuple[str, int, bool]]] = {who: set() for who in self.stage.shoppers}
        lines = CartItem.objects.filter(cart__status="ACTIVE").values_list(
            "cart__user_id", "cart__session_id", "sku_id", "quantity", "selected"
        )
        for user_id, session_id, sku_id, quantity, selected in lines:
            who, sku = (
                self.stage.name_shopper(user_id or session_id or ""),
                self.stage.name_sku(sku_id),
            )
            found[who].add((sku, quantity, selected))
        assert found == {
            who: {(sku, line.quantity, line.selected) for sku, line in book.kept.items()}
            for who, book in self.books.books.items()
        }

    @invariant()
    def stock_and_allowance_are_conserved(self) -> None:
        stock = Counter(
            {self.stage.name_sku(pk): left for pk, left in Sku.objects.values_list("pk", "stock")}
        )
        bought = +Counter(read_tallies())
        assert stock == self.books.stock
        assert bought == {
            (sku.pk, buyer_of(shopper)): self.books.bought(who, name)
            for name, sku in self.stage.skus.items()
            for who, shopper in self.stage.shoppers.items()
            if self.books.bought(who, name)
        }
        for (sku_id, _), sold in bought.items():
            stock[self.stage.name_sku(sku_id)] += sold
        assert stock == STOCK

    def check_cart(self, who: str) -> None:
        """Compare what the shopper is shown with the books."""
        cart, book = self.stage.shoppers[who].cart(), self.books.books[who]
        shown = [
            (self.stage.name_sku(line["skuId"]), line["quantity"], line["selected"])
            for line in (*cart["items"], *cart["unavailableItems"])
        ]
        lines = [(sku, line.quantity, line.selected) for sku, line in book.shown.items()]
        assert shown == sorted(lines, key=lambda line: self.books.stock[line[0]] == 0)
        if book.living is None:
            assert cart["version"] == 0
            return
        if book.is_unsaved:
            assert is_unsaved(self.stage.redis, self.stage.shoppers[who])
        assert cart["status"] == ("CHECKEDOUT" if book.living.is_ended else "ACTIVE")
        versions = self._versions[who]
        assert versions.setdefault(book.living.number, cart["version"]) == cart["version"]
        assert [versions[number] for number in sorted(versions)] == sorted(set(versions.values()))

    def call(self, who: str, method: str, path: str, body: object = None) -> int:
        status: int = self.stage.shoppers[who].call(method, path, body).status_code
        return status

    def list_lines(self) -> list[tuple[str, str]]:
        """Return who has, or had when it was saved, a line of what."""
        return [
            (who, sku)
            for who, book in self.books.books.items()
            for sku in STOCK
            if any(state and sku in state.lines for state in (book.living, book.saved))
        ]

    def list_living(self) -> list[str]:
        """Return whose carts live."""
        return [who for who, book in self.books.books.items() if book.living is not None]

    def list_restorable(self) -> list[str]:
        """Return whose living carts are unsaved, while their copies would come back."""
        return [
            who
            for who, book in self.books.books.items()
            if book.is_unsaved
            and book.saved is not None
            and self.books.comes_back(book, book.saved)
        ]

    def list_at_rest(self) -> list[str]:
        """Return whose carts have nothing under way."""
        return [
            who
            for who, book in self.books.books.items()
            if book.saved is not None
            and book.saved.handover is None
            and not (book.is_unsaved or book.unsettled or book.read)
        ]

    def draw_line(self, data: st.DataObject) -> tuple[str, str]:
        return data.draw(st.sampled_from(self.list_lines()))

    def list_guests(self) -> list[str]:
        """Return the guests who have, or had when it was saved, any line."""
        return list(dict.fromkeys(who for who, _ in self.list_lines() if who != "user"))

    def draw_guest(self, data: st.DataObject) -> str:
        return data.draw(st.sampled_from(self.list_guests()))
