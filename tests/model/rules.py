"""What may happen, by kind: each rule does it to the shop and to the books."""

from contextlib import suppress
from datetime import timedelta

from django.utils import timezone
from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule

from carts.operations.merging import finish_stalled_merges
from carts.permanent.sweep import SweepResult, sweep_carts
from orders.models import Order
from orders.settlement import return_due_lines, settle_orders
from tests.carts.permanent.copies import lose_hash, save_all
from tests.carts.shopper import addition_of, item_id
from tests.model.machine import Machine
from tests.model.stage import STOCK, SlowSaver, Stopped, rows_of, stop_at
from tests.model.states import Strategy
from tests.orders.buying import CONTACT

# What a process that stops is about to call, or has just called, and how far it has come then.
ORDER_STOPS = {
    "before orders.checkout.sell 1": "checked",
    "before orders.checkout.settle 1": "sold",
    "before carts.operations.settling.save_cart 1": "taken",
    "after carts.operations.settling.save_cart 1": "saved",
}
MERGE_STOPS = {
    "before carts.operations.merging.save_cart 1": "begun",
    "after carts.operations.merging.save_cart 1": "handed over",
    "after carts.live.store.apply_merge 1": "taken in",
    "after carts.operations.merging.save_cart 2": "kept",
}

_MINUTE = timedelta(minutes=1)

whoever = st.sampled_from(["user", "ann", "bob"])
goods = st.sampled_from(sorted(STOCK))
units = st.integers(1, 4)
strategies: st.SearchStrategy[Strategy] = st.sampled_from(["sum", "guest_wins", "user_wins", "max"])


def has_lines(machine: Machine) -> bool:
    return bool(machine.list_lines())


def has_guest_lines(machine: Machine) -> bool:
    return bool(machine.list_guests())


class Shopping(Machine):
    """Shoppers fill their carts, change them, and look."""

    @initialize(filled=st.lists(st.tuples(whoever, goods, units), min_size=2, max_size=6))
    def fill_carts(self, filled: list[tuple[str, str, int]]) -> None:
        for who, sku, added in filled:
            self.add(who, sku, added, None)

    @rule(who=whoever, sku=goods, units=units, selected=st.sampled_from([None, None, False]))
    def add(self, who: str, sku: str, units: int, selected: bool | None) -> None:
        expected = self.books.add(who, sku, units, selected)
        body = addition_of(self.stage.skus[sku], units)
        if selected is not None:
            body["selected"] = selected
        assert self.call(who, "POST", "/cart", body) == expected

    @precondition(has_lines)
    @rule(data=st.data(), quantity=units)
    def set_quantity(self, data: st.DataObject, quantity: int) -> None:
        who, sku = self.draw_line(data)
        path = self.line_path(who, sku)
        expected = self.books.set(who, sku, quantity, None)
        assert self.call(who, "PUT", path, {"quantity": quantity}) == expected

    @precondition(has_lines)
    @rule(data=st.data(), selected=st.booleans())
    def select(self, data: st.DataObject, selected: bool) -> None:
        who, sku = self.draw_line(data)
        path = self.line_path(who, sku)
        expected = self.books.set(who, sku, None, selected)
        assert self.call(who, "PUT", path, {"selected": selected}) == expected

    @precondition(has_lines)
    @rule(data=st.data())
    def remove(self, data: st.DataObject) -> None:
        who, sku = self.draw_line(data)
        path = self.line_path(who, sku)
        expected = self.books.remove(who, sku)
        assert self.call(who, "DELETE", path) == expected

    @precondition(has_lines)
    @rule(data=st.data(), verb=st.sampled_from(["select", "deselect", "clear"]))
    def change_all(self, data: st.DataObject, verb: str) -> None:
        who, _ = self.draw_line(data)
        if verb == "clear":
            expected = self.books.clear(who)
            assert self.call(who, "DELETE", "/cart/clear") == expected
            return
        expected = self.books.select_all(who, verb == "select")
        body = {"all": True, "selected": verb == "select"}
        assert self.call(who, "PUT", "/cart/selection", body) == expected

    @rule(who=whoever)
    def look(self, who: str) -> None:
        self.books.open(who)
        self.check_cart(who)

    def line_path(self, who: str, sku: str) -> str:
        """Return the path of a line, for which the cart is read."""
        self.books.open(who)
        line = item_id(self.stage.shoppers[who].cart(), self.stage.skus[sku])
        return f"/cart/item/{line}"


class Saving(Shopping):
    """Carts are saved: at once, or by a saver that is slow."""

    @rule()
    def save(self) -> None:
        self.books.save_all()
        save_all()

    @precondition(lambda self: self.slow_saver or self.list_living())
    @rule(data=st.data())
    def save_slowly(self, data: st.DataObject) -> None:
        """Let a saver read a cart and stop there, or the one that has stopped write it."""
        if self.slow_saver is None:
            self.read_slowly(data)
            return
        saver, self.slow_saver = self.slow_saver, None
        self.books.write_late(saver.who)
        saver.go_on()

    def read_slowly(self, data: st.DataObject) -> None:
        who = data.draw(st.sampled_from(self.list_living()))
        self.books.read_slowly(who)
        self.slow_saver = SlowSaver.read(who, self.stage.shoppers[who])


