//! What was asked of an endpoint, what came of it, and how long it took.

use std::{collections::BTreeMap, time::Duration};

use crate::CallError;

/// Upper bounds of the duration buckets, in seconds; op-node's.
pub const BUCKETS: [f64; 11] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1., 2.5, 5., 10.];

/// How many outcomes are told apart for a method: an endpoint may make up error codes for ever.
const OUTCOMES: usize = 16;

/// By method. Methods are those of the program, so there are few.
pub type Traffic = BTreeMap<&'static str, MethodTraffic>;

/// The traffic of one method.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MethodTraffic {
    /// Requests sent, members of a batch counted singly.
    pub requests: u64,
    /// Calls by their outcome, in op-node's words: `<nil>` for success, `rpc_<code>`, `http_<status>`, `<unknown>`; and
    /// `<timeout>`, `<closed>`, and `<other>` for codes beyond the first few.
    pub outcomes: BTreeMap<String, u64>,
    /// Calls by the first of [`BUCKETS`] that is not below their duration; beyond the last one, the last element.
    pub buckets: [u64; BUCKETS.len() + 1],
    /// How long all calls took together, in seconds.
    pub seconds: f64,
}

impl MethodTraffic {
    pub(crate) fn ended(&mut self, duration: Duration, error: Option<&CallError>) {
        let seconds = duration.as_secs_f64();
        self.buckets[BUCKETS.iter().position(|bound| seconds <= *bound).unwrap_or(BUCKETS.len())] += 1;
        self.seconds += seconds;
        let mut outcome = outcome(error);
        if self.outcomes.len() >= OUTCOMES && !self.outcomes.contains_key(&outcome) {
            outcome = "<other>".into();
        }
        *self.outcomes.entry(outcome).or_default() += 1;
    }
}

fn outcome(error: Option<&CallError>) -> String {
    match error {
        None => "<nil>".into(),
        Some(CallError::Rpc { code, .. }) => format!("rpc_{code}"),
        Some(CallError::Status { code, .. }) => format!("http_{code}"),
        Some(CallError::Redirected { code, .. }) => format!("http_{code}"),
        Some(CallError::Unauthorized) => "http_401".into(),
        Some(CallError::Forbidden) => "http_403".into(),
        Some(CallError::Timeout { .. }) => "<timeout>".into(),
        Some(CallError::Closed | CallError::ClosedBy { .. }) => "<closed>".into(),
        Some(_) => "<unknown>".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outcomes_are_op_nodes_and_few() {
        #[track_caller]
        fn check(error: Option<&CallError>, name: &str) {
            let mut traffic = MethodTraffic::default();
            traffic.ended(Duration::from_millis(7), error);
            assert_eq!(traffic.outcomes, [(name.to_owned(), 1)].into());
            assert_eq!((traffic.buckets[1], traffic.buckets.iter().sum::<u64>()), (1, 1));
        }
        check(None, "<nil>");
        check(Some(&CallError::Rpc { method: "a", code: -32000, message: "no".into() }), "rpc_-32000");
        check(Some(&CallError::Status { code: 429, retry_after: None }), "http_429");
        check(Some(&CallError::Timeout { what: "eth_chainId", after: Duration::ZERO }), "<timeout>");
        check(Some(&CallError::Transport("cut off".into())), "<unknown>");

        let mut traffic = MethodTraffic::default();
        for code in 0..1000 {
            traffic.ended(Duration::ZERO, Some(&CallError::Rpc { method: "a", code, message: String::new() }));
        }
        assert_eq!(traffic.outcomes.len(), OUTCOMES + 1);
        assert_eq!(traffic.outcomes["<other>"], 1000 - OUTCOMES as u64);
    }
}
