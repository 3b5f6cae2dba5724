"""A broker that takes no changes for a while: the worker outlives it, and goes on by itself."""

import shutil
from collections.abc import Callable

import pytest
from redis import Redis

from carts import tasks
from carts.models import Cart as CartModel
from config.celery import app
from tests.config.project import wait_for_line
from tests.faults.servers import OwnValkey, wait_until
from tests.faults.test_worker_killed import make_unsaved, run_worker

pytestmark = pytest.mark.django_db(transaction=True)

CARTS = 20


def lose_the_disk(redis: Redis, server: OwnValkey) -> None:
    """Have the server refuse changes with MISCONF, as it does where it cannot write its file."""
    redis.config_set("save", "3600 1")
    shutil.rmtree(server.folder)
    redis.bgsave()
    wait_until(lambda: redis.info("persistence")["rdb_last_bgsave_status"] == "err")


def bring_the_disk_back(redis: Redis, server: OwnValkey) -> None:
    server.folder.mkdir()
    redis.config_set("save", "")


def become_a_replica(redis: Redis, _: OwnValkey) -> None:
    redis.replicaof("127.0.0.1", "1")


def take_over(redis: Redis, _: OwnValkey) -> None:
    redis.replicaof("NO", "ONE")


Fault = Callable[[Redis, OwnValkey], None]


@pytest.mark.parametrize(
    ("fault", "repair"),
    [(lose_the_disk, bring_the_disk_back), (become_a_replica, take_over)],
    ids=["full disk", "failover"],
)
def test_a_worker_goes_on_once_its_broker_takes_changes_again(
    own_redis: Redis, own_valkey: OwnValkey, fault: Fault, repair: Fault
) -> None:
    url = own_valkey.url
    with run_worker(REDIS_URL=url) as worker:
        fault(own_redis, own_valkey)
        wait_for_line(worker, "Cannot connect to")
        wait_for_line(worker, "Cannot connect to")
        clients = len(own_redis.client_list())
        repair(own_redis, own_valkey)
        wait_for_line(worker, "Connected to")
        make_unsaved(own_redis, CARTS)
        with app.connection_for_write(url) as connection, connection.Producer() as producer:
            tasks.save_changed_carts.apply_async(producer=producer)
        wait_until(lambda: CartModel.objects.count() == CARTS)
        assert worker.poll() is None

    # What the worker opened for its attempts, it has closed again.
    assert clients < 10
