//! The output root: what op-proposer puts on L1 for an L2 block, and how its parts are proven.

use alloy_primitives::{Address, B256, Bytes, U64, U256, address, keccak256};
use alloy_trie::{Nibbles, TrieAccount, proof::verify_proof};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::{L2BlockRef, L2Header, SyncStatus, wire::zero_if_null};

/// The predeploy whose storage holds every withdrawal.
pub const L2_TO_L1_MESSAGE_PASSER: Address = address!("0x4200000000000000000000000000000000000016");

/// The answer to `optimism_outputAtBlock`, with op-node's keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Output {
    /// The version of the formula; only zero exists.
    pub version: B256,
    /// The commitment to the block.
    pub output_root: B256,
    /// The block.
    pub block_ref: L2BlockRef,
    /// Storage root of the [`L2_TO_L1_MESSAGE_PASSER`] after the block.
    pub withdrawal_storage_root: B256,
    /// State root of the block.
    pub state_root: B256,
    /// What was true when the block was read. Clients tell by it whether the block is safe or final.
    #[serde(default, deserialize_with = "zero_if_null")]
    pub sync_status: SyncStatus,
}

impl Output {
    /// The output of a block by the formula.
    pub fn new(
        block_ref: L2BlockRef,
        state_root: B256,
        withdrawal_storage_root: B256,
        sync_status: SyncStatus,
    ) -> Self {
        let output_root = output_root(state_root, withdrawal_storage_root, block_ref.hash);
        Self { version: B256::ZERO, output_root, block_ref, withdrawal_storage_root, state_root, sync_status }
    }

    /// Whether version and output root are what the formula makes of the other parts.
    pub fn follows_formula(&self) -> bool {
        *self == Self::new(self.block_ref, self.state_root, self.withdrawal_storage_root, self.sync_status)
    }
}

/// The output root of version 0.
pub fn output_root(state_root: B256, withdrawal_storage_root: B256, block_hash: B256) -> B256 {
    keccak256([B256::ZERO, state_root, withdrawal_storage_root, block_hash].concat())
}

/// What is needed of an L2 header to make its output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OutputHeader {
    /// Hash, number, parent and time.
    #[serde(flatten)]
    pub block: L2Header,
    /// State root.
    pub state_root: B256,
    /// Since Isthmus the storage root of the [`L2_TO_L1_MESSAGE_PASSER`]; before, the root of an empty list.
    pub withdrawals_root: Option<B256>,
}

impl OutputHeader {
    /// The storage root of the [`L2_TO_L1_MESSAGE_PASSER`] after this block. Since Isthmus the header says it, and a
    /// proof must say the same; before, only a proof can.
    ///
    /// # Errors
    /// When the proof does not lead to this header's state root, when it contradicts the header, or when neither
    /// tells.
    pub fn withdrawal_storage_root(&self, isthmus: bool, proof: Option<&AccountProof>) -> Result<B256, ProofError> {
        let proven = proof.map(|proof| proof.verify(self.state_root)).transpose()?;
        if !isthmus {
            return proven.ok_or(ProofError::Missing);
        }
        let header = self.withdrawals_root.ok_or(ProofError::NoWithdrawalsRoot)?;
        match proven {
            Some(proven) if proven != header => Err(ProofError::OtherWithdrawalsRoot { header, proven }),
            _ => Ok(header),
        }
    }
}

/// What `eth_getProof` says of the [`L2_TO_L1_MESSAGE_PASSER`].
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AccountProof {
    /// The account.
    pub address: Address,
    /// Its nonce.
    pub nonce: U64,
    /// Its balance, in wei.
    pub balance: U256,
    /// Root of its storage.
    pub storage_hash: B256,
    /// Hash of its code.
    pub code_hash: B256,
    /// The nodes of the state trie on the way to it, the root first.
    pub account_proof: Vec<Bytes>,
}

impl AccountProof {
    /// The storage root, if the account is in the state of this root exactly as told.
    fn verify(&self, state_root: B256) -> Result<B256, ProofError> {
        if self.address != L2_TO_L1_MESSAGE_PASSER {
            return Err(ProofError::OtherAccount(self.address));
        }
        let account = TrieAccount {
            nonce: self.nonce.to(),
            balance: self.balance,
            storage_root: self.storage_hash,
            code_hash: self.code_hash,
        };
        let path = Nibbles::unpack(keccak256(self.address));
        // The library's reasons repeat the proof itself.
        verify_proof(state_root, path, Some(alloy_rlp::encode(account)), &self.account_proof)
            .map_err(|_| ProofError::Unproven { state_root })?;
        Ok(self.storage_hash)
    }
}

