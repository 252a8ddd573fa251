#!/bin/sh
# Self-test and benchmark of gradwell on this machine's GPU; nothing is installed. ./run.sh help tells more.
exec "${0%/*}/node" "${0%/*}/start.mjs" "$@"
