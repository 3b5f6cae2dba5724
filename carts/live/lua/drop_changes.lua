#!lua flags=allow-oom
-- Take entries that are kept elsewhere off the change stream, and tell how many were lost: cut off
-- by the stream's bound before anybody had read them.
--
-- KEYS  1 change stream
--       2 its progress (hash): drained = entries kept elsewhere so far, last = the last one's id,
--         lost = losses already told
-- ARGV  1... ids, ascending
-- Returns how many more were lost than this script has told before.

local changes_key, progress_key = KEYS[1], KEYS[2]

-- The stream was wiped after it was read, and there is nothing left to count.
if redis.call('EXISTS', changes_key) == 0 then return 0 end

local function parse(id)
  local ms, sequence = string.match(id, '^(%d+)-(%d+)$')
  return tonumber(ms), tonumber(sequence)
end

local progress = redis.call('HMGET', progress_key, 'drained', 'last', 'lost')
local drained, told = tonumber(progress[1] or 0), tonumber(progress[3] or 0)
local last_ms, last_sequence = parse(progress[2] or '0-0')

-- Another drain may have read the same entries, and come first.
for _, id in ipairs(ARGV) do
  local ms, sequence = parse(id)
  if ms > last_ms or (ms == last_ms and sequence > last_sequence) then drained = drained + 1 end
end
local final_ms, final_sequence = parse(ARGV[#ARGV])
if final_ms > last_ms or (final_ms == last_ms and final_sequence > last_sequence) then
  redis.call('HSET', progress_key, 'drained', drained, 'last', ARGV[#ARGV])
end
redis.call('XDEL', changes_key, unpack(ARGV))

local info = redis.call('XINFO', 'STREAM', changes_key)
local stream = {}
for index = 1, #info, 2 do stream[info[index]] = info[index + 1] end
local lost = stream['entries-added'] - stream['length'] - drained
if lost > told then redis.call('HSET', progress_key, 'lost', lost) end
return math.max(lost - told, 0)
