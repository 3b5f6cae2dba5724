-- Empty a guest's cart whose lines are now in the user's. Its meta fields stay, as when a cart is
-- cleared, so that no permanent copy comes back in its place.
--
-- KEYS  1 guest's cart hash   2 unsaved carts (zset)   3 carts being merged (zset)
-- ARGV  1 the handover (user id and strategy, as in @merging)   2 version the cart had when it was handed over   3 time to live in ms
-- Returns {status, {}, fields}: 'done', or 'absent' when there is nothing left to finish.

local cart_key, unsaved_key, merging_key = KEYS[1], KEYS[2], KEYS[3]
local handover, version, ttl_ms = ARGV[1], ARGV[2], ARGV[3]

local meta = redis.call('HMGET', cart_key, '@merging', '@version')
if meta[1] ~= handover or meta[2] ~= version then
  return { 'absent', {}, redis.call('HGETALL', cart_key) }
end

local now = redis.call('TIME')
local now_ms = now[1] * 1000 + math.floor(now[2] / 1000)
local removals = { '@merging' }
for _, field in ipairs(redis.call('HKEYS', cart_key)) do
  if string.sub(field, 1, 1) ~= '@' then removals[#removals + 1] = field end
end
redis.call('HDEL', cart_key, unpack(removals))
redis.call('HSET', cart_key,
  '@version', string.format('%.0f', math.max(tonumber(version) + 1, now_ms)),
  '@updated', string.format('%.0f', now_ms))
redis.call('PEXPIRE', cart_key, ttl_ms)
redis.call('ZADD', unsaved_key, 'NX', string.format('%.0f', now_ms), cart_key)
redis.call('ZREM', merging_key, cart_key)
return { 'done', {}, redis.call('HGETALL', cart_key) }
