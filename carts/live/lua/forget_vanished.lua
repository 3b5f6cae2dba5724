#!lua flags=allow-oom
-- Take carts off the list of those set aside when they have no hash any more: nobody can mend them.
--
-- KEYS  1 carts set aside (zset)   2... cart hashes
-- Returns nothing.

local set_aside_key = KEYS[1]

for index = 2, #KEYS do
  if redis.call('EXISTS', KEYS[index]) == 0 then redis.call('ZREM', set_aside_key, KEYS[index]) end
end
