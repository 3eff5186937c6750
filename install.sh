#!/usr/bin/env bash
# Installs windlass on this node, or upgrades it: the same command does both, and may be repeated.
set -euo pipefail
# As the package has it, windlass-setup is a link to it.
here=$(cd "$(dirname "$(readlink -f "$0")")" && pwd)
me=${0##*/}

usage() {
    sed "s|\./install\.sh|$([ "$me" = install.sh ] && printf ./install.sh || printf %s "$me")|" <<'END'
usage: sudo ./install.sh                              asks for what it needs (on a terminal)
       sudo ./install.sh --repo URL --signers FILE [options]
       sudo ./install.sh                              upgrades; the settings stay as they are
       sudo ./install.sh --uninstall [--keep-api | --node-only]

  --repo URL            the Git repository that holds the cluster (https://, ssh:// or http://)
  --signers FILE        the keys that may sign commits, in OpenSSH's allowed_signers format
  --branch NAME         the branch to follow (main)
  --path PATH           the directory in it to apply (./)
  --introduction COMMIT only this commit and what descends from it is ever looked at (40 digits)
  --identity FILE       for ssh://: the private key that may read the repository, without a passphrase,
  --known-hosts FILE    and the host's public keys (ssh-keyscan HOST, compared by hand)
  --username NAME       for https://: the user (for a token often "git"),
  --password-file FILE  and the file with the password or token
  --ca FILE             certificates (PEM) to trust instead of the system's
  --kubeconfig FILE     the admin's credential of the cluster (found for k3s, RKE2 and kubeadm): it is used once, to make this
                        node an identity of its own; or such an identity, made by windlass identity mint on a server
  --role ROLE           leader (leads when it is its turn), cache (a worker: fetches, verifies and keeps, never writes) or
                        external (a leader outside the cluster)
  --observe             beside a running Flux: looks at what it would do and writes nothing; windlass promote lets it lead
  --rights RIGHTS       of the node's identity: full, impersonate (where every Kustomization names a serviceAccountName),
                        cache, observe, or given (none is made; the agent uses the kubeconfig as it is)
  --server URL          the API server, as this node reaches it; several are tried in turn (k3s' or RKE2's balancer on a
                        worker, then that of the kubeconfig)
  --binary FILE         the windlass binary (the one beside this script, or that `make build` made)
  --uninstall           removes windlass and its settings from this node; on the last one also Flux's objects and
                        definitions from the cluster. What they applied stays where it is.
  --keep-api            with --uninstall: Flux's objects stay, for Flux to take over
  --node-only           with --uninstall: the cluster stays as it is
  --dry-run             shows every step and does nothing
  --help                this text
END
}

fail() { printf '%s: %s\n' "$me" "$1" >&2; exit 1; }
step() {
    printf '► %s\n' "$1"
    shift
    [ -n "$dry_run" ] || "$@"
}

repo='' signers='' branch='' path='' introduction='' kubeconfig='' binary='' dry_run=''
identity='' known_hosts='' username='' password_file='' ca='' undo='' upgrade='' before=''
uninstall='' keep_api='' node_only='' trial='' trial_net=''
role='' rights='' servers=() balancer='' observe=''
while [ $# -gt 0 ]; do
    case $1 in
    --repo | --signers | --branch | --path | --introduction | --kubeconfig | --binary | \
        --identity | --known-hosts | --username | --password-file | --ca | --role | --rights)
        [ $# -ge 2 ] || fail "$1 needs a value; see --help"
        option=${1#--}
        declare "${option//-/_}=$2"
        shift 2
        ;;
    --server)
        [ $# -ge 2 ] || fail "$1 needs a value; see --help"
        servers+=(--server "$2")
        shift 2
        ;;
    --dry-run | --uninstall | --keep-api | --node-only | --observe)
        option=${1#--}
        declare "${option//-/_}=1"
        shift
        ;;
    --help) usage; exit 0 ;;
    *) usage >&2; fail "$1 is not an option" ;;
    esac
done

# What the units need (tests/units.rs of the room host), and room in MB for the program twice and a state that grows.
oldest_systemd=249
least_disk=250
config=/etc/windlass/config.toml
trusted=/etc/windlass/trust.d/allowed_signers
credential=/etc/windlass/kubeconfig
# On a server, what a new identity is minted with, and how: windlass-identity.service does it when the agent asks.
admin=/etc/windlass/admin-kubeconfig
minting=/etc/windlass/identity
renewed=/var/lib/windlass/kubeconfig
# Where k3s and RKE2 say how a worker's kubelet reaches the servers.
kubelets='/var/lib/rancher/k3s/agent/kubelet.kubeconfig /var/lib/rancher/rke2/agent/kubelet.kubeconfig'
servers_own='/etc/rancher/k3s/k3s.yaml /etc/rancher/rke2/rke2.yaml /etc/kubernetes/admin.conf'
# Where things go; choose_places says otherwise where /usr takes nothing, and where apt has put them already.
program=/usr/bin/windlass
pages=/usr/local/share/man/man1
unit_folder=/etc/systemd/system
users=/usr/lib/sysusers.d/windlass.conf
folders=/usr/lib/tmpfiles.d/windlass.conf
packaged=''
aside=/usr/lib/windlass/before
units='windlass.service windlass-net.service windlass-net.socket windlass-identity.service windlass-identity.path'
# What opens a private repository: its key in the settings, where it goes, whose it is there, and what was given.
private=(
    "identity_file /etc/windlass/git-key windlass 0600 $identity"
    "known_hosts_file /etc/windlass/known_hosts root 0644 $known_hosts"
    "password_file /etc/windlass/git-password windlass 0600 $password_file"
    "ca_file /etc/windlass/git-ca.pem root 0644 $ca"
)

# Whether a folder is on a file system that is mounted to be read only; whoever runs it.
is_read_only() { case ,$(findmnt --noheadings --output OPTIONS --target "$1" | tail -n 1), in *,ro,*) ;; *) return 1 ;; esac; }

