#!lua
-- Hand a guest's cart to a user: from here on its lines are the user's, and it takes no change
-- until the merge is finished. The handover has a version of its own, so that the copy is handed
-- over as well.
--
-- USES  clock
-- KEYS  1 guest's cart hash   2 unsaved carts (zset)   3 carts being merged (zset)
-- ARGV  1 user id   2 strategy   3 version from which a merge was withdrawn, '' for none
-- Returns {status, {}, fields}: 'done' (a cart handed to this user before stays as it is, unless it
-- has the withdrawn version), 'taken' by another user, 'empty' without a line, or 'absent'.

local cart_key, unsaved_key, merging_key = KEYS[1], KEYS[2], KEYS[3]
local user_id, strategy, withdrawn_version = ARGV[1], ARGV[2], ARGV[3]

local function reply(status)
  return { status, {}, redis.call('HGETALL', cart_key) }
end

local function has_lines()
  for _, field in ipairs(redis.call('HKEYS', cart_key)) do
    if string.sub(field, 1, 1) ~= '@' then return true end
  end
  return false
end

local meta = redis.call('HMGET', cart_key, '@id', '@merging', '@version')
if not meta[1] then return reply('absent') end
if meta[2] then
  if string.sub(meta[2], 1, #user_id + 1) ~= user_id .. ':' then return reply('taken') end
  if meta[3] ~= withdrawn_version then return reply('done') end
elseif not has_lines() then
  return reply('empty')
end

redis.call('HSET', cart_key,
  '@merging', user_id .. ':' .. strategy,
  '@version', integer(next_version(meta[3])))
redis.call('ZADD', unsaved_key, 'NX', integer(now_ms), cart_key)
redis.call('ZADD', merging_key, 'NX', integer(now_ms), cart_key)
return reply('done')
