#!lua flags=allow-oom
-- Note what has been saved, and take the unsaved mark off carts that have not changed since.
--
-- KEYS  1 unsaved carts (zset)   2 carts being saved (zset)   3 carts set aside (zset)
--       4 counters (hash)   5... cart hashes
-- ARGV  per cart: the version that is saved now
-- Returns nothing.

local unsaved_key, saving_key, set_aside_key, counters_key = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local FIRST = 5

-- Tell whether the hash comes from this version. A hash notes its version when it is read (see
-- read_to_save.lua), and keeps the note until a later version is saved.
local function descends_from(version, saved)
  local last_saved
  for known in string.gmatch(saved or '0', '%d+') do
    if known == version then return true end
    last_saved = last_saved or known
  end
  return tonumber(version) < tonumber(last_saved)
end

-- Note this version as the saved one, and keep the later versions that were read.
local function note(key, version, saved)
  local kept = { version }
  for known in string.gmatch(saved or '', '%d+') do
    if tonumber(known) > tonumber(version) then kept[#kept + 1] = known end
  end
  local value = table.concat(kept, ',')
  if value ~= saved then redis.call('HSET', key, '@saved', value) end
end

local clean = {}
for index = FIRST, #KEYS do
  local key, version = KEYS[index], ARGV[index - FIRST + 1]
  local meta = redis.call('HMGET', key, '@version', '@saved')
  local current = meta[1]
  if not current then
    clean[#clean + 1] = key
  elseif not descends_from(version, meta[2]) then
    -- The hash was lost meanwhile, and an older copy or a new cart took its place.
    redis.call('ZADD', unsaved_key, 'NX', current, key)
  else
    note(key, version, meta[2])
    if current == version then
      clean[#clean + 1] = key
    else
      -- The first change that is still unsaved came after the saved one.
      redis.call('ZADD', unsaved_key, 'XX', version, key)
    end
  end
end
if #clean > 0 then redis.call('ZREM', unsaved_key, unpack(clean)) end
redis.call('ZREM', saving_key, unpack(KEYS, FIRST))
redis.call('ZREM', set_aside_key, unpack(KEYS, FIRST))
redis.call('HINCRBY', counters_key, 'saves', #KEYS - FIRST + 1)
