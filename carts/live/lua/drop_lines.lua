#!lua flags=allow-oom
-- Remove lines.
--
-- USES  clock, prelude, opening
-- ARGV  11... SKUs
-- Results per SKU: {'done' | 'missing', quantity before}

local lines = read_lines(FIRST, 1)
local results = {}
for index = FIRST, #ARGV do
  local sku, line = ARGV[index], lines[ARGV[index]]
  results[#results + 1] = { line and 'done' or 'missing', line and line.quantity or 0 }
  if line then
    stage_removal(sku)
    stage_change('remove', sku, line.quantity, 0)
    lines[sku] = nil
  end
end

commit()
return reply('done', results)
