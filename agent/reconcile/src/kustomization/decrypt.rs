//! `spec.decryption`: which keys there are, and what they open before and after a build, as in
//! Flux's kustomize-controller.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use windlass_api::kustomization::Decryption;
use windlass_api::reasons;
use windlass_kustomize::{
    Built, Entry, EntryKind, FileRole, Overlay, RemoteError, SecretFile, Tree, TreeError,
    secret_files,
};
use windlass_object::{GroupVersionKind, Object};
use windlass_sops::{
    Decryptor, Format, Integrity, KeyError, Keyring, Plain, is_ciphertext, is_encrypted,
};
use zeroize::Zeroizing;

use super::Progress;
use super::pass::Pass;
use super::status::DECRYPT_INTEGRITY;
use crate::work::error::StageError;
use crate::work::hidden::Hidden;

/// The annotation that keeps an object as it is.
const DECRYPT: &str = "kustomize.toolkit.fluxcd.io/decrypt";

/// Keys, and which state of which Secret they are from; the node's own never change while the agent runs.
pub(super) type Keys = (Arc<Keyring>, String);

/// The keys that a Kustomization may use; none when it asks for no decryption.
pub(super) async fn keys(pass: &Pass) -> Result<Option<Keys>, StageError> {
    let Some(decryption) = &pass.spec.decryption else {
        return Ok(None);
    };
    refuse_service_account(decryption)?;
    let Some(reference) = &decryption.secret_ref else {
        return Ok(Some((Arc::clone(&pass.secrets.node_keys), String::new())));
    };
    let failed = |error| StageError::request(reasons::BUILD_FAILED, &error);
    let kind = GroupVersionKind::new("v1", "Secret");
    let resource = pass.cluster.resolve(&kind).await.map_err(failed)?;
    let namespace = &pass.name.namespace;
    let secret = pass
        .cluster
        .get(&resource, namespace, &reference.name)
        .await
        .map_err(failed)?;
    let Some(secret) = secret else {
        let message = format!(
            "secrets \"{}\" not found in namespace {namespace}; spec.decryption.secretRef names it",
            reference.name
        );
        return Err(StageError::retry(reasons::BUILD_FAILED, message));
    };
    let keys = import(&secret).map_err(|(field, error)| {
        let message = format!(
            "failed to import '{field}' data from sops decryption Secret '{namespace}/{}': {error}",
            reference.name
        );
        StageError::retry(reasons::BUILD_FAILED, message)
    })?;
    let uid = secret.uid().unwrap_or_default();
    let state = format!("{uid}/{}", secret.resource_version().unwrap_or_default());
    Ok(Some((Arc::new(keys), state)))
}

fn refuse_service_account(decryption: &Decryption) -> Result<(), StageError> {
    let account = decryption
        .service_account_name
        .as_deref()
        .unwrap_or_default();
    if account.is_empty() {
        return Ok(());
    }
    let message = "spec.decryption.serviceAccountName is not supported by this version of windlass: keys that \
        stay on a server are not asked for yet; remove it and name a Secret with age or PGP keys in secretRef";
    Err(StageError::stalled(reasons::BUILD_FAILED, message))
}

fn import(secret: &Object) -> Result<Keyring, (String, KeyError)> {
    let mut keys = Keyring::default();
    let fields = secret.pointer("/data").and_then(Value::as_object);
    for (name, value) in fields.into_iter().flatten() {
        let bytes = STANDARD.decode(value.as_str().unwrap_or_default());
        let bytes = Zeroizing::new(bytes.unwrap_or_default());
        let imported = if name.ends_with(".agekey") {
            match std::str::from_utf8(&bytes) {
                Ok(text) => keys.add_age(text),
                Err(_) => Err(KeyError::Refused("it is no text".to_owned())),
            }
        } else if name.ends_with(".asc") {
            keys.add_pgp(&bytes)
        } else {
            Ok(())
        };
        imported.map_err(|error| (name.clone(), error))?;
    }
    Ok(keys)
}

/// Stops a pass that would apply what its MAC does not vouch for, when the node's config says so.
pub(super) fn refuse_doubts(pass: &Pass, progress: &Progress) -> Result<(), StageError> {
    let doubts = progress.doubts.as_ref();
    let doubts = doubts.map_or(&[][..], |doubts| &doubts.integrity);
    if doubts.is_empty() || !pass.secrets.require_mac {
        return Ok(());
    }
    let message = format!(
        "{}; encrypt anew with `sops edit`, or unset [sops] require_mac on the node",
        doubts.join("; ")
    );
    Err(StageError::retry(DECRYPT_INTEGRITY, message))
}

