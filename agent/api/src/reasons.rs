//! Reasons of conditions and events, word for word Flux's (`pkg/apis/meta/conditions.go`,
//! source-controller `condition_types.go`, kustomize-controller), then our own.

macro_rules! reasons {
    ($($(#[doc = $text:literal])+ $name:ident = $value:literal;)+) => {
        $($(#[doc = $text])+ pub const $name: &str = $value;)+
        /// Every reason of this module, for checks over all of them.
        pub const ALL: &[&str] = &[$($value),+];
    };
}

reasons! {
    /// It went well (sources).
    SUCCEEDED = "Succeeded";
    /// It went wrong.
    FAILED = "Failed";
    /// Work goes on.
    PROGRESSING = "Progressing";
    /// Work failed and is tried again.
    PROGRESSING_WITH_RETRY = "ProgressingWithRetry";
    /// The object is left alone on request.
    SUSPENDED = "Suspended";
    /// A dependency is not ready yet.
    DEPENDENCY_NOT_READY = "DependencyNotReady";
    /// A path is not allowed.
    INVALID_PATH = "InvalidPath";
    /// An address cannot be used.
    INVALID_URL = "InvalidURL";
    /// The connection would not be protected.
    INSECURE_CONNECTIONS_DISALLOWED = "InsecureConnectionsDisallowed";
    /// This kind of connection is not there.
    UNSUPPORTED_CONNECTION_TYPE = "UnsupportedConnectionType";
    /// An object that left the source could not be deleted.
    PRUNE_FAILED = "PruneFailed";
    /// The source could not be read.
    ARTIFACT_FAILED = "ArtifactFailed";
    /// The objects could not be built.
    BUILD_FAILED = "BuildFailed";
    /// An applied object did not become healthy.
    HEALTH_CHECK_FAILED = "HealthCheckFailed";
    /// Health was no longer waited for.
    HEALTH_CHECK_CANCELED = "HealthCheckCanceled";
    /// Everything is applied (Kustomizations).
    RECONCILIATION_SUCCEEDED = "ReconciliationSucceeded";
    /// Applying failed.
    RECONCILIATION_FAILED = "ReconciliationFailed";
    /// A CEL expression does not compile.
    INVALID_CEL_EXPRESSION = "InvalidCELExpression";
    /// The feature is switched off.
    FEATURE_GATE_DISABLED = "FeatureGateDisabled";
    /// Not allowed to use the other object.
    ACCESS_DENIED = "AccessDenied";

    /// A new revision is there.
    NEW_REVISION = "NewRevision";
    /// An artifact of a new revision is there (events only).
    NEW_ARTIFACT = "NewArtifact";
    /// Windlass does the work of what the repository says here (events only).
    REPLACED_BY_WINDLASS = "ReplacedByWindlass";
    /// The artifact is the newest.
    ARTIFACT_UP_TO_DATE = "ArtifactUpToDate";
    /// Something new was included.
    INCLUDE_CHANGE = "IncludeChange";
    /// A Git operation worked.
    GIT_OPERATION_SUCCEEDED = "GitOperationSucceeded";
    /// A Git operation did not work.
    GIT_OPERATION_FAILED = "GitOperationFailed";
    /// The address is malformed.
    URL_INVALID = "URLInvalid";
    /// The credentials were refused or are not there.
    AUTHENTICATION_FAILED = "AuthenticationFailed";
    /// The signature could not be checked.
    VERIFICATION_ERROR = "VerificationError";
    /// The signature on the commit is not good.
    INVALID_COMMIT_SIGNATURE = "InvalidCommitSignature";
    /// The signature on the tag is not good.
    INVALID_TAG_SIGNATURE = "InvalidTagSignature";
    /// The mode of verification is unknown.
    INVALID_VERIFICATION_MODE = "InvalidVerificationMode";
    /// A Git object is malformed.
    INVALID_GIT_OBJECT = "InvalidGitObject";
    /// An object is part of an attack on SHA-1.
    HASH_COLLISION = "HashCollision";
    /// There is no commit yet.
    EMPTY_GIT_REPOSITORY = "EmptyGitRepository";
    /// Reading from disk failed.
    READ_OPERATION_FAILED = "ReadOperationFailed";
    /// Writing to the cache failed.
    CACHE_OPERATION_FAILED = "CacheOperationFailed";
    /// Packing the artifact failed.
    ARCHIVE_OPERATION_FAILED = "ArchiveOperationFailed";
    /// A patch of the object failed.
    PATCH_OPERATION_FAILED = "PatchOperationFailed";
    /// The provider's settings are not usable.
    INVALID_PROVIDER_CONFIGURATION = "InvalidProviderConfiguration";
    /// No artifact is there yet.
    NO_ARTIFACT = "NoArtifact";
    /// The source of a chart is not there, or cannot have charts.
    SOURCE_UNAVAILABLE = "SourceUnavailable";
    /// The source of a chart has nothing yet.
    NO_SOURCE_ARTIFACT = "NoSourceArtifact";
    /// What a HelmChart names is no chart.
    INVALID_CHART_REFERENCE = "InvalidChartReference";
    /// A chart was taken as it is.
    CHART_PULL_SUCCEEDED = "ChartPullSucceeded";
    /// A chart could not be fetched.
    CHART_PULL_ERROR = "ChartPullError";
    /// A chart was packaged.
    CHART_PACKAGE_SUCCEEDED = "ChartPackageSucceeded";
    /// A chart could not be packaged.
    CHART_PACKAGE_ERROR = "ChartPackageError";
    /// The version of a chart could not be written into it.
    METADATA_PATCH_ERROR = "MetadataPatchError";
    /// Files of values could not be put into a chart.
    VALUES_FILES_ERROR = "ValuesFilesError";
    /// A chart that another one needs could not be had.
    DEPENDENCY_BUILD_ERROR = "DependencyBuildError";
    /// An object that is referred to is not there.
    NOT_FOUND = "NotFound";
    /// What is included cannot be put where it is wanted.
    COPY_FAILURE = "CopyFailure";
    /// The index of a chart repository could not be had.
    INDEXATION_FAILED = "IndexationFailed";
    /// An artifact of a registry could not be had.
    OCI_ARTIFACT_PULL_FAILED = "OCIArtifactPullFailed";
    /// The layer of an artifact is not there, or cannot be taken.
    OCI_ARTIFACT_LAYER_OPERATION_FAILED = "OCIArtifactLayerOperationFailed";
    /// A range of versions leads to a lower one than before. Not Flux's.
    LOWER_VERSION = "LowerVersion";
    /// A bucket could not be listed, or its objects not be fetched.
    BUCKET_OPERATION_FAILED = "BucketOperationFailed";
    /// A bucket or an object in it has a name that leads elsewhere, or is none. Not Flux's.
    INVALID_NAME = "InvalidName";
    /// Nothing names the digest, and the node takes nothing else. Not Flux's.
    NOT_PINNED = "NotPinned";
    /// A tag, a bucket or the version of a chart has other bytes than when it was first used. Not Flux's.
    DIGEST_CHANGED = "DigestChanged";
    /// A release was installed.
    INSTALL_SUCCEEDED = "InstallSucceeded";
    /// A release could not be installed.
    INSTALL_FAILED = "InstallFailed";
    /// A release was upgraded.
    UPGRADE_SUCCEEDED = "UpgradeSucceeded";
    /// A release could not be upgraded.
    UPGRADE_FAILED = "UpgradeFailed";
    /// The tests of a release went well.
    TEST_SUCCEEDED = "TestSucceeded";
    /// A test of a release failed.
    TEST_FAILED = "TestFailed";
    /// The tests of a release are about to run.
    AWAITING_TESTS = "AwaitingTests";
    /// A failed release went back to an earlier revision.
    ROLLBACK_SUCCEEDED = "RollbackSucceeded";
    /// A failed release could not go back to an earlier revision.
    ROLLBACK_FAILED = "RollbackFailed";
    /// A release was uninstalled.
    UNINSTALL_SUCCEEDED = "UninstallSucceeded";
    /// A release could not be uninstalled.
    UNINSTALL_FAILED = "UninstallFailed";
    /// The source of a release's chart is not ready.
    SOURCE_NOT_READY = "SourceNotReady";
    /// The values of a release do not come together.
    VALUES_ERROR = "ValuesError";
    /// The cluster that a release goes to cannot be reached.
    REST_CLIENT_ERROR = "RESTClientError";
    /// Where a release stands cannot be told.
    STATE_ERROR = "StateError";
    /// An action on a release failed before it changed anything.
    RECONCILE_ERROR = "ReconcileError";
    /// Every attempt that was allowed has failed.
    RETRIES_EXCEEDED = "RetriesExceeded";
    /// There is no revision to go back to.
    MISSING_ROLLBACK_TARGET = "MissingRollbackTarget";
    /// An action on a release was begun and not ended.
    PENDING_RELEASE = "PendingRelease";
    /// Somebody changed objects of a release.
    DRIFT_DETECTED = "DriftDetected";
    /// Nobody changed objects of a release.
    NO_DRIFT_DETECTED = "NoDriftDetected";
    /// Foreign changes could not be undone.
    DRIFT_CORRECTION_FAILED = "DriftCorrectionFailed";
    /// A Receiver says something that cannot be.
    VALIDATION_FAILED = "ValidationFailed";
    /// The token of a Receiver is not there.
    TOKEN_NOT_FOUND = "TokenNotFound";
    /// The patterns in ignore cannot be read.
    SOURCE_IGNORE_ERROR = "SourceIgnoreError";

    /// Flux is being removed; every object it applied stays. Not Flux's.
    UNINSTALL_DETECTED = "UninstallDetected";
    /// A foreign change was undone. Not Flux's.
    DRIFT_CORRECTED = "DriftCorrected";
    /// Somebody keeps changing an object back. Not Flux's.
    DRIFT_CONTESTED = "DriftContested";
    /// The remote cannot be reached; the kept, verified revision is used. Not Flux's.
    OFFLINE = "Offline";
    /// A source includes itself, by way of others. Not Flux's.
    INCLUDE_CYCLE = "IncludeCycle";
    /// No verified commit and no node vouches for the source. Not Flux's.
    NOT_VOUCHED_FOR = "NotVouchedFor";
    /// A tag that was locked to the commit it named first names another one. Not Flux's.
    TAG_MOVED = "TagMoved";
    /// The node lost its ratchet and waits for a person. Not Flux's.
    RATCHET_LOST = "RatchetLost";
    /// What the node keeps is older than what it once told: somebody put an older state back. Not Flux's.
    ROLLBACK_SUSPECTED = "RollbackSuspected";
    /// A lost or damaged ratchet was made again. Not Flux's.
    RATCHET_HEALED = "RatchetHealed";
    /// The repository's heartbeat is good. Not Flux's.
    HEARTBEAT = "Heartbeat";
    /// The repository's heartbeat has expired: news may be kept back. Not Flux's.
    HEARTBEAT_EXPIRED = "HeartbeatExpired";
    /// The policy asks for a heartbeat, and there is none that counts. Not Flux's.
    NO_HEARTBEAT = "NoHeartbeat";
    /// The heartbeat is over a commit that the branch does not show. Not Flux's.
    NEWS_WITHHELD = "NewsWithheld";
    /// Nodes accepted heads of which neither goes on from the other. Not Flux's.
    SPLIT_VIEW = "SplitView";
    /// What is in use came otherwise than from the server, which does not have it yet. Not Flux's.
    FORGE_BEHIND = "ForgeBehind";
    /// A root's override took a source back to an older commit. Not Flux's.
    RATCHET_OVERRIDDEN = "RatchetOverridden";
    /// A person on the node let trust begin anew with another commit. Not Flux's.
    TRUST_RESET = "TrustReset";
    /// Nothing vouches any more for the revision that is applied: its key was taken away. Not Flux's.
    APPLIED_BY_REVOKED_KEY = "AppliedByRevokedKey";
    /// A trust file of the node cannot be read; what it said before counts. Not Flux's.
    TRUST_FILE_INVALID = "TrustFileInvalid";
    /// A revision that would delete too much waits for a person. Not Flux's.
    PRUNE_HELD = "PruneHeld";
    /// A new revision waits for the maintenance window. Not Flux's.
    OUTSIDE_WINDOW = "OutsideWindow";
    /// Nothing is written until the pause ends. Not Flux's.
    PAUSED = "Paused";
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_reason_is_one_word_that_the_api_server_accepts_and_stands_once() {
        let mut seen = std::collections::BTreeSet::new();
        for reason in super::ALL {
            assert!(seen.insert(reason), "{reason} stands twice");
            assert!(
                reason.len() <= 1024 && reason.starts_with(char::is_uppercase),
                "{reason}"
            );
            assert!(
                reason.chars().all(|c| c.is_ascii_alphanumeric()),
                "{reason}"
            );
        }
    }
}
