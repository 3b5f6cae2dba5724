"""The cart.

Words, each with one meaning everywhere:

owner       the user or guest whose cart it is
line        a SKU in a cart; called an item where clients and models see it
unit        one piece of a line's SKU
offer       what the catalogue says of a SKU now
revision    the snapshot of a SKU that a line was added at
hash        the live cart in Redis
copy        the permanent cart in PostgreSQL
unsaved     changed since it was copied
drift       a difference between hash and copy that saving would not mend
handover    a merge under way
settle      take bought units out of a cart
put away    a hash moved out of the way because it cannot be read
set aside   an entry of a list passed over because it failed
keyed call  a change that may be repeated under an Idempotency-Key
shard       the carts whose keys share a slot in Redis

A request takes one path: `api.views` reads who asks and for what. `operations` reads the cart
(`reading`), asks the catalogue, lets `domain` decide, and has `live.store` run one script.
`api.presentation` shows the result. Where there is no hash, `permanent.restoring` brings it back
from the copy.

A save goes from hash to copy: a task, a command or admin calls `permanent.saving`, which reads
hashes in bulk (`live`) and writes rows (`permanent.mapping`, `permanent.rows`).

Orders and accounts act on carts only through `carts.operations`. `log` keeps what was changed, and
`admin` shows carts to the staff.
"""
