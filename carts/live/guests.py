"""Notes of which guest a hashed id stands for, made while staff look at the guest's cart.

A guest's id is a secret, so the staff's pages show only the hashed id.
"""

from collections.abc import Sequence
from datetime import timedelta

from carts.domain.cart import CartOwner
from carts.live.connection import ask, get_client, store_errors
from carts.live.keys import guest_note_key
from config.hashing import hash_secret

_NOTE_LIFETIME = timedelta(hours=12)


def note_guests(guests: Sequence[CartOwner]) -> None:
    """Note these guests for some hours, in one round trip. Raises CartStoreUnavailable."""
    if not guests:
        return
    seconds = _NOTE_LIFETIME // timedelta(seconds=1)
    ask(
        [
            ("SET", guest_note_key(hash_secret(guest.key)), guest.id, "EX", seconds)
            for guest in guests
        ]
    )


def find_noted_guest(digest: str) -> CartOwner | None:
    """Return the guest who was noted under this hashed id. Raises CartStoreUnavailable."""
    with store_errors():
        noted = get_client().get(guest_note_key(digest))
    return None if noted is None else CartOwner.for_guest(noted.decode())
