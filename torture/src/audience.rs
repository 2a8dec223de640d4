//! Who subscribes to the server: each in another way; one reads at once, the others now and then.

use std::{fmt, future::pending};

use eyre::{OptionExt, Result, WrapErr, ensure, eyre};
use futures::{FutureExt, StreamExt, stream::BoxStream};
use rpc::InProcess;
use serde_json::json;
use tokio::task::unconstrained;

use crate::oracle::{
    Published,
    feed::{Subscriber, Way},
};

/// How each listens, what it wants, and at every how many looks it reads.
const WANTED: [(Way, bool, &[&str], u64); 7] = [
    (Way::Events, false, &[], 1),
    (Way::Events, true, &["head_l1"], 9),
    (Way::Events, false, &["safe_l2", "finalized_l2"], 1),
    (Way::Events, true, &[], 41),
    (Way::Status, false, &["current_l1"], 17),
    (Way::Status, true, &[], 1),
    (Way::Reorgs, false, &[], 29),
];

/// After how many looks one of them connects again.
const RECONNECT: u64 = 37;

/// Everybody who subscribes.
#[derive(Debug)]
pub struct Audience {
    seats: Vec<Seat>,
    /// Who reads at once.
    prompt: usize,
    looks: u64,
}

struct Seat {
    subscriber: Subscriber,
    every: u64,
    /// What it can read, while there is a server.
    frames: Option<BoxStream<'static, String>>,
}

impl fmt::Debug for Seat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Seat").field("subscriber", &self.subscriber).finish_non_exhaustive()
    }
}

impl Audience {
    /// Nobody has connected yet.
    pub fn new(seed: u64) -> Self {
        let seat = |(way, meta, on, every)| Seat { subscriber: Subscriber::new(way, meta, on), every, frames: None };
        Self { seats: WANTED.map(seat).into(), prompt: (seed % WANTED.len() as u64) as usize, looks: 0 }
    }

    /// Everybody connects to a server.
    pub fn connect(&mut self, rpc: &InProcess, published: &[Published]) -> Result<()> {
        self.seats.iter_mut().try_for_each(|seat| seat.connect(rpc, published))
    }

    /// What the one reads who reads at once.
    pub async fn next(&mut self) -> Option<String> {
        match &mut self.seats[self.prompt].frames {
            Some(frames) => frames.next().await,
            None => pending().await,
        }
    }

    /// Judges that. Returns how many frames it was.
    pub fn hear(&mut self, text: Option<String>, published: &[Published]) -> Result<u64> {
        let text = text.ok_or_eyre("a feed ended while the server runs")?;
        self.seats[self.prompt].hear(&text, published)
    }

    /// Whoever does so now reads all there is, and has to know then what a poll is answered. Returns how many frames
    /// that were.
    pub fn look(&mut self, rpc: &InProcess, stale: bool, published: &[Published]) -> Result<u64> {
        self.looks += 1;
        let mut heard = 0;
        for (index, seat) in self.seats.iter_mut().enumerate() {
            if index == self.prompt || (self.looks + index as u64).is_multiple_of(seat.every) {
                let (frames, ended) = seat.read(published)?;
                heard += frames;
                ensure!(!ended, "a feed ended while the server runs");
                seat.subscriber.settled(stale, published).wrap_err_with(|| format!("{:?}", seat.subscriber))?;
            }
        }
        if self.looks.is_multiple_of(RECONNECT) {
            let index = (self.looks / RECONNECT % self.seats.len() as u64) as usize;
            self.seats[index].connect(rpc, published)?;
        }
        Ok(heard)
    }

    /// The server is gone: so are its feeds. Returns how many frames were left.
    pub fn end(&mut self, published: &[Published]) -> Result<u64> {
        let mut heard = 0;
        for seat in &mut self.seats {
            let (frames, ended) = seat.read(published)?;
            heard += frames;
            ensure!(ended, "a feed outlives its server: {:?}", seat.subscriber);
            seat.subscriber.over()?;
            seat.frames = None;
        }
        Ok(heard)
    }
}

impl Seat {
    fn connect(&mut self, rpc: &InProcess, published: &[Published]) -> Result<()> {
        let Subscriber { way, meta, on, .. } = self.subscriber;
        let known = self.subscriber.connect(published);
        self.frames = Some(match way {
            Way::Events => {
                let on = if on.is_empty() { String::new() } else { format!("&on={}", on.join(",")) };
                rpc.events(&format!("meta={meta}{on}"), known.as_deref()).map_err(|why| eyre!(why))?.boxed()
            }
            Way::Status | Way::Reorgs => {
                let options = if on.is_empty() { json!({ "meta": meta }) } else { json!({ "meta": meta, "on": on }) };
                let params = if way == Way::Status { json!(["syncStatus", options]) } else { json!(["l1Reorgs"]) };
                let request = json!({ "jsonrpc": "2.0", "id": 1, "method": "optimism_subscribe", "params": params });
                rpc.subscribe(&request.to_string()).boxed()
            }
        });
        Ok(())
    }

    fn hear(&mut self, text: &str, published: &[Published]) -> Result<u64> {
        let heard = self.subscriber.hear(text, published);
        heard.map(u64::from).wrap_err_with(|| format!("{:?}", self.subscriber))
    }

    /// Reads all there is. Returns how many frames that were, and whether the feed has ended.
    fn read(&mut self, published: &[Published]) -> Result<(u64, bool)> {
        let mut heard = 0;
        loop {
            let Some(frames) = &mut self.frames else { return Ok((heard, true)) };
            match unconstrained(frames.next()).now_or_never() {
                Some(Some(text)) => heard += self.hear(&text, published)?,
                Some(None) => return Ok((heard, true)),
                None => return Ok((heard, false)),
            }
        }
    }
}
