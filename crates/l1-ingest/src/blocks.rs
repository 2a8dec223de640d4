//! Asking an endpoint for blocks.

use alloy_eips::{BlockId, BlockNumberOrTag};
use alloy_primitives::B256;
use rollup::L1BlockRef;
use serde_json::{Value, json, value::RawValue};
use upstream::{CallError, Client};

use crate::{
    fault::Fault,
    header::{self, HeaderError},
};

/// Which block.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Ask {
    /// The block with this label.
    Label(BlockNumberOrTag),
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
            Self::Number(number) => ("eth_getBlockByNumber", json!([BlockNumberOrTag::from(number), false])),
            Self::Hash(hash) => ("eth_getBlockByHash", json!([hash, false])),
        }
    }

    fn id(self) -> BlockId {
        match self {
            Self::Label(label) => label.into(),
            Self::Number(number) => number.into(),
            Self::Hash(hash) => hash.into(),
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
        // Some providers take the array of a batch amiss, so it is sent only where it saves a round trip.
        if let [one] = asked {
            return Ok(vec![self.one(*one).await?]);
        }
        let answers = self.client.batch(asked.iter().map(|ask| ask.call()).collect()).await?;
        asked.iter().zip(answers).map(|(ask, answer)| self.read(*ask, answer)).collect()
    }

    /// The block asked for, if the endpoint has it.
    pub(crate) async fn one(&self, ask: Ask) -> Result<Option<L1BlockRef>, Fault> {
        if self.trust_rpc {
            return self.read(ask, self.as_it_comes(ask).await);
        }
        let block = match self.client.block(ask.id()).await {
            Err(error) if is_absent(&error) => None,
            block => block?,
        };
        let Some(block) = block else { return Ok(None) };
        match header::verified(&block.header) {
            Err(wrong) => Err(self.named(wrong).await.into()),
            Ok(block) => answer_to(ask, block),
        }
    }

    /// The error with the fields that alloy does not know, which have to be asked for.
    async fn named(&self, wrong: HeaderError) -> HeaderError {
        let HeaderError::WrongHash { stated, .. } = wrong else { return wrong };
        match self.as_it_comes(Ask::Hash(stated)).await {
            Ok(json) => header::read(&json, false).err().unwrap_or(wrong),
            Err(_) => wrong,
        }
    }

    async fn as_it_comes(&self, ask: Ask) -> Result<Box<RawValue>, CallError> {
        let (method, params) = ask.call();
        self.client.call(method, params).await
    }

    /// Reads the answer to one question.
    pub(crate) fn read(&self, ask: Ask, answer: Result<Box<RawValue>, CallError>) -> Result<Option<L1BlockRef>, Fault> {
        let json = match answer {
            Err(error) if is_absent(&error) => return Ok(None),
            answer => answer?,
        };
        answer_to(ask, header::read(&json, self.trust_rpc)?)
    }
}

/// The block, if it is the one that was asked for.
fn answer_to(ask: Ask, block: Option<L1BlockRef>) -> Result<Option<L1BlockRef>, Fault> {
    match block {
        Some(block) if !ask.is_answered_by(&block) => {
            let asked = match ask {
                Ask::Label(label) => label.to_string(),
                Ask::Number(number) => number.to_string(),
                Ask::Hash(hash) => hash.to_string(),
            };
            Err(Fault::WrongBlock { asked, found: block.id() })
        }
        block => Ok(block),
    }
}

/// Whether it means that there is no such block: geth, and others after it, say that by an error.
fn is_absent(error: &CallError) -> bool {
    let CallError::Rpc { code, message, .. } = error else { return false };
    let message = message.to_lowercase();
    *code == -39001
        || ["block not found", "header not found", "unknown block"].iter().any(|words| message.contains(words))
}
