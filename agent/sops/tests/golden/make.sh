#!/bin/sh
# Encrypts plain/* with the real sops command in every way that is compared, and decrypts it again with
# it: encrypted/NAME, expected/NAME. Keys are made when there are none. They are TEST KEYS, published
# with this repository: never encrypt anything real for them.
#   make.sh           makes everything anew
# Needs gpg and what tests/oracles/sops.sh builds (sops 3.13.3).
set -eu
cd "$(dirname -- "$0")"
tools=$(../../../../tests/oracles/sops.sh)
PATH=$tools:$PATH
home=$(mktemp -d)
trap 'gpgconf --homedir "$home" --kill all; rm -rf "$home"' EXIT
export GNUPGHOME="$home"
chmod 700 "$home"

for name in one two; do
    if [ ! -e "keys/$name.agekey" ]; then
        { echo "# TEST KEY of windlass, published: never use it"; age-keygen 2>/dev/null; } >"keys/$name.agekey"
    fi
    if [ ! -e "keys/$name.asc" ]; then
        user="windlass TEST KEY $name, published: never use it"
        if [ "$name" = one ]; then sign=rsa2048 encrypt=rsa2048; else sign=ed25519 encrypt=cv25519; fi
        gpg --batch --quiet --passphrase '' --quick-gen-key "$user" "$sign" sign never
        made=$(gpg --with-colons --list-keys "$user" | sed -n 's/^fpr:*\([0-9A-F]*\):$/\1/p' | head -n 1)
        gpg --batch --quiet --passphrase '' --quick-add-key "$made" "$encrypt" encr never
        gpg --batch --armor --export-secret-keys "windlass TEST KEY $name" >"keys/$name.asc"
    fi
    gpg --batch --quiet --import "keys/$name.asc"
done
[ -e keys/ssh ] || ssh-keygen -q -t ed25519 -N '' -C 'windlass TEST KEY, published: never use it' -f keys/ssh

recipient() { sed -n 's/^# public key: //p' "keys/$1.agekey"; }
fingerprint() { gpg --with-colons --list-keys "windlass TEST KEY $1" | sed -n 's/^fpr:*\([0-9A-F]*\):$/\1/p' | head -n 1; }
one=$(recipient one) two=$(recipient two) pgp=$(fingerprint one) pgp2=$(fingerprint two)
export SOPS_AGE_KEY_FILE="$PWD/keys/one.agekey"

rm -rf encrypted expected
mkdir encrypted expected
encrypt() { # NAME, plain file, options of sops; with the rules of the last config
    name=$1 file=$2
    shift 2
    if [ -e "$home/config.yaml" ]; then set -- --config "$home/config.yaml" encrypt "$@"; else set -- encrypt "$@"; fi
    sops "$@" --filename-override "$name" "plain/$file" >"encrypted/$name"
    rm -f "$home/config.yaml"
    SOPS_AGE_SSH_PRIVATE_KEY_FILE=keys/ssh sops decrypt --filename-override "$name" "encrypted/$name" >"expected/$name"
}
config() { # one of creation_rules
    printf 'creation_rules:\n  - %s\n' "$1" >"$home/config.yaml"
}

for file in secret.yaml types.yaml comments.yaml documents.yaml rules.yaml types.json app.env app.ini blob.bin note.txt; do
    encrypt "$file" "$file" --age "$one"
done
encrypt recipients.yaml secret.yaml --age "$two,$one"
encrypt pgp-rsa.yaml secret.yaml --pgp "$pgp"
encrypt pgp-curve.yaml secret.yaml --pgp "$pgp2"
encrypt pgp.env app.env --pgp "$pgp"
encrypt both.ini app.ini --age "$two" --pgp "$pgp"
encrypt ssh.yaml secret.yaml --age "$(cut -d ' ' -f 1,2 keys/ssh.pub)"
encrypt only-data.yaml secret.yaml --age "$one" --encrypted-regex '^(data|stringData)$'
config "{age: $one, encrypted_regex: '^(data|stringData)$', mac_only_encrypted: true}"
encrypt mac-only.yaml secret.yaml
config "{age: $one, encrypted_regex: PASSWORD, mac_only_encrypted: true}"
encrypt mac-only.env app.env
encrypt encrypted-suffix.yaml rules.yaml --age "$one" --encrypted-suffix word
encrypt unencrypted-suffix.yaml rules.yaml --age "$one" --unencrypted-suffix _plain
encrypt unencrypted-regex.yaml rules.yaml --age "$one" --unencrypted-regex '^(name|port)$'
config "{age: $one, encrypted_comment_regex: sops:encrypt}"
encrypt encrypted-comment.yaml rules.yaml
config "{age: $one, unencrypted_comment_regex: sops:encrypt}"
encrypt unencrypted-comment.yaml rules.yaml
config "key_groups: [{age: [$one]}, {age: [$two]}]"
SOPS_AGE_KEY_FILE=$home/both
cat keys/one.agekey keys/two.agekey >"$home/both"
encrypt groups.yaml secret.yaml
config "{shamir_threshold: 2, key_groups: [{age: [$two]}, {age: [$one], pgp: [$pgp2]}, {pgp: [$pgp]}]}"
encrypt threshold.json types.json
config "{shamir_threshold: 2, key_groups: [{age: [$one]}, {age: [$two]}]}"
encrypt threshold.ini app.ini
