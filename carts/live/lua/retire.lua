#!lua flags=allow-oom
-- Take away hashes whose copies have the same version.
--
-- KEYS  1 unsaved carts (zset)   2... cart hashes
-- ARGV  per cart: its id, and the version of its copy
-- Returns per cart 'done', 'absent' if there is no hash or it is another cart's, or 'kept' if it
-- has another version or is no cart at all.

local unsaved_key = KEYS[1]

local outcomes = {}
for index = 2, #KEYS do
  local key = KEYS[index]
  local meta = redis.pcall('HMGET', key, '@id', '@version')
  local outcome
  if meta.err then
    outcome = 'kept'
  elseif meta[1] ~= ARGV[2 * index - 3] then
    outcome = 'absent'
  elseif meta[2] == ARGV[2 * index - 2] then
    redis.call('DEL', key)
    redis.call('ZREM', unsaved_key, key)
    outcome = 'done'
  else
    outcome = 'kept'
  end
  outcomes[#outcomes + 1] = outcome
end
return outcomes
