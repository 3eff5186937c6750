//! What stops all writing: a pause, and the end of Flux's API.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures::stream::{self, StreamExt};
use serde_json::Value;
use windlass_api::pause::Pause;
use windlass_cluster::WatchEvent;
use windlass_object::Object;

use super::Controller;
use super::standing::now;
use crate::event::Event;
use crate::finalizer;
use crate::named::Named;
use crate::seen::Meta;
use crate::uninstall;

/// How soon it is asked again whether Flux's API is there.
const ASK_AGAIN: Duration = Duration::from_secs(1);

/// Finalizers released side by side at the end of Flux's API: the Lease may go within seconds.
const RELEASES_AT_ONCE: usize = 16;

impl Controller {
    /// Takes news of the pause. What a relist does not show any more is over only when it has ended.
    pub(super) fn pause_seen(&mut self, event: WatchEvent) {
        match event {
            WatchEvent::Restarted => self.standing.pause_found = false,
            WatchEvent::Applied(object) => {
                self.standing.pause_found = true;
                let pause = read_pause(object);
                self.pause_is(Some(pause).filter(|pause| pause.holds_at(now())));
            }
            WatchEvent::Deleted(_) => self.pause_is(None),
            WatchEvent::Synced(_) => {
                self.standing.pause_known = true;
                if !self.standing.pause_found {
                    self.pause_is(None);
                }
                self.prepare();
            }
            WatchEvent::Failed(_) => {}
        }
    }

    fn pause_is(&mut self, pause: Option<Pause>) {
        match (&self.standing.pause, &pause) {
            (None, Some(pause)) => {
                let reason = &pause.reason;
                tracing::warn!(reason, "paused: nothing is written to the cluster");
            }
            (Some(_), None) => tracing::info!("the pause was taken back"),
            _ => {}
        }
        self.standing.pause = pause;
        self.halt_if_needed();
        self.prepare();
    }

    /// Tells the passes under way whether they may go on writing, and ends their waits if not.
    pub(super) fn halt_if_needed(&mut self) {
        if self.standing.observes {
            return;
        }
        let halted = self.standing.is_halted();
        let was = self.context.halted.swap(halted, Ordering::SeqCst);
        if halted {
            self.wake_all_kustomizations();
        } else if was {
            let sources: Vec<Named> = self.sources.keys().cloned().collect();
            sources.iter().for_each(|name| self.source_queue.wake(name));
        }
    }

    /// A definition of Flux's API, or its namespace, moved: is it being removed?
    ///
    /// Only what was seen alive counts, and it is asked for afresh: an object also leaves a filtered watch when
    /// somebody takes its label off.
    pub(super) fn api_seen(&mut self, event: &WatchEvent) {
        let object = match event {
            WatchEvent::Applied(object) | WatchEvent::Deleted(object) => object,
            WatchEvent::Restarted | WatchEvent::Synced(_) | WatchEvent::Failed(_) => return,
        };
        let name = object
            .pointer("/metadata/name")
            .and_then(Value::as_str)
            .unwrap_or_default();
        if !uninstall::concerns(name) {
            return;
        }
        let removed = matches!(event, WatchEvent::Deleted(_));
        let going = removed || object.pointer("/metadata/deletionTimestamp").is_some();
        if !going {
            self.standing.alive.insert(name.to_owned());
            return;
        }
        if !self.standing.alive.remove(name) {
            return;
        }
        self.ask_whether_the_api_goes();
    }

    /// An uninstall that was cut short is finished: definitions that hang on our finalizers have to go.
    pub(super) fn finish_uninstall(&mut self) {
        let listed = self.standing.sources_listed && self.standing.kustomizations_listed;
        let leads = self.standing.leadership.is_some();
        if self.standing.uninstall.is_some() && listed && leads {
            self.ask_whether_the_api_goes();
        }
    }

