#!lua flags=allow-oom
-- Take the units that an order bought out of their lines, once per order. Units beyond them stay,
-- and a line with fewer goes as a whole. The cart ends when its last line is bought.
--
-- USES  clock, prelude, opening
-- ARGV  11 mark of the order, then per entry: SKU, units
-- Results per entry: {'done' | 'missing', quantity before}
-- Returns 'done', and 'settled' if the mark is already recorded here.

if not stage_mark('@settled', ARGV[FIRST]) then return reply('settled') end

local lines = read_lines(FIRST + 1, 2)
local results = {}
for index = FIRST + 1, #ARGV, 2 do
  local sku, line = ARGV[index], lines[ARGV[index]]
  local before = line and line.quantity or 0
  if line then
    line.quantity = math.max(0, before - tonumber(ARGV[index + 1]))
    if line.quantity > 0 then stage_line(sku, line) else stage_removal(sku) end
    stage_change('purchase', sku, before, line.quantity)
  end
  results[#results + 1] = { line and 'done' or 'missing', before }
end
if #cart.removals > 0 and #cart.removals == cart.line_count then
  stage('@status', 'CHECKEDOUT')
end

commit()
return reply('done', results)
