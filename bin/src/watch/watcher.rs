//! What is new in what a node says, as lines.

use std::time::Duration;

use clap::builder::styling::Style;
use rollup::SyncStatus;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    check::block,
    get::{
        columns::plain,
        table::{BAD, GOOD, ODD},
    },
};

/// The refs that are told, in this order.
const REFS: [&str; 7] = ["head_l1", "safe_l1", "finalized_l1", "current_l1", "unsafe_l2", "safe_l2", "finalized_l2"];

/// What a node says.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Seen {
    pub(super) status: SyncStatus,
    /// Which run of the program says so; none of a node that does not tell.
    #[serde(default)]
    pub(super) instance: Option<String>,
    #[serde(default)]
    pub(super) sequence: Option<u64>,
    #[serde(default)]
    pub(super) l1_epoch: u64,
    #[serde(default)]
    pub(super) l2_epoch: u64,
    #[serde(default)]
    pub(super) reorg: Value,
    #[serde(default)]
    pub(super) ready: Option<bool>,
}

impl Seen {
    /// Of a node that tells nothing else.
    pub(super) fn without_meta(status: SyncStatus) -> Self {
        Self { status, instance: None, sequence: None, l1_epoch: 0, l2_epoch: 0, reorg: Value::Null, ready: None }
    }
}

/// What happened.
#[derive(Clone, Debug)]
pub(super) enum News {
    /// The node answers, by this.
    Connected(String),
    /// It says this.
    Status(Box<Seen>),
    /// It withholds the status, for this reason.
    Stale(String),
    /// The connection ended or cannot be had, for this reason.
    Lost(String),
}

/// What was told last.
#[derive(Debug)]
pub(super) struct Watcher {
    endpoint: String,
    json: bool,
    last: Option<Seen>,
    stale: bool,
    lost: Option<String>,
}

impl Watcher {
    pub(super) fn new(endpoint: &str, json: bool) -> Self {
        Self { endpoint: endpoint.into(), json, last: None, stale: false, lost: None }
    }

    /// A line for each change; nothing where nothing changed. `at` is Unix time.
    pub(super) fn lines(&mut self, news: News, at: Duration) -> String {
        let mut text = String::new();
        let mut say = |event: &str, style: Style, words: String, more: Value| {
            text.push_str(&if self.json {
                object(at, event, &self.endpoint, more)
            } else {
                line(at, event, style, &words)
            });
        };
        match news {
            News::Connected(how) => {
                self.lost = None;
                say("connected", GOOD, format!("{} by {how}", self.endpoint), json!({ "by": how }));
            }
            News::Lost(why) => {
                if self.lost.as_ref() != Some(&why) {
                    say("lost", BAD, format!("{why}; trying again"), json!({ "error": why }));
                }
                self.lost = Some(why);
            }
            News::Stale(why) => {
                if !self.stale {
                    say("stale", BAD, why.clone(), json!({ "error": why }));
                }
                self.stale = true;
            }
            News::Status(seen) => {
                if std::mem::take(&mut self.stale) {
                    say("fresh", GOOD, "the status is good again".into(), json!({}));
                }
                changes(self.last.as_ref(), &seen, say);
                self.last = Some(*seen);
            }
        }
        text
    }
}

fn changes(last: Option<&Seen>, seen: &Seen, mut say: impl FnMut(&str, Style, String, Value)) {
    let same_run = last.filter(|last| last.instance == seen.instance);
    if let (Some(last), None) = (last, same_run) {
        let name = |seen: &Seen| seen.instance.clone().unwrap_or_else(|| "unknown".into());
        let (was, is) = (name(last), name(seen));
        say("restarted", ODD, format!("instance {is}, was {was}"), json!({ "instance": is, "was": was }));
    }
    if same_run.is_some_and(|last| last.l1_epoch != seen.l1_epoch) {
        let (depth, head) = (&seen.reorg["depth"], &seen.reorg["new_head"]["number"]);
        say("reorg", ODD, format!("L1 reorg of depth {depth}, the new head is {head}"), json!({ "reorg": seen.reorg }));
    }
    if let Some(last) = same_run.filter(|last| last.l2_epoch != seen.l2_epoch) {
        let (from, to) = (last.status.unsafe_l2.number, seen.status.unsafe_l2.number);
        say("rewind", ODD, format!("the L2 tip went back, {from} to {to}"), json!({ "from": from, "to": to }));
    }
    if let Some(ready) = seen.ready.filter(|ready| last.is_none_or(|last| last.ready != Some(*ready))) {
        let style = if ready { GOOD } else { BAD };
        let words =
            if ready { "it vouches for the status" } else { "it does not vouch for the status: see op-status get" };
        say(if ready { "ready" } else { "unready" }, style, words.into(), json!({ "ready": ready }));
    }
    if last.is_none_or(|last| last.status != seen.status) {
        let more = json!({
            "instance": seen.instance, "sequence": seen.sequence, "l1_epoch": seen.l1_epoch, "l2_epoch": seen.l2_epoch,
            "status": seen.status,
        });
        say("status", Style::new(), refs(last, &seen.status), more);
    }
}

/// The refs that are not what they were, with how far they moved.
fn refs(last: Option<&Seen>, status: &SyncStatus) -> String {
    let told = REFS.iter().filter_map(|label| {
        let now = block(status, label).map(|(number, _)| number);
        let Some(last) = last else { return now.map(|number| format!("{label} {number}")) };
        let was = block(&last.status, label).map(|(number, _)| number);
        match (was, now) {
            (was, now) if was == now => None,
            (_, None) => Some(format!("{label} unset")),
            (None, Some(number)) => Some(format!("{label} {number}")),
            (Some(was), Some(number)) => Some(format!("{label} {number} ({:+})", i128::from(number) - i128::from(was))),
        }
    });
    let told: Vec<_> = told.collect();
    match (told.is_empty(), last) {
        (true, None) => "nothing is known yet".into(),
        (true, Some(_)) => "other blocks at the same heights".into(),
        (false, _) => told.join("  "),
    }
}

