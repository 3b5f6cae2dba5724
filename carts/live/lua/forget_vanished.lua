#!lua flags=allow-oom
-- Forget that carts were set aside where they have no hash any more: nobody can mend those.
--
-- KEYS  1 carts set aside (zset)   2... cart hashes
-- Returns nothing.

local set_aside_key = KEYS[1]

for index = 2, #KEYS do
  if redis.call('EXISTS', KEYS[index]) == 0 then redis.call('ZREM', set_aside_key, KEYS[index]) end
end
