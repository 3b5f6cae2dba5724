"""Browser windows on the demo shop, which notice whatever goes wrong in them."""

import json
import time
from dataclasses import asdict, dataclass, field
from urllib.parse import urlsplit

from playwright.sync_api import BrowserContext, ConsoleMessage, Page, Request

from accounts.models import User
from accounts.tokens import issue_tokens
from tests.carts.shopper import Shopper

# Chromium reports every refusal of the API as an error of its own; the shop expects them.
_REFUSAL = "Failed to load resource: the server responded with a status of"


@dataclass
class Window:
    """A browser profile: tabs that share storage and nothing else. `faults` should stay empty."""

    address: str
    context: BrowserContext
    faults: list[str] = field(default_factory=list)

    def open(self, path: str) -> Page:
        """Open a tab at a path of the shop."""
        page = self.open_tab()
        page.goto(self.address + path)
        return page

    def open_tab(self) -> Page:
        """Open an empty tab."""
        page = self.context.new_page()
        page.on("console", self._note_message)
        page.on("pageerror", lambda error: self.faults.append(f"uncaught: {error}"))
        page.on("request", self._note_request)
        return page

    def forgive(self, text: str) -> None:
        """Forget the faults in which this occurs."""
        self.faults = [fault for fault in self.faults if text not in fault]

    def _note_message(self, message: ConsoleMessage) -> None:
        if message.type not in {"error", "warning"}:
            return
        path = urlsplit(message.location.get("url", "")).path
        if message.text.startswith(_REFUSAL) and path.startswith("/api/"):
            return
        self.faults.append(f"{message.type}: {message.text} ({path})")

    def _note_request(self, request: Request) -> None:
        url = urlsplit(request.url)
        if url.scheme in {"http", "https"} and url.netloc != urlsplit(self.address).netloc:
            self.faults.append(f"request to {request.url}")


def stored_guest(shopper: Shopper) -> dict[str, str]:
    """Return what the shop keeps of a guest."""
    return {"cartwright.guest": shopper.owner_id}


def stored_session(user: User, *, token_seconds: int = 600) -> dict[str, str]:
    """Return what the shop keeps of a user whose access token it takes for good that long."""
    usable_until = (time.time() + token_seconds) * 1000
    account = {"id": user.pk, "username": user.username, "email": user.email}
    session = asdict(issue_tokens(user)) | {"user": account, "usableUntil": usable_until}
    return {"cartwright.session": json.dumps(session)}


def wake(page: Page) -> None:
    """Make a tab look at its cart again, as it does when the buyer comes back to it."""
    page.evaluate("window.dispatchEvent(new Event('focus'))")
