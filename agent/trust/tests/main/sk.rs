//! Security keys: signatures made as OpenSSH's PROTOCOL.u2f says, with `ssh-keygen -Y verify` as judge through git.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::Signer as _;
use sha2::{Digest as _, Sha256, Sha512};
use windlass_signed::{push_string, with_signature};
use windlass_trust::Signers;

use crate::charted::Charted;
use crate::corpus::{Signable, verdict};
use crate::gpg::{DAY, Gpg, MADE};
use crate::kit::Repo;

const APPLICATION: &[u8] = b"ssh:";
const TOUCHED: u8 = 1;
const VERIFIED: u8 = 4;

/// A security key in software.
enum SecurityKey {
    Ed25519(ed25519_dalek::SigningKey),
    P256(p256::ecdsa::SigningKey),
}

impl SecurityKey {
    fn both() -> [Self; 2] {
        [
            Self::Ed25519(ed25519_dalek::SigningKey::from_bytes(&[7; 32])),
            Self::P256(p256::ecdsa::SigningKey::from_slice(&[7; 32]).unwrap()),
        ]
    }

    const fn name(&self) -> &'static str {
        match self {
            Self::Ed25519(_) => "sk-ssh-ed25519@openssh.com",
            Self::P256(_) => "sk-ecdsa-sha2-nistp256@openssh.com",
        }
    }

    fn wire(&self) -> Vec<u8> {
        let mut out = Vec::new();
        push_string(&mut out, self.name().as_bytes());
        match self {
            Self::Ed25519(key) => push_string(&mut out, key.verifying_key().as_bytes()),
            Self::P256(key) => {
                push_string(&mut out, b"nistp256");
                push_string(
                    &mut out,
                    key.verifying_key().to_encoded_point(false).as_bytes(),
                );
            }
        }
        push_string(&mut out, APPLICATION);
        out
    }

    fn line(&self, principal_and_options: &str) -> String {
        format!(
            "{principal_and_options} {} {}\n",
            self.name(),
            STANDARD.encode(self.wire())
        )
    }

    /// What the device signs: application, flags, counter and message.
    fn sign(&self, flags: u8, counter: u32, message: &[u8]) -> Vec<u8> {
        let mut signed = Sha256::digest(APPLICATION).to_vec();
        signed.push(flags);
        signed.extend_from_slice(&counter.to_be_bytes());
        signed.extend_from_slice(&Sha256::digest(message));
        let raw = match self {
            Self::Ed25519(key) => key.sign(&signed).to_bytes().to_vec(),
            Self::P256(key) => {
                let signature: p256::ecdsa::Signature =
                    p256::ecdsa::signature::Signer::sign(key, &signed);
                let mut numbers = Vec::new();
                for half in signature.to_bytes().chunks(32) {
                    let digits: Vec<u8> =
                        half.iter().copied().skip_while(|byte| *byte == 0).collect();
                    let sign = digits.first().filter(|high| **high >= 0x80).map(|_| 0);
                    push_string(
                        &mut numbers,
                        &sign.into_iter().chain(digits.clone()).collect::<Vec<u8>>(),
                    );
                }
                numbers
            }
        };
        let mut out = Vec::new();
        push_string(&mut out, self.name().as_bytes());
        push_string(&mut out, &raw);
        out.push(flags);
        out.extend_from_slice(&counter.to_be_bytes());
        out
    }

    fn armour(&self, flags: u8, payload: &str) -> String {
        let mut message = b"SSHSIG".to_vec();
        for part in [b"git".as_slice(), b"", b"sha512", &Sha512::digest(payload)] {
            push_string(&mut message, part);
        }
        let mut blob = b"SSHSIG\0\0\0\x01".to_vec();
        let signature = self.sign(flags, 42, &message);
        for part in [self.wire().as_slice(), b"git", b"", b"sha512", &signature] {
            push_string(&mut blob, part);
        }
        format!(
            "-----BEGIN SSH SIGNATURE-----\n{}\n-----END SSH SIGNATURE-----\n",
            STANDARD.encode(blob)
        )
    }
}

