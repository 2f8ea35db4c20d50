#!/usr/bin/env bash
# Runs a command with a screen: the one that is there, else a virtual one.
set -eu
if [ -n "${DISPLAY:-}" ]; then exec "$@"; fi
exec xvfb-run --auto-servernum --server-args="-screen 0 1280x1024x24" "$@"
