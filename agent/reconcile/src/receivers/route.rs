//! What a path leads to.

use windlass_api::receiver::ReceiverSpec;
use windlass_notify::{Fields, Secret, webhook_path};
use windlass_plan::cel::{Expression, InvalidExpression};

use crate::named::Named;

/// A Receiver whose webhooks are taken.
#[derive(Debug)]
pub(super) struct Route {
    pub(super) name: Named,
    pub(super) path: String,
    pub(super) spec: ReceiverSpec,
    pub(super) secret: Fields,
    pub(super) filters: Filters,
}

/// Which objects a webhook is about.
#[derive(Debug, Default)]
pub(super) struct Filters {
    all: Option<Expression>,
    /// One for each entry of `spec.resources`.
    each: Vec<Option<Expression>>,
}

/// An expression that is none, with Flux's words for where it stands.
#[derive(Debug, thiserror::Error)]
#[error("{place}: {source}")]
pub(super) struct InvalidFilter {
    place: String,
    #[source]
    source: InvalidExpression,
}

impl Route {
    pub(super) fn new(name: Named, spec: ReceiverSpec, secret: Fields, filters: Filters) -> Self {
        let token = secret.get("token").map_or("", Secret::expose);
        Self {
            path: webhook_path(token, &name.namespace, &name.name),
            name,
            spec,
            secret,
            filters,
        }
    }
}

impl Filters {
    /// Reads the expressions of a Receiver.
    pub(super) fn compile(spec: &ReceiverSpec) -> Result<Self, InvalidFilter> {
        let read = |text: &Option<String>, place: &dyn Fn() -> String| {
            let text = text.as_deref().filter(|text| !text.is_empty());
            text.map(Expression::compile)
                .transpose()
                .map_err(|source| InvalidFilter {
                    place: place(),
                    source,
                })
        };
        let place = || "invalid resourceFilter expression".to_owned();
        let all = read(&spec.resource_filter, &place)?;
        let each = spec.resources.iter().enumerate().map(|(index, resource)| {
            let place = || {
                let (kind, name) = (&resource.kind, &resource.name);
                format!(
                    "invalid filter expression for resources[{index}] (kind={kind:?}, name={name:?})"
                )
            };
            read(&resource.filter, &place)
        });
        Ok(Self {
            all,
            each: each.collect::<Result<_, _>>()?,
        })
    }

    /// Whether there is any.
    pub(super) fn is_any(&self) -> bool {
        self.all.is_some() || self.each.iter().any(Option::is_some)
    }

    /// Those for an entry of `spec.resources`.
    pub(super) fn of(&self, index: usize) -> Vec<&Expression> {
        let own = self.each.get(index).and_then(Option::as_ref);
        self.all.iter().chain(own).collect()
    }
}
