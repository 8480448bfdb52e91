#!/bin/sh
# See that there is a Chromium for the tests of the page; install Debian's where there is none.
set -eu

for name in "${COCKPIT_CHROMIUM:-}" chromium chromium-browser google-chrome; do
    if [ -n "$name" ] && command -v "$name" >/dev/null 2>&1; then
        exit 0
    fi
done

if ! command -v apt-get >/dev/null 2>&1; then
    echo "The tests of the page need Chromium or Chrome, and none was found. Install one," >&2
    echo "or name it: COCKPIT_CHROMIUM=/path/to/chrome make test" >&2
    exit 1
fi

root=
if [ "$(id -u)" -ne 0 ]; then
    if ! command -v sudo >/dev/null 2>&1; then
        echo "The tests of the page need Chromium. As root: apt-get install chromium" >&2
        exit 1
    fi
    root=sudo
fi

echo "Installing Chromium for the tests of the page …"
export DEBIAN_FRONTEND=noninteractive
$root apt-get update -qq
$root apt-get install -y -qq --no-install-recommends chromium >/dev/null
