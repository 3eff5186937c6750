//! Charts and templates against the real Helm.
#![expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::unwrap_used,
    reason = "tests read their fixtures and start the oracle, and fail where they cannot"
)]

mod archives;
mod charts;
mod expressions;
mod golden;
mod records;
mod settings;
mod support;
mod threats;
mod values;
