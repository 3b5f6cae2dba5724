-- Give a cart a new version without changing it, so that it is saved as it is.
--
-- KEYS  1 cart hash   2 unsaved carts (zset)
-- Returns 1, or 0 without a hash.

local cart_key, unsaved_key = KEYS[1], KEYS[2]

local version = redis.call('HGET', cart_key, '@version')
if not version then return 0 end
local time = redis.call('TIME')
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('HSET', cart_key,
  '@version', string.format('%.0f', math.max(tonumber(version) + 1, now_ms)))
redis.call('ZADD', unsaved_key, 'NX', string.format('%.0f', now_ms), cart_key)
return 1
