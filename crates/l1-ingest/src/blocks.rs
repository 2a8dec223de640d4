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

/// What an endpoint calls its blocks.
#[derive(Debug)]
pub(crate) struct Named {
    pub latest: Option<L1BlockRef>,
    pub safe: Option<L1BlockRef>,
    pub finalized: Option<L1BlockRef>,
    /// Why it does not tell a label, though it can be asked for others.
    pub refused: Option<CallError>,
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

    /// The head, with the labels if wanted. An L1 without a consensus client may refuse the labels, which costs it those
    /// alone; what is told when too much was asked says nothing about them.
    pub(crate) async fn head(&self, labels: bool) -> Result<Named, Fault> {
        const LATEST: Ask = Ask::Label(BlockNumberOrTag::Latest);
        let mut named = Named { latest: None, safe: None, finalized: None, refused: None };
        if !labels {
            named.latest = self.one(LATEST).await?;
            return Ok(named);
        }
        // In this order no label is above the head, should they be answered one after the other.
        let asked = [Ask::Label(BlockNumberOrTag::Finalized), Ask::Label(BlockNumberOrTag::Safe), LATEST];
        let answers = self.client.batch(asked.map(Ask::call).into()).await?;
        let Named { latest, safe, finalized, refused } = &mut named;
        for ((ask, block), answer) in asked.into_iter().zip([finalized, safe, latest]).zip(answers) {
            match answer {
                Err(error) if !matches!(ask, Ask::Label(BlockNumberOrTag::Latest)) && refuses(&error) => {
                    *refused = Some(error)
                }
                answer => *block = self.read(ask, answer)?,
            }
        }
        Ok(named)
    }

    /// The block asked for, if the endpoint has it.
    pub(crate) async fn one(&self, ask: Ask) -> Result<Option<L1BlockRef>, Fault> {
        if self.trust_rpc {
            return self.read(ask, self.as_it_comes(ask).await);
        }
        let block = match self.client.block(ask.id()).await {
            Err(error) if error.is_block_missing() => None,
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
            Err(error) if error.is_block_missing() => return Ok(None),
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

/// Whether the endpoint will not tell this at all, though it answers.
pub(crate) fn refuses(error: &CallError) -> bool {
    matches!(error, CallError::Rpc { .. }) && !error.is_limit() && !error.is_block_missing()
}
