//! The first transactions of blocks, which say where on L1 the blocks come from.

use std::fmt;

use alloy_primitives::B256;
use rollup::Transaction;
use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, SeqAccess, Visitor},
};
use serde_json::json;
use upstream::{CallError, Client};

use crate::labels::decode;

/// How a client is asked for them. Engine ports do not serve single transactions, but all blocks.
#[derive(Debug, Default)]
pub(crate) struct FirstTransactions {
    /// By whole blocks: it was seen that nothing else is served.
    whole: bool,
}

impl FirstTransactions {
    /// Of these blocks, in their order; none of a block that the client does not have. They are asked for by hash, so that
    /// they belong to the blocks even if a label has moved.
    pub(crate) async fn of(&mut self, client: &Client, blocks: &[B256]) -> Result<Vec<Option<Transaction>>, CallError> {
        if !self.whole {
            let calls = blocks.iter().map(|block| ("eth_getTransactionByBlockHashAndIndex", json!([block, "0x0"])));
            let answers = client.batch(calls.collect()).await?;
            let missing = |answer: &Result<_, CallError>| answer.as_ref().is_err_and(CallError::is_method_missing);
            if !answers.iter().any(missing) {
                return answers.into_iter().map(|answer| decode(&answer?)).collect();
            }
            self.whole = true;
        }
        let mut found = Vec::with_capacity(blocks.len());
        for block in blocks {
            // One by one, for they are large.
            let block: Option<WholeBlock> = client.call("eth_getBlockByHash", json!([block, true])).await?;
            found.push(block.and_then(|block| block.transactions.0));
        }
        Ok(found)
    }
}

#[derive(Deserialize)]
struct WholeBlock {
    transactions: First,
}

/// The first of an array; the rest is not even looked at, so that no transaction of another type can break it.
struct First(Option<Transaction>);

impl<'de> Deserialize<'de> for First {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Transactions;
        impl<'de> Visitor<'de> for Transactions {
            type Value = First;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an array of transactions")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut transactions: A) -> Result<First, A::Error> {
                let first = transactions.next_element()?;
                while transactions.next_element::<IgnoredAny>()?.is_some() {}
                Ok(First(first))
            }
        }
        deserializer.deserialize_seq(Transactions)
    }
}
