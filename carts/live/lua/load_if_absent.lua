-- Put a cart's permanent copy in place, unless a living one is there.
--
-- KEYS  1 cart hash
-- ARGV  1 time to live in ms, 0 for none   2... fields and values
-- Returns {status, {}, fields}: 'done', or 'present' with the living cart.

local cart_key = KEYS[1]
local ttl_ms = tonumber(ARGV[1])

local status = 'present'
if redis.call('EXISTS', cart_key) == 0 then
  redis.call('HSET', cart_key, unpack(ARGV, 2))
  if ttl_ms > 0 then redis.call('PEXPIRE', cart_key, ttl_ms) end
  status = 'done'
end
return { status, {}, redis.call('HGETALL', cart_key) }
