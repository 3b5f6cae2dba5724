-- A wrk script: requests taken in turns from a file, and the figures as one line of JSON.
--
-- Its argument is the file: a request per line, method, path, token and body, tab-separated.

local requests, position = {}, 0

function init(args)
  for line in io.lines(args[1]) do
    local method, path, token, body = line:match('^([^\t]*)\t([^\t]*)\t([^\t]*)\t([^\t]*)$')
    local headers = { ['Authorization'] = 'Bearer ' .. token }
    if body == '' then
      body = nil
    else
      headers['Content-Type'] = 'application/json'
    end
    requests[#requests + 1] = wrk.format(method, path, headers, body)
  end
end

function request()
  position = position % #requests + 1
  return requests[position]
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '\n{"requests": %d, "microseconds": %d, "p50": %d, "p99": %d, "refused": %d, "broken": %d}\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
    errors.status, errors.connect + errors.read + errors.write + errors.timeout))
end
