-- A box of letters.
local M = {}

local LIMIT = 64

--- Makes a box.
function M.new(size)
  return setmetatable({ size = size }, M)
end

-- Sends a letter.
function M:send(letter)
  table.insert(self.letters, letter)
end

local function join(a, b)
  return M.new(a.size + b.size)
end

M.close = function(self)
  self.open = false
end

M.defaults = {
  order = "newest",
  -- Called at the end.
  on_close = function(box)
    box:close()
  end,
}

return M
