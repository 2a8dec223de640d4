//! Asking an endpoint for blocks.

use alloy_primitives::{B256, U64};
use rollup::L1BlockRef;
use serde_json::{Value, json, value::RawValue};
use upstream::{CallError, Client};

use crate::{fault::Fault, header};

/// Which block.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Ask {
    /// The block with this label.
    Label(&'static str),
    /// The canonical block at this height.
    Number(u64),
    /// This very block.
    Hash(B256),
}

/// A connection that is asked for blocks.
#[derive(Clone, Debug)]
pub(crate) struct Blocks {
    pub client: Client,
    /// See [`Config::trust_rpc`](crate::Config::trust_rpc).
    pub trust_rpc: bool,
}

impl Ask {
    /// The method and its parameters. Transactions come as hashes: headers alone cannot be had everywhere.
    pub(crate) fn call(self) -> (&'static str, Value) {
        match self {
            Self::Label(label) => ("eth_getBlockByNumber", json!([label, false])),
            Self::Number(number) => ("eth_getBlockByNumber", json!([U64::from(number), false])),
            Self::Hash(hash) => ("eth_getBlockByHash", json!([hash, false])),
        }
    }

    fn is_answered_by(self, block: &L1BlockRef) -> bool {
        match self {
            Self::Label(_) => true,
            Self::Number(number) => block.number == number,
            Self::Hash(hash) => block.hash == hash,
        }
    }
}

impl Blocks {
    /// The blocks asked for, in that order and at once; none for those that the endpoint does not have.
    pub(crate) async fn get(&self, asked: &[Ask]) -> Result<Vec<Option<L1BlockRef>>, Fault> {
        let answers = match asked {
            // Some providers take the array of a batch amiss, so it is sent only where it saves a round trip.
            [one] => {
                let (method, params) = one.call();
                match self.client.call::<Box<RawValue>>(method, params).await {
                    Err(error @ CallError::Rpc { .. }) => vec![Err(error)],
                    answer => vec![Ok(answer?)],
                }
            }
            several => self.client.batch(several.iter().map(|ask| ask.call()).collect()).await?,
        };
        asked.iter().zip(answers).map(|(ask, answer)| self.read(*ask, answer)).collect()
    }

    /// Reads the answer to one question.
    pub(crate) fn read(&self, ask: Ask, answer: Result<Box<RawValue>, CallError>) -> Result<Option<L1BlockRef>, Fault> {
        let json = match answer {
            Err(error) if is_absent(&error) => return Ok(None),
            answer => answer?,
        };
        match header::read(&json, self.trust_rpc)? {
            Some(block) if !ask.is_answered_by(&block) => {
                let asked = match ask {
                    Ask::Label(label) => label.to_owned(),
                    Ask::Number(number) => number.to_string(),
                    Ask::Hash(hash) => hash.to_string(),
                };
                Err(Fault::WrongBlock { asked, found: block.id() })
            }
            block => Ok(block),
        }
    }
}

/// Whether it means that there is no such block: geth, and others after it, say that by an error.
fn is_absent(error: &CallError) -> bool {
    let CallError::Rpc { code, message } = error else { return false };
    let message = message.to_lowercase();
    *code == -39001
        || ["block not found", "header not found", "unknown block"].iter().any(|words| message.contains(words))
}