# The package has brought program, units, users and pages; beside this script it leaves a mark. Where /usr is read-only
# (Flatcar, CoreOS), /opt is the place for what does not come with the system; who began there stays there.
choose_places() {
    if [ -e "$here/packaged" ]; then
        packaged=1 unit_folder=/usr/lib/systemd/system
        [ ! -d "$aside" ] || upgrade=1 before=$(cat "$aside/said")
        return
    fi
    case $(dpkg-query --show --showformat='${db:Status-Status}' windlass 2>/dev/null || true) in
    installed | unpacked | half-*) fail 'windlass came with apt on this node: apt upgrades it, and windlass-setup takes these options' ;;
    esac
    if [ -e /opt/bin/windlass ] || is_read_only /usr/bin; then
        program=/opt/bin/windlass
        pages=/opt/man/man1
        users=/etc/sysusers.d/windlass.conf
        folders=/etc/tmpfiles.d/windlass.conf
    fi
}

ask() { # variable, question, default
    local answer
    read -r -p "$2${3:+ [$3]}: " answer || fail 'nothing was answered; see --help'
    printf -v "$1" %s "${answer:-$3}"
}

ask_file() { # variable, question
    while :; do
        ask "$1" "$2" ''
        [ ! -f "${!1}" ] || return 0
        printf '  there is no file %s\n' "${!1:-of no name}"
    done
}

# What the machine looks like is the proposal. Who has no admin's kubeconfig here is asked for one.
ask_role() {
    local proposed=external
    [ -z "$(find_balancer)" ] || proposed=cache
    [ -z "$(find_server)" ] || proposed=leader
    while [ -z "$role" ]; do
        ask role 'Role: leader (a server), cache (a worker: fetches, verifies and keeps) or external (a leader outside the cluster)' $proposed
        case $role in
        leader | cache | external) ;;
        *) printf '  leader, cache or external, not %s\n' "$role"; role='' ;;
        esac
    done
    [ -z "$kubeconfig$(find_server)" ] || return 0
    if [ "$role" = cache ]; then
        ask_file kubeconfig "This node's identity, made on a server: sudo windlass identity mint $(node_name) --rights cache --to FILE (a file)"
    else
        ask_file kubeconfig "The admin's kubeconfig of the cluster (a file)"
    fi
}