/// Why the withdrawal storage root of a block is not known.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ProofError {
    /// The proof is of another account.
    #[error("the proof is of account {0}, asked was {L2_TO_L1_MESSAGE_PASSER}")]
    OtherAccount(Address),
    /// The nodes do not lead from the state root to this account, or the account is not there.
    #[error("invalid withdrawal root hash: the account proof does not hold for state root {state_root}")]
    Unproven {
        /// The header's state root.
        state_root: B256,
    },
    /// Before Isthmus only a proof tells it.
    #[error("there is no account proof, and the header is from before Isthmus")]
    Missing,
    /// Isthmus is active and the header lacks it.
    #[error("the header has no withdrawalsRoot although Isthmus is active")]
    NoWithdrawalsRoot,
    /// The header and its state contradict each other.
    #[error("the header has withdrawalsRoot {header}, its state has {proven}")]
    OtherWithdrawalsRoot {
        /// What the header says.
        header: B256,
        /// What the proof says.
        proven: B256,
    },
}

#[cfg(test)]
mod tests {
    use alloy_primitives::b256;
    use alloy_trie::{HashBuilder, proof::ProofRetainer};
    use serde_json::json;

    use super::*;

    const STORAGE: B256 = B256::repeat_byte(0x51);

    /// From op-node's own tests.
    #[test]
    fn the_formula_is_op_nodes() {
        let root = output_root(
            b256!("0xb46d4bcb0e471e1b8506031a1f34ebc6f200253cbaba56246dd2320e8e2c8f13"),
            b256!("0xc1917a80cb25ccc50d0d1921525a44fb619b4601194ca726ae32312f08a799f8"),
            b256!("0x8512bee03061475e4b069171f7b406097184f16b22c3f5c97c0abfc49591c524"),
        );
        assert_eq!(root, b256!("0xc861dbdc5bf1d8bbbc0bca7cd876ab6a70748c50b2054a46e8f30e99002170ab"));
    }

    #[test]
    fn what_breaks_the_formula_is_seen() {
        let block = L2BlockRef { hash: B256::repeat_byte(1), number: 7, ..Default::default() };
        let output = Output::new(block, B256::repeat_byte(2), STORAGE, SyncStatus::default());
        assert!(output.follows_formula());
        let other = B256::repeat_byte(9);
        for broken in [
            Output { version: other, ..output },
            Output { output_root: other, ..output },
            Output { state_root: other, ..output },
            Output { withdrawal_storage_root: other, ..output },
            Output { block_ref: L2BlockRef { hash: other, ..block }, ..output },
        ] {
            assert!(!broken.follows_formula(), "{broken:?}");
        }
    }

    /// A state of eight accounts, with or without the message passer, and the proof of it.
    fn state(with: bool) -> (B256, AccountProof) {
        let passer =
            TrieAccount { nonce: 1, balance: U256::from(7), storage_root: STORAGE, code_hash: B256::repeat_byte(0xc0) };
        let mut accounts: Vec<_> = (0..8).map(|byte| (Address::repeat_byte(byte), TrieAccount::default())).collect();
        accounts.extend(with.then_some((L2_TO_L1_MESSAGE_PASSER, passer)));
        let mut leaves: Vec<_> = accounts
            .iter()
            .map(|(address, account)| (Nibbles::unpack(keccak256(address)), alloy_rlp::encode(account)))
            .collect();
        leaves.sort();
        let path = Nibbles::unpack(keccak256(L2_TO_L1_MESSAGE_PASSER));
        let mut trie = HashBuilder::default().with_proof_retainer(ProofRetainer::new(vec![path]));
        for (path, account) in &leaves {
            trie.add_leaf(*path, account);
        }
        let root = trie.root();
        let nodes = trie.take_proof_nodes().into_nodes_sorted().into_iter().map(|(_, node)| node).collect();
        let proof = AccountProof {
            address: L2_TO_L1_MESSAGE_PASSER,
            nonce: U64::from(passer.nonce),
            balance: passer.balance,
            storage_hash: passer.storage_root,
            code_hash: passer.code_hash,
            account_proof: nodes,
        };
        (root, proof)
    }

    fn header(state_root: B256, withdrawals_root: Option<B256>) -> OutputHeader {
        let block = L2Header { hash: B256::ZERO, number: 1, parent_hash: B256::ZERO, timestamp: 1 };
        OutputHeader { block, state_root, withdrawals_root }
    }

