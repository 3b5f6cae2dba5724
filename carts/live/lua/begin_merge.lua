-- Hand a guest's cart to a user: from here on its lines are the user's, and it takes no change
-- until the merge is finished.
--
-- KEYS  1 guest's cart hash   2 carts being merged (zset)
-- ARGV  1 user id   2 strategy
-- Returns {status, {}, fields}: 'done' (also when it was handed to this user before), 'taken' by
-- another user, 'empty' without a line, 'absent'.

local cart_key, merging_key = KEYS[1], KEYS[2]
local user_id, strategy = ARGV[1], ARGV[2]

local function reply(status)
  return { status, {}, redis.call('HGETALL', cart_key) }
end

local meta = redis.call('HMGET', cart_key, '@id', '@merging', '@status', '@merged')
if not meta[1] then return reply('absent') end
if meta[2] then
  local is_theirs = string.sub(meta[2], 1, #user_id + 1) == user_id .. ':'
  return reply(is_theirs and 'done' or 'taken')
end
local metas = 4 + (meta[3] and 1 or 0) + (meta[4] and 1 or 0)
if redis.call('HLEN', cart_key) == metas then return reply('empty') end

local now = redis.call('TIME')
redis.call('HSET', cart_key, '@merging', user_id .. ':' .. strategy)
redis.call('ZADD', merging_key, 'NX', string.format('%.0f', now[1] * 1000), cart_key)
return reply('done')