# Who runs it bare on a terminal is asked, and shown how to say the same without being asked.
ask_settings() {
    local name words=''
    ask repo 'Git repository of the cluster (https:// or ssh://)' ''
    case $repo in
    ssh://*)
        ask_file identity 'Private key that may read it, without a passphrase (a file)'
        ask_file known_hosts "The host's public keys, as ssh-keyscan prints them (a file)"
        ;;
    https://*)
        ask username 'User, for a token often git (empty: the repository is public)' ''
        [ -z "$username" ] || ask_file password_file 'Password or token (a file)'
        ;;
    esac
    ask branch 'Branch' main
    ask path 'Directory in it' ./
    [ -n "$signers" ] || ask_file signers 'Keys that may sign, in the format of allowed_signers (a file)'
    ask introduction 'Commit that everything must descend from (empty: the first signed head that is seen)' ''
    ask_role
    for name in repo branch path signers introduction identity known_hosts username password_file role kubeconfig; do
        [ -z "${!name}" ] || words+=$(printf ' --%s %q' "${name//_/-}" "${!name}")
    done
    printf '► the same without questions: sudo %q%s\n' "$0" "$words"
}

# An archive of `make dist` has it beside this script. Under sudo, `make build` was run by the one who called sudo.
find_binary() {
    local home
    [ ! -x "$here/windlass" ] || { printf '%s' "$here/windlass"; return; }
    home=$(getent passwd "${SUDO_USER:-$(id -un)}" | cut -d: -f6) || true
    printf '%s/release/windlass' "${CARGO_TARGET_DIR:-${home:-/root}/.cache/windlass/target}"
}

# The admin's kubeconfig on a server.
find_server() {
    local candidate
    for candidate in $servers_own; do
        [ ! -e "$candidate" ] || { printf '%s' "$candidate"; return 0; }
    done
}

# What an earlier run linked stays.
find_kubeconfig() {
    local found
    [ ! -e "$credential" ] || return 0
    found=$(find_server)
    [ -n "$found" ] || fail 'no kubeconfig found; give --kubeconfig FILE'
    printf '%s' "$found"
}

# On a worker of k3s or RKE2 there is a balancer on loopback (6444, 6443), which knows all servers of the cluster.
find_balancer() {
    [ -z "$(find_server)" ] || return 0
    { cat $kubelets 2>/dev/null || true; } | sed -nE 's|^ *server: *"?(https://127\.0\.0\.1:[0-9]+)/?"?$|\1|p' | sed -n 1p
}

# The URL that a kubeconfig names.
server_of() { sed -nE 's|.*"?server"?: *"?(https?://[^", ]+).*|\1|p' "$1" | sed -n 1p; }

# Has an identity try the balancer before the server that it was made with; where several were named for it, they stay.
# The file is as `windlass identity mint` writes it.
by_balancer() {
    local known
    known=$(server_of "$credential")
    [ "$known" != "$balancer" ] && ! grep -q '"windlass.dev/servers"' "$credential" || return 0
    printf '  ✔ API server: %s, the balancer of this node, then %s\n' "$balancer" "$known"
    sed -i "s|\"server\": \"$known\"|\"server\": \"$balancer\", \"extensions\": [{\"name\": \"windlass.dev/servers\", \"extension\": {\"servers\": [\"$balancer\", \"$known\"]}}]|" "$credential"
}