    fn ask_whether_the_api_goes(&mut self) {
        let context = Arc::clone(&self.context);
        let ask = async move {
            loop {
                match uninstall::api_is_going(&context.cluster).await {
                    Ok(going) => return going,
                    Err(_) => tokio::time::sleep(ASK_AGAIN).await,
                }
            }
        };
        self.spawn(ask, Event::ApiGoing, Event::ApiGoing(None));
    }

    /// Takes the answer to whether Flux's API is being removed.
    pub(super) fn api_is_going(&mut self, what: Option<String>) {
        if let Some(what) = what {
            self.uninstall_detected(format!("{what} is being deleted"));
        }
    }

    /// Stops all writing but the release of our finalizers, for good.
    pub(super) fn uninstall_detected(&mut self, what: String) {
        if self.standing.uninstall.is_some() {
            self.release_kustomizations();
            return;
        }
        let mark = &self.standing.uninstall_mark;
        tracing::warn!(
            reason = "UninstallDetected",
            "{what}: Flux is being uninstalled; every workload stays, windlass stops. To take the \
             cluster again: rm {} and restart windlass",
            mark.display()
        );
        if let Err(error) = std::fs::write(mark, &what) {
            tracing::warn!(%error, "it cannot be remembered over a restart");
        }
        self.release_kustomizations();
        self.context.stop_watching();
        self.standing.uninstall = Some(what);
        self.halt_if_needed();
    }

    /// Releases our finalizers on everything, because Flux's API is being removed.
    pub(super) fn release_kustomizations(&mut self) {
        let Some(leadership) = self.standing.leadership.clone() else {
            return;
        };
        let metas: Vec<Meta> = self
            .kustomizations
            .values()
            .map(|slot| slot.seen.meta.clone())
            .collect();
        let sources = self.sources.values().filter_map(|slot| slot.seen.as_ref());
        let source_metas: Vec<Meta> = sources.map(|seen| seen.meta.clone()).collect();
        let (charts, repositories) = (self.charts.names(), self.repositories.names());
        let (artifacts, buckets) = (self.oci.names(), self.buckets.names());
        let helm_releases: Vec<Named> = self.releases.keys().cloned().collect();
        let context = Arc::clone(&self.context);
        // Whatever is under way could put a finalizer back.
        self.passes.abort_all();
        self.passes.spawn(async move {
            let kinds = &context.kinds;
            let all = metas.iter().map(|meta| (&kinds.kustomization, &meta.name));
            let all = all.chain(
                source_metas
                    .iter()
                    .map(|meta| (&kinds.git_repository, &meta.name)),
            );
            let all = all.chain(charts.iter().map(|name| (&kinds.helm_chart, name)));
            let kind = &kinds.helm_repository;
            let all = all.chain(repositories.iter().map(|name| (kind, name)));
            let kind = &kinds.oci_repository;
            let all = all.chain(artifacts.iter().map(|name| (kind, name)));
            let kind = &kinds.bucket;
            let all = all.chain(buckets.iter().map(|name| (kind, name)));
            let kind = &kinds.helm_release;
            let all = all.chain(helm_releases.iter().map(|name| (kind, name)));
            let releases =
                stream::iter(all).for_each_concurrent(RELEASES_AT_ONCE, |(kind, name)| {
                    finalizer::release_for_good(&context.cluster, &leadership, kind, name)
                });
            releases.await;
        });
    }
}

/// A pause that cannot be read counts as one without an end: the safe side is to write nothing.
fn read_pause(config_map: Value) -> Pause {
    let parsed = Object::from_value(config_map).map_err(|error| error.to_string());
    parsed
        .and_then(|object| Pause::from_object(&object).map_err(|error| error.to_string()))
        .unwrap_or_else(|error| {
            tracing::warn!(
                error,
                "a pause that cannot be read: nothing is written until it is corrected"
            );
            Pause {
                until: None,
                reason: error,
                by: String::new(),
            }
        })
}
