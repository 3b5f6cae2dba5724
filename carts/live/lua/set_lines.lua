#!lua
-- Set the quantity, the selection, or both, of lines that are there.
--
-- USES  clock, prelude, opening
-- ARGV  11... per entry: SKU, quantity ('' for as it is), selected ('1', '0' or '' for as it is),
--       highest quantity the line may have
-- Results per entry: {'done' | 'over' | 'missing', quantity before}

local lines = read_lines(FIRST, 4)
local results = {}

for index = FIRST, #ARGV, 4 do
  local sku, line = ARGV[index], lines[ARGV[index]]
  local quantity, selected = tonumber(ARGV[index + 1]), ARGV[index + 2]
  local outcome, before = 'done', line and line.quantity or 0
  if not line then
    outcome = 'missing'
  elseif quantity and quantity > tonumber(ARGV[index + 3]) then
    outcome = 'over'
  else
    local was_selected = line.selected
    line.quantity = quantity or before
    if selected ~= '' then line.selected = selected == '1' end
    if line.quantity ~= before then stage_change('update', sku, before, line.quantity) end
    if line.selected ~= was_selected then
      stage_change(line.selected and 'select' or 'deselect', sku, before, line.quantity)
    end
    if line.quantity ~= before or line.selected ~= was_selected then stage_line(sku, line) end
  end
  results[#results + 1] = { outcome, before }
end

commit()
return reply('done', results)
