"""What a WSGI application answers, in parts that fit into memory."""

from collections.abc import Callable, Iterable
from typing import Any, Self

Headers = list[tuple[str, str]]

# A cart, a page or the API's description fits into one part; only files are larger.
_PART_BYTES = 256 * 1024


class Answer:
    """An answer of which the first part is there: the `part` at hand, and `is_last`."""

    def __init__(self, status: int, headers: Headers, content: Iterable[bytes]) -> None:
        self.status = status
        self.headers = headers
        self._content = content
        self._chunks = iter(content)
        self.read_on()

    @classmethod
    def of(cls, application: Callable[..., Iterable[bytes]], environ: dict[str, Any]) -> Self:
        """Call the application. This may take long, and so may `read_on`."""
        started: list[tuple[str, Headers]] = []

        def start_response(status: str, headers: Headers, *_: Any) -> None:
            started.append((status, headers))

        content = application(environ, start_response)
        status, headers = started[-1]
        return cls(int(status[:3]), headers, content)

    def read_on(self) -> None:
        """Take the next part; after the last one the answer is closed."""
        chunks, size = [], 0
        self.is_last = True
        for chunk in self._chunks:
            chunks.append(chunk)
            size += len(chunk)
            if size >= _PART_BYTES:
                self.is_last = False
                break
        self.part = chunks[0] if len(chunks) == 1 else b"".join(chunks)
        if self.is_last:
            self.close()

    def close(self) -> None:
        """Tell the application that nobody needs the rest; files are closed."""
        if hasattr(self._content, "close"):
            self._content.close()
