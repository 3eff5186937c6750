//! Puts the agent together: opens what it keeps, connects, watches, and runs the loop.

mod error;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use windlass_api::names;
use windlass_cluster::{Cluster, Elector, ElectorSettings, EpochFloor, FluxLeases, WatchEvent};
use windlass_host::config::{Role, RootAccess, RootSettings, Settings};
use windlass_host::systemd;
use windlass_plan::applier::Applier;
use windlass_state::StoreError;
use windlass_wire::{Credentials, Reference, Secret};

use crate::alarm;
use crate::context::{Context, Kinds};
use crate::controller::{Controller, Standing};
use crate::doors;
use crate::drift::DriftWatch;
use crate::establish;
use crate::event::Event;
use crate::herald::{self, Heard, Herald};
use crate::identity::{self, Mint, connect};
use crate::lan::{self, Lan};
use crate::ledger::Ledger;
use crate::left_out::LeftOut;
use crate::local::{self, Local};
use crate::metrics;
use crate::named::Named;
use crate::net::{Net, StartCommand};
use crate::node::NodeStatus;
use crate::page;
use crate::receivers::{self, Receivers};
use crate::reload::{self, Reloaded};
use crate::secrets::SecretPolicy;
use crate::sight::{self, OwnWord, Sight};
use crate::source::basis::{Rule, Trust};
use crate::source::confirm::Verification;
use crate::source::delivery::Desk;
use crate::source::keep::Keep;
use crate::source::lost::Remembered;
use crate::source::spec::SourceSpec;
use crate::trust::{self, NodeTrust};
use crate::view::Choice;
use crate::vouch::Vouchers;
use crate::watches::watch_all;
use crate::witness::peers::Peers;
use crate::witness::{self, RootLine};

pub use self::error::AgentError;

/// The file that says Flux was uninstalled on purpose.
const UNINSTALL_MARK: &str = "uninstalled";

/// Runs the agent until `stop` is cancelled.
///
/// `start_net` says how windlass-net is started where systemd does not do it. What comes by `reloads` counts from then
/// on, as far as the agent is not built on it; each one that was taken, or refused, is told to systemd as a reload that
/// has ended.
///
/// # Errors
/// Only what keeps it from starting; afterwards every failure is a condition, an event and a log line.
pub async fn run(
    settings: Settings,
    start_net: Option<StartCommand>,
    reloads: UnboundedReceiver<Settings>,
    stop: CancellationToken,
) -> Result<(), AgentError> {
    // It ends when it is told to, and when somebody on the node wants it to start again.
    let (told_to, stop) = (stop.clone(), stop.child_token());
    let name = Named::new(&settings.root.namespace, &settings.root.name);
    let loaded = Reloaded::read(&name, &settings)?;
    let keep = Arc::new(Keep::open(&settings.state.dir, &name)?);
    let cluster = connect(&settings)?;
    let (sender, events) = mpsc::unbounded_channel();
    let net = Arc::new(Net::new(settings.net.socket.clone(), start_net));
    let sight = Arc::new(Sight::open(settings.state.dir.clone()));
    let (herald, heard) = Herald::new(Arc::clone(&sight));
    let (receivers, hooked) = Receivers::new();
    let told = (herald, receivers, Arc::clone(&sight));
    let made = context((cluster, net), told, keep, (&name, &settings), &sender);
    let context = Arc::new(made?);
    let (annotations, lease_annotations) = watch::channel(BTreeMap::new());
    let (own, own_annotations) = watch::channel(BTreeMap::new());
    let (state, mark) = places(&settings);
    let status = NodeStatus::new(name.clone(), state, annotations, own);
    let word = CancellationToken::new();
    let (election, epoch_floor) = elect(
        &context.cluster,
        &settings,
        lease_annotations,
        &sender,
        (&word, &stop),
    )?;
    let own_word = OwnWord::new(&settings, own_annotations.clone());
    let told = (own_annotations, word);
    let again = stop.clone();
    let control = speak(
        &context,
        (&settings, &loaded),
        own_word.clone(),
        (told, again),
        &sender,
    );
    write_unled(&context, &settings, &mark, &sender);
    let watches = watch_all(&context, settings.node.role, &sender);
    let standing = Standing::new(&settings, epoch_floor, mark);
    let concurrency = usize::try_from(settings.limits.concurrency).unwrap_or(1);
    let (settings, current) = watch::channel(settings);
    hear(&context, &current, (heard, hooked), own_word, &sender);
    let trust = Arc::clone(&loaded.trust);
    tokio::spawn(trust::follow(current, trust, sender.clone()));
    tokio::spawn(reload::follow(name, reloads, settings, sender.clone()));
    let queue = (sender, events);
    let controller = Controller::new(context, loaded, standing, status, concurrency, queue);
    if let Err(error) = systemd::ready() {
        tracing::warn!(%error, "systemd could not be told that the agent is ready");
    }
    controller.run(stop).await;
    watches.iter().for_each(JoinHandle::abort);
    control.abort();
    sight.keep();
    // The Lease is given back before the process ends, so that another node goes on at once.
    let _ = election.await;
    match told_to.is_cancelled() {
        true => Ok(()),
        false => Err(AgentError::StartsAgain),
    }
}

