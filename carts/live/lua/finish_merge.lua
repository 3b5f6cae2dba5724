#!lua flags=allow-oom
-- Empty a guest's cart whose lines are now in the user's, and count the merge. Its meta fields stay,
-- as when a cart is cleared, so that no copy comes back in its place.
--
-- USES  clock, prelude
-- KEYS  4 carts being merged (zset)   5 counters (hash)
-- ARGV  3 version the cart had when it was handed over   11 the handover (user id and strategy, as
--       in @merging)   12 how many lines the merge capped
-- Returns 'done', or 'absent' when there is nothing left to finish.

local merging_key, counters_key = KEYS[4], KEYS[5]
local handover, capped = ARGV[FIRST], tonumber(ARGV[FIRST + 1])

local meta = redis.call('HMGET', cart_key, '@id', '@merging', '@version')
if meta[2] ~= handover or meta[3] ~= expected_version then return reply('absent') end

cart.id = meta[1]
cart.version = next_version(expected_version)
cart.stamp = cart.version
local lines, skus = read_all_lines()
stage_removals('hand_over', lines, skus)
stage_removal('@merging')

commit()
redis.call('ZREM', merging_key, cart_key)
redis.call('HINCRBY', counters_key, 'merges', 1)
if capped > 0 then redis.call('HINCRBY', counters_key, 'merge_capped_lines', capped) end
return reply('done')
