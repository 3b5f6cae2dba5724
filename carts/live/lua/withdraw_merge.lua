#!lua
-- Withdraw the merge of one state of a guest's cart: record its merge token in the user's cart with
-- a '-' in front, unless that state has been merged.
--
-- USES  clock, prelude
-- ARGV  11 merge token
-- Returns 'done', also where that was done before, and 'merged'.

local status = open_cart()
if status then return reply(status) end

local token = ARGV[FIRST]
if has_mark('@merged', token) then return reply('merged') end
if stage_mark('@merged', '-' .. token) then commit() end
return reply('done')
