-- Makes uuid_audio_stream known to fs_cli. Run it once by hand (fs_cli -x "lua talkspurt_startup.lua"), or at every start:
-- autoload_configs/lua.conf.xml, <param name="startup-script" value="talkspurt_startup.lua"/>

local lines = {
  "alias stickyadd uuid_audio_stream lua uuid_audio_stream.lua",
  "complete add uuid_audio_stream ::console::list_uuid start",
  "complete add uuid_audio_stream ::console::list_uuid stop",
  "complete add uuid_audio_stream ::console::list_uuid pause",
  "complete add uuid_audio_stream ::console::list_uuid resume",
  "complete add uuid_audio_stream ::console::list_uuid send_text",
  "complete add uuid_audio_stream ::console::list_uuid send_json",
  "complete add uuid_audio_stream ::console::list_uuid break",
  "complete add uuid_audio_stream ::console::list_uuid mute user",
  "complete add uuid_audio_stream ::console::list_uuid mute agent",
  "complete add uuid_audio_stream ::console::list_uuid mute all",
  "complete add uuid_audio_stream ::console::list_uuid unmute user",
  "complete add uuid_audio_stream ::console::list_uuid unmute agent",
  "complete add uuid_audio_stream ::console::list_uuid unmute all",
  "complete add uuid_audio_stream ::console::list_uuid play",
  "complete add uuid_audio_stream ::console::list_uuid say",
  "complete add uuid_audio_stream ::console::list_uuid dtmf",
  "complete add uuid_audio_stream ::console::list_uuid mask on",
  "complete add uuid_audio_stream ::console::list_uuid mask off",
  "complete add uuid_audio_stream ::console::list_uuid switch",
  "complete add uuid_audio_stream ::console::list_uuid transfer",
  "complete add uuid_audio_stream ::console::list_uuid whisper none",
  "complete add uuid_audio_stream ::console::list_uuid whisper caller",
  "complete add uuid_audio_stream ::console::list_uuid whisper other",
  "complete add uuid_audio_stream ::console::list_uuid whisper both",
  "complete add uuid_audio_stream ::console::list_uuid record start",
  "complete add uuid_audio_stream ::console::list_uuid record stop",
  "complete add uuid_audio_stream ::console::list_uuid graceful-shutdown",
  "complete add uuid_audio_stream ::console::list_uuid health",
  "complete add uuid_audio_stream global_health",
  "complete add uuid_audio_stream list",
  "complete add uuid_audio_stream version",
  "complete add uuid_audio_stream help",
  "complete add uuid_audio_stream reload",
  "complete add uuid_audio_stream drain",
}

local api = freeswitch.API()
for _, line in ipairs(lines) do
  local command, argument = line:match("^(%S+) (.*)$")
  api:execute(command, argument)
end
if stream ~= nil then stream:write("+OK\n") end
