#!lua
-- Write the cart that was united from a cart of an older file and its copy.
--
-- USES  clock, prelude
-- KEYS  4 counters (hash)   5 carts being merged (zset)
-- ARGV  11 version of the copy   12 id   13 created, in ms   14 status, '' for an active cart
--       15 @merged   16 @settled   17 @merging   then per line: SKU, quantity, selected ('1' or
--       '0'), revision, added in ms
-- Returns 'done', or 'gone', 'moved' or 'changed' as the prelude says.

local counters_key, merging_key = KEYS[4], KEYS[5]
local copy_version, merging = ARGV[FIRST], ARGV[FIRST + 6]

-- A cart that is being merged may be united as well.
local meta = redis.call('HMGET', cart_key, '@id', '@version')
if not meta[1] then return reply('gone') end
if meta[1] ~= seen_id then return reply('moved') end
if meta[2] ~= expected_version then return reply('changed') end

local lines, skus = read_all_lines()

local function is_same(line, known)
  return known and known.quantity == line.quantity and known.selected == line.selected
    and known.revision == line.revision and known.added == line.added
end

for index = FIRST + 7, #ARGV, 5 do
  local sku, known = ARGV[index], lines[ARGV[index]]
  local line = {
    quantity = tonumber(ARGV[index + 1]),
    selected = ARGV[index + 2] == '1',
    revision = tonumber(ARGV[index + 3]),
    added = tonumber(ARGV[index + 4]),
  }
  if not is_same(line, known) then
    stage_line(sku, line)
    stage_change('unite', sku, known and known.quantity or 0, line.quantity)
  end
  lines[sku] = nil
end
stage_removals('unite', lines, skus)

local function put(field, value)
  if value == '' then stage_removal(field) else stage(field, value) end
end
put('@id', ARGV[FIRST + 1])
put('@created', ARGV[FIRST + 2])
put('@status', ARGV[FIRST + 3])
put('@merged', ARGV[FIRST + 4])
put('@settled', ARGV[FIRST + 5])
put('@merging', merging)
-- From here on the copy belongs to the history of this cart.
put('@saved', copy_version)
cart.id = ARGV[FIRST + 1]
cart.version = next_version(math.max(tonumber(expected_version), tonumber(copy_version)))
cart.stamp = cart.version

commit()
if merging == '' then
  redis.call('ZREM', merging_key, cart_key)
else
  redis.call('ZADD', merging_key, 'NX', integer(now_ms), cart_key)
end
redis.call('HINCRBY', counters_key, 'drift', 1)
return reply('done')
