//! Leadership over a real Lease, and Flux's Leases.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde_json::json;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use windlass_cluster::{
    Authority, BootClock, Clock, Cluster, Elector, ElectorSettings, EpochFloor, ErrorClass,
    FluxLeases, FluxStanding, Leadership, LeaseView,
};
use windlass_kit::api::ObjectRef;
use windlass_kit::controlplane::{ControlPlane, Options, User};

use crate::suite::support::{APPLY, agent, config_map, config_maps, plane, settled};

/// The real clock, which the test can move on: what a process sees that was stopped and goes on.
#[derive(Default)]
struct Moved(AtomicU64);

impl Clock for Moved {
    fn now(&self) -> Duration {
        BootClock.now() + Duration::from_secs(self.0.load(Ordering::SeqCst))
    }
}

pub(crate) struct Candidate {
    leadership: watch::Receiver<Option<Leadership>>,
    view: watch::Receiver<LeaseView>,
    annotations: watch::Sender<BTreeMap<String, String>>,
    clock: Arc<Moved>,
    floor: EpochFloor,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Candidate {
    pub(crate) fn start(cluster: Cluster, namespace: &str, node: &str) -> Self {
        let (annotations, receiver) = watch::channel(BTreeMap::new());
        let settings = ElectorSettings {
            namespace: namespace.to_owned(),
            name: "windlass".to_owned(),
            node: node.to_owned(),
            lease_duration: Duration::from_secs(6),
            renew_deadline: Duration::from_secs(4),
            retry_period: Duration::from_millis(500),
            annotations: receiver,
        };
        let clock = Arc::new(Moved::default());
        let elector = Elector::with_clock(cluster, settings, Arc::<Moved>::clone(&clock))
            .expect("good settings");
        let (leadership, view) = (elector.leadership(), elector.view());
        let floor = elector.epoch_floor();
        let stop = CancellationToken::new();
        let task = tokio::spawn(elector.run(stop.clone()));
        Self {
            leadership,
            view,
            annotations,
            clock,
            floor,
            stop,
            task,
        }
    }

    pub(crate) async fn leads(&mut self) -> Leadership {
        settled(&mut self.leadership, Option::is_some)
            .await
            .expect("it leads")
    }

    pub(crate) async fn stop(self) {
        self.stop.cancel();
        self.task.await.expect("it stops");
    }
}

#[tokio::test]
async fn one_leads_and_the_other_follows_within_seconds_of_a_clean_stop() {
    let namespace = plane().namespace("lead");
    let mut first = Candidate::start(agent(plane()), &namespace, "node-1");
    let leadership = first.leads().await;
    let mut second = Candidate::start(agent(plane()), &namespace, "node-2");
    let view = settled(&mut second.view, |view| view.holder.starts_with("node-1_")).await;
    assert_eq!(view.transitions, leadership.epoch());
    assert!(second.leadership.borrow().is_none());

    first.stop().await;
    assert!(leadership.check().is_err(), "its proofs end with it");
    let begun = std::time::Instant::now();
    let next = second.leads().await;
    assert!(
        begun.elapsed() < Duration::from_secs(5),
        "it need not wait for the Lease to run out"
    );
    assert_eq!(next.epoch(), leadership.epoch() + 1);
    second.stop().await;
}

#[tokio::test]
async fn a_leader_that_was_stopped_for_long_writes_nothing_more() {
    let namespace = plane().namespace("stopped");
    let cluster = agent(plane());
    let resource = config_maps(&cluster).await;
    let mut first = Candidate::start(cluster.clone(), &namespace, "node-1");
    let leadership = first.leads().await;
    let write = async || {
        let authority = Authority::Leader(&leadership);
        cluster
            .apply(
                authority,
                &resource,
                &config_map(&namespace, "web", "x"),
                &APPLY,
            )
            .await
    };
    write().await.expect("a leader writes");

    // Twice the Lease goes by without a step of this process.
    first.clock.0.store(12, Ordering::SeqCst);
    let mark = plane().audit().mark();
    let error = write().await.expect_err("it does not lead any more");
    assert_eq!(error.class(), ErrorClass::NotLeading);
    let asked = plane().audit().requests(User::Agent, mark);
    assert!(
        asked
            .iter()
            .all(|request| request.namespace != namespace || request.resource != "configmaps")
    );

    // It may lead again, under a new epoch; the old proof stays void.
    let again = settled(&mut first.leadership, |current| {
        current
            .as_ref()
            .is_some_and(|current| current.epoch() != leadership.epoch())
    });
    assert!(again.await.expect("it leads").epoch() > leadership.epoch());
    assert!(leadership.check().is_err());
    first.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn leadership_ends_when_renewals_hang_and_comes_back_after() {
    let plane = ControlPlane::start(&Options::api_server());
    let namespace = plane.namespace("hang");
    let mut candidate = Candidate::start(agent(&plane), &namespace, "node-1");
    let leadership = candidate.leads().await;
    plane.freeze_api_server();
    let begun = std::time::Instant::now();
    settled(&mut candidate.leadership, Option::is_none).await;
    assert!(
        begun.elapsed() < Duration::from_secs(6),
        "told after {:?}",
        begun.elapsed()
    );
    assert!(leadership.check().is_err());
    plane.thaw_api_server();
    assert!(candidate.leads().await.epoch() > leadership.epoch());
    candidate.stop().await;
}

#[tokio::test]
async fn annotations_reach_the_lease_and_those_of_others_stay() {
    let namespace = plane().namespace("annotate");
    let mut candidate = Candidate::start(agent(plane()), &namespace, "node-1");
    drop(candidate.leads().await);
    let lease = ObjectRef::new("coordination.k8s.io/v1", "Lease", &namespace, "windlass");
    plane().admin().patch(
        &lease,
        &json!({"metadata": {"annotations": {"windlass.dev/paused": "by hand"}}}),
    );
    let set = |pairs: &[(&str, &str)]| {
        pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect::<BTreeMap<_, _>>()
    };
    candidate.annotations.send_replace(set(&[
        ("windlass.dev/revision", "one"),
        ("windlass.dev/version", "0.1"),
    ]));
    settled(&mut candidate.view, |view| {
        view.annotations
            == set(&[
                ("windlass.dev/paused", "by hand"),
                ("windlass.dev/revision", "one"),
                ("windlass.dev/version", "0.1"),
            ])
    })
    .await;
    candidate
        .annotations
        .send_replace(set(&[("windlass.dev/revision", "two")]));
    settled(&mut candidate.view, |view| {
        view.annotations
            == set(&[
                ("windlass.dev/paused", "by hand"),
                ("windlass.dev/revision", "two"),
            ])
    })
    .await;
    candidate.stop().await;
    let lease = plane().admin().get(&lease).expect("the Lease stays");
    assert_eq!(lease["spec"]["holderIdentity"], "");
    assert_eq!(
        lease["metadata"]["annotations"]["windlass.dev/revision"],
        "two"
    );
}

#[tokio::test]
async fn a_deleted_lease_is_made_again_with_a_higher_epoch() {
    let namespace = plane().namespace("deleted");
    let mut candidate = Candidate::start(agent(plane()), &namespace, "node-1");
    let leadership = candidate.leads().await;
    plane().admin().delete(&ObjectRef::new(
        "coordination.k8s.io/v1",
        "Lease",
        &namespace,
        "windlass",
    ));
    let again = settled(&mut candidate.leadership, |current| {
        current
            .as_ref()
            .is_some_and(|current| current.epoch() != leadership.epoch())
    });
    assert!(again.await.expect("it leads").epoch() > leadership.epoch());
    candidate.stop().await;
}

#[tokio::test]
async fn a_higher_epoch_on_an_object_begins_a_new_term_above_it() {
    let namespace = plane().namespace("floor");
    let mut candidate = Candidate::start(agent(plane()), &namespace, "node-1");
    let leadership = candidate.leads().await;
    candidate.floor.raise(u64::MAX);
    candidate.floor.raise(leadership.epoch() + 1000);
    let again = settled(&mut candidate.leadership, |current| {
        current
            .as_ref()
            .is_some_and(|current| current.epoch() != leadership.epoch())
    });
    assert_eq!(
        again.await.expect("it leads").epoch(),
        leadership.epoch() + 1001
    );
    assert!(leadership.check().is_err());
    candidate.stop().await;
}

#[tokio::test]
async fn settings_with_which_two_could_lead_are_refused() {
    let cluster = agent(plane());
    for (lease, renew, retry) in [(10, 10, 2), (15, 3, 2), (15, 10, 0)] {
        let (_, annotations) = watch::channel(BTreeMap::new());
        let settings = ElectorSettings {
            namespace: "x".to_owned(),
            name: "x".to_owned(),
            node: "x".to_owned(),
            lease_duration: Duration::from_secs(lease),
            renew_deadline: Duration::from_secs(renew),
            retry_period: Duration::from_secs(retry),
            annotations,
        };
        assert!(
            Elector::new(cluster.clone(), settings).is_err(),
            "{lease} {renew} {retry}"
        );
    }
}

fn flux_lease(namespace: &str, name: &str) -> ObjectRef {
    ObjectRef::new(
        "coordination.k8s.io/v1",
        "Lease",
        namespace,
        &format!("{name}-leader-election"),
    )
}

fn flux_holds(namespace: &str, name: &str, seconds: u64) {
    plane().admin().apply(&json!({
        "apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
        "metadata": {"name": format!("{name}-leader-election"), "namespace": namespace},
        "spec": {"holderIdentity": format!("{name}-abc"), "leaseDurationSeconds": seconds, "leaseTransitions": 3,
                 "renewTime": "2026-11-24T06:00:00.000000Z"},
    }));
}

fn assert_holders(namespace: &str, holder: &str) {
    for name in ["source-controller", "kustomize-controller"] {
        let lease = plane()
            .admin()
            .get(&flux_lease(namespace, name))
            .expect("it is there");
        let spec = |field: &str| {
            lease
                .pointer(&format!("/spec/{field}"))
                .cloned()
                .unwrap_or_default()
        };
        assert_eq!(spec("holderIdentity"), holder, "{name}");
        let seconds = if holder.is_empty() { 1 } else { 900 };
        assert_eq!(spec("leaseDurationSeconds"), seconds, "{name}");
    }
}

#[tokio::test]
async fn fluxs_leases_are_held_together_or_not_at_all() {
    let namespace = plane().namespace("flux");
    let cluster = agent(plane());
    let mut candidate = Candidate::start(cluster.clone(), &namespace, "node-1");
    let leadership = candidate.leads().await;
    let clock = Arc::new(Moved::default());
    let names = [
        "source-controller-leader-election",
        "kustomize-controller-leader-election",
    ]
    .map(str::to_owned);
    let mut leases = FluxLeases::with_clock(
        cluster.clone(),
        &namespace,
        names.to_vec(),
        Arc::<Moved>::clone(&clock),
    );

    flux_holds(&namespace, "kustomize-controller", 35);
    let by_flux = FluxStanding::HeldBy {
        lease: "kustomize-controller-leader-election".to_owned(),
        holder: "kustomize-controller-abc".to_owned(),
    };
    let mut hold = async || leases.hold(&leadership).await.expect("an answer").0;
    assert_eq!(hold().await, by_flux);
    let source = flux_lease(&namespace, "source-controller");
    assert!(plane().admin().get(&source).is_none(), "none is taken");

    // Flux is gone and does not renew: once its Lease has stood still long enough, it is free.
    clock.0.store(34, Ordering::SeqCst);
    assert_eq!(hold().await, by_flux);
    clock.0.store(36, Ordering::SeqCst);
    assert_eq!(hold().await, FluxStanding::Held);
    assert_holders(&namespace, "windlass");

    // A third of its time later it is renewed, which is no transition; then Flux takes one back by
    // force.
    let kustomize = flux_lease(&namespace, "kustomize-controller");
    let spec = || {
        plane()
            .admin()
            .get(&kustomize)
            .and_then(|lease| lease.get("spec").cloned())
            .expect("a spec")
    };
    let before = spec();
    assert_eq!(hold().await, FluxStanding::Held);
    assert_eq!(spec(), before, "nothing is written before its time");
    clock.0.store(400, Ordering::SeqCst);
    assert_eq!(hold().await, FluxStanding::Held);
    assert_ne!(spec()["renewTime"], before["renewTime"]);
    assert_eq!(spec()["leaseTransitions"], before["leaseTransitions"]);
    flux_holds(&namespace, "kustomize-controller", 35);
    assert_eq!(hold().await, by_flux);
    let source = plane().admin().get(&source).expect("it stays");
    assert_eq!(
        source["spec"]["holderIdentity"], "",
        "what windlass held is given back"
    );
    clock.0.store(500, Ordering::SeqCst);
    assert_eq!(hold().await, FluxStanding::Held);

    leases.release(Authority::Person).await.expect("released");
    assert_holders(&namespace, "");
    candidate.stop().await;
}

#[tokio::test]
async fn fluxs_leases_follow_leadership_and_stay_after_it() {
    let namespace = plane().namespace("standby");
    let cluster = agent(plane());
    let mut candidate = Candidate::start(cluster.clone(), &namespace, "node-1");
    let names = vec!["source-controller-leader-election".to_owned()];
    let leases = FluxLeases::new(cluster, &namespace, names);
    let mut standing = leases.standing();
    assert_eq!(*standing.borrow(), FluxStanding::Unknown);
    let stop = CancellationToken::new();
    let task = tokio::spawn(leases.run(candidate.leadership.clone(), stop.clone()));
    drop(candidate.leads().await);
    settled(&mut standing, |standing| *standing == FluxStanding::Held).await;
    candidate.stop().await;
    settled(&mut standing, |standing| *standing == FluxStanding::Unknown).await;
    stop.cancel();
    task.await.expect("it stops");
    let lease = plane()
        .admin()
        .get(&flux_lease(&namespace, "source-controller"))
        .expect("it stays");
    assert_eq!(lease["spec"]["holderIdentity"], "windlass");
}
