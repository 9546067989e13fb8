#!/bin/bash
# Puts baresip, a SIP phone without a screen (Debian's baresip-core with its libraries and those of its recorder), into a
# folder. No root, nothing installed; of its other modules some would need more. A second run says so and ends at once.
#
#   get-baresip.sh [DEST]           default: .cache/baresip of this repository
set -euo pipefail
DEST=${1:-$(cd "$(dirname "$0")/../../.." && pwd)/.cache/baresip}

if [ -x "$DEST/baresip" ] && "$DEST/baresip" -h >/dev/null 2>&1; then
  echo "already there: $DEST"
  exit 0
fi
work=$(mktemp -d "${TMPDIR:-/tmp}/get-baresip.XXXXXX")
trap 'rm -rf "$work"' EXIT
cd "$work"
packages='baresip-core libre0 librem0 libsndfile1 libflac12 libmp3lame0 libmpg123-0 libogg0 libopus0 libvorbis0a libvorbisenc2'
# The apt of a fresh machine has no lists yet.
apt-get -qq download $packages 2>/dev/null ||
  { [ "$(id -u)" = 0 ] && apt-get -qq update && apt-get -qq download $packages; } ||
  { echo "not all among the apt sources of this host (Debian 12 has them): $packages" >&2; exit 1; }
rm -rf "$DEST"
mkdir -p "$DEST/root"
for deb in ./*.deb; do dpkg-deb -x "$deb" "$DEST/root"; done
cat >"$DEST/baresip" <<'C'
#!/bin/sh
root=$(dirname "$(readlink -f "$0")")/root
for lib in "$root"/usr/lib/*-linux-gnu "$root"/usr/lib; do LD_LIBRARY_PATH=$lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}; done
export LD_LIBRARY_PATH
exec "$root/usr/bin/baresip" "$@"
C
chmod +x "$DEST/baresip"
# Its exit status after help is not 0.
usage=$("$DEST/baresip" -h 2>&1 || true)
grep -q Usage <<<"$usage" || { echo "$usage" >&2; exit 1; }
echo "ready: $DEST, $(du -sm "$DEST" | cut -f1) MB"
