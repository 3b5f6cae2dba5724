#!lua flags=allow-oom
-- Set aside what cannot be saved, until its next change makes it unsaved again.
--
-- USES  clock
-- KEYS  1 unsaved carts (zset)   2 carts being saved (zset)   3 carts set aside (zset)
--       4 counters (hash)
-- ARGV  members of the list of unsaved carts
-- Returns nothing.

local unsaved_key, saving_key, set_aside_key, counters_key = KEYS[1], KEYS[2], KEYS[3], KEYS[4]

for _, member in ipairs(ARGV) do
  redis.call('ZREM', unsaved_key, member)
  redis.call('ZREM', saving_key, member)
  redis.call('ZADD', set_aside_key, integer(now_ms), member)
end
redis.call('HINCRBY', counters_key, 'set_aside', #ARGV)
