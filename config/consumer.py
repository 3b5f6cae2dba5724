"""How the Celery worker listens to its broker, also through a failover and a full disk."""

import time
from typing import Any

from celery.worker.consumer import Consumer

_REST_SECONDS = 1.0


class PatientConsumer(Consumer):
    """Rests before it asks a broker that takes no changes again, and closes its connection.

    Celery's own consumer asks ten times a second, and leaves its refused connections open.
    """

    amqheartbeat: Any
    hub: Any

    def connect(self) -> Any:
        """Return a connection that the event loop watches; close it where the broker refuses."""
        connection = self.connection_for_read(heartbeat=self.amqheartbeat)
        try:
            if self.hub:
                connection.transport.register_with_event_loop(connection.connection, self.hub)
        except Exception:
            connection.release()
            raise
        return connection

    def on_connection_error_before_connected(self, exc: Exception) -> None:
        """Say so, and rest."""
        super().on_connection_error_before_connected(exc)
        time.sleep(_REST_SECONDS)
