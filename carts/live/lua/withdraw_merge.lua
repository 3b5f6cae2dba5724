#!lua
-- Withdraw the merge of one state of a guest's cart: record its merge token in the user's cart with
-- a '-' in front, unless that state has been merged.
--
-- USES  clock, prelude, opening
-- ARGV  11 merge token
-- Returns 'done', also if that was done before, or 'merged' if that state has been merged.

local token = ARGV[FIRST]
local _, known = read_marks('@merged')
if known[token] then return reply('merged') end
if stage_mark('@merged', '-' .. token) then commit() end
return reply('done')