#[test]
fn t04_a_security_key_counts_when_somebody_touched_it() {
    let repo = Repo::new();
    let payload = Signable::Commit.text(&repo, MADE);
    for key in SecurityKey::both() {
        let name = key.name();
        let judged = |options: &str, text: &str| {
            let line = key.line(options);
            let signers = Signers::parse([("allowed_signers", line.as_bytes())]).unwrap();
            verdict(signers, text).map_or_else(|reason| reason.code(), |_| "")
        };
        let git = |text: &str| repo.git_accepts(repo.raw_commit(text), &key.line("alice"));
        let signed = |flags| with_signature(&payload, &key.armour(flags, &payload));
        let touched = signed(TOUCHED);
        assert!(git(&touched), "git on {name}");
        assert_eq!(judged("alice", &touched), "", "{name}");
        assert_eq!(
            judged("alice verify-required", &touched),
            "PresenceMissing",
            "{name}"
        );
        assert_eq!(
            judged("alice verify-required", &signed(TOUCHED | VERIFIED)),
            "",
            "{name}"
        );
        assert_eq!(
            judged("alice", &touched.replace("body", "b0dy")),
            "BadSignature"
        );
        assert!(!git(&touched.replace("body", "b0dy")));
        // Stricter than git, which does not look at the flags: nobody was there.
        let untouched = signed(0);
        assert!(git(&untouched), "git on {name}");
        assert_eq!(judged("alice", &untouched), "PresenceMissing", "{name}");
        assert_eq!(judged("alice no-touch-required", &untouched), "", "{name}");
    }
}

/// A house whose policy lets the owner of this key change `apps/**`.
fn charted(key: &str) -> Charted {
    let policy = format!(
        "version = 1\n[[principal]]\nname = \"eve\"\npaths = [\"apps/**\"]\nkeys = [\"\"\"\n{key}\"\"\"]\n"
    );
    Charted::with(
        &policy,
        &[
            ("apps/web.yaml", "web: 1\n"),
            ("infra/net.yaml", "net: 1\n"),
        ],
    )
}

/// Commits a change of one file, signed by `armour`, on top of the policy; gives the house too.
fn changed(
    key: &str,
    path: &'static str,
    armour: impl Fn(&str) -> String,
) -> (Charted, windlass_trust::Oid) {
    let mut it = charted(key);
    it.files.insert(path, "changed: 1\n".to_owned());
    let tree = crate::charted::tree(&mut it.house.history.objects, &it.files, "");
    it.house.history.tree = tree;
    // The certificate is younger than the history.
    let text = (it.house.history).text_at(&[it.start], "change", MADE + DAY);
    let head = it.house.history.raw(&with_signature(&text, &armour(&text)));
    (it, head)
}

#[test]
fn t42_a_security_key_is_a_principal_where_it_was_touched() {
    for key in SecurityKey::both() {
        let line = key.line("x");
        let line = line.split_once(' ').unwrap().1;
        let by = |path, flags| changed(line, path, |text| key.armour(flags, text));
        let (it, head) = by("apps/web.yaml", TOUCHED);
        it.accepts(head);
        let (it, head) = by("infra/net.yaml", TOUCHED);
        it.refuses(head, "PathNotAllowed", head);
        let (it, head) = by("apps/web.yaml", 0);
        it.refuses(head, "PresenceMissing", head);
    }
}

#[test]
fn t42_an_openpgp_certificate_is_a_principal() {
    let gpg = Gpg::new();
    let eve = gpg.key("eve@example.com", "ed25519", "never");
    let other = gpg.key("mallory@example.com", "ed25519", "never");
    let certificate = String::from_utf8(gpg.certificate("eve@example.com")).unwrap();
    let at = MADE + DAY;
    let by = |key: &str, path| changed(&certificate, path, |text| gpg.armour(at, key, &[], text));
    let (it, head) = by(&eve, "apps/web.yaml");
    it.accepts(head);
    let (it, head) = by(&eve, "infra/net.yaml");
    it.refuses(head, "PathNotAllowed", head);
    let (it, head) = by(&other, "apps/web.yaml");
    it.refuses(head, "UnknownKey", head);
}
