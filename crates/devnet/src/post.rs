//! One request packet over a transport that only answers, such as HTTP.

use tokio::time::sleep;

use crate::packet::Packet;
use crate::{Node, Requests};

/// What the client gets.
#[derive(Debug)]
pub(crate) enum Reply {
    /// An answer with status 200.
    Body(String),
    /// The first half of this answer, and then nothing.
    HalfBody(String),
    /// A bare HTTP status.
    Status {
        status: u16,
        /// Seconds.
        retry_after: Option<u64>,
    },
    /// Nobody listens.
    Refused,
    /// The connection ends without an answer.
    Cut,
}

impl Node {
    /// Answers a packet. Never returns while the node hangs and nobody cuts its connections.
    pub(crate) async fn post(&self, text: &[u8]) -> Reply {
        let mut cuts = self.cuts();
        let faults = self.faults();
        let packet = Packet::parse(text);
        let requests = packet.as_ref().map_or(&[][..], |packet| &packet.requests);
        requests.iter().for_each(|request| self.note(&request.method));
        if faults.requests == Requests::Refuse {
            return Reply::Refused;
        }
        if !faults.latency.is_zero() {
            tokio::select! {
                biased;
                _ = cuts.changed() => return Reply::Cut,
                () = sleep(faults.latency) => {}
            }
        }
        let answer = || match &packet {
            Ok(packet) => packet.answer(|request| self.answer(&request.method, &request.params)),
            Err(response) => response.clone(),
        };
        match faults.requests {
            Requests::Hang => {
                // The sender lives as long as `self`, so this ends with a cut only.
                let _ = cuts.changed().await;
                Reply::Cut
            }
            Requests::Http { status, retry_after } => Reply::Status { status, retry_after },
            Requests::Body(text) => Reply::Body(text),
            Requests::HalfBody => Reply::HalfBody(answer()),
            _ => Reply::Body(answer()),
        }
    }
}
