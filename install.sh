#!/usr/bin/env bash
# Installs windlass on this node, or upgrades it: the same command does both, and may be repeated.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)

usage() {
    cat <<'END'
usage: sudo ./install.sh --repo URL --signers FILE [options]

  --repo URL            the Git repository that holds the cluster (https://, ssh:// or http://)
  --signers FILE        the keys that may sign commits, in OpenSSH's allowed_signers format
  --branch NAME         the branch to follow (main)
  --path PATH           the directory in it to apply (./)
  --introduction COMMIT only this commit and what descends from it is ever looked at (40 digits)
  --kubeconfig FILE     the cluster's credential (found for k3s, RKE2 and kubeadm)
  --binary FILE         the windlass binary (the one that `make build` made)
  --dry-run             shows every step and does nothing
  --help                this text
END
}

fail() { printf 'install.sh: %s\n' "$1" >&2; exit 1; }
step() {
    printf '► %s\n' "$1"
    shift
    [ -n "$dry_run" ] || "$@"
}

repo='' signers='' branch=main path=./ introduction='' kubeconfig='' dry_run=''
binary=${CARGO_TARGET_DIR:-$HOME/.cache/windlass/target}/release/windlass
while [ $# -gt 0 ]; do
    case $1 in
    --repo | --signers | --branch | --path | --introduction | --kubeconfig | --binary)
        [ $# -ge 2 ] || fail "$1 needs a value; see --help"
        declare "${1#--}=$2"
        shift 2
        ;;
    --dry-run) dry_run=1; shift ;;
    --help) usage; exit 0 ;;
    *) usage >&2; fail "$1 is not an option" ;;
    esac
done

find_kubeconfig() {
    local candidate
    for candidate in /etc/rancher/k3s/k3s.yaml /etc/rancher/rke2/rke2.yaml /etc/kubernetes/admin.conf; do
        [ -e "$candidate" ] && { printf '%s' "$candidate"; return; }
    done
}

write_config() {
    {
        printf '# Written by install.sh; every setting is explained in config.toml.example.\n[root]\n'
        printf 'url = "%s"\nbranch = "%s"\npath = "%s"\n' "$repo" "$branch" "$path"
        [ -z "$introduction" ] || printf 'introduction = "%s"\n' "$introduction"
    } >/etc/windlass/config.toml
}

link_kubeconfig() {
    [ "$(readlink -f "$kubeconfig")" = "$(readlink -f /etc/windlass/kubeconfig)" ] ||
        ln -sfn "$(readlink -f "$kubeconfig")" /etc/windlass/kubeconfig
}

check_config() {
    # The unit hands the kubeconfig over as a credential; here root looks at the file itself.
    CREDENTIALS_DIRECTORY=/etc/windlass /usr/bin/windlass check --config /etc/windlass/config.toml
}

wait_applied() {
    local left
    for left in $(seq 120 -1 1); do
        case $(systemctl show windlass --property=StatusText --value) in
        *'no verified revision'* | '') ;;
        *) systemctl show windlass --property=StatusText --value; return ;;
        esac
        systemctl is-failed --quiet windlass && break
        sleep 1
    done
    journalctl -u windlass -n 20 --no-pager >&2
    fail 'the first revision was not verified within two minutes; the log above says why'
}

if [ -z "$repo" ] && [ -e /etc/windlass/config.toml ]; then
    keep_config=1
else
    keep_config=''
    [ -n "$repo" ] || fail 'which repository? give --repo URL; see --help'
    [ -r "$signers" ] || fail 'which keys may sign? give --signers FILE (one "name namespaces=\"git\" ssh-ed25519 AAAA..." a line)'
fi
[ -x "$binary" ] || fail "$binary is not there; run make build, or give --binary FILE"
[ -n "$kubeconfig" ] || kubeconfig=$(find_kubeconfig)
[ -e "${kubeconfig:-/etc/windlass/kubeconfig}" ] || fail 'no kubeconfig found; give --kubeconfig FILE'
command -v systemctl >/dev/null || fail 'this machine does not run systemd'
[ -n "$dry_run" ] || [ "$(id -u)" = 0 ] || fail 'root is needed; run it with sudo'

step 'binary: /usr/bin/windlass' install -D -m 0755 "$binary" /usr/bin/windlass
for unit in windlass.service windlass-net.service windlass-net.socket; do
    step "unit: /etc/systemd/system/$unit" install -D -m 0644 "$here/systemd/$unit" "/etc/systemd/system/$unit"
done
step 'users: windlass, windlass-net' install -D -m 0644 "$here/systemd/sysusers.d/windlass.conf" /usr/lib/sysusers.d/windlass.conf
step '       (systemd-sysusers)' systemd-sysusers /usr/lib/sysusers.d/windlass.conf
step 'directories' install -D -m 0644 "$here/systemd/tmpfiles.d/windlass.conf" /usr/lib/tmpfiles.d/windlass.conf
step '       (systemd-tmpfiles)' systemd-tmpfiles --create /usr/lib/tmpfiles.d/windlass.conf
step 'explained settings: /etc/windlass/config.toml.example' install -D -m 0644 "$here/packaging/etc/windlass/config.toml" /etc/windlass/config.toml.example
if [ -z "$keep_config" ]; then
    step 'keys: /etc/windlass/trust.d/allowed_signers' install -D -m 0644 "$signers" /etc/windlass/trust.d/allowed_signers
    step 'settings: /etc/windlass/config.toml' write_config
fi
[ -z "$kubeconfig" ] || step "credential: /etc/windlass/kubeconfig → $kubeconfig" link_kubeconfig
step 'check' check_config
step 'systemd' systemctl daemon-reload
step 'socket' systemctl enable --now windlass-net.socket
step 'agent' systemctl enable windlass
step 'agent (re)start' systemctl restart windlass
step 'waiting for the first verified revision' wait_applied
printf '✔ done; look with: systemctl status windlass; windlass get all -A\n'