/// Where the node keeps what it knows, and where it is remembered that Flux's API was removed on purpose.
fn places(settings: &Settings) -> (PathBuf, PathBuf) {
    let state = settings.state.dir.clone();
    let mark = state.join(UNINSTALL_MARK);
    (state, mark)
}

/// Starts what a node writes whoever leads, unless it is one that only keeps. One that only looks does not even renew its identity.
fn write_unled(
    context: &Arc<Context>,
    settings: &Settings,
    mark: &Path,
    sender: &UnboundedSender<Event>,
) {
    if settings.node.observes() {
        return;
    }
    tokio::spawn(identity::follow(
        context.cluster.clone(),
        Mint::on(settings),
    ));
    if settings.node.role == Role::Cache {
        return;
    }
    let cluster = context.cluster.clone();
    tokio::spawn(establish::namespace(cluster, mark.to_owned()));
    tokio::spawn(local::follow(Local::new(context, settings, sender)));
}

/// Starts what answers on this node, and what tells the other nodes what this one accepted, once it looked at what it told before.
fn speak(
    context: &Arc<Context>,
    (settings, loaded): (&Settings, &Reloaded),
    own_word: OwnWord,
    (told, again): (
        (watch::Receiver<BTreeMap<String, String>>, CancellationToken),
        CancellationToken,
    ),
    sender: &UnboundedSender<Event>,
) -> JoinHandle<()> {
    let root = RootLine {
        line: loaded.root.spec.line(),
        begins: loaded.trust.root.introduction,
    };
    let own = (settings.node.name.clone(), root.clone());
    let (context, events) = (Arc::clone(context), sender.clone());
    let desk = Desk { root, events };
    let control = sight::serve(&context, settings, own_word, (desk, again));
    if !settings.node.observes() {
        tokio::spawn(witness::follow(context, own, told, sender.clone()));
    }
    control
}

/// Starts what tells others, what others tell, and who leads them here.
fn hear(
    context: &Arc<Context>,
    current: &watch::Receiver<Settings>,
    (heard, hooked): (UnboundedReceiver<Heard>, UnboundedReceiver<WatchEvent>),
    own_word: OwnWord,
    sender: &UnboundedSender<Event>,
) {
    let with = || (Arc::clone(context), current.clone());
    let (context, current) = with();
    tokio::spawn(herald::follow(context, current, heard));
    let (context, current) = with();
    tokio::spawn(receivers::follow(context, current, hooked));
    let (context, current) = with();
    tokio::spawn(doors::follow(context, current));
    let (context, current) = with();
    tokio::spawn(page::follow(context, current, own_word.clone()));
    let (context, current) = with();
    tokio::spawn(alarm::follow(context, current, own_word));
    let (context, current) = with();
    tokio::spawn(lan::follow(context, current));
    let (context, current) = with();
    tokio::spawn(metrics::follow(context, current, sender.clone()));
}

/// Looks at what [`run`] reads before it starts anything: the keys, the introduction, every file with a credential.
///
/// # Errors
/// What would keep the agent from starting. A kubeconfig that the settings do not name is not looked for.
pub fn check(settings: &Settings) -> Result<(), AgentError> {
    let trust = NodeTrust::read(settings)?;
    root_spec(&Named::new("", ""), &settings.root, &trust)?;
    SecretPolicy::read(&settings.sops)?;
    let kubeconfig = settings.cluster.kubeconfig.as_ref();
    kubeconfig.map_or(Ok(()), |_| Ok(connect(settings).map(drop)?))
}

