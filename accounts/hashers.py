"""How passwords are hashed."""

from django.contrib.auth.hashers import Argon2PasswordHasher


class Argon2Hasher(Argon2PasswordHasher):
    """Argon2id with the parameters that OWASP recommends: 19 MiB, two passes, one thread.

    A hash takes some 40 ms of one core. Django's own parameters take 100 MiB and eight threads: a
    few logins at once would slow the carts down.
    """

    memory_cost = 19 * 1024
    time_cost = 2
    parallelism = 1
