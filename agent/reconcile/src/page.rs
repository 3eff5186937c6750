//! The status page: a browser gets its files, and then waits for news of what this node sees.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::{Semaphore, mpsc, watch};
use windlass_host::config::{PageSettings, Settings};
use windlass_host::files;
use windlass_object::patch;
use windlass_state::{HistoryEntry, Verdict};
use windlass_web::Door;
use windlass_wire::Routes;

use crate::context::Context;
use crate::listen::{self, Asked};
use crate::sight::{OwnWord, Version};

/// Where the page asks for news.
const STATE: &str = "/state";
/// In which headers it says what it has seen already: of the cluster, and of the log of verdicts.
const AFTER: &str = "windlass-after";
const VERDICT: &str = "windlass-verdict";

/// How long a request waits for news; windlass-net waits for a reply a little longer.
const PATIENCE: Duration = Duration::from_secs(20);
/// Browsers that wait at once: each costs a few KiB here and a connection there.
const WAITING: usize = 64;
/// Verdicts that are shown.
const VERDICTS: usize = 200;

const JSON: &str = "application/json";
const TEXT: &str = "text/plain; charset=utf-8";

/// What every answer is made from.
struct Page {
    context: Arc<Context>,
    settings: PageSettings,
    own_word: OwnWord,
    waiting: Semaphore,
}

/// Why a browser is shown nothing.
struct Refusal {
    status: u16,
    message: String,
}

/// Answers for good where the settings say so, and nowhere otherwise.
pub(crate) async fn follow(
    context: Arc<Context>,
    settings: watch::Receiver<Settings>,
    own_word: OwnWord,
) {
    let settings = settings.borrow().page.clone();
    let Some(address) = settings.listen else {
        return;
    };
    let (asking, mut asked) = mpsc::unbounded_channel();
    let paths = windlass_web::paths().chain([STATE]).map(str::to_owned);
    let (_routes, routes) = watch::channel(Routes {
        paths: paths.collect(),
        otherwise: 404,
    });
    let net = Arc::clone(&context.net);
    let what = "browsers that ask for the status page";
    tokio::spawn(listen::follow(what, address, net, routes, asking));
    let page = Arc::new(Page {
        context,
        settings,
        own_word,
        waiting: Semaphore::new(WAITING),
    });
    while let Some(one) = asked.recv().await {
        tokio::spawn(answer(Arc::clone(&page), one));
    }
}

async fn answer(page: Arc<Page>, asked: Asked) {
    /// Method Not Allowed.
    const ONLY_READ: u16 = 405;
    if asked.taken.method != "GET" {
        return asked.reply(ONLY_READ, "", Vec::new());
    }
    // The files say nothing about the cluster, so anybody may have them.
    if let Some(file) = windlass_web::file(&asked.taken.path) {
        return asked.reply(200, file.content_type, file.body.to_vec());
    }
    match page.news(&asked.taken.headers).await {
        Ok(news) => asked.reply(200, JSON, news.to_string().into_bytes()),
        Err(refusal) => asked.reply(refusal.status, TEXT, refusal.message.into_bytes()),
    }
}

impl Page {
    /// Waits until there is something that this browser has not seen.
    async fn news(&self, headers: &[(String, Vec<u8>)]) -> Result<Value, Refusal> {
        let door = door(self.settings.token_file.as_deref())?;
        door.judge(headers).map_err(|denied| Refusal {
            status: denied.status(),
            message: denied.to_string(),
        })?;
        let busy = |_| Refusal::unavailable("too many browsers wait for news");
        let _place = self.waiting.try_acquire().map_err(busy)?;
        let after = value(headers, AFTER).and_then(|text| text.parse::<Version>().ok());
        self.context.sight.wait(after, PATIENCE).await;
        let verdicts = self.context.keep.store.history(VERDICTS);
        let verdicts = verdicts.map_err(|error| {
            tracing::warn!(%error, "the log of verdicts cannot be read");
            Refusal::unavailable("the log of verdicts cannot be read")
        })?;
        Ok(self.said(after, value(headers, VERDICT), &verdicts))
    }

    fn said(&self, after: Option<Version>, seen: Option<&str>, verdicts: &[HistoryEntry]) -> Value {
        let news = self.context.sight.since(after);
        let newest = verdicts.first();
        let newest = newest.map_or_else(String::new, |entry| format!("{}-{}", entry.at, entry.to));
        let mut said = json!({
            "version": news.version.to_string(),
            "verdict": newest,
            "whole": news.whole,
            "standing": self.own_word.standing(&self.context),
            "objects": news.objects,
            "events": news.events,
        });
        if news.whole || seen != Some(newest.as_str()) {
            let all = verdicts.iter().map(verdict).collect();
            patch::merge(&mut said, &json!({"commits": Value::Array(all)}));
        }
        said
    }
}

impl Refusal {
    fn unavailable(message: &str) -> Self {
        /// Service Unavailable.
        const UNAVAILABLE: u16 = 503;
        Refusal {
            status: UNAVAILABLE,
            message: message.to_owned(),
        }
    }
}

/// The file is read each time, so that another token counts at once.
fn door(token_file: Option<&Path>) -> Result<Door, Refusal> {
    let Some(path) = token_file else {
        return Ok(Door::Local);
    };
    let unusable = |error: &dyn std::error::Error| {
        tracing::error!(%error, "nobody is shown the status page");
        Refusal::unavailable("the token of this page cannot be used; the log of the agent says why")
    };
    let secret = files::read_secret(path).map_err(|error| unusable(&error))?;
    let text = std::str::from_utf8(secret.expose()).unwrap_or_default();
    Door::token(text).map_err(|error| unusable(&error))
}

fn value<'a>(headers: &'a [(String, Vec<u8>)], name: &str) -> Option<&'a str> {
    let (_, value) = headers.iter().find(|(of, _)| of == name)?;
    std::str::from_utf8(value).ok()
}

fn verdict(entry: &HistoryEntry) -> Value {
    let at = jiff::Timestamp::from_second(entry.at).unwrap_or_default();
    json!({
        "at": at.to_string(),
        "accepted": entry.verdict == Verdict::Accepted,
        "source": entry.line.source,
        "selector": entry.line.selector,
        "from": entry.from.map(|oid| oid.to_string()),
        "to": entry.to.to_string(),
        "commits": entry.commits,
        "signer": entry.signer,
        "reason": entry.reason,
    })
}