class Merging(Saving):
    """Guests' carts are merged into the user's, by processes that may stop in between."""

    @precondition(has_guest_lines)
    @rule(data=st.data(), strategy=strategies)
    def merge(self, data: st.DataObject, strategy: Strategy) -> None:
        guest = self.draw_guest(data)
        self.books.merge(guest, strategy)
        assert self.submit_merge(guest, strategy) == 200

    @precondition(has_guest_lines)
    @rule(data=st.data(), strategy=strategies, step=st.sampled_from(sorted(MERGE_STOPS)))
    def stop_merging(self, data: st.DataObject, strategy: Strategy, step: str) -> None:
        guest = self.draw_guest(data)
        expected = self.books.merge(guest, strategy, stop=MERGE_STOPS[step])
        has_stopped = True
        with stop_at(step), suppress(Stopped):
            assert self.submit_merge(guest, strategy) == 200
            has_stopped = False
        assert has_stopped == expected

    @rule()
    def finish_merges(self) -> None:
        self.books.finish_merges()
        finish_stalled_merges(begun_before=timezone.now() + _MINUTE)

    def submit_merge(self, guest: str, strategy: Strategy) -> int:
        body = {"guestSessionId": self.stage.shoppers[guest].owner_id, "strategy": strategy}
        return self.call("user", "POST", "/cart/merge", body)


class Ordering(Saving):
    """Shoppers buy and cancel, served by processes that may stop in between."""

    @precondition(has_lines)
    @rule(data=st.data())
    def order(self, data: st.DataObject) -> None:
        who, _ = self.draw_line(data)
        expected = self.books.check_order(who)
        assert self.submit_order(who) == expected
        if expected == 200:
            order = self.find_new_order()
            self.books.sell(who, order)
            self.books.settle(who, order)

    @precondition(lambda self: self.books.sold)
    @rule(data=st.data(), returns_lines=st.booleans())
    def cancel(self, data: st.DataObject, returns_lines: bool) -> None:
        orders = list(self.books.sold)
        order = orders[data.draw(st.integers(0, len(orders) - 1), label="order")]
        buyer = self.books.sold[order].buyer
        query = "?restoreCart=true" if returns_lines else ""
        self.books.cancel(order, returns_lines=returns_lines)
        assert self.call(buyer, "POST", f"/orders/{order}/cancel{query}") == 200

    @precondition(has_lines)
    @rule(data=st.data(), step=st.sampled_from(sorted(ORDER_STOPS)))
    def stop_ordering(self, data: st.DataObject, step: str) -> None:
        who, _ = self.draw_line(data)
        if self.books.books[who].unsettled:
            return
        expected = self.books.check_order(who)
        has_stopped = True
        with stop_at(step), suppress(Stopped):
            assert self.submit_order(who) == expected
            has_stopped = False
        assert has_stopped or expected != 200
        if expected != 200 or ORDER_STOPS[step] == "checked":
            return
        order = self.find_new_order()
        self.books.sell(who, order)
        if ORDER_STOPS[step] != "sold":
            self.books.settle(who, order, stop=ORDER_STOPS[step])

    @rule()
    def settle(self) -> None:
        self.books.settle_orders()
        settle_orders(now=timezone.now() + _MINUTE)
        return_due_lines(now=timezone.now() + _MINUTE)

    def submit_order(self, who: str) -> int:
        return self.call(who, "POST", "/orders", {"contact": CONTACT})

    def find_new_order(self) -> str:
        """Return the id of the order that is not in the books yet."""
        [order] = Order.objects.exclude(pk__in=self.books.orders)
        return order.pk


class CartMachine(Merging, Ordering):
    """All of that, and hashes are lost, shoppers stay away, and idle carts are swept."""

    @precondition(lambda self: self.list_living())
    @rule(data=st.data(), is_saving=st.booleans())
    def wipe(self, data: st.DataObject, is_saving: bool) -> None:
        """Lose all hashes, maybe while a saver has read one and not written it yet."""
        if is_saving and self.slow_saver is None:
            self.read_slowly(data)
        self.books.wipe()
        self.stage.redis.flushdb()

    @precondition(lambda self: self.slow_saver is None and self.list_restorable())
    @rule(data=st.data(), sku=goods, units=units)
    def wipe_in_mid_save(self, data: st.DataObject, sku: str, units: int) -> None:
        """Lose all hashes while a saver has read one, who writes after the shopper has gone on."""
        who = data.draw(st.sampled_from(self.list_restorable()))
        self.books.read_slowly(who)
        saver = SlowSaver.read(who, self.stage.shoppers[who])
        self.books.wipe()
        self.stage.redis.flushdb()
        self.add(who, sku, units, None)
        self.books.write_late(who)
        saver.go_on()

    @precondition(lambda self: self.list_at_rest())
    @rule(data=st.data(), is_gone=st.booleans())
    def let_idle(self, data: st.DataObject, is_gone: bool) -> None:
        """Let a shopper stay away for a month, in which everything else is finished."""
        who = data.draw(st.sampled_from(self.list_at_rest()))
        shopper = self.stage.shoppers[who]
        self.books.let_idle(who)
        newest = rows_of(shopper).latest("version")
        rows_of(shopper).filter(pk=newest.pk).update(expires_at=timezone.now() - timedelta(days=1))
        if is_gone and self.books.books[who].is_guest:
            self.books.expire(who)
            lose_hash(self.stage.redis, shopper)

    @rule()
    def sweep(self) -> None:
        self.books.sweep()
        assert sum(sweep_carts(), SweepResult()).failed == 0
