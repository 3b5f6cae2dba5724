"""Refresh tokens: each is exchanged once, and one that comes again ends its family."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.db.models import F
from django.utils import timezone
from redis import Redis

from accounts import tokens
from accounts.models import RefreshFamily, User
from accounts.tasks import forget_expired_sign_ins, revoke_deactivated_users
from accounts.tokens import TokenPair, rotate_tokens
from tests.accounts.api.test_login import without_redis
from tests.accounts.calls import error_of, get, log_in, post, sign_in
from tests.accounts.factories import UserFactory
from tests.products.threads import PATIENCE_SECONDS
from tests.steps import LOCK_FAMILY, READ_REFRESH_TOKEN, act_after, replace_step

pytestmark = pytest.mark.django_db(transaction=True)

NOT_VALID = (401, "token_not_valid", "Token is invalid or expired")


def exchange(refresh: str) -> Any:
    """Exchange a refresh token; return the new pair."""
    answer = post("/api/auth/refresh", {"refresh": refresh}, authorization="Bearer dead")
    assert answer.status_code == 200
    assert answer["Cache-Control"] == "no-store"
    return answer.json()["data"]


def is_refused(refresh: str) -> bool:
    answer = post("/api/auth/refresh", {"refresh": refresh})
    return answer.status_code == 401 and error_of(answer) == NOT_VALID


def call_cart(access: str) -> int:
    return get("/api/cart", authorization=f"Bearer {access}").status_code


def pass_time(seconds: float) -> None:
    """Let the last exchanges have been so long ago."""
    RefreshFamily.objects.update(rotated_at=F("rotated_at") - timedelta(seconds=seconds))


def test_exchanged_tokens_follow_one_another() -> None:
    user = UserFactory.create()
    first = log_in(user).json()["data"]

    second = exchange(first["refresh"])
    third = exchange(second["refresh"])

    assert second.keys() == {"access", "refresh"}
    assert len({first["refresh"], second["refresh"], third["refresh"]}) == 3
    header = f"Bearer {third['access']}"
    assert get("/api/auth/me", authorization=header).json()["data"]["id"] == user.pk
    assert [call_cart(pair["access"]) for pair in (first, second, third)] == [200] * 3


def test_within_ten_seconds_a_token_gets_another_pair_of_its_family() -> None:
    first = sign_in(UserFactory.create())
    lost = exchange(first.refresh)
    pass_time(9)

    again = exchange(first.refresh)

    assert call_cart(again["access"]) == call_cart(lost["access"]) == 200
    assert call_cart(exchange(again["refresh"])["access"]) == 200


def test_later_a_token_that_comes_again_ends_its_family_and_no_other(
    caplog: pytest.LogCaptureFixture,
) -> None:
    user = UserFactory.create()
    first, elsewhere = sign_in(user), sign_in(user)
    second = exchange(first.refresh)
    pass_time(10.1)

    assert is_refused(first.refresh)

    assert is_refused(second["refresh"])
    assert [call_cart(access) for access in (first.access, second["access"])] == [401, 401]
    for path in ("/api/auth/me", "/api/orders"):
        assert error_of(get(path, authorization=f"Bearer {second['access']}")) == NOT_VALID
    assert call_cart(elsewhere.access) == call_cart(exchange(elsewhere.refresh)["access"]) == 200
    assert f"a refresh token of user {user.pk} came again: its family is ended" in caplog.text


def test_an_older_token_ends_its_family_at_once() -> None:
    first = sign_in(UserFactory.create())
    third = exchange(exchange(first.refresh)["refresh"])

    assert is_refused(first.refresh)

    assert is_refused(third["refresh"])
    assert call_cart(third["access"]) == 401


def end_family() -> TokenPair:
    """End a family; return its last pair."""
    first = sign_in(UserFactory.create())
    last = exchange(first.refresh)
    pass_time(11)
    assert is_refused(first.refresh)
    return TokenPair(**last)


def test_a_wiped_redis_is_told_of_ended_families_again(redis_server: Redis) -> None:
    ended = end_family()
    redis_server.flushdb()
    before = call_cart(ended.access)

    revoke_deactivated_users()

    assert (before, call_cart(ended.access)) == (200, 401)


def test_a_family_that_ends_while_redis_is_away_is_refused_by_the_task() -> None:
    with without_redis("carts"):
        ended = end_family()
    before = call_cart(ended.access)

    revoke_deactivated_users()

    assert (before, call_cart(ended.access)) == (200, 401)


def test_signing_out_ends_the_family_by_any_of_its_tokens_and_no_other() -> None:
    user = UserFactory.create()
    first, elsewhere = sign_in(user), sign_in(user)
    second = exchange(first.refresh)

    signed_out = post("/api/auth/logout", {"refresh": first.refresh}, authorization="Bearer dead")

    assert (signed_out.status_code, signed_out.json()["data"]) == (200, None)
    assert is_refused(second["refresh"])
    assert error_of(post("/api/auth/logout", {"refresh": second["refresh"]})) == NOT_VALID
    assert call_cart(exchange(elsewhere.refresh)["access"]) == 200


def test_a_token_of_before_there_were_families_is_its_own() -> None:
    user = UserFactory.create()
    token = tokens.SignedRefreshToken()
    token["user_id"] = user.pk
    family = {"id": token["jti"], "token_id": token["jti"]}
    RefreshFamily.objects.create(user=user, expires_at=timezone.now(), **family)

    renewed = exchange(str(token))

    assert call_cart(str(token.access_token)) == call_cart(renewed["access"]) == 200


def test_sign_ins_are_forgotten_when_their_tokens_have_expired() -> None:
    old, young = sign_in(UserFactory.create()), sign_in(UserFactory.create())
    [gone, _] = RefreshFamily.objects.order_by("expires_at")
    RefreshFamily.objects.filter(pk=gone.pk).update(expires_at=timezone.now())

    forget_expired_sign_ins()

    assert is_refused(old.refresh)
    assert call_cart(exchange(young.refresh)["access"]) == 200


def test_a_deleted_users_sign_ins_are_gone_or_worthless() -> None:
    by_orm, by_sql = UserFactory.create(), UserFactory.create()
    refresh = [sign_in(user).refresh for user in (by_orm, by_sql)]

    by_orm.delete()
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM accounts_user")

    assert [is_refused(text) for text in refresh] == [True, True]
    assert not User.objects.exists()


def exchange_twice_at_once(monkeypatch: pytest.MonkeyPatch, lock: Callable[..., Any]) -> list[Any]:
    """Exchange one token in two threads that have both read it."""
    refresh = sign_in(UserFactory.create()).refresh
    barrier = threading.Barrier(2, timeout=PATIENCE_SECONDS)

    def rotate() -> TokenPair:
        try:
            return rotate_tokens(refresh)
        finally:
            connection.close()

    with monkeypatch.context() as patch, ThreadPoolExecutor(2) as pool:
        act_after(patch, READ_REFRESH_TOKEN, barrier.wait)
        replace_step(patch, LOCK_FAMILY, lock)
        return [future.result() for future in [pool.submit(rotate) for _ in range(2)]]


def test_of_two_exchanges_at_once_both_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    pairs = exchange_twice_at_once(monkeypatch, LOCK_FAMILY.function)

    assert len({RefreshFamily.objects.get().token_id}) == 1
    assert [call_cart(exchange(pair.refresh)["access"]) for pair in pairs] == [200, 200]


def test_without_the_lock_one_of_two_exchanges_at_once_ends_the_family(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    both_have_read = threading.Barrier(2, timeout=PATIENCE_SECONDS)

    def read_family(claims: Any) -> Any:
        family = RefreshFamily.objects.filter(pk=claims.family).first()
        both_have_read.wait()
        return family

    pairs = exchange_twice_at_once(monkeypatch, read_family)

    refused = [is_refused(pair.refresh) for pair in pairs]
    assert True in refused
