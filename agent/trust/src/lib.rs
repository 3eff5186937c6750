//! Job: decides which commits may reach the cluster.
//! Takes → gives: raw Git objects, pinned keys, the ratchet → `VerifiedSource` or a refusal.
//! May touch: nothing; objects come through a reader passed in.
//! Never: reads a clock; believes an object id it did not compute.

mod commit;
mod complete;
mod cure;
mod headers;
mod judge;
mod mode;
mod object;
mod oid;
mod proof;
mod range;
mod refusal;
mod report;
mod secret;
mod signature;
mod signers;
mod sshkey;
mod sshsig;
mod tag;
mod text;
mod tree;
mod verify;
mod view;
mod walk;
mod ways;
mod wire;

pub use complete::{CompletenessError, missing_objects};
pub use mode::{Mode, ParseModeError};
pub use object::{Collision, LoadError, ObjectReader, RawObject, ReadError, hash, load};
pub use oid::{ObjectKind, Oid, ParseOidError};
pub use proof::{Proof, SignedCommits, Since};
pub use refusal::{KeyFault, Refusal, RefusalReason, Rule};
pub use report::{CommitReport, Role};
pub use secret::{SecretKeys, SecretKeysError, SignedTag};
pub use signature::{SignatureKind, Signer};
pub use signers::{AllowedSigners, Signers, SignersError, TrustFileError};
pub use tree::InvalidTree;
pub use verify::{
    Accepted, Introduction, Policy, Ratchet, Verdict, VerifiedSource, VerifyError, verify,
    verify_each,
};
pub use view::{Listed, NodeKind, VerifiedTree, ViewError};
