#!lua flags=allow-oom
-- Give a cart a new version without changing it, so that it is saved as it is.
--
-- USES  clock
-- KEYS  1 cart hash   2 unsaved carts (zset)
-- Returns 1, or 0 without a hash.

local cart_key, unsaved_key = KEYS[1], KEYS[2]

local version = redis.call('HGET', cart_key, '@version')
if not version then return 0 end
redis.call('HSET', cart_key, '@version', integer(next_version(version)))
redis.call('ZADD', unsaved_key, 'NX', integer(now_ms), cart_key)
return 1
