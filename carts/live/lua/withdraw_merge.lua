#!lua
-- Keep a guest's cart from being merged into a user's in one of its states: its merge token is
-- recorded with a '-' in front, unless it has been merged.
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
