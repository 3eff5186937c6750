//! Tokens of service accounts (authentication.k8s.io/v1, `TokenRequest`).

use std::time::Duration;

use http::Method;
use serde_json::{Value, json};
use windlass_object::GroupVersionKind;

use crate::call::Call;
use crate::cluster::Cluster;
use crate::discovery::Resource;
use crate::error::{ErrorClass, RequestError};
use crate::identity::ServiceAccount;
use crate::leadership::Authority;
use crate::path::Target;

impl Cluster {
    /// Takes a service account, whom its token is for, and how long it is to be good, and gives the
    /// token. The API server gives none for less than ten minutes.
    ///
    /// # Errors
    /// Class `NotFound` when the account is not there; the others as they come.
    pub async fn service_account_token(
        &self,
        authority: Authority<'_>,
        account: &ServiceAccount,
        audiences: &[String],
        good_for: Duration,
    ) -> Result<String, RequestError> {
        const VERB: &str = "request a token for";
        let accounts = Resource {
            gvk: GroupVersionKind::new("v1", "ServiceAccount"),
            plural: "serviceaccounts".to_owned(),
            namespaced: true,
            watchable: true,
            has_status: false,
        };
        let target = Target::object(VERB, &accounts, account.namespace(), account.name())?;
        let target = target.subresource(Some("token"));
        let body = json!({
            "apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest",
            "spec": {"audiences": audiences, "expirationSeconds": good_for.as_secs()},
        });
        let call = Call::new(VERB, Method::POST, &target).body("application/json", &body, &target);
        let answer = self.write(authority, call).await?;
        let token = answer.pointer("/status/token").and_then(Value::as_str);
        token.map(str::to_owned).ok_or_else(|| {
            let message = "the answer holds no token".to_owned();
            RequestError::local(VERB, &target.label(), ErrorClass::Server, message)
        })
    }
}
