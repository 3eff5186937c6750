//! Which plugins a kustomization names, and running them where kustomize does.

use crate::accumulate::{Accumulated, Accumulator};
use crate::error::{BuildError, Cause, Place, Step};
use crate::kustomization::Kustomization;
use crate::load::resources;
use crate::plugin::{Generator, Transformer};
use crate::provenance::configured_in;
use crate::resource::Resource;
use crate::resource_map::ResourceMap;

/// The label a validator may leave on what it looked at.
const VALIDATED_BY: &str = "validated-by";

// === impl Accumulator ===

impl Accumulator<'_> {
    /// Adds what `generators` make.
    ///
    /// # Errors
    /// A configuration cannot be read or names no generator, or what is generated does not fit in.
    pub(crate) fn run_generators(
        &self,
        kustomization: &Kustomization,
        chain: &[String],
        into: &mut Accumulated,
    ) -> Result<(), BuildError> {
        let field = "generators";
        for configuration in
            self.configurations_of(kustomization, field, &kustomization.generators, chain)?
        {
            let in_place =
                |cause: Cause| place_of(kustomization, field, &configuration).error(cause);
            let generator = Generator::read(&configuration).map_err(in_place)?;
            let generated = generator
                .generate(self.tree, &kustomization.directory, &configuration)
                .map_err(in_place)?;
            for mut resource in generated {
                resource.provenance.origin = configured(&configuration);
                into.resources.absorb(resource).map_err(in_place)?;
            }
        }
        Ok(())
    }

    /// Runs `transformers`, behind those that fields of the kustomization configure.
    ///
    /// # Errors
    /// A configuration cannot be read or names no transformer, or a change does not fit.
    pub(crate) fn run_transformers(
        &self,
        kustomization: &Kustomization,
        chain: &[String],
        into: &mut Accumulated,
    ) -> Result<(), BuildError> {
        let field = "transformers";
        for configuration in
            self.configurations_of(kustomization, field, &kustomization.transformers, chain)?
        {
            let place = place_of(kustomization, field, &configuration);
            self.transform(kustomization, &configuration, &mut into.resources)
                .map_err(|cause| place.error(cause))?;
            if let Some(configured) = configured(&configuration) {
                into.resources.record(&configured);
            }
            into.resources.drop_empty();
        }
        Ok(())
    }

    /// Runs `validators`: transformers that must not change anything.
    ///
    /// # Errors
    /// As [`Self::run_transformers`], and one changes something.
    pub(crate) fn run_validators(
        &self,
        kustomization: &Kustomization,
        chain: &[String],
        into: &mut Accumulated,
    ) -> Result<(), BuildError> {
        let field = "validators";
        for configuration in
            self.configurations_of(kustomization, field, &kustomization.validators, chain)?
        {
            let place = place_of(kustomization, field, &configuration);
            let mut validated = into.resources.clone();
            self.transform(kustomization, &configuration, &mut validated)
                .and_then(|()| check_same(&configuration, &into.resources, &validated))
                .map_err(|cause| place.error(cause))?;
            into.resources = validated;
        }
        Ok(())
    }

    fn transform(
        &self,
        kustomization: &Kustomization,
        configuration: &Resource,
        resources: &mut ResourceMap,
    ) -> Step<()> {
        Transformer::read(self.tree, &kustomization.directory, configuration)?.run(resources)
    }

    /// The objects that a field names: those written in the field come first, then those of files and
    /// directories; a directory is built as any other.
    fn configurations_of(
        &self,
        kustomization: &Kustomization,
        field: &str,
        entries: &[String],
        chain: &[String],
    ) -> Result<Vec<Resource>, BuildError> {
        let mut gathered = Accumulated::empty();
        let mut paths = Vec::new();
        for (index, entry) in entries.iter().enumerate() {
            let place = kustomization.place_of(field, index);
            match resources("", entry.as_bytes()) {
                Ok(mut objects) => {
                    if self.records {
                        let origin = self.origin_of(kustomization);
                        for object in &mut objects {
                            object.provenance.origin = Some(origin.clone());
                        }
                    }
                    gathered
                        .resources
                        .append_all(objects)
                        .map_err(|cause| place.error(cause))?;
                }
                Err(error) if entry.contains('\n') => return Err(place.error(error)),
                Err(_) => paths.push((entry, place)),
            }
        }
        for (path, place) in paths {
            self.add_resource(kustomization, path, &place, chain, &mut gathered)?;
        }
        Ok(gathered.resources.into_list())
    }
}

/// Where a configuration stands: in its file, or in the field.
fn place_of(kustomization: &Kustomization, field: &str, configuration: &Resource) -> Place {
    match &*configuration.origin.file {
        "" => kustomization.place(field),
        file => Place::line(file, configuration.origin.line),
    }
}

/// Where and by what something was configured, as `buildMetadata` writes it.
fn configured(configuration: &Resource) -> Option<String> {
    let origin = configuration.provenance.origin.as_ref()?;
    let mut text = format!(
        "{}configuredBy:\n  apiVersion: {}\n  kind: {}\n  name: {}\n",
        configured_in(origin),
        configuration.api_version(),
        configuration.kind(),
        configuration.name(),
    );
    if !configuration.namespace().is_empty() {
        text.push_str(&format!("  namespace: {}\n", configuration.namespace()));
    }
    Some(text)
}

fn check_same(validator: &Resource, before: &ResourceMap, after: &ResourceMap) -> Step<()> {
    let same = before.list().len() == after.list().len()
        && before.list().iter().all(|old| {
            let identity = old.identity();
            after.list().iter().any(|new| {
                identity.same_as(&new.identity())
                    && old.previous == new.previous
                    && old.value == without_validation(new).value
            })
        });
    if same {
        return Ok(());
    }
    Err(Cause::invalid(format!(
        "the validator {} changes resources; name it under transformers",
        validator.describe()
    )))
}

fn without_validation(resource: &Resource) -> Resource {
    let mut resource = resource.clone();
    let mut labels = resource.labels();
    if labels.remove(VALIDATED_BY).is_some() {
        resource.set_metadata_map("labels", labels);
    }
    resource
}