fn line(at: Duration, event: &str, style: Style, words: &str) -> String {
    let seconds = at.as_secs() % 86400;
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    format!("{hours:02}:{minutes:02}:{seconds:02}  {style}{event:9}{style:#}  {}\n", plain(words))
}

fn object(at: Duration, event: &str, endpoint: &str, more: Value) -> String {
    let mut object = json!({ "at_ms": at.as_millis() as u64, "event": event, "endpoint": endpoint });
    if let (Some(object), Value::Object(more)) = (object.as_object_mut(), more) {
        object.extend(more);
    }
    format!("{object}\n")
}

#[cfg(test)]
mod tests {
    use anstream::adapter::strip_str;

    use super::*;
    use crate::get::testing;

    /// op-node's documented answer as that of an op-status, with some of it changed.
    fn seen(edit: impl FnOnce(&mut Seen)) -> News {
        let mut seen = Seen { instance: Some("a".into()), ready: Some(true), ..Seen::without_meta(testing::status()) };
        edit(&mut seen);
        News::Status(Box::new(seen))
    }

    /// After the documented answer these news are told as these lines, without their times.
    #[track_caller]
    fn check(news: Vec<News>, expected: &[&str]) {
        let mut watcher = Watcher::new("http://n", false);
        let at = Duration::from_secs(3_723);
        watcher.lines(seen(|_| {}), at);
        let text: String = news.into_iter().map(|news| watcher.lines(news, at)).collect();
        let text = strip_str(&text).to_string();
        let told: Vec<_> = text.lines().map(|line| line.strip_prefix("01:02:03  ").unwrap()).collect();
        assert_eq!(told, expected);
    }

    #[test]
    fn the_first_status_is_told_whole() {
        let mut watcher = Watcher::new("http://n", false);
        let text = watcher.lines(seen(|_| {}), Duration::from_secs(86399));
        assert_eq!(
            strip_str(&text).to_string(),
            "23:59:59  ready      it vouches for the status\n\
             23:59:59  status     head_l1 21040212  safe_l1 21040159  finalized_l1 21040127  current_l1 21040210  \
             unsafe_l2 127121015  safe_l2 127120800  finalized_l2 127120300\n"
        );
        let empty = Watcher::new("http://n", false)
            .lines(News::Status(Box::new(Seen::without_meta(SyncStatus::default()))), Duration::ZERO);
        assert_eq!(strip_str(&empty).to_string(), "00:00:00  status     nothing is known yet\n");
    }

    #[test]
    fn only_changes_are_told() {
        check(vec![seen(|_| {}), seen(|it| it.sequence = Some(9))], &[]);
        let moved = |it: &mut Seen| {
            it.status.head_l1.number += 1;
            it.status.unsafe_l2.number += 6;
            it.status.safe_l2.number -= 2;
            it.status.safe_l1 = Default::default();
        };
        check(
            vec![seen(moved)],
            &["status     head_l1 21040213 (+1)  safe_l1 unset  unsafe_l2 127121021 (+6)  safe_l2 127120798 (-2)"],
        );
        check(
            vec![seen(|it| it.status.head_l1.hash = !it.status.head_l1.hash)],
            &["status     other blocks at the same heights"],
        );
    }

    #[test]
    fn what_is_odd_has_a_line_of_its_own() {
        let reorg = json!({ "depth": 3, "new_head": { "number": 21040213 } });
        check(
            vec![seen(|it| (it.l1_epoch, it.reorg) = (1, reorg))],
            &["reorg      L1 reorg of depth 3, the new head is 21040213"],
        );
        let rewound = |it: &mut Seen| {
            it.l2_epoch = 1;
            it.status.unsafe_l2.number -= 5;
        };
        check(
            vec![seen(rewound)],
            &["rewind     the L2 tip went back, 127121015 to 127121010", "status     unsafe_l2 127121010 (-5)"],
        );
        check(vec![seen(|it| it.instance = Some("b".into()))], &["restarted  instance b, was a"]);
        // Epochs of another run say nothing.
        check(vec![seen(|it| (it.instance, it.l1_epoch) = (Some("b".into()), 7))], &["restarted  instance b, was a"]);
        check(
            vec![seen(|it| it.ready = Some(false))],
            &["unready    it does not vouch for the status: see op-status get"],
        );
        let stale = || News::Stale("no source has confirmed it".into());
        check(
            vec![stale(), stale(), seen(|_| {})],
            &["stale      no source has confirmed it", "fresh      the status is good again"],
        );
        let lost = |why: &str| News::Lost(why.into());
        check(
            vec![lost("gone"), lost("gone"), lost("refused"), News::Connected("its feed".into()), lost("refused")],
            &[
                "lost       gone; trying again",
                "lost       refused; trying again",
                "connected  http://n by its feed",
                "lost       refused; trying again",
            ],
        );
    }

    #[test]
    fn machines_read_an_object_a_line() {
        let mut watcher = Watcher::new("http://n", true);
        let text = watcher.lines(seen(|it| it.sequence = Some(5)), Duration::from_millis(7));
        let objects: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(objects[0], json!({ "at_ms": 7, "event": "ready", "endpoint": "http://n", "ready": true }));
        assert_eq!((&objects[1]["event"], &objects[1]["sequence"]), (&json!("status"), &json!(5)));
        assert_eq!(objects[1]["status"], json!(testing::status()));
    }
}
