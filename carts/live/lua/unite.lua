-- Make a cart that came from an older file what it is together with its permanent copy.
--
-- KEYS  4 counters (hash)
-- ARGV  11 version of the copy   12 id   13 created, in ms   14 status, '' for an active cart
--       15 @merged   16 @settled   then per line: SKU, quantity, selected ('1' or '0'), revision,
--       added in ms
-- Returns 'done'.

local status = open_cart()
if status then return reply(status) end

local copy_version, lines, skus = ARGV[FIRST], read_all_lines()

local function is_same(line, known)
  return known and known.quantity == line.quantity and known.selected == line.selected
    and known.revision == line.revision and known.added == line.added
end

for index = FIRST + 6, #ARGV, 5 do
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
for _, sku in ipairs(skus) do
  if lines[sku] then
    stage_removal(sku)
    stage_change('unite', sku, lines[sku].quantity, 0)
  end
end

local function put(field, value)
  if value == '' then return stage_removal(field) end
  cart.writes[#cart.writes + 1] = field
  cart.writes[#cart.writes + 1] = value
end
put('@id', ARGV[FIRST + 1])
put('@created', ARGV[FIRST + 2])
put('@status', ARGV[FIRST + 3])
put('@merged', ARGV[FIRST + 4])
put('@settled', ARGV[FIRST + 5])
-- From here on the copy belongs to the history of this cart.
put('@saved', copy_version)
cart.id = ARGV[FIRST + 1]
cart.version = math.max(cart.version, tonumber(copy_version) + 1)

commit()
redis.call('HINCRBY', KEYS[4], 'drift', 1)
return reply('done')
