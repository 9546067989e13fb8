#!/bin/bash
# Writes a minimal, loopback-only configuration under RUN and starts the Asterisk that get-asterisk.sh brought there.
#
#   start-asterisk.sh RUN [DIST]    prints its pid (RUN/pid has it too) and its version once it has booted
#   env  AST_HTTP=PORT              port of HTTP and ARI. Default 18088
#        AST_SIP=PORT               with it chan_pjsip listens on that port, UDP and TCP, and has an endpoint for each codec
#                                   that can call any SIP address: PJSIP/ulaw/sip:agent@127.0.0.1:5090
#        AST_RTP=FROM-TO            its RTP ports. Default 24000-24099
#        AST_MEDIA_URL=URL          where chan_websocket's client `talkspurt` dials: externalMedia with external_host=talkspurt.
#                                   With user `asterisk`, password `media-secret`
#        AST_AUDIOSOCKET=HOST:PORT  where extension `audiosocket` connects
#        AST_TLS=PORT               HTTP and ARI by TLS besides, at that port, with AST_TLS_CERT and AST_TLS_KEY (PEM files)
#        AST_CONFIG=DIR             its *.conf take the place of those that are written here
#        AST_OWNER=PID              once this process is gone, however it went, Asterisk is ended and RUN removed
set -euo pipefail
RUN=$(mkdir -p "$1" && cd "$1" && pwd)
DIST=$(cd "${2:-$(dirname "$0")/../../../.cache/asterisk}" && pwd)
HTTP=${AST_HTTP:-18088}
SIP=${AST_SIP:-}
RTP=${AST_RTP:-24000-24099}
MEDIA_URL=${AST_MEDIA_URL:-ws://127.0.0.1:18787/media}
AUDIOSOCKET=${AST_AUDIOSOCKET:-127.0.0.1:19092}
ROOT=$DIST/root
ETC=$RUN/etc
mkdir -p "$ETC" "$RUN"/{lib/keys,lib/moh,spool/tmp,spool/recording,run,log}
write() { cat >"$ETC/$1"; }

write asterisk.conf <<C
[directories]
astetcdir => $ETC
astmoddir => $ROOT/usr/lib/x86_64-linux-gnu/asterisk/modules
astvarlibdir => $RUN/lib
astdbdir => $RUN/lib
astkeydir => $RUN/lib
astdatadir => $ROOT/usr/share/asterisk
astagidir => $RUN/lib
astspooldir => $RUN/spool
astrundir => $RUN/run
astlogdir => $RUN/log
astsbindir => $ROOT/usr/sbin
[options]
nocolor = yes
documentation_language = en_US
hideconnect = yes
C

write modules.conf <<C
[modules]
autoload = no
$(for module in res_timing_timerfd res_sorcery_config res_sorcery_memory res_sorcery_astdb res_crypto \
  res_http_websocket res_websocket_client bridge_simple bridge_softmix bridge_holding \
  codec_ulaw codec_alaw codec_a_mu codec_g722 codec_gsm codec_resample codec_opus_open_source res_format_attr_opus \
  format_wav format_pcm format_sln format_gsm res_musiconhold res_rtp_asterisk res_rtp_multicast res_srtp \
  res_stasis res_stasis_answer res_stasis_playback res_stasis_recording res_stasis_snoop res_stasis_device_state app_stasis \
  res_ari res_ari_model res_ari_applications res_ari_asterisk res_ari_bridges res_ari_channels res_ari_device_states \
  res_ari_endpoints res_ari_events res_ari_playbacks res_ari_recordings res_ari_sounds \
  chan_rtp res_audiosocket app_audiosocket chan_audiosocket chan_websocket chan_bridge_media \
  func_cut func_dialplan func_groupcount func_uri func_periodic_hook func_channel func_callerid func_strings func_logic func_uuid app_chanspy \
  pbx_config app_playback app_echo app_dial app_verbose app_mixmonitor app_senddtmf app_playtones app_milliwatt app_stack \
  app_exec app_userevent app_bridgewait app_read \
  ${SIP:+res_statsd res_pjproject res_pjsip res_pjsip_session res_pjsip_pubsub res_pjsip_sdp_rtp res_pjsip_caller_id res_pjsip_rfc3326 \
    res_pjsip_dtmf_info res_pjsip_header_funcs res_pjsip_refer res_pjsip_registrar res_pjsip_authenticator_digest \
    res_pjsip_endpoint_identifier_ip res_pjsip_endpoint_identifier_user res_pjsip_endpoint_identifier_anonymous chan_pjsip}; do
  echo "load = $module.so"
done)
C

if [ -n "$SIP" ]; then
  {
    printf '[global]\ntype = global\nuser_agent = pbx\n'
    for protocol in udp tcp; do
      printf '[%s]\ntype = transport\nprotocol = %s\nbind = 127.0.0.1:%s\n' $protocol $protocol "$SIP"
    done
    for codec in ulaw alaw g722 slin slin16; do
      printf '[%s]\ntype = endpoint\ntransport = udp\ncontext = test\ndisallow = all\nallow = %s\n' $codec $codec
      printf 'direct_media = no\nmoh_passthrough = yes\ndtmf_mode = rfc4733\nfrom_user = 4711\n'
    done
    # One that sends digits by INFO.
    printf '[info]\ntype = endpoint\ntransport = tcp\ncontext = test\ndisallow = all\nallow = ulaw\n'
    printf 'direct_media = no\ndtmf_mode = info\n'
  } | write pjsip.conf
  printf '[general]\nrtpstart = %s\nrtpend = %s\n' "${RTP%-*}" "${RTP#*-}" | write rtp.conf
  : | tee "$ETC/pjproject.conf" "$ETC/statsd.conf" >/dev/null
fi

printf '[general]\n[logfiles]\nmessages => notice,warning,error\n' | write logger.conf
printf '[general]\nenabled = yes\nbindaddr = 127.0.0.1\nbindport = %s\nsessionlimit = 1000\n' "$HTTP" | write http.conf
if [ -n "${AST_TLS:-}" ]; then
  printf 'tlsenable = yes\ntlsbindaddr = 127.0.0.1:%s\ntlscertfile = %s\ntlsprivatekey = %s\n' \
    "$AST_TLS" "$AST_TLS_CERT" "$AST_TLS_KEY" >>"$ETC/http.conf"
fi
printf '[general]\nenabled = yes\n[test]\ntype = user\nread_only = no\npassword = test\n[reader]\ntype = user\nread_only = yes\npassword = test\n' | write ari.conf
write websocket_client.conf <<C
[talkspurt]
type = websocket_client
connection_type = per_call_config
uri = $MEDIA_URL
protocols = media
username = asterisk
password = media-secret
connection_timeout = 1000
reconnect_interval = 500
reconnect_attempts = 2
tls_enabled = no
C
printf '[global]\ncontrol_message_format = plain-text\n' | write chan_websocket.conf
printf '[general]\n[default]\nmode = files\ndirectory = %s/lib/moh\n' "$RUN" | write musiconhold.conf

write extensions.conf <<C
[general]
static = yes
writeprotect = yes
[test]
; a caller that says one thing and hangs up
exten => speak,1,Answer()
 same => n,Playback(demo-congrats)
 same => n,Hangup()
; callers that stay
exten => speaks,1,Answer()
 same => n(top),Playback(demo-congrats)
 same => n,Wait(1)
 same => n,Goto(top)
exten => silent,1,Answer()
 same => n,Wait(3600)
exten => echo,1,Answer()
 same => n,Echo()
exten => tone440,1,Answer()
 same => n,PlayTones(440)
 same => n,Wait(3600)
exten => tone1000,1,Answer()
 same => n,PlayTones(1000)
 same => n,Wait(3600)
exten => busy,1,Busy(20)
exten => rings,1,Ringing()
 same => n,Wait(3600)
exten => digits,1,Answer()
 same => n,Wait(1)
 same => n,SendDTMF(12#*A,200,120)
 same => n,Wait(3600)
; a caller who asks one thing, and stays to hear the answer
exten => asks,1,Answer()
 same => n,Wait(1)
 same => n,Playback(\${IF(\$["\${PROMPT}"=""]?demo-thanks:\${PROMPT})})
 same => n,Wait(3600)
; records all that it hears: RUN/spool/recording/<name>-{in,out}.wav
exten => _rec-.,1,Answer()
 same => n,MixMonitor($RUN/spool/recording/\${EXTEN:4}.wav,r($RUN/spool/recording/\${EXTEN:4}-in.wav)t($RUN/spool/recording/\${EXTEN:4}-out.wav))
 same => n,Wait(3600)
; into a Stasis application: stasis-APP or stasis-APP-PROFILE; what the application left behind is told as an event
exten => _stasis-.,1,NoOp()
 same => n,Stasis(\${CUT(EXTEN,-,2)},profile=\${CUT(EXTEN,-,3)})
; a caller of the tests that is given back at once: until they listen to it
 same => n,ExecIf(\$["\${UNIQUEID:0:5}" = "call-"]?Wait(0.5))
 same => n,UserEvent(StasisDone,status:\${STASISSTATUS},result:\${TALKSPURT_RESULT},reason:\${TALKSPURT_REASON},turns:\${TALKSPURT_TURNS})
 same => n,Hangup()
; the AudioSocket application
exten => audiosocket,1,Answer()
 same => n,AudioSocket(\${IF(\$["\${AUDIOSOCKET_ID}"=""]?\${UUID()}:\${AUDIOSOCKET_ID})},$AUDIOSOCKET)
 same => n,UserEvent(AudioSocketDone)
 same => n,Hangup()
; a call of two people: the one who is called is at extension CALLEE of this context
exten => calls,1,Answer()
 same => n,Dial(Local/\${CALLEE}@test/n)
 same => n,Hangup()
C

printf '[general]\nenable = no\n' | tee "$ETC/cdr.conf" "$ETC/cel.conf" >/dev/null
printf '[general]\n' | tee "$ETC/stasis.conf" "$ETC/features.conf" "$ETC/manager.conf" "$ETC/udptl.conf" "$ETC/ccss.conf" >/dev/null
printf '[general]\ncountry = us\n[us]\ndescription = United States\nringcadence = 2000,4000\ndial = 350+440\nbusy = 480+620/500,0/500\nring = 440+480/2000,0/4000\ncongestion = 480+620/250,0/250\n' | write indications.conf
printf '[general]\n[startup_commands]\n' | write cli.conf

[ -z "${AST_CONFIG:-}" ] || find "$AST_CONFIG" -maxdepth 1 -name '*.conf' -exec cp -t "$ETC" {} +

# A control socket of an earlier run would answer the boot check below in place of the new process.
rm -f "$RUN/run/asterisk.ctl"
"$DIST/asterisk" -f -C "$ETC/asterisk.conf" >"$RUN/log/stdout.txt" 2>&1 </dev/null &
echo $! >"$RUN/pid"
if [ -n "${AST_OWNER:-}" ]; then
  (
    trap '' HUP INT
    pbx=$!
    # One that only waits to be reaped is gone.
    runs() { grep -q '^State:[[:space:]]*[^ZX]' "/proc/$1/status"; }
    while runs "$AST_OWNER" && runs "$pbx"; do sleep 0.25; done
    # Its owner has ended it and cleans up, or is gone.
    ! runs "$AST_OWNER" || exit 0
    kill -KILL "$pbx" || true
    rm -rf "$RUN"
  ) >/dev/null 2>&1 </dev/null &
  echo $! >"$RUN/watcher"
fi
for _ in $(seq 100); do
  if "$DIST/asterisk" -C "$ETC/asterisk.conf" -rx 'core waitfullybooted' >/dev/null 2>&1; then
    echo "pid $(cat "$RUN/pid") $("$DIST/asterisk" -V)"
    exit 0
  fi
  kill -0 "$(cat "$RUN/pid")" 2>/dev/null || break
  sleep 0.1
done
echo 'Asterisk did not boot within 10 s:' >&2
tail -20 "$RUN/log/stdout.txt" >&2
kill "$(cat "$RUN/pid")" 2>/dev/null || true
exit 1
