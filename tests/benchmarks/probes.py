"""One shopper who reads a cart, one request after the other, each on a connection of its own."""

import http.client
import math
import time

_PATIENCE_SECONDS = 5.0


def read_cart(port: int, token: str, *, times: int) -> list[float]:
    """Return the milliseconds of each answer; one that hangs ends the round, as infinity."""
    taken: list[float] = []
    while len(taken) < times:
        begun = time.perf_counter()
        if not _is_answered(port, token):
            return [*taken, math.inf]
        taken.append((time.perf_counter() - begun) * 1_000)
    return taken


def _is_answered(port: int, token: str) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_PATIENCE_SECONDS)
    try:
        connection.request("GET", "/api/cart", headers={"Authorization": f"Bearer {token}"})
        response = connection.getresponse()
        response.read()
    except (OSError, http.client.HTTPException):
        return False
    else:
        return response.status == http.HTTPStatus.OK
    finally:
        connection.close()


def find_percentile(taken: list[float], share: float) -> float:
    """Return what this share of the answered requests stayed under, NaN where none was."""
    answered = sorted(each for each in taken if each < math.inf)
    return answered[int(len(answered) * share)] if answered else math.nan