    /// What a proof, changed from a good one, is worth before Isthmus.
    #[track_caller]
    fn check(change: impl FnOnce(&mut AccountProof), expected: Result<(), fn(B256) -> ProofError>) {
        let (root, mut proof) = state(true);
        assert!(proof.account_proof.len() > 1, "the way to the account is no single leaf");
        change(&mut proof);
        let found = header(root, None).withdrawal_storage_root(false, Some(&proof));
        assert_eq!(found, expected.map(|()| STORAGE).map_err(|error| error(root)));
    }

    #[test]
    fn a_proof_holds_whole_or_not_at_all() {
        let unproven: fn(B256) -> ProofError = |state_root| ProofError::Unproven { state_root };
        check(|_| {}, Ok(()));
        check(|proof| proof.storage_hash = B256::repeat_byte(1), Err(unproven));
        check(|proof| proof.nonce = U64::from(2), Err(unproven));
        check(|proof| proof.balance = U256::ZERO, Err(unproven));
        check(|proof| proof.code_hash = B256::ZERO, Err(unproven));
        check(|proof| proof.account_proof.clear(), Err(unproven));
        check(|proof| drop(proof.account_proof.pop()), Err(unproven));
        check(|proof| drop(proof.account_proof.remove(0)), Err(unproven));
        check(
            |proof| {
                let mut last = proof.account_proof.pop().unwrap().to_vec();
                *last.last_mut().unwrap() ^= 1;
                proof.account_proof.push(last.into());
            },
            Err(unproven),
        );
        check(|proof| proof.address = Address::ZERO, Err(|_| ProofError::OtherAccount(Address::ZERO)));
    }

    #[test]
    fn an_absent_account_proves_nothing() {
        let (root, proof) = state(false);
        assert!(!proof.account_proof.is_empty());
        let absent = AccountProof {
            nonce: U64::ZERO,
            balance: U256::ZERO,
            storage_hash: TrieAccount::default().storage_root,
            code_hash: TrieAccount::default().code_hash,
            ..proof
        };
        let found = header(root, None).withdrawal_storage_root(false, Some(&absent));
        assert_eq!(found, Err(ProofError::Unproven { state_root: root }));
    }

    #[test]
    fn since_isthmus_the_header_tells_and_the_proof_agrees() {
        let (root, proof) = state(true);
        let other = B256::repeat_byte(9);
        let unproven = ProofError::Unproven { state_root: other };
        let contradiction = ProofError::OtherWithdrawalsRoot { header: other, proven: STORAGE };
        for (isthmus, header, proof, expected) in [
            (true, header(root, Some(STORAGE)), Some(&proof), Ok(STORAGE)),
            (true, header(root, Some(STORAGE)), None, Ok(STORAGE)),
            (true, header(root, Some(other)), Some(&proof), Err(contradiction)),
            (true, header(root, None), Some(&proof), Err(ProofError::NoWithdrawalsRoot)),
            (true, header(other, Some(STORAGE)), Some(&proof), Err(unproven)),
            // Before Isthmus the header's field means another thing.
            (false, header(root, Some(other)), Some(&proof), Ok(STORAGE)),
            (false, header(root, Some(STORAGE)), None, Err(ProofError::Missing)),
        ] {
            assert_eq!(header.withdrawal_storage_root(isthmus, proof), expected);
        }
    }

    #[test]
    fn reads_the_json_of_execution_clients() {
        let read: OutputHeader = serde_json::from_value(json!({
            "hash": STORAGE, "number": "0x7", "parentHash": STORAGE, "timestamp": "0x9", "stateRoot": STORAGE,
            "gasLimit": "0x1"
        }))
        .unwrap();
        assert_eq!((read.block.number, read.state_root, read.withdrawals_root), (7, STORAGE, None));
        let read: AccountProof = serde_json::from_value(json!({
            "address": "0x4200000000000000000000000000000000000016", "accountProof": ["0xf8"], "balance": "0x0",
            "codeHash": STORAGE, "nonce": "0x1", "storageHash": STORAGE, "storageProof": []
        }))
        .unwrap();
        assert_eq!((read.address, read.nonce, read.storage_hash), (L2_TO_L1_MESSAGE_PASSER, U64::from(1), STORAGE));
    }

    #[test]
    fn the_wire_has_op_nodes_keys() {
        let output = Output::new(L2BlockRef::default(), STORAGE, STORAGE, SyncStatus::default());
        let value = serde_json::to_value(output).unwrap();
        let mut keys: Vec<_> = value.as_object().unwrap().keys().map(String::as_str).collect();
        keys.sort_unstable();
        let expected = ["blockRef", "outputRoot", "stateRoot", "syncStatus", "version", "withdrawalStorageRoot"];
        assert_eq!(keys, expected);
        assert_eq!(serde_json::from_value::<Output>(value).unwrap(), output);
    }
}
