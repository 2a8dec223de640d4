//! Polls the server without pause and checks every answer.

use std::{collections::HashSet, time::Duration};

use eyre::{OptionExt, WrapErr, bail, ensure, eyre};
use rollup::{L1BlockRef, L2BlockRef, SyncStatus};
use serde::Deserialize;
use serde_json::{Value, value::RawValue};
use tokio::{sync::watch, time::sleep};

use crate::{
    answer::Answer,
    brief, http_client,
    invariants::{Step, step, well_formed},
};

const PAUSE: Duration = Duration::from_millis(10);
/// An answer that takes longer hangs on something: it needs microseconds on an idle machine.
const TIMEOUT: Duration = Duration::from_secs(10);
const REQUEST: &str = r#"{"jsonrpc":"2.0","id":1,"method":"optimism_syncStatus","params":[]}"#;

/// What may happen because the test makes it happen.
#[derive(Clone, Copy, Debug, Default)]
pub struct Allowed {
    /// How often blocks below finality may go back.
    pub reorgs: u64,
    /// Whether the server may say that its status is too old.
    pub stale: bool,
}

/// What has been seen so far.
#[derive(Debug, Default)]
pub struct Watched {
    /// The last answer.
    pub last: Option<Answer>,
    /// Every L1 block that was ever part of a status.
    pub l1: HashSet<L1BlockRef>,
    /// Every L2 block that was ever part of a status.
    pub l2: HashSet<L2BlockRef>,
    /// The first answer that must not be; nothing is watched after it.
    pub violation: Option<String>,
}

/// Polls `url` until an answer breaks a rule.
pub async fn watch(url: String, allowed: watch::Receiver<Allowed>, watched: watch::Sender<Watched>) {
    let http = http_client();
    let mut known = SyncStatus::default();
    let mut reorgs = 0;
    loop {
        // What is allowed only while the question is on its way is allowed.
        let before = *allowed.borrow();
        let checked = ask(&http, &url).await.and_then(|answer| {
            let after = *allowed.borrow();
            match &answer {
                Answer::Stale(_) => {
                    ensure!(before.stale || after.stale, "stale, which nothing here explains: {answer:?}")
                }
                Answer::Status(status) => {
                    let step = well_formed(status).and_then(|()| step(&known, status));
                    let now = || brief::status(status);
                    reorgs += u64::from(step.map_err(|problem| eyre!("{problem} at {}", now()))? == Step::Back);
                    ensure!(
                        reorgs <= after.reorgs,
                        "went back {reorgs} times, {} explained, at {}",
                        after.reorgs,
                        now()
                    );
                    known = **status;
                }
            }
            Ok(answer)
        });
        match checked {
            Ok(answer) => watched.send_modify(|watched| watched.note(answer)),
            Err(violation) => {
                let before = brief::status(&known);
                watched.send_modify(|watched| watched.violation = Some(format!("{violation:#}\nafter {before}")));
                return;
            }
        }
        sleep(PAUSE).await;
    }
}

async fn ask(http: &reqwest::Client, url: &str) -> eyre::Result<Answer> {
    #[derive(Deserialize)]
    struct Response<'a> {
        #[serde(borrow)]
        result: Option<&'a RawValue>,
        error: Option<Error>,
    }
    #[derive(Debug, Deserialize)]
    struct Error {
        code: i64,
        message: String,
        #[serde(default)]
        data: Value,
    }
    let request = http.post(url).header("content-type", "application/json").body(REQUEST).timeout(TIMEOUT);
    let response = request.send().await.wrap_err("the server did not answer")?;
    ensure!(response.status() == 200, "HTTP status {}", response.status());
    let body = response.text().await.wrap_err("the server's answer broke off")?;
    let response: Response<'_> = serde_json::from_str(&body).wrap_err_with(|| format!("not JSON-RPC: {body}"))?;
    if let Some(Error { code, message, data }) = response.error {
        ensure!(code == -32002, "error {code}: {message}");
        return Ok(Answer::Stale(data));
    }
    let text = response.result.ok_or_eyre("neither result nor error")?.get();
    let status: SyncStatus = serde_json::from_str(text).wrap_err_with(|| format!("not a status: {text}"))?;
    if status.to_json() != text {
        bail!("not op-node's JSON: {text}");
    }
    Ok(Answer::Status(Box::new(status)))
}

impl Watched {
    fn note(&mut self, answer: Answer) {
        if let Answer::Status(status) = &answer {
            let l1 = [status.current_l1, status.head_l1, status.safe_l1, status.finalized_l1];
            self.l1.extend(l1.into_iter().filter(|block| !block.is_zero()));
            let derived = [status.safe_l2, status.finalized_l2, status.pending_safe_l2, status.local_safe_l2];
            let l2 = derived.into_iter().chain([status.unsafe_l2, status.cross_unsafe_l2]);
            self.l2.extend(l2.filter(|block| !block.is_zero()));
        }
        self.last = Some(answer);
    }
}