/// Decrypts what one build reads and gives.
pub(super) struct Decrypting<'a> {
    decryptor: Decryptor<'a>,
    tree: &'a dyn Tree,
    hidden: Hidden,
    /// Where a MAC does not fit.
    doubts: RefCell<BTreeSet<String>>,
    /// The files whose MAC was looked at.
    judged: RefCell<BTreeSet<String>>,
}

/// A tree in which some files are decrypted.
pub(super) struct Decrypted<'a> {
    tree: &'a dyn Tree,
    files: BTreeMap<String, Plain>,
}

// === impl Decrypting ===

impl<'a> Decrypting<'a> {
    pub(super) fn new(keys: &'a Keyring, tree: &'a dyn Tree, hidden: Hidden) -> Self {
        Self {
            decryptor: Decryptor::new(keys),
            tree,
            hidden,
            doubts: RefCell::default(),
            judged: RefCell::default(),
        }
    }

    /// The tree with every input of a secretGenerator and every patch in the clear.
    pub(super) fn before_build(
        &self,
        path: &str,
        overlay: &Overlay,
    ) -> Result<Decrypted<'a>, StageError> {
        let mut files = BTreeMap::new();
        // What cannot be read here is told of by the build, which reads it again.
        let found = secret_files(self.tree, path, overlay).unwrap_or_default();
        for file in found {
            if files.contains_key(&file.path) {
                continue;
            }
            if let Some(plain) = self.file(&file)? {
                files.insert(file.path, plain);
            }
        }
        Ok(Decrypted {
            tree: self.tree,
            files,
        })
    }

    fn file(&self, file: &SecretFile) -> Result<Option<Plain>, StageError> {
        let path = &file.path;
        let format = match &file.role {
            FileRole::Value { key } => Format::of_path(key),
            FileRole::Patch => Format::of_path(path),
            FileRole::Environment => match Format::of_path(path) {
                Format::Binary => Format::Dotenv,
                format => format,
            },
        };
        let Ok(bytes) = self.tree.read(path) else {
            return Ok(None);
        };
        if !format.marks(&bytes) {
            return Ok(None);
        }
        let decrypted = self
            .decryptor
            .decrypt(&bytes, format, format)
            .map_err(|error| {
                let message = format!("error decrypting sources: {path}: {error}");
                StageError::retry(reasons::BUILD_FAILED, message)
            })?;
        self.judge(path.clone(), decrypted.integrity);
        self.hidden.add_file(format, &bytes, &decrypted.plain);
        Ok(Some(decrypted.plain))
    }

    /// Decrypts an object that was built: all of it, or the documents in a Secret's `data`.
    pub(super) fn after_build(&self, built: &mut Built) -> Result<(), StageError> {
        if is_left_alone(&built.object) {
            return Ok(());
        }
        if is_encrypted(built.object.as_value()) {
            return self.whole(built);
        }
        if built.object.kind() == "Secret" {
            return self.fields(&mut built.object);
        }
        Ok(())
    }

    fn whole(&self, built: &mut Built) -> Result<(), StageError> {
        let object = &built.object;
        let decrypted = self.decryptor.decrypt_object(object.as_value().clone());
        let failed = |reason: String| {
            let what = format!(
                "failed to decrypt and format '{}' {} data",
                path_of(object),
                object.kind()
            );
            failed(object, &format!("{what}: {reason}"))
        };
        let value = decrypted.map_err(|error| failed(error.to_string()))?;
        self.hidden.add_decrypted(object.as_value(), &value);
        let plain = Object::from_value(value).map_err(|error| failed(error.to_string()))?;
        built.object = plain;
        self.judge_file(&built.origin);
        Ok(())
    }

    /// The MAC is over the file as it was encrypted, not over the object that a build made of it.
    fn judge_file(&self, path: &str) {
        if !self.judged.borrow_mut().insert(path.to_owned()) {
            return;
        }
        let Ok(bytes) = self.tree.read(path) else {
            return;
        };
        let format = match Format::of_path(path) {
            Format::Json => Format::Json,
            _ => Format::Yaml,
        };
        let integrity = self.decryptor.integrity(&bytes, format);
        // A patch may have replaced what the file alone does not decrypt.
        self.judge(path.to_owned(), integrity.unwrap_or(Integrity::Changed));
    }

    fn fields(&self, object: &mut Object) -> Result<(), StageError> {
        let Some(data) = object.pointer("/data").and_then(Value::as_object).cloned() else {
            return Ok(());
        };
        for (key, value) in &data {
            let bytes = value.as_str().and_then(|text| STANDARD.decode(text).ok());
            let Some((bytes, format)) = bytes.and_then(|bytes| {
                let format = Format::of_content(&bytes)?;
                Some((bytes, format))
            }) else {
                continue;
            };
            let decrypted = self.decryptor.decrypt(&bytes, format, Format::of_path(key));
            let decrypted = decrypted.map_err(|error| {
                let what = format!(
                    "failed to decrypt and format '{}' Secret field '{key}'",
                    path_of(object)
                );
                failed(object, &format!("{what}: {error}"))
            })?;
            self.judge(format!("{} field {key}", object.key()), decrypted.integrity);
            if let Some(field) = object
                .as_value_mut()
                .pointer_mut("/data")
                .and_then(Value::as_object_mut)
            {
                field.insert(key.clone(), Value::from(STANDARD.encode(&*decrypted.plain)));
            }
        }
        Ok(())
    }

    fn judge(&self, place: String, integrity: Integrity) {
        let doubt = match integrity {
            Integrity::Intact => return,
            Integrity::Changed => {
                format!("{place} was changed after it was encrypted: its MAC does not fit")
            }
            Integrity::Unsigned => format!("{place} has no MAC"),
        };
        self.doubts.borrow_mut().insert(doubt);
    }

    /// Where a MAC does not fit, as sentences.
    pub(super) fn into_doubts(self) -> Vec<String> {
        self.doubts.into_inner().into_iter().collect()
    }
}

