//! Job: decides which commits may reach the cluster.
//! Takes → gives: raw Git objects, pinned keys, the ratchet → `VerifiedSource` or a refusal.
//! May touch: nothing; objects come through a reader passed in.
//! Never: reads a clock; believes an object id it did not compute.

mod ancestry;
mod archive;
mod bump;
mod charter;
mod commit;
mod complete;
mod cosign;
mod cure;
mod diff;
mod digest;
mod files;
mod head;
mod headers;
mod heal;
mod heartbeat;
mod judge;
mod lock;
mod mode;
mod object;
mod oid;
mod openpgp;
mod proof;
mod provenance;
mod range;
mod recall;
mod reference;
mod refusal;
mod report;
mod secret;
mod selector;
mod signature;
mod signers;
mod sshkey;
mod sshsig;
mod standing;
mod step;
mod tag;
mod text;
mod tree;
mod trees;
mod verify;
mod view;
mod walk;
mod ways;
mod wire;

pub use ancestry::{commits_since, descends, fork_of};
pub use archive::{ArchiveError, ENTRY_LIMIT, UNPACKED_LIMIT, check_path};
pub use charter::{
    Charter, CharterError, Duty, POLICY_FILE, POLICY_NAMESPACE, POLICY_SIGNATURES, Revocation,
    policy_file, policy_signers, signatures,
};
pub use complete::{CompletenessError, missing_objects};
pub use cosign::{CosignKey, CosignKeyError};
pub use digest::{ContentDigest, ParseDigestError};
pub use files::{FilesError, VerifiedFiles};
pub use heal::{Doubt, Healed, Memory, Origin, heal};
pub use heartbeat::{HEARTBEAT_TAG, Heartbeat, heartbeat_message, read_heartbeat, wants_heartbeat};
pub use lock::{ChartPin, LOCK_FILE, LOCK_VERSION, LockError, LockFile};
pub use mode::{Mode, ParseModeError};
pub use object::{Collision, LoadError, ObjectReader, RawObject, ReadError, hash, load};
pub use oid::{ObjectKind, Oid, ParseOidError};
pub use proof::{Proof, SignedCommits, Since};
pub use provenance::{ProvenanceError, verify_provenance};
pub use recall::{Recall, Recalled, read_recall, recall_tag, verify_recall};
pub use reference::{Pin, verify_pinned, verify_reference};
pub use refusal::{KeyFault, Refusal, RefusalReason, Rule};
pub use report::{CommitReport, Role};
pub use secret::{SecretKeys, SecretKeysError, SignedTag};
pub use selector::{Candidate, Found, Selector, Step, advance};
pub use signature::{SignatureKind, Signer};
pub use signers::{AllowedSigners, Signers, SignersError, TrustFileError};
pub use standing::disowned;
pub use tree::InvalidTree;
pub use verify::{
    Accepted, Introduction, Policy, Ratchet, Verdict, VerifiedSource, VerifyError, verify,
    verify_each, verify_under,
};
pub use view::{Listed, NodeKind, VerifiedTree, ViewError};
