//! Labels of an execution client, and the view they make.

use rollup::{L2BlockRef, L2Header};
use serde::de::DeserializeOwned;
use serde_json::{json, value::RawValue};
use status::{Derived, Tip};
use upstream::{CallError, Client};

use crate::fault::Fault;

/// One value for each label; none where the label is unset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Labels<T> {
    pub finalized: Option<T>,
    pub safe: Option<T>,
    pub latest: T,
}

/// Asks for the labelled headers. Clients answer a batch in its order, and in this order a chain that moves meanwhile
/// still has finalized <= safe <= latest. On a socket the three go side by side, a moment apart at most.
pub(crate) async fn read(client: &Client) -> Result<Labels<L2Header>, Fault> {
    let calls = ["finalized", "safe", "latest"].map(|label| ("eth_getBlockByNumber", json!([label, false])));
    let mut answers = client.batch(calls.into()).await?.into_iter();
    let mut answer = || answers.next().unwrap_or_else(|| Err(CallError::Decode("a label has no answer".into())));
    let finalized = unset_if_not_found(answer())?;
    let safe = unset_if_not_found(answer())?;
    let latest: Option<L2Header> = decode(&answer()?)?;
    Ok(Labels { finalized, safe, latest: latest.ok_or_else(|| Fault::Missing("latest block".into()))? })
}

/// Asks for the header of this height.
pub(crate) async fn header(client: &Client, number: u64) -> Result<L2Header, Fault> {
    let header: Option<L2Header> = client.call("eth_getBlockByNumber", json!([format!("{number:#x}"), false])).await?;
    header.ok_or_else(|| Fault::Missing(format!("block {number}")))
}

/// Before the label is first set some clients answer null, others with an error.
fn unset_if_not_found(answer: Result<Box<RawValue>, CallError>) -> Result<Option<L2Header>, CallError> {
    match answer {
        Ok(raw) => decode(&raw),
        Err(error) if error.is_block_missing() => Ok(None),
        Err(error) => Err(error),
    }
}

pub(crate) fn decode<T: DeserializeOwned>(raw: &RawValue) -> Result<T, CallError> {
    serde_json::from_str(raw.get()).map_err(|error| CallError::Decode(error.to_string()))
}

impl<T> Labels<T> {
    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.finalized.iter().chain(&self.safe).chain([&self.latest])
    }
}

impl Labels<L2BlockRef> {
    /// Both halves of the view. Nothing but the L1 origin of safe bounds from below what the client's node has derived.
    ///
    /// An unset label is unset, not genesis, unless the chain is so young that no batch need have been included yet:
    /// our `head_l1`, once it is known, is at most a sequencing window of `window` L1 blocks above the origin of
    /// `genesis`. There finalized is genesis and safe is finalized, or no batcher could ever start. The tip alone does not
    /// show it: a client that is still syncing has genesis there. Nor is a chain young whose client no longer has its
    /// `genesis`.
    pub(crate) fn halves(&self, genesis: Option<L2BlockRef>, window: u64, head_l1: Option<u64>) -> (Derived, Tip) {
        let young = genesis.filter(|genesis| {
            let youth = genesis.l1_origin.number.saturating_add(window);
            head_l1.is_some_and(|head| head.max(self.latest.l1_origin.number) <= youth)
        });
        let finalized = self.finalized.or(young).unwrap_or_default();
        let safe = self.safe.or(young.map(|_| finalized)).unwrap_or_default();
        let derived = Derived { current_l1: safe.l1_origin, finalized, safe, local_safe: safe, pending_safe: safe };
        (derived, Tip { unsafe_l2: self.latest, cross_unsafe: self.latest })
    }
}

#[cfg(test)]
mod tests {
    use alloy_primitives::B256;
    use rollup::BlockId;

    use super::*;

    /// L2 block `number`, on the L1 block of a sixth of the number above `genesis_l1` = 1000.
    fn block(number: u64) -> L2BlockRef {
        let hash = B256::with_last_byte(number as u8 + 1);
        L2BlockRef { hash, number, l1_origin: BlockId { hash, number: 1000 + number / 6 }, ..Default::default() }
    }

    /// With a window of 10 L1 blocks and our L1 at the origin of the tip, as numbers; none is unset.
    #[track_caller]
    fn check(finalized: Option<u64>, safe: Option<u64>, latest: u64, expected: (Option<u64>, Option<u64>)) {
        check_at(Some(block(latest).l1_origin.number), finalized, safe, latest, expected);
    }

    #[track_caller]
    fn check_at(
        head_l1: Option<u64>,
        finalized: Option<u64>,
        safe: Option<u64>,
        latest: u64,
        expected: (Option<u64>, Option<u64>),
    ) {
        let labels = Labels { finalized: finalized.map(block), safe: safe.map(block), latest: block(latest) };
        let (derived, tip) = labels.halves(Some(block(0)), 10, head_l1);
        let number = |head: L2BlockRef| (!head.is_zero()).then_some(head.number);
        assert_eq!((number(derived.finalized), number(derived.safe)), expected);
        assert_eq!((derived.local_safe, derived.pending_safe), (derived.safe, derived.safe));
        assert_eq!(derived.current_l1, derived.safe.l1_origin);
        assert_eq!((tip.unsafe_l2, tip.cross_unsafe), (block(latest), block(latest)));
    }

    #[test]
    fn labels_are_the_view() {
        check(Some(3), Some(7), 9, (Some(3), Some(7)));
        check(Some(100), Some(107), 109, (Some(100), Some(107)));
        // The fold judges what contradicts itself.
        check(Some(9), Some(7), 3, (Some(9), Some(7)));
    }

    #[test]
    fn only_a_young_chain_starts_at_genesis() {
        check(None, None, 5, (Some(0), Some(0)));
        check(None, Some(4), 5, (Some(0), Some(4)));
        check(Some(3), None, 5, (Some(3), Some(3)));
        // The last block whose origin is within the window, and the first beyond it.
        check(None, None, 65, (Some(0), Some(0)));
        check(None, None, 66, (None, None));
        check(None, Some(60), 66, (None, Some(60)));
        check(Some(60), None, 66, (Some(60), None));
    }

    #[test]
    fn how_old_a_chain_is_our_l1_tells() {
        // A client that is still syncing has genesis as its tip.
        check_at(Some(1010), None, None, 0, (Some(0), Some(0)));
        check_at(Some(1011), None, None, 0, (None, None));
        check_at(None, None, None, 0, (None, None));
        check_at(None, Some(3), Some(7), 9, (Some(3), Some(7)));
        // Its client has the genesis no longer.
        let labels = Labels { finalized: None, safe: None, latest: block(5) };
        assert_eq!(labels.halves(None, 10, Some(1000)).0, Derived::default());
        // Our L1 may lag.
        check_at(Some(1010), None, None, 66, (None, None));
    }

    #[test]
    fn a_window_beyond_all_numbers_is_a_window() {
        let labels = Labels { finalized: None, safe: None, latest: block(66) };
        assert_eq!(labels.halves(Some(block(0)), u64::MAX, Some(5000)).0.safe, block(0));
    }
}
