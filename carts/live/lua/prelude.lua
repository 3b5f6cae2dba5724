-- Shared by the scripts that change a cart. This text stands in front of their own texts.
--
-- KEYS  1 cart hash   2 unsaved carts (zset)   3 change stream   4... the verb's own
--       last: record of the keyed call, if ARGV 9 is not ''
-- ARGV  1 id of the cart when it was read, '' if there was none
--       2 id for a cart this change may start, '' if it may start none
--       3 version the cart must have, '' for any
--       4 time to live in ms, 0 for none      5 bound of the change stream, in entries
--       6 actor   7 source   8 request id     9 record of the keyed call   10 its lifetime in ms
--       11... the verb's own
-- Returns {status, results, fields}: 'done' with one result per entry of the call, or why nothing
-- was done:
--   'gone'      there was a cart when it was read, and now there is none: restore it, then retry
--   'moved'     it is another cart than the one that was read: read again
--   'changed'   it does not have the version asked for
--   'absent'    there is no cart, and this verb starts none
--   'merging'   it has been handed to a user: finish that merge first
--   'repeated'  the keyed call's change was made before
-- `fields` is the whole hash after the call.

local cart_key, unsaved_key, changes_key = KEYS[1], KEYS[2], KEYS[3]
local seen_id, fresh_id, expected_version = ARGV[1], ARGV[2], ARGV[3]
local ttl_ms, changes_bound = tonumber(ARGV[4]), ARGV[5]
local actor, source, request_id = ARGV[6], ARGV[7], ARGV[8]
local record, record_ttl_ms = ARGV[9], ARGV[10]
local record_key = record ~= '' and KEYS[#KEYS]
local FIRST = 11

-- Every field of the hash that is not a line. @saved lists the versions that saves of this cart may
-- have given the copy (see read_to_save.lua), @settled the last orders whose units have left.
local META = {
  '@id', '@version', '@status', '@merging', '@merged', '@settled', '@saved', '@created', '@updated',
}

local SELECTED = 32768
local LINE_FORMAT = '>HI4I8I8'
local REMEMBERED_MARKS = 4

-- The cart as this call found it, and what it is about to write.
local cart = { writes = {}, removals = {}, changes = {} }

local function reply(status, results)
  return { status, results or {}, redis.call('HGETALL', cart_key) }
end

-- Return a status if the change may not go on; else prepare `cart`, and return nothing.
local function open_cart()
  if record_key and redis.call('EXISTS', record_key) == 1 then return 'repeated' end
  local meta = redis.call('HMGET', cart_key, unpack(META))
  local id, version, status, merging = meta[1], meta[2], meta[3], meta[4]
  if not id then
    if seen_id ~= '' then return 'gone' end
    if expected_version ~= '' and expected_version ~= '0' then return 'changed' end
    if fresh_id == '' then return 'absent' end
    cart.starts, cart.line_count, version = true, 0, 0
  else
    if merging then return 'merging' end
    if id ~= seen_id and id ~= fresh_id then return 'moved' end
    if expected_version ~= '' and expected_version ~= version then return 'changed' end
    cart.starts = status and fresh_id ~= ''
    cart.line_count = redis.call('HLEN', cart_key)
    for index = 1, #META do
      if meta[index] then cart.line_count = cart.line_count - 1 end
    end
  end
  cart.id = cart.starts and fresh_id or id
  -- Each new line takes a stamp of its own as its time of adding, so that lines sort by age.
  cart.version = next_version(version)
  cart.stamp = cart.version - 1
end

local function read_line(value)
  local packed, revision, added, updated = struct.unpack(LINE_FORMAT, value)
  local selected = packed >= SELECTED
  return {
    quantity = selected and packed - SELECTED or packed,
    selected = selected,
    revision = revision,
    added = added,
    updated = updated,
  }
end

-- Return by SKU the lines that the arguments name: every `step`-th one, from `first` on, is a SKU.
local function read_lines(first, step)
  local lines, skus = {}, {}
  for index = first, #ARGV, step do skus[#skus + 1] = ARGV[index] end
  if #skus == 0 then return lines end
  local values = redis.call('HMGET', cart_key, unpack(skus))
  for index, sku in ipairs(skus) do
    if values[index] then lines[sku] = read_line(values[index]) end
  end
  return lines
end

-- Return every line by SKU, and the SKUs.
local function read_all_lines()
  local lines, skus = {}, {}
  local fields = redis.call('HGETALL', cart_key)
  for index = 1, #fields, 2 do
    local field = fields[index]
    if string.sub(field, 1, 1) ~= '@' then
      lines[field] = read_line(fields[index + 1])
      skus[#skus + 1] = field
    end
  end
  return lines, skus
end

local function stage_change(action, sku, before, after)
  local changes = cart.changes
  changes[#changes + 1] = { action, sku, before, after }
end

local function stage(field, value)
  cart.writes[#cart.writes + 1] = field
  cart.writes[#cart.writes + 1] = value
end

local function stage_line(sku, line)
  if not line.added then
    cart.stamp = cart.stamp + 1
    line.added = cart.stamp
  end
  local packed = line.quantity + (line.selected and SELECTED or 0)
  local updated = math.max(now_ms, line.added)
  stage(sku, struct.pack(LINE_FORMAT, packed, line.revision, line.added, updated))
end

local function stage_removal(field)
  cart.removals[#cart.removals + 1] = field
end

-- Stage the removal of these SKUs' lines, as far as they are still among `lines`.
local function stage_removals(action, lines, skus)
  for _, sku in ipairs(skus) do
    if lines[sku] then
      stage_removal(sku)
      stage_change(action, sku, lines[sku].quantity, 0)
    end
  end
end

-- Return the marks in a field of the hash, in order and as a set.
local function read_marks(field)
  local marks, known = {}, {}
  for mark in string.gmatch(redis.call('HGET', cart_key, field) or '', '[^,]+') do
    marks[#marks + 1], known[mark] = mark, true
  end
  return marks, known
end

-- Stage a mark after the last ones in this field; return false where the mark is there already.
local function stage_mark(field, mark)
  local marks, known = read_marks(field)
  if known[mark] then return false end
  marks[#marks + 1] = mark
  -- Longer values would cost the hash its compact encoding.
  while #marks > REMEMBERED_MARKS do table.remove(marks, 1) end
  stage(field, table.concat(marks, ','))
  return true
end

local function log_changes()
  for _, change in ipairs(cart.changes) do
    redis.call('XADD', changes_key, 'MAXLEN', '~', changes_bound, '*',
      'cart', cart.id, 'key', cart_key, 'action', change[1], 'sku', change[2],
      'before', change[3], 'after', change[4], 'version', integer(cart.version),
      'actor', actor, 'source', source, 'request', request_id)
  end
end

-- Write the staged change at once: fields, version, time to live, unsaved mark, log, keyed call.
local function commit()
  if #cart.writes == 0 and #cart.removals == 0 then return end
  cart.version = math.max(cart.version, cart.stamp)
  if cart.starts then
    stage('@id', cart.id)
    stage('@created', integer(now_ms))
    redis.call('HDEL', cart_key, '@status')
  end
  stage('@version', integer(cart.version))
  stage('@updated', integer(now_ms))
  redis.call('HSET', cart_key, unpack(cart.writes))
  if #cart.removals > 0 then redis.call('HDEL', cart_key, unpack(cart.removals)) end
  if ttl_ms > 0 then redis.call('PEXPIRE', cart_key, ttl_ms) end
  redis.call('ZADD', unsaved_key, 'NX', integer(now_ms), cart_key)
  log_changes()
  if record_key then redis.call('SET', record_key, record, 'PX', record_ttl_ms) end
end
