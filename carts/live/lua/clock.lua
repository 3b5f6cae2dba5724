-- The time, and the version that comes next. This text stands in front of scripts that use it.

local server_time = redis.call('TIME')
local now_ms = server_time[1] * 1000 + math.floor(server_time[2] / 1000)

local function integer(number)
  return string.format('%.0f', number)
end

-- Return the version of the next change: it rises, even where the clock was set back.
local function next_version(version)
  return math.max(tonumber(version) + 1, now_ms)
end

