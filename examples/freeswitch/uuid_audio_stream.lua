-- uuid_audio_stream for FreeSWITCH without a module: hands its arguments to talkspurt as a CUSTOM event and prints the answer.
--
--   fs_cli       alias stickyadd uuid_audio_stream lua uuid_audio_stream.lua
--                uuid_audio_stream <uuid> start reception
--   ESL          api lua uuid_audio_stream.lua <uuid> health     (plain api does not know aliases)
--   dialplan     <action application="lua" data="uuid_audio_stream.lua start reception"/>
--                about the call itself, so without a UUID; the answer is in the variable talkspurt_reply
--
-- Time-out: 10,000 ms, or the global variable talkspurt_timeout_ms.
-- On the connection that has to answer, use bgapi: FreeSWITCH delivers no events there while api runs.

local DEFAULT_TIMEOUT_MS = 10000
local MAX_TIMEOUT_MS = 60000
local SLICE_MS = 50

local api = freeswitch.API()

-- The text behind the script's name, quotes and all: argv is split at blanks and has lost them.
local function behind_script(text)
  if text == nil then return nil end
  return text:match("^%s*%S+%s+(.-)%s*$") or ""
end

local function arguments()
  local text = nil
  if env ~= nil then text = behind_script(env:getHeader("API-Command-Argument")) end
  if text == nil and session ~= nil then text = behind_script(session:getVariable("current_application_data")) end
  if text == nil then
    local words = {}
    for at = 1, #argv do words[at] = argv[at] end
    text = table.concat(words, " ")
  end
  return text
end

local function answer(text)
  if stream ~= nil then
    stream:write(text)
  elseif session ~= nil then
    local line = text:gsub("%s+$", "")
    session:setVariable("talkspurt_reply", line)
    local code = nil
    if line:sub(1, 4) == "-ERR" then code = line:match("%((ERR_TALKSPURT_[A-Z_]+)%)%s*$") or "ERR_TALKSPURT_LINK_TIMEOUT" end
    if line:sub(1, 6) == "-USAGE" then code = "ERR_TALKSPURT_COMMAND_SYNTAX" end
    if code ~= nil then session:setVariable("talkspurt_refused", code) end
  else
    freeswitch.consoleLog("INFO", text)
  end
end

-- False as soon as somebody has taken the call of this script elsewhere: start parks it, and needs us to be gone.
local function mine()
  return session == nil or stream ~= nil or session:ready()
end

local function ask(text)
  local timeout_ms = tonumber(freeswitch.getGlobalVariable("talkspurt_timeout_ms") or "") or DEFAULT_TIMEOUT_MS
  timeout_ms = math.max(SLICE_MS, math.min(timeout_ms, MAX_TIMEOUT_MS))
  local id = api:execute("create_uuid", ""):gsub("%s+", "")
  -- Bound before the command is fired: the answer may be there at once.
  local replies = freeswitch.EventConsumer("CUSTOM", "audio_stream::reply")
  local command = freeswitch.Event("CUSTOM", "audio_stream::command")
  command:addHeader("Request-ID", id)
  if session ~= nil and stream == nil then command:addHeader("Unique-ID", session:get_uuid()) end
  command:addBody(text)
  command:fire()
  local deadline = tonumber(api:getTime()) + timeout_ms
  local reply = nil
  while reply == nil and mine() and tonumber(api:getTime()) < deadline do
    local event = replies:pop(1, SLICE_MS)
    if event ~= nil and event:getHeader("Request-ID") == id then reply = event:getBody() or "" end
  end
  replies:cleanup()
  if reply ~= nil or not mine() then return reply end
  return "-ERR talkspurt did not answer within " .. timeout_ms .. " ms: is it running, and connected to this switch?\n"
end

local reply = ask(arguments())
if reply ~= nil then answer(reply) end
