#!lua
-- Write the lines that a guest's cart brings into a user's cart, once per merge token.
-- The quantities were planned for the version asked for, so any change since sends the caller back.
--
-- USES  clock, prelude
-- ARGV  11 merge token, then per line: SKU, quantity, selected ('1' or '0'), snapshot revision
-- Returns 'done', 'merged' if the token is already recorded here, and 'withdrawn' if it is as one
-- that may not be merged any more (see withdraw_merge.lua).

local status = open_cart()
if status then return reply(status) end

local token = ARGV[FIRST]
if has_mark('@merged', '-' .. token) then return reply('withdrawn') end
if not stage_mark('@merged', token) then return reply('merged') end

local skus = {}
for index = FIRST + 1, #ARGV, 4 do skus[#skus + 1] = ARGV[index] end
local lines = read_lines(skus)
for index = FIRST + 1, #ARGV, 4 do
  local sku, quantity = ARGV[index], tonumber(ARGV[index + 1])
  local selected, revision = ARGV[index + 2] == '1', tonumber(ARGV[index + 3])
  local known = lines[sku]
  local line = {
    quantity = quantity,
    selected = selected,
    revision = revision,
    added = known and known.added,
  }
  stage_line(sku, line)
  stage_change('merge', sku, known and known.quantity or 0, quantity)
end

commit()
return reply('done')
