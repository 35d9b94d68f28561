#!/bin/sh
# Checks log.pml with SPIN: the protocol must hold, and every broken rule must be noticed. Needs spin and a C compiler.
#
# MEMORY bounds each run, in MiB; FULL=1 adds larger numbers, which take hours and more memory.
set -u
model=$(cd "$(dirname "$0")" && pwd)/log.pml
folder=$(mktemp -d) || exit 1
trap 'rm -rf "$folder"' EXIT
cd "$folder" || exit 1
failures=0

run() { # name, holds or caught, defines
    name=$1 expected=$2
    shift 2
    spin -a "$@" "$model" >spin.txt 2>&1 || { cat spin.txt; exit 1; }
    ${CC:-cc} -w -O2 -DSAFETY -DCOLLAPSE -DVECTORSZ=2048 -DMEMLIM="${MEMORY:-3000}" -o pan pan.c || exit 1
    ./pan -E -m2000000 -w24 >out.txt 2>&1
    states=$(awk '/states, stored/ {print $1; exit}' out.txt)
    if grep -q 'assertion violated' out.txt; then
        found=caught
    elif grep -q 'errors: 0' out.txt && ! grep -q 'Search not completed\|max search depth' out.txt; then
        found=holds
    else
        found=incomplete
    fi
    [ "$found" = "$expected" ] || failures=1
    printf '%-28s %-10s (expected %s) %10s states  %s\n' "$name" "$found" "$expected" "$states" \
        "$(grep -o 'assertion violated.*' out.txt | head -1)"
}

run 'protocol' holds -DCRASHES=0 -DREPEATS=0 -DBATCHES=2
run 'protocol, repeats' holds -DCRASHES=0 -DBATCHES=2
run 'protocol, crash' holds -DREPEATS=0 -DBATCHES=2
if [ "${FULL:-0}" = 1 ]; then
    run 'protocol, 3 batches' holds -DCRASHES=0 -DREPEATS=0
    run 'protocol, all at once' holds
    run 'protocol, longer time' holds -DTIME=2 -DCRASHES=0
    run 'protocol, 3 writers' holds -DWRITERS=3 -DCRASHES=0
    run 'protocol, 3 transactions' holds -DTXIDS=3
fi
run 'acknowledge before create' caught -DEARLYACK
run 'unconditional PUT' caught -DUNCOND
run 'names free at once' caught -DNOWINDOW -DCRASHES=0 -DREPEATS=0
run 'created is committed' caught -DNOJUDGE -DCRASHES=0 -DREPEATS=0
run 'catch-up by GET, however old' caught -DGETONLY -DCRASHES=0 -DREPEATS=0
run '412 is a lost race' caught -DBLIND412
run 'a timeout is a failure' caught -DTIMEOUTFAIL
run 'boot trusts the local file' caught -DTRUSTLOCAL
exit $failures
