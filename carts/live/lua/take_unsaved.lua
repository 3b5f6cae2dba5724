#!lua flags=allow-oom
-- Give a saver the carts that have been unsaved for longest, as its own for a while.
--
-- This is how several savers share a shard's list. A cart leaves the second list when it is saved
-- or set aside. The carts of a saver that died are free for others when its time is over.
--
-- USES  clock
-- KEYS  1 unsaved carts (zset)   2 carts being saved (zset: by when the saver's time is over, ms)
-- ARGV  1 how many at most   2 how long they are the saver's, in ms
-- Returns the age of the first in ms, '0' where there is none, and the carts, oldest first.

local unsaved_key, saving_key = KEYS[1], KEYS[2]
local most, lease_ms = tonumber(ARGV[1]), tonumber(ARGV[2])
-- More values do not fit on Lua's stack.
local CHUNK = 1000

redis.call('ZREMRANGEBYSCORE', saving_key, '-inf', integer(now_ms))
-- A time further ahead than `lease_ms` was set before the clock was turned back.
redis.call('ZREMRANGEBYSCORE', saving_key, '(' .. integer(now_ms + lease_ms), '+inf')

local last = most + redis.call('ZCARD', saving_key) - 1
local oldest = redis.call('ZRANGE', unsaved_key, 0, last)
local taken = {}
for start = 1, #oldest, CHUNK do
  local stop = math.min(start + CHUNK - 1, #oldest)
  local leases = redis.call('ZMSCORE', saving_key, unpack(oldest, start, stop))
  for index = start, stop do
    if #taken < most and not leases[index - start + 1] then taken[#taken + 1] = oldest[index] end
  end
end
if #taken == 0 then return { '0', taken } end
local until_ms = integer(now_ms + lease_ms)
for _, member in ipairs(taken) do redis.call('ZADD', saving_key, until_ms, member) end
local since_ms = tonumber(redis.call('ZSCORE', unsaved_key, taken[1]))
return { integer(math.max(now_ms - since_ms, 0)), taken }
