//! What a subscriber reads, judged as it reads it: every status it is told was published, in order, and in the end it
//! knows what a poll answers.

use eyre::{OptionExt, Result, ensure};
use rollup::BlockId;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{Published, Reorg, rules};

/// How a subscriber listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// `GET /events`.
    Events,
    /// `optimism_subscribe` to `syncStatus`.
    Status,
    /// `optimism_subscribe` to `l1Reorgs`.
    Reorgs,
}

/// A subscriber.
#[derive(Clone, Debug)]
pub struct Subscriber {
    /// How it listens.
    pub way: Way,
    /// Whether it wants all that is known.
    pub meta: bool,
    /// The refs of which one must change; none: any.
    pub on: &'static [&'static str],
    /// Of `/events` the last id, of a WebSocket its subscription.
    id: Option<String>,
    /// Whether it has been told nothing since it connected.
    first: bool,
    /// The sequence number it was told last.
    sequence: Option<u64>,
    /// Whether it was told since that this is stale.
    stale: bool,
    /// The last L1 epoch it was told of.
    l1_epoch: u64,
    /// It should have been told a moment ago that what it knows is stale.
    owed: bool,
    ended: bool,
}

/// What is told with `meta`.
#[derive(Deserialize)]
struct Meta<'a> {
    instance: &'a str,
    sequence: u64,
    l1_epoch: u64,
    l2_epoch: u64,
    reorg: Option<Reorg>,
    #[serde(borrow)]
    status: &'a RawValue,
}

/// What is told of a reorg.
#[derive(Deserialize)]
struct Told<'a> {
    instance: &'a str,
    l1_epoch: u64,
    /// So many are no longer known.
    missed: Option<u64>,
    status_id: Option<&'a str>,
    #[serde(flatten)]
    reorg: Option<Reorg>,
}

#[derive(Deserialize)]
struct Frame<'a> {
    method: &'a str,
    #[serde(borrow)]
    params: Params<'a>,
}

#[derive(Deserialize)]
struct Params<'a> {
    subscription: &'a str,
    #[serde(borrow)]
    result: Option<&'a RawValue>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Stale {
    code: i64,
}

#[derive(Deserialize)]
struct Subscribed {
    result: String,
}

