//! A Kustomization is being deleted: its objects go first, unless somebody said otherwise.

use tokio::time::Instant;
use windlass_api::inventory::Inventory;
use windlass_api::kustomization::DeletionPolicy;
use windlass_api::reasons;
use windlass_cluster::ErrorClass;

use super::pass::Pass;
use super::prune::{self, Stale};
use super::report;
use crate::work::account_is_gone;
use crate::work::error::StageError;
use crate::work::remote;
use crate::{finalizer, uninstall};

/// Deletes what the inventory holds and releases the finalizer.
pub(crate) async fn finalize(pass: &Pass, aimed: Result<(), StageError>) -> Result<(), StageError> {
    if !finalizer::is_on(&pass.meta) {
        return Ok(());
    }
    if deletes_objects(pass, aimed).await? {
        delete_objects(pass).await?;
    }
    pass.ledger.forget_owner(&pass.name);
    finalizer::release_now(&pass.cluster, &pass.leadership, &pass.resource, &pass.name)
        .await
        .map_err(|error| StageError::request(reasons::RECONCILIATION_FAILED, &error))
}

async fn deletes_objects(pass: &Pass, aimed: Result<(), StageError>) -> Result<bool, StageError> {
    let orphan = pass.spec.effective_deletion_policy() == DeletionPolicy::Orphan;
    // The root is made again from the node's config: its objects only change hands.
    let root = pass.left_out.is_root(&pass.name);
    if orphan || root || pass.spec.suspend {
        return Ok(false);
    }
    if let Err(error) = aimed {
        let gone = match &pass.spec.kube_config {
            Some(reference) => remote::is_gone(pass.seeking(), reference).await?,
            None => false,
        };
        if !gone {
            return Err(error);
        }
        // As in Flux: nobody knows any more where the objects are.
        tracing::warn!(kustomization = %pass.name, %error, "what it applied to another cluster stays there");
        return Ok(false);
    }
    let account = account_is_gone(&pass.client, &pass.target).await;
    if account.map_err(|error| StageError::request(reasons::PRUNE_FAILED, &error))? {
        // As in Flux: nobody is left in whose name the objects could be deleted.
        tracing::warn!(kustomization = %pass.name, "its service account is gone; what it applied stays");
        return Ok(false);
    }
    // Asked afresh, not from what a watch said: a wrong answer would delete the workloads.
    let going = uninstall::api_is_going(&pass.cluster)
        .await
        .map_err(|error| StageError::request(reasons::PRUNE_FAILED, &error))?;
    Ok(going.is_none())
}

async fn delete_objects(pass: &Pass) -> Result<(), StageError> {
    pass.may_write()?;
    let mut fence = pass.fence();
    fence.raise().await?;
    let empty = Inventory::default();
    let inventory = pass.status.inventory.as_ref().unwrap_or(&empty);
    let stale = prune::deletable(inventory, &pass.left_out);
    let pruned = prune::prune(pass, stale.clone()).await;
    report::deleted(pass, &pruned.deleted).await;
    match pruned.error {
        Some(error) => Err(error),
        None if pass.spec.effective_deletion_policy() == DeletionPolicy::WaitForTermination => {
            wait_gone(pass, stale).await
        }
        None => Ok(()),
    }
}

/// Waits until the objects are gone, at most as long as the timeout says; then goes on, as Flux does.
async fn wait_gone(pass: &Pass, mut there: Vec<Stale>) -> Result<(), StageError> {
    let deadline = Instant::now() + pass.spec.effective_timeout();
    while !there.is_empty() && Instant::now() < deadline {
        let mut still = Vec::new();
        for entry in there {
            if exists(pass, &entry).await? {
                still.push(entry);
            }
        }
        there = still;
        if !there.is_empty() {
            tokio::time::sleep(std::time::Duration::from_secs(1)).await;
        }
    }
    Ok(())
}

async fn exists(pass: &Pass, entry: &Stale) -> Result<bool, StageError> {
    let key = &entry.key;
    let failed = |error| StageError::request(reasons::PRUNE_FAILED, &error);
    match pass.client.resolve(&entry.kind()).await {
        Ok(resource) => {
            let live = pass
                .client
                .get_metadata(&resource, &key.namespace, &key.name)
                .await;
            Ok(live.map_err(failed)?.is_some())
        }
        Err(error) if error.class() == ErrorClass::UnknownKind => Ok(false),
        Err(error) => Err(failed(error)),
    }
}
