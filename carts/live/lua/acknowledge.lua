#!lua
-- Take newer snapshot revisions as the ones that lines were added at.
--
-- USES  clock, prelude, opening
-- ARGV  11... per entry: SKU, revision
-- Results per entry: {'done' | 'missing', quantity}

local lines = read_lines(FIRST, 2)
local results = {}
for index = FIRST, #ARGV, 2 do
  local sku, revision, line = ARGV[index], tonumber(ARGV[index + 1]), lines[ARGV[index]]
  if line and line.revision ~= revision then
    line.revision = revision
    stage_line(sku, line)
    stage_change('acknowledge', sku, line.quantity, line.quantity)
  end
  results[#results + 1] = { line and 'done' or 'missing', line and line.quantity or 0 }
end

commit()
return reply('done', results)
