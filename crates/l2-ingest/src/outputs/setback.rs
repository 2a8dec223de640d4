//! Why a source gave no output, and what that means for asking again.

use rollup::BlockId;
use status::Health;
use thiserror::Error;
use upstream::CallError;

use crate::fault::Fault;

/// Why a source gave no output.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(crate) enum Setback {
    /// It has no such block.
    #[error("it has no such block")]
    Missing,
    /// What it said does not fit together, or not with the status; in a moment it may.
    #[error("{0}")]
    Unsettled(String),
    /// The connection ended; another may do.
    #[error("{0}")]
    Lost(String),
    /// Asking again is no use.
    #[error("{0}")]
    Failed(String),
    /// It is of another rollup.
    #[error("{0}")]
    OtherRollup(String),
}

impl Setback {
    /// It has another block than is expected, or none: its chain is not the one that the status tells of, or moves.
    pub(crate) fn elsewhere(found: Option<BlockId>, expected: BlockId) -> Self {
        let found = found.map_or("no block".into(), |found| found.to_string());
        Self::Unsettled(format!("it has {found} where {expected} is expected"))
    }

    /// What it says of the endpoint.
    pub(crate) fn health(&self) -> Health {
        if let Self::OtherRollup(_) = self { Health::WrongChain } else { Health::Unreachable }
    }
}

impl From<CallError> for Setback {
    fn from(error: CallError) -> Self {
        match error {
            CallError::Closed | CallError::ClosedBy { .. } | CallError::Transport(_) => Self::Lost(error.to_string()),
            _ => Self::Failed(error.to_string()),
        }
    }
}

impl From<Fault> for Setback {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Call(error) => error.into(),
            other if other.health() == Health::WrongChain => Self::OtherRollup(other.to_string()),
            other => Self::Failed(other.to_string()),
        }
    }
}

/// `text` without the words that op-dispute-mon reads as disagreement; others' errors are full of them.
pub(crate) fn without_not_found(text: &str) -> String {
    const WORDS: &str = "not found";
    let lower = text.to_ascii_lowercase();
    let mut clean = String::with_capacity(text.len());
    let mut end = 0;
    for (at, _) in lower.match_indices(WORDS) {
        clean.push_str(&text[end..at]);
        clean.push_str("missing");
        end = at + WORDS.len();
    }
    clean + &text[end..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn others_words_are_replaced() {
        for (text, clean) in [
            ("", ""),
            ("header not found", "header missing"),
            ("HTTP status 404 Not Found", "HTTP status 404 missing"),
            ("é: NOT FOUND, not found!", "é: missing, missing!"),
            ("nothing found", "nothing found"),
        ] {
            assert_eq!(without_not_found(text), clean);
        }
    }
}
