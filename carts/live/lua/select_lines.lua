#!lua
-- Select or deselect every line, those included that were added since the cart was read.
--
-- USES  clock, prelude, opening
-- ARGV  11 selected: '1' or '0'

local selected = ARGV[FIRST] == '1'
local lines, skus = read_all_lines()
for _, sku in ipairs(skus) do
  local line = lines[sku]
  if line.selected ~= selected then
    line.selected = selected
    stage_line(sku, line)
    stage_change(selected and 'select' or 'deselect', sku, line.quantity, line.quantity)
  end
end

commit()
return reply('done')
