#!/bin/sh
# Run a command and print how long it took: `timed.sh NAME COMMAND [ARGUMENT ...]`. The exit code is the command's.
name=$1
shift
start=$(date +%s)
"$@"
status=$?
took=$(($(date +%s) - start))
echo "$name took $((took / 60)) min $((took % 60)) s"
exit $status
