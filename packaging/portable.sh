#!/bin/sh
# Says what keeps a program from running on every node of an architecture, and fails then: portable.sh PROGRAM ARCHITECTURE
set -eu
[ $# = 2 ] || { echo "usage: portable.sh PROGRAM amd64|arm64" >&2; exit 2; }
program=$1
case $2 in
    amd64) machine='Advanced Micro Devices X86-64' page=4096 ;;
    # Raspberry Pi 5 has pages of 16 KiB, some servers of 64 KiB: a segment has to begin on a page of any size.
    arm64) machine=AArch64 page=65536 ;;
    *) echo "portable.sh: amd64 or arm64, not $2" >&2; exit 2 ;;
esac
wrong=''
says() { echo "$program: $1" >&2; wrong=1; }
read_elf() { LC_ALL=C readelf --wide "$@" "$program"; }

read_elf --file-header | grep -q "Machine: *$machine" || says "it is not for $2"
! read_elf --program-headers | grep -q INTERP || says 'it asks for the dynamic linker of a distribution'
needed=$(read_elf --dynamic | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' | tr '\n' ' ')
[ -z "$needed" ] || says "it needs the libraries $needed"
read_elf --file-header | grep -q 'Type: *DYN' || says 'it is at a fixed address (no PIE)'
for align in $(read_elf --program-headers | awk '$1 == "LOAD" { print $NF }'); do
    [ "$((align))" -ge "$page" ] || says "a segment begins at a multiple of $align only, and a page may have $page bytes"
done
[ -z "$wrong" ]
