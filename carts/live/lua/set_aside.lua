-- Put what cannot be saved aside, until its next change makes it unsaved again.
--
-- KEYS  1 unsaved carts (zset)   2 carts set aside (zset)   3 counters (hash)
-- ARGV  members of the first
-- Returns nothing.

local now = redis.call('TIME')
for _, member in ipairs(ARGV) do
  redis.call('ZREM', KEYS[1], member)
  redis.call('ZADD', KEYS[2], now[1] * 1000, member)
end
redis.call('HINCRBY', KEYS[3], 'set_aside', #ARGV)