# The name by which the cluster knows this node, as the agent takes it.
node_name() {
    local name
    name=$(cat "$config" /etc/windlass/config.d/*.toml 2>/dev/null |
        awk '/^\[/ { section = $1 } section == "[node]" && /^name *= *"/ { split($0, part, "\""); name = part[2] } END { print name }')
    [ -n "$name" ] || name=$(uname -n | tr '[:upper:]' '[:lower:]')
    printf '%s' "$name"
}

# Whether a kubeconfig is an identity that `windlass identity mint` made.
is_identity() { grep -qs '"current-context": "windlass-node"' "$1"; }

# How the agent gets at the cluster. Without an API server there is nobody to make an identity: until this is said again
# it uses the kubeconfig as it is.
put_credential() {
    local made arguments
    if is_identity "$kubeconfig"; then
        [ "$kubeconfig" -ef "$credential" ] || install -m 0600 "$kubeconfig" "$credential"
        [ -z "$balancer" ] || by_balancer
        return
    fi
    rm -f "$admin" "$minting"
    if [ "${rights:-full}" != given ]; then
        arguments=("$(node_name)" --rights "${rights:-full}" "${servers[@]}")
        if made=$("$binary" identity mint --kubeconfig "$kubeconfig" --to "$credential" "${arguments[@]}" 2>&1); then
            printf '  ✔ %s\n' "$(tail -n 1 <<<"$made" | sed 's/^✔ //')"
            [ -z "$balancer" ] || by_balancer
            case " $servers_own " in
            *" $kubeconfig "*)
                ln -sfn "$kubeconfig" "$admin"
                install -m 0644 /dev/stdin "$minting" <<<"ARGUMENTS=${arguments[*]}"
                ;;
            esac
            return
        fi
        [ -z "$rights" ] || fail "this node gets no identity: $(grep '✗' <<<"$made" | head -n 1); the settings are as they were before"
        printf '  ! no identity of its own: %s\n    the agent uses %s until this is said again\n' "$(grep '✗' <<<"$made" | head -n 1)" "$kubeconfig"
    fi
    ln -sfn "$(readlink -f "$kubeconfig")" "$credential"
}

show_credential() {
    if is_identity "$kubeconfig"; then
        printf '► identity: %s ← %s\n' "$credential" "$kubeconfig"
    elif [ "$rights" = given ]; then
        printf '► credential: %s → %s\n' "$credential" "$kubeconfig"
    else
        printf '► identity: windlass-%s with %s rights, made with %s: %s\n' "$(node_name)" "${rights:-full}" "$kubeconfig" "$credential"
    fi
    [ -z "$balancer" ] || printf '► API server: the balancer of this node, %s, is tried first\n' "$balancer"
}

each_private() { # command, which gets the five words of each one that was given
    local entry key file owner mode given
    for entry in "${private[@]}"; do
        read -r key file owner mode given <<<"$entry"
        [ -z "$given" ] || "$1" "$key" "$file" "$owner" "$mode" "$given"
    done
}

see_private() {
    [ -f "$5" ] && [ -r "$5" ] || fail "$5 is not there"
    [ -n "$repo" ] || grep -qs "^$1 = \"$2\"" "$config" || fail "$config does not name $2; give --repo too"
}

name_private() { printf '%s ' "$2"; }

show_private() { printf '► %s: %s (%s, %s)\n' "${1//_/ }" "$2" "$3" "$4"; }

set_private() { text+=$(printf '\n%s = "%s"' "$1" "$2"); }

put_private() {
    [ "$5" -ef "$2" ] || install -m 0600 "$5" "$2"
    chown "$3" "$2"
    chmod "$4" "$2"
}

write_settings() {
    local text
    if [ -n "$repo" ]; then
        text='# Written by install.sh; every setting is explained in config.toml.example.'
        text+=$(printf '\n[root]\nurl = "%s"\nbranch = "%s"\npath = "%s"' "$repo" "${branch:-main}" "${path:-./}")
        [ -z "$introduction" ] || text+=$(printf '\nintroduction = "%s"' "$introduction")
        [ -z "$username" ] || text+=$(printf '\nusername = "%s"' "$username")
        each_private set_private
        [ -z "$role$observe" ] || text+=$(printf '\n[node]')
        [ -z "$role" ] || text+=$(printf '\nrole = "%s"' "$role")
        [ -z "$observe" ] || text+=$(printf '\nmode = "observe"')
        install -m 0644 /dev/stdin "$config" <<<"$text"
    fi
    each_private put_private
    [ -z "$signers" ] || install -m 0644 "$signers" "$trusted"
    [ -z "$kubeconfig" ] || put_credential
}

# What drop-ins of the owner have systemd hand over beside the kubeconfig (`systemctl edit windlass`).
hand_over() {
    local sealed name file
    { cat /etc/systemd/system/windlass.service.d/*.conf 2>/dev/null || true; } |
        sed -nE 's/^LoadCredential(Encrypted)?=([^:]+):(.+)$/_\1 \2 \3/p' |
        while read -r sealed name file; do
            if [ "$sealed" = _ ]; then
                install -m 0600 "$file" "$scratch/credentials/$name"
            else
                (umask 077 && systemd-creds decrypt --name="$name" "$file" "$scratch/credentials/$name")
            fi || { printf '%s, which a drop-in of windlass.service names, cannot be loaded\n' "$file" >&2; return 1; }
        done
}

# What this machine has to be like. Each line says one thing; nothing is changed.
check_machine() {
    local wrong='' version free
    version=$(systemctl --version | sed -n '1s/^systemd \([0-9]*\).*/\1/p')
    if [ "${version:-0}" -ge "$oldest_systemd" ]; then
        printf '  ✔ systemd %s\n' "$version"
    else
        wrong=1
        printf '  ✗ systemd %s: the units need %s (Debian 12, Ubuntu 22.04) or newer\n' "${version:-unknown}" "$oldest_systemd" >&2
    fi
    free=$(df -Pk /var/lib | awk 'NR == 2 { print int($4 / 1024) }')
    if [ "${free:-0}" -ge "$least_disk" ]; then
        printf '  ✔ disk: %s MB free in /var/lib\n' "$free"
    else
        wrong=1
        printf '  ✗ disk: %s MB free in /var/lib; program and state need %s\n' "${free:-?}" "$least_disk" >&2
    fi
    if [ "$(date +%s)" -ge "$(stat -c %Y "$binary")" ]; then
        printf '  ✔ clock: %s\n' "$(date -u '+%Y-%m-%d %H:%M UTC')"
    else
        printf '  ! clock: it says %s, and this program is newer; hosts will be refused until it is right\n' "$(date -u '+%Y-%m-%d %H:%M UTC')"
    fi
    [ -z "$wrong" ] || fail 'this machine is not ready, see above; nothing was changed'
}

# The repository is asked as the agent will have it asked: by the network process, as its own user and walled in. The
# program is copied to where that user reaches it; /run may not hold programs.
start_trial() {
    local read=()
    trial=$(mktemp -d /var/lib/windlass-trial-XXXXXX)
    chmod 0755 "$trial"
    install -m 0755 "$binary" "$trial/windlass"
    install -d -m 0700 "$trial/judge"
    install -d -m 0700 -o windlass-net -g windlass-net "$trial/net"
    case $repo in /*) read=(--read "$repo") ;; esac
    setpriv --reuid=windlass-net --regid=windlass-net --clear-groups --bounding-set=-all --inh-caps=-all --no-new-privs -- \
        "$trial/windlass" net --socket "$trial/net/net.sock" --cache "$trial/net/cache" "${read[@]}" >"$trial/log" 2>&1 &
    trial_net=$!
    for _ in $(seq 50); do
        [ ! -S "$trial/net/net.sock" ] || return 0
        sleep 0.1
    done
    cat "$trial/log" >&2
    return 1
}

end_trial() {
    [ -n "$trial" ] || return 0
    [ -z "$trial_net" ] || kill "$trial_net" 2>/dev/null || true
    rm -rf "$trial"
    trial='' trial_net=''
}

# The binary that is about to be installed judges. It gets the credentials as the unit hands them over: as copies that
# nobody else reads. On a node where it does not run yet the repository is fetched too, for trial; a node that is to be
# upgraded may be offline.
check_settings() {
    local fetch=()
    mkdir -p "$scratch/credentials" &&
        hand_over &&
        install -m 0600 "$credential" "$scratch/credentials/kubeconfig" || return 1
    if [ -z "$upgrade" ]; then
        start_trial || return 1
        fetch=(--fetch-by "$trial/net/net.sock")
    fi
    CREDENTIALS_DIRECTORY="$scratch/credentials" TMPDIR="${trial:-$scratch}/judge" \
        "$binary" check --config "$config" "${fetch[@]}" 2>&1 |
        sed "s|$scratch/credentials/kubeconfig|$credential|g; s|^|  |"
}

# What is wrong goes again, and what was before comes back: a restart must not meet it. When the new program ran
# already, the old one takes over again.
go_back() {
    local file
    trap - EXIT
    end_trial
    for file in $undo; do
        rm -f "$file"
        [ ! -e "$scratch$file" ] && [ ! -L "$scratch$file" ] || cp -a "$scratch$file" "$file"
    done
    rm -rf "$scratch"
    if [ -n "$packaged" ]; then
        [ -n "$upgrade" ] || return 0
        [ ! -d "$aside" ] || "$here/aside" back
    else
        [ -e "$program.before" ] || return 0
        mv -f "$program.before" "$program"
    fi
    systemctl daemon-reload
    systemctl restart windlass-net.socket && systemctl restart windlass
}

change_settings() {
    local file files unit
    files="$config $trusted $credential $admin $minting $(each_private name_private)"
    [ -n "$packaged" ] || for unit in $units; do files+=" $unit_folder/$unit"; done
    scratch=$(mktemp -d /run/windlass-install-XXXXXX)
    rm -f "$program.before"
    trap go_back EXIT
    for file in $files; do
        [ ! -e "$file" ] && [ ! -L "$file" ] || cp -a --parents "$file" "$scratch"
    done
    undo=$files
    write_settings
    check_settings ||
        fail 'these settings are refused, see above; nothing was started, and the settings are as they were before'
    end_trial
    # A node that is installed for the first time has nothing to go back to.
    [ -n "$upgrade" ] || undo=''
}

# The state is the agent's; what root puts into this folder of it is root's.
make_folder() {
    [ -d /var/lib/windlass ] || install -d -m 0700 -o windlass -g windlass /var/lib/windlass
    install -d -m 0755 /var/lib/windlass/manifests
}

# The program of before stays beside the new one until that has shown that it works. It is not copied: the new one
# comes as a file of its own.
put_program() {
    [ -z "$upgrade" ] || ln -f "$program" "$program.before"
    install -D -m 0755 "$binary" "$program"
}

# The units name the program by its usual place.
put_unit() { install -m 0644 /dev/stdin "$unit_folder/$1" < <(sed "s|/usr/bin/windlass|$program|g" "$here/systemd/$1"); }

put_files() {
    local unit
    [ -z "$packaged" ] || return 0
    step "binary: $program" put_program
    step "man pages: $pages" put_pages
    for unit in $units; do
        step "unit: $unit_folder/$unit" put_unit "$unit"
    done
}

put_users() {
    if [ -z "$packaged" ]; then
        step 'users: windlass, windlass-net' install -D -m 0644 "$here/systemd/sysusers.d/windlass.conf" $users
        step 'users are made: systemd-sysusers' systemd-sysusers $users
        step 'directories' install -D -m 0644 "$here/systemd/tmpfiles.d/windlass.conf" $folders
        step 'directories are made: systemd-tmpfiles' systemd-tmpfiles --create $folders
    fi
    step 'explained settings: /etc/windlass/config.toml.example' install -m 0644 "$here/packaging/etc/windlass/config.toml" "$config.example"
}

# A folder that takes none is no reason to stop.
put_pages() {
    mkdir -p "$pages" && "$program" man "$pages" || true
}

# The node goes on as before when the new program, or what it was told, does not do what the old one did.
give_up() {
    journalctl -u windlass -u windlass-net -n 20 --no-pager >&2
    [ -n "$upgrade" ] || fail "$1"
    go_back || fail "$1; program and settings of before are back, but do not start either: systemctl status windlass"
    fail "$1; program, units and settings are those of before, and the agent runs with them again"
}

start_agent() {
    systemctl restart windlass || give_up 'the agent does not start; the log above says why'
}

last_warning() { journalctl -u windlass --priority=warning -n 1 --output=cat --no-pager; }

said() { systemctl show windlass --property=StatusText --value; }

# How many Kustomizations are ready in such a line, and of how many.
ready() { sed -n 's|.*, \([0-9]*\)/[0-9]* ready.*|\1|p' <<<"$1" | grep . || printf 0; }
all() { sed -n 's|.*, [0-9]*/\([0-9]*\) ready.*|\1|p' <<<"$1" | grep . || printf 0; }

# What such a line lacks: `wait`, `refused` or nothing. An upgrade must not make anything worse; a first installation
# must make everything ready.
objection() {
    case $1 in
    *'not fetched ('*)
        # A repository that refused the node before the upgrade may go on to.
        [[ $before == *'not fetched ('* && $1 != *'no verified revision'* ]] || { printf refused; return; }
        ;;
    '' | *'no verified revision'* | *'not fetched yet'*) printf wait; return ;;
    esac
    if [ -z "$upgrade" ]; then
        [ "$(all "$1")" != 0 ] && [ "$(ready "$1")" = "$(all "$1")" ] || printf wait
    else
        [ "$(ready "$1")" -ge "$(ready "$before")" ] || [[ $before == *'API server'* ]] || printf wait
    fi
}

