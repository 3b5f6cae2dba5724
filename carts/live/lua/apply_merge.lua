#!lua
-- Write the lines that a guest's cart brings into a user's cart, once per merge token.
-- The quantities were planned for the version asked for, so any change since sends the caller back.
--
-- USES  clock, prelude, opening
-- ARGV  11 merge token, then per line: SKU, quantity, selected ('1' or '0'), snapshot revision
-- Returns 'done', 'merged' if the token is already recorded here, or 'withdrawn' if the token is
-- recorded as withdrawn (see withdraw_merge.lua).

local token = ARGV[FIRST]
local _, known = read_marks('@merged')
if known['-' .. token] then return reply('withdrawn') end
if not stage_mark('@merged', token) then return reply('merged') end

local lines = read_lines(FIRST + 1, 4)
for index = FIRST + 1, #ARGV, 4 do
  local sku, quantity = ARGV[index], tonumber(ARGV[index + 1])
  local selected, revision = ARGV[index + 2] == '1', tonumber(ARGV[index + 3])
  local own = lines[sku]
  local added = own and own.added
  stage_line(sku, { quantity = quantity, selected = selected, revision = revision, added = added })
  stage_change('merge', sku, own and own.quantity or 0, quantity)
end

commit()
return reply('done')
