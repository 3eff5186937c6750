//! Several roots for one change of the policy: signatures over the file itself, in a file beside it (decision 0302).

use crate::signature::{TimeFloor, judge_policy};
use crate::sshsig::Namespace;
use crate::{RefusalReason, Signer, Signers};

/// The file with the signatures, at the root of the repository: armours, one after the other.
pub const POLICY_SIGNATURES: &str = "windlass.policy.sig";

/// The namespace of an SSH signature over the policy file (`ssh-keygen -Y sign -n`).
pub const POLICY_NAMESPACE: &str = Namespace::Policy.name();

/// More signatures than there are roots anywhere.
const MAX_SIGNATURES: usize = 64;

/// Gives the armours in a file of signatures, as far as there are some.
#[must_use]
pub fn signatures(file: &[u8]) -> Vec<&[u8]> {
    let starts = file
        .windows(BEGIN.len())
        .enumerate()
        .filter(|(at, window)| *window == BEGIN && is_line_start(file, *at))
        .map(|(at, _)| at)
        .take(MAX_SIGNATURES);
    let starts: Vec<usize> = starts.collect();
    let ends = starts.iter().skip(1).copied().chain([file.len()]);
    starts
        .iter()
        .zip(ends)
        .filter_map(|(start, end)| file.get(*start..end))
        .collect()
}

/// Says of each signature in a file of signatures whose it is under a policy file, at a time in seconds since 1970; a key
/// that signed twice is named twice.
#[must_use]
pub fn policy_signers(
    policy: &[u8],
    file: &[u8],
    roots: &Signers,
    time: i64,
) -> Vec<Result<Signer, RefusalReason>> {
    let judged = |armour| judge_policy(policy, armour, roots, time, TimeFloor::NONE);
    signatures(file).into_iter().map(judged).collect()
}

const BEGIN: &[u8] = b"-----BEGIN ";

fn is_line_start(file: &[u8], at: usize) -> bool {
    at == 0 || file.get(at - 1) == Some(&b'\n')
}