impl Subscriber {
    /// It has not connected yet.
    pub fn new(way: Way, meta: bool, on: &'static [&'static str]) -> Self {
        Self {
            way,
            meta,
            on,
            id: None,
            first: true,
            sequence: None,
            stale: false,
            l1_epoch: 0,
            owed: false,
            ended: false,
        }
    }

    /// It connects, for the first time or again. Returns the id that it says it knows.
    pub fn connect(&mut self, published: &[Published]) -> Option<String> {
        let id = self.id.take().filter(|_| self.way == Way::Events);
        let known = published.iter().rev().find(|it| id.as_ref().is_some_and(|id| *id == it.id()));
        let l1_epoch = known.or(published.last()).map_or(0, |it| it.l1_epoch);
        let sequence = known.map(|it| it.sequence);
        *self = Self { id: id.clone(), sequence, l1_epoch, ..Self::new(self.way, self.meta, self.on) };
        id
    }

    /// Judges what it reads. Returns whether it was news.
    pub fn hear(&mut self, text: &str, published: &[Published]) -> Result<bool> {
        ensure!(!self.ended, "more after the end: {text}");
        if self.way == Way::Events {
            return self.event(text, published);
        }
        let Some(id) = &self.id else {
            self.id = Some(serde_json::from_str::<Subscribed>(text)?.result);
            return Ok(false);
        };
        let frame: Frame<'_> = serde_json::from_str(text)?;
        ensure!(frame.method == "optimism_subscription" && frame.params.subscription == id, "whose is {text}");
        match (frame.params.result, frame.params.error) {
            (Some(result), None) if self.way == Way::Reorgs => self.reorg(result.get(), published),
            (Some(result), None) => self.status(None, result.get(), published).map(drop),
            (None, Some(error)) if self.way == Way::Status => self.becomes_stale(error.get()),
            _ => eyre::bail!("neither a result nor an error: {text}"),
        }?;
        Ok(true)
    }

    fn event(&mut self, text: &str, published: &[Published]) -> Result<bool> {
        let field = |name| text.lines().find_map(|line| line.strip_prefix(name));
        let Some(kind) = field("event: ") else { return Ok(false) };
        let (id, data) = (field("id:").map(str::trim_start), field("data: ").ok_or_eyre("an event without data")?);
        match (kind, id) {
            ("status", Some(id)) => {
                let sequence = id.split_once('-').and_then(|(_, sequence)| sequence.parse().ok());
                let it = self.status(Some(sequence.ok_or_eyre("no sequence number")?), data, published)?;
                ensure!(id == it.id(), "the id is {id} and not {}", it.id());
                self.id = Some(id.to_owned());
            }
            ("stale", Some("")) => {
                self.becomes_stale(data)?;
                self.id = None;
            }
            ("reorg", None) => self.reorg(data, published)?,
            ("end", None) => self.ended = true,
            _ => eyre::bail!("an event of no kind: {text}"),
        }
        Ok(true)
    }

    /// A status; its number is in what is told with `meta`, or with the event, or follows from what it says.
    fn status<'a>(&mut self, sequence: Option<u64>, told: &str, published: &'a [Published]) -> Result<&'a Published> {
        let meta: Option<Meta<'_>> = self.meta.then(|| serde_json::from_str(told)).transpose()?;
        let told = meta.as_ref().map_or(told, |meta| meta.status.get());
        let sequence = sequence.or(meta.as_ref().map(|meta| meta.sequence));
        let last = self.sequence.unwrap_or_default();
        let mut after = published.iter().filter(|it| it.sequence >= last);
        let it = after.find(|it| sequence.map_or(*it.json == *told, |sequence| it.sequence == sequence));
        let it = it.ok_or_else(|| eyre::eyre!("number {sequence:?} after {last} was never published: {told}"))?;
        ensure!(*it.json == *told, "number {} is told otherwise than it was published: {told}", it.sequence);
        if let Some(meta) = meta {
            let theirs = (meta.instance, meta.sequence, meta.l1_epoch, meta.l2_epoch, meta.reorg);
            let instance = format!("{:016x}", it.instance);
            let ours = (&*instance, it.sequence, it.l1_epoch, it.l2_epoch, it.reorg);
            ensure!(theirs == ours, "{theirs:?} is told of what was published as {ours:?}");
        } else if !self.stale
            && let Some(before) = published.iter().find(|before| Some(before.sequence) == self.sequence)
        {
            let change = self.first || self.on.is_empty() || self.refs(it) != self.refs(before);
            let news = it.sequence > before.sequence && change;
            ensure!(news, "number {} is told after {}, which is no news", it.sequence, before.sequence);
        }
        let in_time = self.way != Way::Events || self.l1_epoch >= it.l1_epoch;
        ensure!(in_time, "a status of epoch {} is told and reorgs to {} only", it.l1_epoch, self.l1_epoch);
        (self.sequence, self.stale, self.first) = (Some(it.sequence), false, false);
        Ok(it)
    }

    fn becomes_stale(&mut self, told: &str) -> Result<()> {
        let Stale { code } = serde_json::from_str(told)?;
        ensure!(code == -32002 && !self.stale, "an error for nothing: {told}");
        (self.stale, self.first) = (true, false);
        Ok(())
    }

    fn reorg(&mut self, told: &str, published: &[Published]) -> Result<()> {
        let Told { instance, l1_epoch, missed, status_id, reorg } = serde_json::from_str(told)?;
        let ours = published.last().map_or(0, |it| it.instance);
        ensure!(instance == format!("{ours:016x}"), "a reorg of another instance: {told}");
        ensure!(l1_epoch == self.l1_epoch + missed.unwrap_or(1), "{told} is told after epoch {}", self.l1_epoch);
        self.l1_epoch = l1_epoch;
        if missed.is_some() {
            return Ok(());
        }
        let shows = published.iter().find(|it| it.l1_epoch >= l1_epoch).ok_or_eyre("a reorg that nobody showed")?;
        // One that was replaced at once by that was seen by nobody.
        let before = published.iter().rev().find(|it| it.l1_epoch < l1_epoch).map_or(0, |it| it.sequence);
        let told_of = status_id.and_then(|id| id.strip_prefix(instance)?.strip_prefix('-')?.parse().ok());
        let is_first = told_of.is_some_and(|sequence: u64| before < sequence && sequence <= shows.sequence);
        ensure!(is_first, "{status_id:?} is told to show epoch {l1_epoch}, it is {}", shows.id());
        ensure!(shows.l1_epoch > l1_epoch || reorg == shows.reorg, "{told} is told, {:?} was published", shows.reorg);
        Ok(())
    }

    /// It has read all there is. Judges that it knows what a poll is answered at this moment.
    pub fn settled(&mut self, stale: bool, published: &[Published]) -> Result<()> {
        let newest = published.last().ok_or_eyre("nothing is published")?;
        if self.way == Way::Reorgs {
            let (told, epoch) = (self.l1_epoch, newest.l1_epoch);
            ensure!(told == epoch, "reorgs are told up to {told}, the epoch is {epoch}");
            return Ok(());
        }
        if stale && !self.stale {
            // Its news may be a millisecond away.
            ensure!(!self.owed, "a poll is answered an error, and no word of it");
            self.owed = true;
            return Ok(());
        }
        self.owed = false;
        ensure!(stale == self.stale, "it was told that the status is stale, and a poll is answered");
        if stale {
            return Ok(());
        }
        let told = self.sequence.and_then(|told| published.iter().rev().find(|it| it.sequence == told));
        let told = told.ok_or_eyre("it was never told anything")?;
        if self.on.is_empty() {
            ensure!(told.json == newest.json, "it knows number {}, and {} is served", told.sequence, newest.sequence);
        } else {
            let (known, served) = (self.refs(told), self.refs(newest));
            ensure!(known == served, "it knows {known:?}, and {served:?} is served");
        }
        Ok(())
    }

    /// The server is gone, and so must be what it tells.
    pub fn over(&self) -> Result<()> {
        ensure!(self.ended || self.way != Way::Events, "the events stopped without an end");
        Ok(())
    }

    fn refs(&self, it: &Published) -> Vec<BlockId> {
        let named = |name: &&str| rules::id_of(&it.status, name);
        self.on.iter().map(named).collect()
    }
}

