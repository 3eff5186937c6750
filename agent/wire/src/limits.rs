//! One constant per bound: both sides refuse to write what the other would refuse to read.

/// Bytes of one Git object. A hundred MiB is the largest file that the big forges accept, so no
/// repository that can be pushed there is refused because of one file somewhere in its history.
pub const OBJECT_BYTES: usize = 100 * 1024 * 1024;

/// Bytes of one request frame: a full `have` list plus every text at its own bound stays below it.
pub const REQUEST_BYTES: usize = 2 * 1024 * 1024;

/// Bytes of one URL. Browsers and proxies stop at 8 KiB.
pub const URL_BYTES: usize = 8 * 1024;

/// Bytes of one reference name, semver range or object id. Git's own path limit is 4 KiB.
pub const NAME_BYTES: usize = 4 * 1024;

/// Object ids in `have`. The agent keeps one head per source; 4096 leaves room for every source of one URL.
pub const HAVE_OIDS: usize = 4096;

/// Bytes of one credential text (key, password, known_hosts). A Kubernetes Secret holds 1 MiB in all;
/// no key and no sensible known_hosts file is larger than a quarter of that.
pub const CREDENTIAL_BYTES: usize = 256 * 1024;

/// Bytes of a CA bundle. The whole of Mozilla's list is about 220 KiB.
pub const CA_BUNDLE_BYTES: usize = 512 * 1024;

/// Bytes of what is sent to somebody. The longest message of an event has 39,000 characters, of six bytes each where
/// JSON escapes them.
pub const POST_BYTES: usize = 512 * 1024;

/// Headers of such a request: those of a service, and what a Provider's Secret adds.
pub const HEADERS: usize = 32;

/// Bytes of one name or value of a header. Common servers stop at 8 KiB for all of them.
pub const HEADER_BYTES: usize = 8 * 1024;

/// Bytes of a failure message: conditions hold 32 KiB, a person reads far less.
pub const MESSAGE_BYTES: usize = 16 * 1024;

/// Bytes of an answer frame that is not an object.
pub const ANSWER_BYTES: usize = MESSAGE_BYTES + NAME_BYTES + 1024;

/// Hex digits of an object id (SHA-1).
pub const OID_HEX_BYTES: usize = 40;

/// Bytes of one piece of a download: a few system calls for each MiB, and little to hold.
pub const PIECE_BYTES: usize = 256 * 1024;

/// Bytes of a server's tag for its content. Apache's and nginx's have some thirty.
pub const ETAG_BYTES: usize = 1024;

/// Objects of a bucket that one request names: with the longest names they stay below [`REQUEST_BYTES`].
pub const BUCKET_KEYS: usize = 100;

/// Paths that are served. Each is of one Receiver; a homelab has a handful.
pub const ROUTES: usize = 1000;

/// Bytes of one such path: /hook/ and a SHA-256.
pub const ROUTE_BYTES: usize = 256;

/// Bytes of the head of a request that comes in. Those of GitHub have a thousand; a token of OpenID may have some more.
pub const TAKEN_HEAD_BYTES: usize = 16 * 1024;

/// Headers of such a request.
pub const TAKEN_HEADERS: usize = 64;

/// Bytes of its body, as in Flux (notification-controller, `limits.go`).
pub const TAKEN_BYTES: usize = 3 * 1024 * 1024;

/// Bytes of a reply: the metrics of ten thousand objects.
pub const REPLY_BYTES: usize = 16 * 1024 * 1024;

/// Bytes of a frame while requests are served.
pub const SERVED_BYTES: usize = REPLY_BYTES + 64 * 1024;

/// Hex digits of a key of Ed25519, and of a SHA-256.
pub const KEY_HEX_BYTES: usize = 64;

/// Nodes of one cluster: a homelab has a handful.
pub const PEERS: usize = 1000;

/// Bytes of what a node asks another one: a full `have` list stays below it.
pub const QUESTION_BYTES: usize = 256 * 1024;
