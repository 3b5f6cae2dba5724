#!lua flags=allow-oom
-- Read carts to save them, and note in each that its copy may have this version soon.
--
-- @saved holds the version that was saved last (0 for none), then those that were read to be saved
-- since. A copy with a higher version that is not listed is of another history: this hash came from
-- an older file. The note is written before the copy, so that the two belong together even if the
-- saver crashes in between.
--
-- KEYS  1 unsaved carts (zset)   2... cart hashes
-- Returns per cart its fields, with @saved as it was before; false without a hash: the cart then
-- leaves the list of unsaved carts; a text if the key holds something else than a hash.

local unsaved_key = KEYS[1]
local NOTED = 3

local function note(key, version, saved)
  local versions = {}
  for known in string.gmatch(saved or '0', '%d+') do versions[#versions + 1] = known end
  if versions[#versions] == version then return end
  versions[#versions + 1] = version
  if #versions > NOTED + 1 then table.remove(versions, 2) end
  redis.call('HSET', key, '@saved', table.concat(versions, ','))
end

local found = {}
for index = 2, #KEYS do
  local key = KEYS[index]
  local fields = redis.pcall('HGETALL', key)
  if fields.err then
    found[index - 1] = fields.err
  elseif #fields == 0 then
    redis.call('ZREM', unsaved_key, key)
    found[index - 1] = false
  else
    local meta = redis.call('HMGET', key, '@version', '@saved')
    if meta[1] and string.match(meta[1], '^%d+$') then note(key, meta[1], meta[2]) end
    found[index - 1] = fields
  end
end
return found