# A refusal counts when it stays: the host may only have had a bad moment.
wait_applied() {
    local left text='' shown='' objection refusals=0
    for left in $(seq 120 -1 1); do
        text=$(said)
        [ "$text" = "$shown" ] || printf '  %s\n' "$text"
        shown=$text
        objection=$(objection "$text")
        [ -n "$objection" ] || return 0
        [ "$objection" != refused ] || refusals=$((refusals + 1))
        [ $refusals -lt 10 ] || give_up "the repository cannot be fetched: $(last_warning)"
        sleep 1
    done
    case $text in
    '' | *'no verified revision'* | *'not fetched yet'*)
        give_up 'no revision was verified within two minutes; the log above says why' ;;
    esac
    [ -z "$upgrade" ] || give_up "less is ready than before the upgrade within two minutes ($before)"
}

# The last look, for the person.
conclude() {
    local text
    text=$(said)
    undo=''
    rm -rf "$program.before" ${packaged:+"$aside"}
    [[ $text != *'offline since'* ]] || printf '! the repository does not answer: the node works with what it has, and goes on asking\n'
    [[ $text != *'API server'* ]] || printf '! the API server does not answer this node: nothing is applied until it does\n'
    [ "$(ready "$text")" = "$(all "$text")" ] || printf '! not everything is ready; windlass status says what and why\n'
    case $program in /opt/*) printf '  the program is %s, as /usr is read-only\n' $program ;; esac
    if [[ $text == observing* ]]; then
        printf '✔ done; nothing is written: sudo windlass status says what would change, sudo windlass promote lets it lead\n'
    else
        printf '✔ done; look with: systemctl status windlass; windlass get all -A\n'
    fi
}

# Nothing of it runs any more before the cluster is asked, or this node would put back what goes.
leave_cluster() {
    local by own=()
    [ -z "$node_only" ] || return 0
    for by in "$admin" "$renewed" "$credential"; do
        [ ! -e "$by" ] || break
    done
    ! is_identity "$credential" || own=(--node "$(node_name)")
    $program uninstall --kubeconfig "$by" --silent --if-last "${own[@]}" ${keep_api:+--keep-api} ||
        fail 'the cluster is not as it should be, see above; say it again when the API server answers, or with --node-only'
}

uninstall_node() {
    local unit
    command -v systemctl >/dev/null || fail 'this machine does not run systemd'
    [ -n "$dry_run" ] || [ "$(id -u)" = 0 ] || fail 'root is needed; run it with sudo'
    [ -x $program ] || fail 'windlass is not installed on this node'
    step 'agent and network process end' systemctl --quiet disable --now windlass-identity.path windlass.service windlass-net.socket windlass-net.service
    step 'the cluster lets go of it' leave_cluster
    for unit in $units; do
        step "unit: /etc/systemd/system/$unit" rm -rf "/etc/systemd/system/$unit" "/etc/systemd/system/$unit.d"
    done
    step 'systemd forgets the units' systemctl daemon-reload
    step 'settings, keys and state' rm -rf /etc/windlass /var/lib/windlass /var/cache/windlass-net /run/windlass
    [ -n "$packaged" ] || step 'binary' rm -f $program $program.before $users $folders $pages/windlass.1 $pages/windlass-*.1
    [ -z "$packaged" ] || printf '  the program is apt'"'"'s: apt purge windlass\n'
    if [ -n "$dry_run" ]; then
        printf '✔ that is what it would do; nothing was done\n'
    else
        printf '✔ windlass is gone from this node; what it applied is where it was\n'
    fi
}

choose_places
[ -n "$uninstall" ] || [ -z "$keep_api$node_only" ] || fail '--keep-api and --node-only go with --uninstall'
if [ -n "$uninstall" ]; then
    uninstall_node
    exit
fi
[ -n "$repo" ] || [ -e "$config" ] || [ ! -t 0 ] || ask_settings
if [ -z "$repo" ]; then
    [ -e "$config" ] || fail 'which repository? give --repo URL; see --help'
    [ -z "$branch$path$introduction$username$role$observe" ] ||
        fail "--branch, --path, --introduction, --username, --role and --observe need --repo too; or edit $config"
fi
[ -n "$signers" ] || [ -e "$trusted" ] ||
    fail 'which keys may sign? give --signers FILE (one "name namespaces=\"git\" ssh-ed25519 AAAA..." a line)'
[ -z "$signers" ] || [ -r "$signers" ] || fail "$signers is not there"
each_private see_private
case $role in
'' | leader | external) ;;
cache) rights=${rights:-cache} ;;
*) fail "--role is leader, cache or external, not $role" ;;
esac
[ -z "$observe" ] || [ "$role" != cache ] || fail '--observe is for a node that would lead; a cache never writes'
[ -z "$observe" ] || rights=${rights:-observe}
case $rights in
'' | full | impersonate | cache | observe | given) ;;
*) fail "--rights are full, impersonate, cache, observe or given, not $rights" ;;
esac
[ "$rights" != observe ] || [ -n "$observe" ] || fail '--rights observe goes with --observe'
[ "$role" != leader ] || [ "$rights" != cache ] || fail 'a leader cannot work with the rights of a cache'
[ "$rights" != given ] || [ ${#servers[@]} = 0 ] || fail '--server goes with an identity of its own, not with --rights given'
[ -z "$packaged" ] || [ -z "$binary" ] || fail '--binary goes with the archive; apt has brought the program'
[ -z "$packaged" ] || binary=$program
[ -n "$binary" ] || binary=$(find_binary)
[ -x "$binary" ] || fail "$binary is not there; run make build, or give --binary FILE"
[ -n "$kubeconfig" ] || [ -z "$rights" ] || [ ! -e "$admin" ] || kubeconfig=$(readlink -f "$admin")
[ -n "$kubeconfig" ] || kubeconfig=$(find_kubeconfig)
[ ${#servers[@]} != 0 ] || [ "$rights" = given ] || balancer=$(find_balancer)
[ -e "${kubeconfig:-$credential}" ] || fail "$kubeconfig is not there"
command -v systemctl >/dev/null || fail 'this machine does not run systemd'
[ -n "$dry_run" ] || [ "$(id -u)" = 0 ] || fail 'root is needed; run it with sudo'
umask 022
if [ -x "$program" ] && systemctl --quiet is-active windlass; then
    upgrade=1
    before=$(said)
fi

printf '► check of this machine\n'
check_machine
put_users
[ -z "$repo" ] || printf '► settings: %s\n' "$config"
[ -z "$signers" ] || printf '► keys: %s\n' "$trusted"
each_private show_private
[ -z "$kubeconfig" ] || show_credential
step 'check of settings, keys, cluster and repository (what is refused is not kept)' change_settings
put_files
step 'systemd reads the units' systemctl daemon-reload
step 'started at every boot' systemctl --quiet enable windlass-net.socket windlass.service windlass-identity.path
step 'folder for manifests of this node: /var/lib/windlass/manifests' make_folder
# The network process goes with its socket, so that both processes are of one version.
step 'socket (re)start' systemctl restart windlass-net.socket
step 'watch for a new identity (re)start' systemctl restart windlass-identity.path
step 'agent (re)start' start_agent
step 'waiting until a revision is fetched, verified and applied' wait_applied
if [ -n "$dry_run" ]; then
    printf '✔ that is what it would do; nothing was done\n'
else
    conclude
fi
