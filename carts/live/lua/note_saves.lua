#!lua flags=allow-oom
-- Raise the numbers of saved batches.
--
-- KEYS  1 numbers of saved batches by counter (hash)
-- ARGV  per counter: its name, the number as the permanent copy has it
-- Returns nothing.

local saves_key = KEYS[1]

for index = 1, #ARGV, 2 do
  local counter, saves = ARGV[index], ARGV[index + 1]
  if tonumber(redis.call('HGET', saves_key, counter) or 0) < tonumber(saves) then
    redis.call('HSET', saves_key, counter, saves)
  end
end