#[cfg(test)]
mod tests {
    use rollup::SyncStatus;

    use super::*;

    /// Numbers 0 to 3, each with another L1 head; number 2 shows the first reorg.
    fn published() -> Vec<Published> {
        let reorg = Reorg { old_head: BlockId::default(), new_head: BlockId::default(), depth: 1, ancestor: None };
        let one = |sequence| {
            let mut status = SyncStatus::default();
            status.head_l1.number = sequence;
            let json = serde_json::to_string(&status).unwrap().into();
            let l1_epoch = u64::from(sequence > 1);
            let reorg = (l1_epoch > 0).then_some(reorg);
            Published { json, status, instance: 7, sequence, l1_epoch, l2_epoch: 0, reorg }
        };
        (0..4).map(one).collect()
    }

    fn status(sequence: usize) -> String {
        format!("event: status\nid: {}\ndata: {}\n\n", published()[sequence].id(), published()[sequence].json)
    }

    /// Hears everything, told from number 0 on, then knows what is served.
    fn judge(on: &'static [&'static str], events: &[String]) -> Result<()> {
        let published = published();
        let mut subscriber = Subscriber::new(Way::Events, false, on);
        subscriber.connect(&published[..1]);
        events.iter().try_for_each(|event| subscriber.hear(event, &published).map(drop))?;
        subscriber.settled(false, &published)
    }

    #[test]
    fn what_a_subscriber_must_not_be_told() {
        let reorg = |epoch, sequence| {
            let block = r#"{"hash":"0x0000000000000000000000000000000000000000000000000000000000000000","number":0}"#;
            format!(
                "event: reorg\ndata: {{\"instance\":\"0000000000000007\",\"l1_epoch\":{epoch},\"depth\":1,\"ancestor\":null,\
                 \"old_head\":{block},\"new_head\":{block},\"status_id\":\"0000000000000007-{sequence}\"}}\n\n"
            )
        };
        let stale = || "event: stale\nid:\ndata: {\"code\":-32002}\n\n".to_owned();
        let (told, retry) = (reorg(1, 2), ":\n\n".to_owned());
        let other_body = status(3).replace("\"number\":3", "\"number\":4");
        let other_instance = status(3).replace("0007-", "0008-");
        for (on, events, fault) in [
            (&[][..], vec![retry, status(0), status(1), told.clone(), status(3)], ""),
            (&[], vec![status(1), stale(), told.clone(), status(3)], ""),
            (&[], vec![status(1), told.clone(), status(2)], "knows number 2"),
            (&[], vec![told.clone()], "never told anything"),
            (&[], vec![told.clone(), status(3), stale()], "told that the status is stale"),
            (&[], vec![told.clone(), stale(), stale()], "an error for nothing"),
            (&[], vec![told.clone(), status(3), status(3)], "no news"),
            (&[], vec![told.clone(), status(3), status(2)], "never published"),
            (&[], vec![status(1), status(2)], "reorgs to 0 only"),
            (&[], vec![told.clone(), told.clone()], "after epoch 1"),
            (&[], vec![reorg(1, 3)], "told to show"),
            (&[], vec![told.clone(), other_body], "otherwise"),
            (&[], vec![told.clone(), other_instance], "the id is"),
            (&["safe_l2"], vec![status(1)], ""),
            (&["safe_l2"], vec![status(0), status(1)], "no news"),
            (&["head_l1"], vec![status(1)], "and [BlockId"),
        ] {
            let judged = judge(on, &events).map_err(|error| format!("{error:#}")).err().unwrap_or_default();
            assert!(judged.contains(fault) && judged.is_empty() == fault.is_empty(), "{judged:?} of {events:?}");
        }
    }
}
