#!lua flags=allow-oom
-- Put away a hash that cannot be read: keep it under another key for a while, so that its copy can
-- take its place.
--
-- KEYS  1 cart hash   2 unsaved carts (zset)   3 carts set aside (zset)   4 the other key
-- ARGV  1 what is there, as it was dumped   2 how long to keep it, in ms
-- Returns 1, or 0 if the key holds something else by now.

local key, unsaved_key, set_aside_key, other_key = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local dumped, ttl_ms = ARGV[1], ARGV[2]

if redis.call('DUMP', key) ~= dumped then return 0 end
redis.call('RENAME', key, other_key)
redis.call('PEXPIRE', other_key, ttl_ms)
redis.call('ZREM', unsaved_key, key)
redis.call('ZREM', set_aside_key, key)
return 1
