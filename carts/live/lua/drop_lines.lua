#!lua flags=allow-oom
-- Remove lines.
--
-- USES  clock, prelude
-- ARGV  11... SKUs
-- Results per SKU: {'done' | 'missing', quantity before}

local status = open_cart()
if status then return reply(status) end

local skus = { unpack(ARGV, FIRST) }
local lines = read_lines(skus)
local results = {}
for _, sku in ipairs(skus) do
  local line = lines[sku]
  if line then
    stage_removal(sku)
    stage_change('remove', sku, line.quantity, 0)
    results[#results + 1] = { 'done', line.quantity }
    lines[sku] = nil
  else
    results[#results + 1] = { 'missing', 0 }
  end
end

commit()
return reply('done', results)
