//! The built-in generators: ConfigMaps, Secrets, and the service account of a cloud's identity.

use serde::Deserialize;
use serde_json::json;

use super::{built_in, settings, unknown};
use crate::error::{Cause, Step};
use crate::generator::{Generated, generate};
use crate::kustomization::{GeneratorArguments, GeneratorOptions};
use crate::resource::Resource;
use crate::tree::Tree;

/// A generator made ready.
#[derive(Debug)]
pub(crate) enum Generator {
    Data(Generated, Box<GeneratorArguments>),
    IamPolicy(IamPolicy),
}

/// `IAMPolicyGenerator`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct IamPolicy {
    cloud: String,
    kubernetes_service: KubernetesService,
    service_account: CloudAccount,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct KubernetesService {
    name: String,
    namespace: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
struct CloudAccount {
    name: String,
    project_id: String,
}

// === impl Generator ===

impl Generator {
    /// # Errors
    /// The object configures no built-in generator, or has an unknown field.
    pub(crate) fn read(configuration: &Resource) -> Step<Self> {
        match built_in(configuration)? {
            "ConfigMapGenerator" => Self::data(Generated::ConfigMap, configuration),
            "SecretGenerator" => Self::data(Generated::Secret, configuration),
            "IAMPolicyGenerator" => Ok(Self::IamPolicy(settings(configuration)?)),
            _ => Err(unknown(configuration, "generator")),
        }
    }

    fn data(generated: Generated, configuration: &Resource) -> Step<Self> {
        let mut arguments: GeneratorArguments = settings(configuration)?;
        if arguments.name.is_empty() {
            configuration.name().clone_into(&mut arguments.name);
        }
        if arguments.namespace.is_empty() {
            configuration
                .namespace()
                .clone_into(&mut arguments.namespace);
        }
        Ok(Self::Data(generated, Box::new(arguments)))
    }

    /// Makes the resources.
    ///
    /// # Errors
    /// A source cannot be read, or the cloud is unknown.
    pub(crate) fn generate(
        &self,
        tree: &dyn Tree,
        directory: &str,
        configuration: &Resource,
    ) -> Step<Vec<Resource>> {
        let origin = configuration.origin.clone();
        let resource = match self {
            Self::Data(generated, arguments) => {
                let options = GeneratorOptions::default();
                generate(tree, directory, *generated, arguments, &options, origin)?
            }
            Self::IamPolicy(policy) => {
                let mut resource = Resource::new(policy.service_account()?, origin);
                resource.set_namespace(&policy.kubernetes_service.namespace);
                resource
            }
        };
        Ok(vec![resource])
    }
}

// === impl IamPolicy ===

impl IamPolicy {
    fn service_account(&self) -> Step<serde_json::Value> {
        if self.cloud != "gke" {
            return Err(Cause::invalid(format!(
                "cloud {:?} must be gke, the only one kustomize knows",
                self.cloud
            )));
        }
        let CloudAccount { name, project_id } = &self.service_account;
        let account = format!("{name}@{project_id}.iam.gserviceaccount.com");
        Ok(json!({
            "apiVersion": "v1",
            "kind": "ServiceAccount",
            "metadata": {
                "annotations": {"iam.gke.io/gcp-service-account": account},
                "name": self.kubernetes_service.name,
            },
        }))
    }
}
