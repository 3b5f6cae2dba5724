#!lua flags=allow-oom
-- Remove every line. The meta fields stay: without them the hash would vanish, and the next read
-- would bring the old lines back from their copy.
--
-- USES  clock, prelude

local status = open_cart()
if status then return reply(status) end

local lines, skus = read_all_lines()
for _, sku in ipairs(skus) do
  stage_removal(sku)
  stage_change('clear', sku, lines[sku].quantity, 0)
end

commit()
return reply('done')
