#!lua
-- Put a cart's copy in place, unless a living cart is there.
--
-- KEYS  1 cart hash   2 counters (hash)   3 unsaved carts (zset)
-- ARGV  1 time to live in ms, 0 for none   2 version of the copy   3 version of the cart,
--       higher where it differs from its copy   4... fields and values
-- Returns {status, {}, fields}: 'done', or 'present' with the living cart.

local cart_key, counters_key, unsaved_key = KEYS[1], KEYS[2], KEYS[3]
local ttl_ms, saved_version, version = tonumber(ARGV[1]), ARGV[2], ARGV[3]

local status = 'present'
if redis.call('EXISTS', cart_key) == 0 then
  redis.call('HSET', cart_key, '@saved', saved_version, unpack(ARGV, 4))
  if ttl_ms > 0 then redis.call('PEXPIRE', cart_key, ARGV[1]) end
  if version ~= saved_version then redis.call('ZADD', unsaved_key, version, cart_key) end
  redis.call('HINCRBY', counters_key, 'restores', 1)
  status = 'done'
end
return { status, {}, redis.call('HGETALL', cart_key) }
