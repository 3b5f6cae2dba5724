#!lua
-- Add units to lines, and make the lines that are not there yet.
--
-- USES  clock, prelude, opening
-- ARGV  11 most distinct lines a cart may have, then per entry: SKU, units, highest quantity the
--       line may reach, selected ('1', '0', or '' for as it is), snapshot revision of a new line
-- Results per entry: {'done' | 'over' | 'full', quantity before}

local max_lines = tonumber(ARGV[FIRST])
local lines = read_lines(FIRST + 1, 5)
local results = {}

for index = FIRST + 1, #ARGV, 5 do
  local sku, units, highest = ARGV[index], tonumber(ARGV[index + 1]), tonumber(ARGV[index + 2])
  local selected, revision = ARGV[index + 3], tonumber(ARGV[index + 4])
  local line = lines[sku]
  local before = line and line.quantity or 0
  local outcome = 'done'
  if before + units > highest then
    outcome = 'over'
  elseif not line and cart.line_count >= max_lines then
    outcome = 'full'
  else
    if not line then
      line = { quantity = 0, selected = true, revision = revision }
      lines[sku] = line
      cart.line_count = cart.line_count + 1
    end
    line.quantity = before + units
    if selected ~= '' then line.selected = selected == '1' end
    stage_line(sku, line)
    stage_change('add', sku, before, line.quantity)
  end
  results[#results + 1] = { outcome, before }
end

commit()
return reply('done', results)
