//! Receivers: gives each its path, and lets a genuine webhook ask the objects that it names to look for news.
//!
//! A webhook is a hint and never data: all that comes of it is Flux's annotation, which anybody may set who may write
//! the object. Only the leader takes them, because only it writes.

mod hints;
mod hook;
mod pass;
mod route;

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;
use windlass_cluster::{Leadership, WatchEvent};
use windlass_host::config::Settings;
use windlass_wire::Routes;

use self::hints::Hints;
use self::pass::Outcome;
use self::route::Route;
use crate::context::Context;
use crate::known::Known;
use crate::listen::{self, Asked};
use crate::named::Named;
use crate::queue::Queue;
use crate::seen::{Meta, SeenReceiver};

/// Receivers looked at side by side.
const CONCURRENT: usize = 4;

/// Where the watch hands what it shows.
#[derive(Clone, Debug)]
pub(crate) struct Receivers(UnboundedSender<WatchEvent>);

/// The task.
struct Task {
    context: Arc<Context>,
    settings: watch::Receiver<Settings>,
    writer: watch::Receiver<Option<Leadership>>,
    receivers: Known<SeenReceiver>,
    queue: Queue<Named>,
    passes: JoinSet<(Named, Outcome)>,
    /// By which a pass makes a route known before it says that there is one.
    opened: UnboundedSender<Arc<Route>>,
    routes: BTreeMap<Named, Arc<Route>>,
    paths: watch::Sender<Routes>,
    hints: Arc<Hints>,
    hooks: JoinSet<()>,
}

// === impl Receivers ===

impl Receivers {
    pub(crate) fn new() -> (Self, UnboundedReceiver<WatchEvent>) {
        let (sender, receiver) = mpsc::unbounded_channel();
        (Self(sender), receiver)
    }

    /// Takes what the watch shows.
    pub(crate) fn hear(&self, event: WatchEvent) {
        // Without the task the agent is about to end.
        let _ = self.0.send(event);
    }
}

/// Works until the agent ends. It listens where the settings say so, and nowhere otherwise.
pub(crate) async fn follow(
    context: Arc<Context>,
    settings: watch::Receiver<Settings>,
    mut seen: UnboundedReceiver<WatchEvent>,
) {
    let (sender, mut asked) = mpsc::unbounded_channel();
    let (opened, mut opening) = mpsc::unbounded_channel();
    let (paths, followed) = watch::channel(closed());
    let address = settings.borrow().receiver.listen;
    let listening = address.map(|address| {
        let net = Arc::clone(&context.net);
        tokio::spawn(listen::follow(
            "webhooks",
            address,
            net,
            followed,
            sender.clone(),
        ))
    });
    let mut task = Task {
        writer: context.writer.subscribe(),
        receivers: Known::default(),
        queue: Queue::new(CONCURRENT),
        passes: JoinSet::new(),
        opened,
        routes: BTreeMap::new(),
        hints: Arc::new(Hints::new(context.cluster.clone())),
        hooks: JoinSet::new(),
        context,
        settings,
        paths,
    };
    loop {
        task.start();
        task.show_paths();
        let due = task.queue.next_due();
        tokio::select! {
            event = seen.recv() => match event {
                Some(event) => task.seen(event),
                None => break,
            },
            Ok(()) = task.writer.changed() => task.writer_changed(),
            Some(one) = asked.recv() => task.asked(one),
            Some(route) = opening.recv() => task.open(route),
            Some(done) = task.passes.join_next() => task.finished(done.ok()),
            Some(_) = task.hooks.join_next() => {}
            () = until(due) => {}
        }
    }
    if let Some(listening) = listening {
        listening.abort();
    }
}

/// What is served while nothing may be written.
fn closed() -> Routes {
    Routes {
        paths: Vec::new(),
        otherwise: hook::NOT_NOW,
    }
}

async fn until(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due).await,
        None => std::future::pending().await,
    }
}

// === impl Task ===

impl Task {
    fn seen(&mut self, event: WatchEvent) {
        let wakes = match &event {
            WatchEvent::Applied(object) => Meta::parse(object).filter(|now| {
                let before = self.receivers.get(&now.name);
                before.is_none_or(|before| now.asks_for_a_pass(&before.meta, &pass::WATCHED))
            }),
            _ => None,
        };
        self.receivers.take(event, |object| {
            let seen = SeenReceiver::parse(object)?;
            Some((seen.meta.name.clone(), seen))
        });
        if let Some(meta) = wakes {
            self.queue.wake(&meta.name);
        }
        let gone: Vec<Named> = self
            .routes
            .keys()
            .filter(|name| self.receivers.get(name).is_none())
            .cloned()
            .collect();
        for name in gone {
            self.routes.remove(&name);
            self.queue.forget(&name);
        }
    }

    /// Who begins to lead looks at everything; who does not lead any more takes nothing.
    fn writer_changed(&mut self) {
        let writes = self.writer.borrow_and_update().is_some();
        if !writes {
            self.routes.clear();
            return;
        }
        for (name, _) in self.receivers.iter() {
            self.queue.wake(name);
        }
    }

    fn start(&mut self) {
        let Some(leadership) = self.writer.borrow().clone() else {
            return;
        };
        while let Some(name) = self.queue.start(Instant::now()) {
            let Some(seen) = self.receivers.get(&name).cloned() else {
                self.queue.finish(&name);
                self.queue.forget(&name);
                continue;
            };
            let (context, leadership) = (Arc::clone(&self.context), leadership.clone());
            let opened = self.opened.clone();
            self.passes.spawn(async move {
                let outcome = pass::run(&context, &leadership, seen, &opened).await;
                (name, outcome)
            });
        }
    }

    fn open(&mut self, route: Arc<Route>) {
        if self.writer.borrow().is_some() {
            self.routes.insert(route.name.clone(), route);
        }
    }

    fn finished(&mut self, done: Option<(Named, Outcome)>) {
        // A pass that panicked keeps its place: its Receiver is left as it is.
        let Some((name, outcome)) = done else { return };
        self.queue.finish(&name);
        if let Some(object) = outcome.object {
            self.seen(WatchEvent::Applied(object.into_value()));
        }
        if !outcome.is_open {
            self.routes.remove(&name);
        }
        if let Some(again) = outcome.again {
            self.queue.schedule(&name, Instant::now() + again);
        }
    }

    /// Tells windlass-net which paths are known, if they are others than before.
    fn show_paths(&self) {
        let now = match *self.writer.borrow() {
            Some(_) => Routes {
                paths: self
                    .routes
                    .values()
                    .map(|route| route.path.clone())
                    .collect(),
                otherwise: hook::UNKNOWN,
            },
            None => closed(),
        };
        self.paths.send_if_modified(|before| {
            let moved = *before != now;
            *before = now;
            moved
        });
    }

    fn asked(&mut self, asked: Asked) {
        let path = &asked.taken.path;
        let route = self.routes.values().find(|route| route.path == *path);
        let leadership = self.writer.borrow().clone();
        let (Some(route), Some(leadership)) = (route.cloned(), leadership) else {
            return asked.reply(hook::NOT_NOW, "", Vec::new());
        };
        let hook = hook::Hook {
            context: Arc::clone(&self.context),
            leadership,
            hints: Arc::clone(&self.hints),
            apart: self.settings.borrow().tenancy.no_cross_namespace_refs,
            route,
        };
        self.hooks.spawn(async move {
            let status = hook.take(&asked.taken).await;
            asked.reply(status, "", Vec::new());
        });
    }
}
