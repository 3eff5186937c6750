//! Requests that change something; each takes the authority it is made under.

use http::Method;
use serde_json::{Value, json};
use windlass_object::Object;

use crate::call::Call;
use crate::cluster::Cluster;
use crate::discovery::Resource;
use crate::error::RequestError;
use crate::leadership::Authority;
use crate::path::{Query, Target};
use crate::read::object;

/// Server-side apply takes JSON under YAML's media type; the JSON one came later (kubernetes.io,
/// server-side apply).
const APPLY: &str = "application/apply-patch+yaml";
const MERGE_PATCH: &str = "application/merge-patch+json";
const JSON_PATCH: &str = "application/json-patch+json";
const JSON: &str = "application/json";

/// How an object is applied.
#[derive(Clone, Copy, Debug)]
pub struct ApplyOptions<'a> {
    /// The field manager.
    pub manager: &'a str,
    /// Whether fields of other managers are taken over.
    pub force: bool,
}

/// Where a patch or replacement goes and in whose name.
#[derive(Clone, Copy, Debug)]
pub struct PatchOptions<'a> {
    /// `Some("status")` for the status subresource.
    pub subresource: Option<&'a str>,
    /// The field manager.
    pub manager: &'a str,
}

/// What must still be true of an object for it to be deleted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Preconditions {
    /// It is the same object.
    pub uid: Option<String>,
    /// Nobody changed it since.
    pub resource_version: Option<String>,
}

/// What happens to the objects that a deleted one owns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Propagation {
    /// They are deleted after it.
    Background,
    /// They are deleted before it.
    Foreground,
    /// They stay.
    Orphan,
}

// === impl Cluster ===

impl Cluster {
    /// Applies an object by server-side apply and gives what the server then holds. A field that
    /// the schema does not have is refused by the server and comes back as class `Invalid`.
    ///
    /// # Errors
    /// Class `Conflict` when another manager owns a field and `force` is off; the others as they
    /// come.
    pub async fn apply(
        &self,
        authority: Authority<'_>,
        resource: &Resource,
        desired: &Object,
        options: &ApplyOptions<'_>,
    ) -> Result<Object, RequestError> {
        let call = apply_call("apply", resource, desired, options, Query::default())?;
        object(
            "apply",
            resource,
            self.write(authority, call)
                .await
                .map_err(|error| self.noticed(error))?,
        )
    }

    /// Asks what [`Cluster::apply`] would give; changes nothing and so needs no authority.
    ///
    /// # Errors
    /// As [`Cluster::apply`].
    pub async fn apply_dry_run(
        &self,
        resource: &Resource,
        desired: &Object,
        options: &ApplyOptions<'_>,
    ) -> Result<Object, RequestError> {
        let verb = "dry-run apply";
        let call = apply_call(
            verb,
            resource,
            desired,
            options,
            Query::default().add("dryRun", "All"),
        )?;
        object(
            verb,
            resource,
            self.read(call).await.map_err(|error| self.noticed(error))?,
        )
    }

    /// Creates an object and gives what the server then holds.
    ///
    /// # Errors
    /// Class `Conflict` when it exists.
    pub async fn create(
        &self,
        authority: Authority<'_>,
        resource: &Resource,
        desired: &Object,
        manager: &str,
    ) -> Result<Object, RequestError> {
        let named = Target::object(
            "create",
            resource,
            desired.namespace().unwrap_or_default(),
            desired.name(),
        )?;
        let collection = Target::collection(resource, named.namespace);
        let query = Query::default().add_some("fieldManager", manager);
        let call = Call::at("create", Method::POST, collection.path(), named.label());
        let call = call.query(query).body(JSON, desired.as_value(), &named);
        object(
            "create",
            resource,
            self.write(authority, call)
                .await
                .map_err(|error| self.noticed(error))?,
        )
    }

    /// Replaces an object; with a resourceVersion in it, only if nobody changed it since.
    ///
    /// # Errors
    /// Class `Conflict` when somebody did.
    pub async fn replace(
        &self,
        authority: Authority<'_>,
        resource: &Resource,
        desired: &Object,
        options: &PatchOptions<'_>,
    ) -> Result<Object, RequestError> {
        let target = Target::object(
            "replace",
            resource,
            desired.namespace().unwrap_or_default(),
            desired.name(),
        )?;
        let target = target.subresource(options.subresource);
        let query = Query::default().add_some("fieldManager", options.manager);
        let call = Call::new("replace", Method::PUT, &target)
            .query(query)
            .body(JSON, desired.as_value(), &target);
        object(
            "replace",
            resource,
            self.write(authority, call)
                .await
                .map_err(|error| self.noticed(error))?,
        )
    }

