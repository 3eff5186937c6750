//! Where the chart of a pass is taken from, with what asking for it takes.

use windlass_api::helm_chart::{HelmChartSourceKind, HelmChartSpec, HelmChartVerification};
use windlass_api::oci_repository::OciVerification;

use super::elsewhere::Known;
use super::pass::{ChartSource, Indexed, Pass, PassError};
use super::pins::Pins;
use crate::context::Context;
use crate::named::Named;
use crate::offer::Offer;
use crate::registry::access as registry_access;
use crate::registry::verify::{self, Verification};
use crate::repository::IndexSnapshot;
use crate::repository::access::{self, Access};

/// Where the chart is taken from.
pub(super) enum Available {
    Files(Box<Offer>, Known),
    Index(Box<IndexSnapshot>, Box<Access>, Pins),
    Registry(
        String,
        Box<registry_access::Access>,
        Pins,
        Option<Verification>,
    ),
}

/// Reads the Secrets that are named.
pub(super) async fn available(
    context: &Context,
    pass: &Pass,
    chart: &HelmChartSpec,
) -> Result<Available, PassError> {
    let has_no_signatures = matches!(
        pass.source,
        ChartSource::Repository(_) | ChartSource::Ready(..)
    );
    if chart.verification.is_some() && has_no_signatures {
        return Err(PassError::Verify);
    }
    let kind = kind_name(chart.source_ref.kind);
    let name = &chart.source_ref.name;
    match &pass.source {
        ChartSource::Ready(offer, known) => Ok(Available::Files(offer.clone(), known.clone())),
        ChartSource::Repository(repository) => {
            let Indexed {
                name,
                spec,
                index,
                pins,
            } = &**repository;
            let access = access::read(context, name, spec).await;
            let access = access.map_err(PassError::Unusable)?;
            let index = Box::new(index.clone());
            Ok(Available::Index(index, Box::new(access), pins.clone()))
        }
        ChartSource::Registry(name, spec, pins) => {
            let access = registry_access::of_helm_repository(context, name, spec).await;
            let access = Box::new(access.map_err(PassError::Unusable)?);
            let wanted = chart.verification.as_ref().map(as_artifact);
            let verification = verify::read(context, &pass.name, wanted.as_ref()).await?;
            let (url, pins) = (spec.url.clone(), pins.clone());
            Ok(Available::Registry(url, access, pins, verification))
        }
        ChartSource::Unvouched(unusable) => Err(PassError::Unusable(unusable.clone())),
        ChartSource::NoRevision => {
            let name = name.clone();
            Err(PassError::NoArtifact { kind, name })
        }
        ChartSource::NotFound => {
            let name = Named::new(&pass.name.namespace, name);
            Err(PassError::NotFound { kind, name })
        }
    }
}

/// What a HelmChart asks for, as an OCIRepository asks for it.
fn as_artifact(wanted: &HelmChartVerification) -> OciVerification {
    OciVerification {
        match_oidc_identity: wanted.match_oidc_identity.clone(),
        provider: wanted.provider,
        secret_ref: wanted.secret_ref.clone(),
        trusted_root_secret_ref: None,
    }
}

fn kind_name(kind: HelmChartSourceKind) -> &'static str {
    match kind {
        HelmChartSourceKind::HelmRepository => "HelmRepository",
        HelmChartSourceKind::GitRepository => "GitRepository",
        HelmChartSourceKind::Bucket => "Bucket",
    }
}
