#!/bin/sh
# Chromium and a Chinese font for the browser tests, from Debian's packages where they are missing and may be installed.
# Nothing here fails: without a browser those tests are skipped, and say so.
set -u

missing=""
for name in chromium chromium-browser google-chrome; do
  command -v "$name" >/dev/null 2>&1 && found=1 && break
done
[ -n "${found:-}" ] || missing="chromium"
fonts=$(fc-list ':lang=zh-cn' family 2>/dev/null)
[ -n "$fonts" ] || missing="$missing fonts-noto-cjk"
[ -n "$missing" ] || exit 0

sudo=""
if [ "$(id -u)" -ne 0 ]; then
  if command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then sudo="sudo -n"; else sudo="none"; fi
fi
if ! command -v apt-get >/dev/null 2>&1 || [ "$sudo" = "none" ]; then
  echo "test: the browser tests need:$missing. Install them (as root: apt-get install$missing), or those tests are skipped." >&2
  exit 0
fi
echo "test: installing $missing for the browser tests"
export DEBIAN_FRONTEND=noninteractive
if ! { $sudo apt-get update -qq && $sudo apt-get install -qq -y --no-install-recommends $missing; } >/tmp/chuanyu-apt.$$ 2>&1; then
  tail -5 "/tmp/chuanyu-apt.$$" >&2
  echo "test: apt-get could not install:$missing. The browser tests are skipped." >&2
fi
rm -f "/tmp/chuanyu-apt.$$"
exit 0