    /// Changes an object by a JSON merge patch (RFC 7386) and gives what the server then holds.
    ///
    /// # Errors
    /// Class `NotFound` when the object is not there; `Conflict` when the patch carries another
    /// resourceVersion.
    pub async fn patch_merge(
        &self,
        authority: Authority<'_>,
        resource: &Resource,
        namespace: &str,
        name: &str,
        patch: &Value,
        options: &PatchOptions<'_>,
    ) -> Result<Object, RequestError> {
        let target =
            Target::object("patch", resource, namespace, name)?.subresource(options.subresource);
        self.patch(authority, &target, MERGE_PATCH, patch, options.manager)
            .await
    }

    /// Changes an object by a JSON patch (RFC 6902) and gives what the server then holds.
    ///
    /// # Errors
    /// As [`Cluster::patch_merge`]; class `Invalid` when a `test` in the patch fails.
    pub async fn patch_json(
        &self,
        authority: Authority<'_>,
        resource: &Resource,
        namespace: &str,
        name: &str,
        patch: &Value,
        options: &PatchOptions<'_>,
    ) -> Result<Object, RequestError> {
        let target =
            Target::object("patch", resource, namespace, name)?.subresource(options.subresource);
        self.patch(authority, &target, JSON_PATCH, patch, options.manager)
            .await
    }

    /// Asks for an object's deletion; it may take its finalizers a while to let it go.
    ///
    /// # Errors
    /// Class `NotFound` when it is not there, `Conflict` when a precondition does not hold.
    pub async fn delete(
        &self,
        authority: Authority<'_>,
        resource: &Resource,
        namespace: &str,
        name: &str,
        preconditions: &Preconditions,
        propagation: Propagation,
    ) -> Result<(), RequestError> {
        let target = Target::object("delete", resource, namespace, name)?;
        let body = delete_options(preconditions, propagation);
        let mut call = Call::new("delete", Method::DELETE, &target);
        call = call.body(JSON, &body, &target);
        self.write(authority, call)
            .await
            .map(drop)
            .map_err(|error| self.noticed(error))
    }

    async fn patch(
        &self,
        authority: Authority<'_>,
        target: &Target<'_>,
        content_type: &'static str,
        patch: &Value,
        manager: &str,
    ) -> Result<Object, RequestError> {
        let query = Query::default().add_some("fieldManager", manager);
        let call = Call::new("patch", Method::PATCH, target).query(query).body(
            content_type,
            patch,
            target,
        );
        object(
            "patch",
            target.resource,
            self.write(authority, call)
                .await
                .map_err(|error| self.noticed(error))?,
        )
    }
}

/// Flux's own client names no `fieldValidation` either, which means `Warn` for custom resources'
/// pruned fields; fields outside a schema are an error of server-side apply in any mode.
fn apply_call(
    verb: &'static str,
    resource: &Resource,
    desired: &Object,
    options: &ApplyOptions<'_>,
    query: Query,
) -> Result<Call, RequestError> {
    let target = Target::object(
        verb,
        resource,
        desired.namespace().unwrap_or_default(),
        desired.name(),
    )?;
    let query = query
        .add("fieldManager", options.manager)
        .add("force", if options.force { "true" } else { "false" });
    Ok(Call::new(verb, Method::PATCH, &target).query(query).body(
        APPLY,
        desired.as_value(),
        &target,
    ))
}

fn delete_options(preconditions: &Preconditions, propagation: Propagation) -> Value {
    let policy = match propagation {
        Propagation::Background => "Background",
        Propagation::Foreground => "Foreground",
        Propagation::Orphan => "Orphan",
    };
    let mut body =
        json!({ "apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": policy });
    let mut conditions = serde_json::Map::new();
    if let Some(uid) = &preconditions.uid {
        conditions.insert("uid".to_owned(), uid.as_str().into());
    }
    if let Some(version) = &preconditions.resource_version {
        conditions.insert("resourceVersion".to_owned(), version.as_str().into());
    }
    if let (false, Value::Object(fields)) = (conditions.is_empty(), &mut body) {
        fields.insert("preconditions".to_owned(), Value::Object(conditions));
    }
    body
}