fn context(
    (cluster, net): (Cluster, Arc<Net>),
    (herald, receivers, sight): (Herald, Receivers, Arc<Sight>),
    keep: Arc<Keep>,
    (root, settings): (&Named, &Settings),
    sender: &UnboundedSender<Event>,
) -> Result<Context, StoreError> {
    let (ledger, release_ledger) = (Ledger::default(), Ledger::default());
    let watched = |ledger, by| DriftWatch::new(cluster.clone(), (ledger, by), sender.clone());
    Ok(Context {
        vouchers: Arc::new(Vouchers::open(keep.store.clone())?),
        peers: Peers::new(settings.node.name.clone()),
        lan: Arc::new(Lan::open(&settings.state.dir)),
        drift: watched(ledger.clone(), Applier::Kustomization),
        release_drift: watched(release_ledger.clone(), Applier::HelmRelease),
        release_ledger,
        corrections: Arc::default(),
        halted: Arc::default(),
        remotes: Arc::default(),
        left_out: LeftOut::new(root.clone()),
        folder_drift: Arc::default(),
        kinds: Kinds::new(),
        installed: watch::Sender::default(),
        may_tell: watch::Sender::default(),
        root_asked: watch::Sender::default(),
        writer: watch::Sender::default(),
        durations: Arc::default(),
        metrics_at: watch::Sender::default(),
        observations: Arc::default(),
        cluster,
        sight,
        herald,
        receivers,
        keep,
        net,
        ledger,
    })
}

fn read(path: &std::path::Path) -> Result<String, AgentError> {
    std::fs::read_to_string(path).map_err(|source| AgentError::File {
        path: path.to_owned(),
        source,
    })
}

pub(crate) fn root_spec(
    name: &Named,
    root: &RootSettings,
    trust: &NodeTrust,
) -> Result<SourceSpec, AgentError> {
    let trust = Trust {
        rule: Rule::Signed,
        policy: Arc::clone(&trust.root),
    };
    Ok(SourceSpec {
        epoch: 0,
        name: name.clone(),
        url: root.url.clone(),
        reference: Reference::Branch(root.branch.clone()),
        beside: None,
        credentials: credentials(&root.access)?,
        ca_bundle: root.ca_file.as_deref().map(read).transpose()?,
        interval: root.interval,
        timeout: root.timeout,
        choice: Choice::default(),
        includes: Vec::new(),
        trust,
        may_turn: true,
        is_other: false,
        verification: Verification::NotAsked,
        remembered: Remembered::default(),
    })
}

fn credentials(access: &RootAccess) -> Result<Credentials, AgentError> {
    Ok(match access {
        RootAccess::Anonymous => Credentials::None,
        RootAccess::Password {
            username,
            password_file,
        } => Credentials::Basic {
            username: username.clone(),
            password: Secret::from(read(password_file)?.trim_end().to_owned()),
        },
        RootAccess::Key {
            identity_file,
            known_hosts_file,
        } => Credentials::Ssh {
            identity: Secret::from(read(identity_file)?),
            passphrase: None,
            known_hosts: read(known_hosts_file)?,
        },
    })
}

/// Stands for election once the node knows its own `word`: until then it applies nothing, and another one may.
fn elect(
    cluster: &Cluster,
    settings: &Settings,
    annotations: watch::Receiver<BTreeMap<String, String>>,
    sender: &UnboundedSender<Event>,
    (word, stop): (&CancellationToken, &CancellationToken),
) -> Result<(JoinHandle<()>, EpochFloor), AgentError> {
    if !settings.node.may_lead() {
        return Ok((
            tokio::spawn(stop.clone().cancelled_owned()),
            EpochFloor::default(),
        ));
    }
    let elector = Elector::new(
        cluster.clone(),
        ElectorSettings {
            namespace: names::FLUX_SYSTEM.to_owned(),
            name: names::LEASE.to_owned(),
            node: settings.node.name.clone(),
            lease_duration: settings.leadership.lease_duration,
            renew_deadline: settings.leadership.renew_deadline,
            retry_period: settings.leadership.retry_period,
            annotations,
        },
    )?;
    let leadership = elector.leadership();
    forward(leadership.clone(), sender, Event::Leadership);
    if settings.leadership.flux_leases {
        let names = names::FLUX_LEASES.map(str::to_owned).to_vec();
        let leases = FluxLeases::new(cluster.clone(), names::FLUX_SYSTEM, names);
        forward(leases.standing(), sender, Event::Flux);
        tokio::spawn(leases.run(leadership, stop.clone()));
    }
    let epoch_floor = elector.epoch_floor();
    let (word, stop) = (word.clone(), stop.clone());
    let election = tokio::spawn(async move {
        if stop.run_until_cancelled(word.cancelled()).await.is_some() {
            elector.run(stop).await;
        }
    });
    Ok((election, epoch_floor))
}

/// Hands every new value on as an event.
fn forward<Value: Clone + Send + Sync + 'static>(
    mut values: watch::Receiver<Value>,
    sender: &UnboundedSender<Event>,
    event: impl Fn(Value) -> Event + Send + 'static,
) {
    let sender = sender.clone();
    tokio::spawn(async move {
        while values.changed().await.is_ok() {
            let value = values.borrow_and_update().clone();
            if sender.send(event(value)).is_err() {
                return;
            }
        }
    });
}
