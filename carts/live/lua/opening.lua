-- Leave the cart alone where this change may not go on.

local status = open_cart()
if status then return reply(status) end

