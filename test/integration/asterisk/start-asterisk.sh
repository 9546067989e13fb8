#!/bin/bash
# Writes a minimal, loopback-only configuration under RUN and starts the Asterisk that get-asterisk.sh brought there.
#
#   start-asterisk.sh RUN [DIST]    prints its pid (RUN/pid has it too) and its version once it has booted
#   env  AST_HTTP=PORT              port of HTTP and ARI. Default 18088
#        AST_SIP=PORT               with it chan_pjsip listens on that port, UDP and TCP, and has an endpoint for each codec
#                                   that can call any SIP address: PJSIP/ulaw/sip:agent@127.0.0.1:5090
#        AST_RTP=FROM-TO            its RTP ports. Default 24000-24099
set -euo pipefail
RUN=$(mkdir -p "$1" && cd "$1" && pwd)
DIST=$(cd "${2:-$(dirname "$0")/../../../.cache/asterisk}" && pwd)
HTTP=${AST_HTTP:-18088}
SIP=${AST_SIP:-}
RTP=${AST_RTP:-24000-24099}
ROOT=$DIST/root
ETC=$RUN/etc
mkdir -p "$ETC" "$RUN"/{lib/keys,spool/tmp,spool/recording,run,log}
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
  codec_ulaw codec_alaw codec_a_mu codec_resample format_wav format_pcm format_sln \
  res_stasis res_stasis_answer res_stasis_playback res_stasis_recording res_stasis_snoop res_stasis_device_state app_stasis \
  res_ari res_ari_model res_ari_applications res_ari_asterisk res_ari_bridges res_ari_channels res_ari_endpoints \
  res_ari_events res_ari_playbacks res_ari_recordings res_ari_sounds pbx_config app_playback app_echo \
  ${SIP:+res_statsd res_pjproject res_pjsip res_pjsip_session res_pjsip_pubsub res_pjsip_sdp_rtp res_pjsip_caller_id res_pjsip_rfc3326 \
    res_pjsip_dtmf_info res_pjsip_header_funcs res_pjsip_refer res_rtp_asterisk res_srtp chan_pjsip codec_g722}; do
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
printf '[general]\nenabled = yes\nbindaddr = 127.0.0.1\nbindport = %s\n' "$HTTP" | write http.conf
printf '[general]\nenabled = yes\n[test]\ntype = user\nread_only = no\npassword = test\n' | write ari.conf
printf '[general]\nstatic = yes\nwriteprotect = yes\n[test]\nexten => speak,1,Answer()\n same => n,Playback(demo-congrats)\n same => n,Hangup()\n' |
  write extensions.conf
printf '[general]\nenable = no\n' | tee "$ETC/cdr.conf" "$ETC/cel.conf" >/dev/null
printf '[general]\n' | tee "$ETC/stasis.conf" "$ETC/features.conf" "$ETC/manager.conf" "$ETC/udptl.conf" "$ETC/ccss.conf" >/dev/null
printf '[general]\ncountry = us\n[us]\ndescription = United States\nringcadence = 2000,4000\ndial = 350+440\nbusy = 480+620/500,0/500\nring = 440+480/2000,0/4000\ncongestion = 480+620/250,0/250\n' | write indications.conf
printf '[general]\n[startup_commands]\n' | write cli.conf

# A control socket of an earlier run would answer the boot check below in place of the new process.
rm -f "$RUN/run/asterisk.ctl"
"$DIST/asterisk" -f -C "$ETC/asterisk.conf" >"$RUN/log/stdout.txt" 2>&1 </dev/null &
echo $! >"$RUN/pid"
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
