-- Raise the number of saved batches.
--
-- KEYS  1 number of saved batches
-- ARGV  1 the number as the permanent copy has it
-- Returns nothing.

if tonumber(redis.call('GET', KEYS[1]) or 0) < tonumber(ARGV[1]) then
  redis.call('SET', KEYS[1], ARGV[1])
end
