#!lua flags=allow-oom
-- Take away the hashes of users that are gone, and take these carts off the lists.
--
-- KEYS  1 unsaved carts (zset)   2 carts being saved (zset)   3 carts set aside (zset)
--       4... cart hashes
-- Returns how many hashes there were.

local FIRST = 4

for list = 1, FIRST - 1 do redis.call('ZREM', KEYS[list], unpack(KEYS, FIRST)) end
return redis.call('DEL', unpack(KEYS, FIRST))
