#!/bin/sh
# Boots a node: boot.sh FOLDER IMAGE [option of systemd-nspawn]... It runs in mount and pid namespaces of its own, which
# end with it: killing systemd-nspawn alone would leave its container running, and the mount with it.
# Without arguments it removes the control groups of ended nodes.
set -eu

# This process's control groups, by the folders they are in, each after the names of its controllers.
groups() {
    while IFS=: read -r _ controllers path; do
        parent=/sys/fs/cgroup/${controllers#name=}
        [ -n "$controllers" ] || [ ! -d /sys/fs/cgroup/unified ] || parent=/sys/fs/cgroup/unified
        [ ! -e "$parent/cgroup.procs" ] || echo "${controllers:-unified} $parent${path%/}"
    done </proc/self/cgroup
}

# A control group that still has a process in it cannot be removed.
sweep() {
    groups | while read -r _ parent; do
        find "$parent"/windlass-node-* -depth -type d -exec rmdir {} \; 2>/dev/null || true
    done
}

# Two nodes in one control group would end each other's services, as both have a /system.slice.
enter() {
    groups | while read -r controllers parent; do
        # cpuset takes no process before it is set up.
        [ "$controllers" != cpuset ] || continue
        echo "$parent/$1"
    done >"$2/groups"
    while read -r group; do
        # The sweep of another node may come between the two.
        for _ in 1 2 3 4 5; do
            mkdir -p "$group" && { echo 0 >"$group/cgroup.procs"; } 2>/dev/null && continue 2
        done
        echo "no control group of its own: $group" >&2
    done <"$2/groups"
}

sweep
[ $# != 0 ] || exit 0
folder=$1 image=$2
shift 2
enter "$(basename "$folder")" "$folder"
# The image is never written: what the node changes lands in `upper`.
mount -t overlay node -o "lowerdir=$image,upperdir=$folder/upper,workdir=$folder/work" "$folder/root"
exec systemd-nspawn --quiet --directory="$folder/root" --boot --console=pipe --register=no --keep-unit \
    --resolv-conf=off --timezone=off --link-journal=no "$@"
