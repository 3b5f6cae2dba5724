-- Take away hashes whose permanent copies have the same version.
--
-- KEYS  1 unsaved carts (zset)   2... cart hashes
-- ARGV  per cart: version of its copy
-- Returns per cart 'done', 'absent', or 'kept': it has another version.

local outcomes = {}
for index = 2, #KEYS do
  local key = KEYS[index]
  local version = redis.call('HGET', key, '@version')
  local outcome = 'kept'
  if not version then
    outcome = 'absent'
  elseif version == ARGV[index - 1] then
    redis.call('DEL', key)
    redis.call('ZREM', KEYS[1], key)
    outcome = 'done'
  end
  outcomes[#outcomes + 1] = outcome
end
return outcomes
