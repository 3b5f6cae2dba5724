"""The books: what must be so after everything that has been done to the shop, without any store.

A cart lives, or it does not; beside it, one state of it is saved. What a loss of the hashes costs
follows from that: a cart that does not live comes back as it was saved.
"""

from collections.abc import Iterator, Mapping, Set
from dataclasses import replace
from itertools import count

from tests.model.states import (
    Book,
    Line,
    Purchase,
    State,
    Strategy,
    leave_out_bought,
    leave_out_lines,
    merge_line,
    take_units,
    unite,
)


class Books:
    """Everybody's book, the stock, and what is sold; goods and people go by their names here.

    Where a step may `stop`, it ends there as by a crash.
    """

    def __init__(self, stock: Mapping[str, int], limits: Mapping[str, int | None]) -> None:
        self.stock = dict(stock)
        self.limits = limits
        self.books = {
            "user": Book(is_guest=False), "ann": Book(is_guest=True), "bob": Book(is_guest=True)
        }  # fmt: skip
        self.orders: list[str] = []
        self.sold: dict[str, Purchase] = {}
        self.due_returns: dict[str, Purchase] = {}
        self._numbers: Iterator[int] = count(1)

    # What the owner does.

    def open(self, who: str) -> State | None:
        """Read the cart, which brings it back where it does not live."""
        book = self.books[who]
        copy = book.saved
        if book.living is None and copy is not None and self.comes_back(book, copy):
            living = leave_out_bought(book, copy)
            if living != copy:
                living = replace(living, number=next(self._numbers))
            book.living, book.history, book.is_resting = living, {copy.number}, False
        return book.living

    def add(self, who: str, sku: str, units: int, selected: bool | None) -> int:
        """Add units; return the status of the answer."""
        self._open_to_change(who)
        before = self._line(who, sku)
        if (before.quantity if before else 0) + units > self.highest(who, sku):
            return 409
        number = self._start(who)
        line = before or Line(0, True, number, number)
        chosen = line.selected if selected is None else selected
        quantity = line.quantity + units
        self._write(who, number, {sku: replace(line, quantity=quantity, selected=chosen)})
        return 200

    def set(self, who: str, sku: str, quantity: int | None, selected: bool | None) -> int:
        self._open_to_change(who)
        before = self._line(who, sku)
        if before is None:
            return 404
        if quantity is not None and quantity > self.highest(who, sku):
            return 409
        after = replace(
            before,
            quantity=before.quantity if quantity is None else quantity,
            selected=before.selected if selected is None else selected,
        )
        if after != before:
            self._write(who, next(self._numbers), {sku: after})
        return 200

    def select_all(self, who: str, selected: bool) -> int:
        living = self._open_to_change(who)
        changed = {
            sku: replace(line, selected=selected)
            for sku, line in (living.lines if living else {}).items()
            if line.selected != selected
        }
        if changed:
            self._write(who, next(self._numbers), changed)
        return 200

    def remove(self, who: str, sku: str) -> int:
        self._open_to_change(who)
        if self._line(who, sku) is None:
            return 404
        self._write(who, next(self._numbers), {sku: None})
        return 200

    def clear(self, who: str) -> int:
        living = self._open_to_change(who)
        if living is not None and living.lines:
            self._write(who, next(self._numbers), dict.fromkeys(living.lines))
        return 200

    def highest(self, who: str, sku: str) -> int:
        """Return the most units the owner may have of a SKU."""
        limit = self.limits[sku]
        if limit is None:
            return self.stock[sku]
        return min(self.stock[sku], max(0, limit - self.bought(who, sku)))

    def bought(self, who: str, sku: str) -> int:
        """Return how many units the owner has in orders that are not cancelled."""
        return sum(p.units.get(sku, 0) for p in self.sold.values() if p.buyer == who)

    # What the shop does.

    def save(self, who: str) -> None:
        """Save the living cart, united with its copy if that is of another history."""
        book = self.books[who]
        if not book.is_unsaved or book.living is None:
            return
        if book.saved is not None and self.is_stray(who):
            book.living = self._unite(book, book.living, book.saved)
        self._keep(book, book.living)

    def is_stray(self, who: str) -> bool:
        """Tell whether a slow saver has written a state that the living cart knows nothing of."""
        book = self.books[who]
        return book.living is not None and self._is_strange(book, book.living, book.history)

    def _is_strange(self, book: Book, state: State, history: Set[int]) -> bool:
        """Tell whether the saved state is one that a state of this history knows nothing of."""
        copy = book.saved
        if copy is None:
            return False
        is_active = not (copy.is_ended or book.is_over or (book.is_guest and book.is_idle))
        return (copy.cart == state.cart or is_active) and copy.number not in history

    def save_all(self) -> None:
        """Save every cart that has changed."""
        for who in self.books:
            self.save(who)

    def read_slowly(self, who: str) -> None:
        """Let a saver read the living cart, and write it later."""
        book = self.books[who]
        assert book.living is not None
        book.history.add(book.living.number)
        book.read, book.read_history = book.living, frozenset(book.history)

    def write_late(self, who: str) -> None:
        """Let the slow saver go on: what it has read counts if it comes from what is saved now, or
        nothing is. Otherwise it saves the living cart.
        """
        book = self.books[who]
        read, book.read = book.read, None
        assert read is not None
        if book.saved is None or (
            read.number > book.saved.number and not self._is_strange(book, read, book.read_history)
        ):
            self._keep(book, read)
        elif read.number != book.saved.number:
            self.save(who)

    def wipe(self) -> None:
        """Lose every hash."""
        for book in self.books.values():
            book.living = None

    def let_idle(self, who: str) -> None:
        """Let the cart lie until it is past its expiry."""
        self.books[who].is_idle = True

    def expire(self, who: str) -> None:
        """Let a guest's hash run out of time."""
        self.books[who].living = None

    def sweep(self) -> None:
        """End guests' carts that are past their expiry, and put those of users to rest."""
        for who, book in self.books.items():
            if not book.is_idle or book.is_resting or book.saved is None:
                continue
            if book.living is not None and book.living.cart == book.saved.cart:
                if book.is_unsaved:
                    self.save(who)
                    continue
                book.living = None
            book.is_resting, book.is_over = True, book.is_guest

    def merge(self, guest: str, strategy: Strategy, *, stop: str = "") -> bool:
        """Merge a guest's cart into the user's; return whether the merge came to the step `stop`.

        The steps are "begun", "handed over", "taken in", "kept"; there it ends as by a crash.
        """
        self.open("user")
        self._settle_all(guest)
        book = self.books[guest]
        for turn in count():
            living = self.open(guest)
            if living is None or not (living.lines or living.handover):
                self._claim(guest)
                break
            if living.handover is None:
                number = next(self._numbers)
                book.living = replace(living, handover=strategy, number=number)
            was_stray = self.is_stray(guest)
            if stop == "begun" or self._take_over(guest, stop, turn):
                return True
            if not was_stray:
                break
        return False

    def finish_merges(self) -> None:
        """Finish the merges that were interrupted."""
        for who, book in self.books.items():
            copy_is_handed_over = book.saved is not None and book.saved.handover is not None
            if book.living is not None or copy_is_handed_over:
                self._open_to_change(who)

    def check_order(self, who: str) -> int:
        """Do what an order does before it sells; return the status of its answer."""
        self._settle_all(who)
        self._open_to_change(who)
        self._settle_all(who)
        self.save(who)
        chosen = self.chosen(who)
        if not chosen:
            return 400
        if any(units > self.highest(who, sku) for sku, units in chosen.items()):
            return 409
        return 200

    def chosen(self, who: str) -> dict[str, int]:
        """Return the units that an order would buy."""
        return {sku: line.quantity for sku, line in self.books[who].shown.items() if line.selected}

    def sell(self, who: str, order: str) -> None:
        """Sell what is selected; it has yet to leave the cart."""
        book, units = self.books[who], self.chosen(who)
        assert book.living is not None
        self.orders.append(order)
        self.sold[order] = Purchase(who, book.living.cart, units)
        book.unsettled[order] = self.sold[order]
        self._give_stock({sku: -bought for sku, bought in units.items()})

    def settle(self, who: str, order: str, *, stop: str = "") -> bool:
        """Take what an order bought out of the cart, once; return whether it has left.

        The steps where it may `stop` are "taken" and "saved".
        """
        book = self.books[who]
        purchase = book.unsettled.get(order)
        if purchase is None:
            return True
        living = self.open(who)
        if living is not None and living.handover is not None:
            return False
        if living is not None and living.cart == purchase.cart and order not in living.settled:
            self._take(book, living, order, purchase.units)
        if stop != "taken":
            self.save(who)
        if not stop:
            del book.unsettled[order]
        return True

    def settle_orders(self) -> None:
        """Settle what crashes left unsettled, and return lines that are due."""
        for who in self.books:
            self._settle_all(who)
        for order, purchase in list(self.due_returns.items()):
            self._return_lines(order, purchase)

    def cancel(self, order: str, *, returns_lines: bool) -> None:
        """Cancel an order: what it took goes back."""
        purchase = self.sold.pop(order)
        self._give_stock(purchase.units)
        if returns_lines:
            self._return_lines(order, purchase)

    def _give_stock(self, units: Mapping[str, int]) -> None:
        for sku, given in units.items():
            self.stock[sku] += given

    def _return_lines(self, order: str, purchase: Purchase) -> None:
        who = purchase.buyer
        if not self.settle(who, order):
            self.due_returns[order] = purchase
            return
        self.due_returns.pop(order, None)
        self._open_to_change(who)
        returned = {}
        for sku, bought in purchase.units.items():
            line = self._line(who, sku)
            units = min(bought, self.highest(who, sku) - (line.quantity if line else 0))
            if units > 0:
                returned[sku] = units
        if returned:
            self._add_units(who, returned)

    def _settle_all(self, who: str) -> None:
        for order in list(self.books[who].unsettled):
            self.settle(who, order)

    def _take(self, book: Book, living: State, order: str, units: Mapping[str, int]) -> None:
        number = next(self._numbers)
        left = take_units(living, order, units)
        lines = {
            sku: replace(line, changed=number) if sku in units else line
            for sku, line in left.lines.items()
        }
        book.living = replace(left, lines=lines, number=number, changed=number)

    def _take_over(self, guest: str, stop: str = "", turn: int = 0) -> bool:
        """Go through the steps of a merge that was begun, but for those that were done before.

        A guest's cart that is united with its copy at the first step is another one then: it needs
        another `turn`.
        """
        self.open("user")
        was_stray = self.is_stray(guest)
        self.save(guest)
        # Of a second turn, the first step is the second save.
        if stop == "handed over" or (stop == "kept" and turn > 0):
            return True
        if was_stray:
            return False
        self._claim(guest)
        handed_over, user = self.books[guest].living, self.books["user"]
        assert handed_over is not None
        token = handed_over.number
        known = user.merged | (user.living.merged if user.living else frozenset())
        is_new = token not in known
        if is_new and self._take_in(guest, handed_over) and stop == "taken in":
            return True
        if user.living is not None and token in user.living.merged:
            self.save("user")
            if stop == "kept":
                return True
        number = next(self._numbers)
        emptied = replace(handed_over, lines={}, handover=None, number=number, changed=number)
        self.books[guest].living = emptied
        return False

    def _claim(self, guest: str) -> None:
        """Make the guest's orders the user's."""
        for purchases in (self.sold, self.due_returns):
            for order, purchase in purchases.items():
                if purchase.buyer == guest:
                    purchases[order] = replace(purchase, buyer="user")

    def _unite(self, book: Book, found: State, copy: State) -> State:
        living, kept = leave_out_bought(book, found), leave_out_bought(book, copy)
        if not self._withdraw(living):
            living = replace(living, lines={}, handover=None)
        if not self._withdraw(kept):
            living = leave_out_lines(living, kept.lines)
            kept = replace(kept, lines={}, handover=None)
        return unite(living, kept, found, next(self._numbers))

    def _withdraw(self, state: State) -> bool:
        """Keep a state that is handed over from being taken in; return whether it has not been."""
        user, token = self.books["user"], state.number
        if state.handover is None:
            return True
        if token in user.merged:
            return False
        self.open("user")
        if user.living is not None and token in user.living.merged:
            return False
        if user.living is None or token not in user.living.withdrawn:
            number = next(self._numbers) if user.living else self._start("user")
            assert user.living is not None
            withdrawn = user.living.withdrawn | {token}
            user.living = replace(user.living, withdrawn=withdrawn, number=number, changed=number)
        return True

    def _take_in(self, guest: str, handed_over: State) -> bool:
        """Write the guest's lines into the user's cart; return whether there were any to write."""
        changes = self._plan_merge(leave_out_bought(self.books[guest], handed_over))
        if changes:
            number = self._start("user")
            self._write("user", number, changes)
            user = self.books["user"]
            assert user.living is not None
            merged = user.living.merged | {handed_over.number}
            user.living = replace(user.living, merged=merged)
        return bool(changes)

    def _plan_merge(self, guest: State) -> dict[str, Line | None]:
        changes: dict[str, Line | None] = {}
        for sku, theirs in sorted(guest.lines.items(), key=lambda pair: pair[1].added):
            own = self._line("user", sku)
            line = merge_line(guest.handover, own, theirs)
            most = self.highest("user", sku) if self.stock[sku] else line.quantity
            if min(line.quantity, most) > 0:
                changes[sku] = replace(line, quantity=min(line.quantity, most))
        return changes

    # How a cart comes about, and changes.

    def comes_back(self, book: Book, copy: State) -> bool:
        return not (copy.is_ended or book.is_over or (book.is_guest and book.is_idle))

    def _keep(self, book: Book, state: State) -> None:
        book.saved, book.is_idle, book.is_over, book.is_resting = state, False, False, False
        book.merged |= state.merged
        if book.living == state:
            book.history.add(state.number)

    def _open_to_change(self, who: str) -> State | None:
        """Read the cart; if it is on its way into the user's, finish that."""
        while (living := self.open(who)) is not None and living.handover is not None:
            self._take_over(who)
        return self.books[who].living

    def _line(self, who: str, sku: str) -> Line | None:
        return self.books[who].shown.get(sku)

    def _start(self, who: str) -> int:
        """Start a cart where there is none, or the last one has ended; return the next number."""
        book, number = self.books[who], next(self._numbers)
        if book.living is None:
            last = book.saved.cart if book.saved is not None else 0
            book.living, book.history = State(last + 1, number, number), set()
        elif book.living.is_ended:
            book.living = replace(book.living, cart=book.living.cart + 1, is_ended=False)
        return number

    def _add_units(self, who: str, units: Mapping[str, int]) -> None:
        number = self._start(who)
        lines = {sku: self._line(who, sku) or Line(0, True, 0, 0) for sku in units}
        self._write(
            who,
            number,
            {
                sku: replace(line, quantity=line.quantity + units[sku])
                for sku, line in lines.items()
            },
        )

    def _write(self, who: str, number: int, changes: Mapping[str, Line | None]) -> None:
        """Change lines, and remove those that are None, as one change."""
        book = self.books[who]
        assert book.living is not None
        lines = dict(book.living.lines)
        for sku, line in changes.items():
            if line is None:
                del lines[sku]
            else:
                added = lines[sku].added if sku in lines else next(self._numbers)
                lines[sku] = replace(line, added=added, changed=number)
        book.living = replace(book.living, lines=lines, number=number, changed=number)