// === impl Decrypted ===

impl Tree for Decrypted<'_> {
    fn read(&self, path: &str) -> Result<Vec<u8>, TreeError> {
        match self.files.get(path) {
            Some(plain) => Ok(plain.to_vec()),
            None => self.tree.read(path),
        }
    }

    fn list(&self, directory: &str) -> Result<Vec<Entry>, TreeError> {
        self.tree.list(directory)
    }

    fn kind(&self, path: &str) -> Result<Option<EntryKind>, TreeError> {
        self.tree.kind(path)
    }

    fn real(&self, path: &str) -> Result<String, TreeError> {
        self.tree.real(path)
    }

    fn remote(&self, reference: &str) -> Result<String, RemoteError> {
        self.tree.remote(reference)
    }

    fn remote_root(&self, path: &str) -> Option<String> {
        self.tree.remote_root(path)
    }
}

/// Fails for a Secret that would reach the cluster with ciphertext in it.
pub(crate) fn refuse_ciphertext(object: &Object) -> Result<(), StageError> {
    let is_secret = object.kind() == "Secret" && object.api_version() == "v1";
    if !is_secret || is_left_alone(object) {
        return Ok(());
    }
    let key = object.key();
    if object.as_value().get("sops").is_some() {
        let message = format!(
            "{key} is SOPS encrypted, configuring decryption is required for this secret to be reconciled"
        );
        return Err(StageError::retry(reasons::RECONCILIATION_FAILED, message));
    }
    for field in ["data", "stringData"] {
        let values = object.as_value().get(field).and_then(Value::as_object);
        let mut values = values.into_iter().flatten();
        if let Some((name, _)) = values.find(|(_, value)| value.as_str().is_some_and(is_ciphertext))
        {
            let message = format!(
                "{key}: {field}.{name} is a SOPS ciphertext, but the object has no sops block to decrypt it \
                 with; encrypt the file anew"
            );
            return Err(StageError::retry(DECRYPT_INTEGRITY, message));
        }
    }
    Ok(())
}

fn is_left_alone(object: &Object) -> bool {
    let annotation = object.annotation(DECRYPT);
    annotation.is_some_and(|value| value.eq_ignore_ascii_case("disabled"))
}

fn path_of(object: &Object) -> String {
    format!(
        "{}/{}",
        object.namespace().unwrap_or_default(),
        object.name()
    )
}

fn failed(object: &Object, reason: &str) -> StageError {
    let kind = object.gvk();
    let group = if kind.group.is_empty() {
        "[noGrp]"
    } else {
        &kind.group
    };
    let (kind, version, name) = (&kind.kind, &kind.version, object.name());
    let message = format!("decryption failed for '{kind}.{version}.{group}/{name}': {reason}");
    StageError::retry(reasons::BUILD_FAILED, message)
}
