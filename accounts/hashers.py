"""How passwords are hashed."""

from django.contrib.auth.hashers import Argon2PasswordHasher


class Argon2Hasher(Argon2PasswordHasher):
    """Argon2id with the parameters that OWASP recommends: 19 MiB, two passes, one thread.

    Some 40 ms of one core. Django's own take 100 MiB and eight threads a password, which a few
    logins at once would take from the carts.
    """

    memory_cost = 19 * 1024
    time_cost = 2
    parallelism = 1
