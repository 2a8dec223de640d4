//! Whether a node's rollup configuration is that of our rollup.

use rollup::RollupConfig;
use serde_json::{Value, json};

use crate::fault::Fault;

/// The first field that makes `theirs` the configuration of another rollup.
///
/// Fork times are not compared: a node or we may be configured for an upgrade earlier than the other. Nor is what
/// `theirs` leaves out or writes in another way, such as kona-node's `l2_chain_id: "optimism"`.
pub(crate) fn difference(ours: &RollupConfig, theirs: &Value) -> Option<Fault> {
    let genesis = &ours.genesis;
    let fields = [
        ("l1_chain_id", "/l1_chain_id", json!(ours.l1_chain_id)),
        ("l2_chain_id", "/l2_chain_id", json!(ours.l2_chain_id)),
        ("genesis.l1.hash", "/genesis/l1/hash", json!(genesis.l1.hash)),
        ("genesis.l1.number", "/genesis/l1/number", json!(genesis.l1.number)),
        ("genesis.l2.hash", "/genesis/l2/hash", json!(genesis.l2.hash)),
        ("genesis.l2.number", "/genesis/l2/number", json!(genesis.l2.number)),
        ("genesis.l2_time", "/genesis/l2_time", json!(genesis.l2_time)),
        ("block_time", "/block_time", json!(ours.block_time)),
        ("max_sequencer_drift", "/max_sequencer_drift", json!(ours.max_sequencer_drift)),
        ("seq_window_size", "/seq_window_size", json!(ours.seq_window_size)),
        ("channel_timeout", "/channel_timeout", json!(ours.channel_timeout)),
        ("batch_inbox_address", "/batch_inbox_address", json!(ours.batch_inbox_address)),
        ("deposit_contract_address", "/deposit_contract_address", json!(ours.deposit_contract_address)),
    ];
    fields.into_iter().find_map(|(field, pointer, expected)| {
        let found = theirs.pointer(pointer)?;
        differ(&expected, found).then(|| Fault::WrongChain {
            what: field,
            expected: expected.to_string(),
            found: found.to_string(),
        })
    })
}

/// Addresses may come with or without a checksum.
fn differ(ours: &Value, theirs: &Value) -> bool {
    match (ours, theirs) {
        (Value::String(ours), Value::String(theirs)) => !ours.eq_ignore_ascii_case(theirs),
        (Value::Number(ours), Value::Number(theirs)) => ours != theirs,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use devnet::{Chains, Params};

    use super::*;

    /// What is said of a node whose configuration is ours with `value` at `pointer`.
    #[track_caller]
    fn check(pointer: &str, value: Value, expected: Option<&str>) {
        let mut theirs = Chains::new(Params::default()).rollup_config();
        let ours = RollupConfig::from_json(&theirs.to_string()).unwrap();
        *theirs.pointer_mut(pointer).unwrap() = value;
        let said = difference(&ours, &theirs).map(|fault| fault.to_string());
        match (said, expected) {
            (None, None) => {}
            (Some(said), Some(expected)) => assert!(said.starts_with(expected), "{said}"),
            (said, _) => panic!("{pointer}: {said:?}"),
        }
    }

    #[test]
    fn what_makes_another_rollup_is_named() {
        check("/l1_chain_id", json!(1), Some("wrong chain: l1_chain_id is 1, expected 900"));
        check("/l2_chain_id", json!(10), Some("wrong chain: l2_chain_id is 10, expected 901"));
        check("/genesis/l1/hash", json!("0x00"), Some("wrong chain: genesis.l1.hash is \"0x00\", expected \"0x"));
        check("/genesis/l1/number", json!(7), Some("wrong chain: genesis.l1.number is 7, expected 0"));
        check("/genesis/l2/hash", json!("0x00"), Some("wrong chain: genesis.l2.hash"));
        check("/genesis/l2/number", json!(7), Some("wrong chain: genesis.l2.number"));
        check("/genesis/l2_time", json!(7), Some("wrong chain: genesis.l2_time is 7, expected 1700000000"));
        check("/block_time", json!(1), Some("wrong chain: block_time is 1, expected 2"));
        check("/max_sequencer_drift", json!(1), Some("wrong chain: max_sequencer_drift"));
        check("/seq_window_size", json!(1), Some("wrong chain: seq_window_size"));
        check("/channel_timeout", json!(1), Some("wrong chain: channel_timeout"));
        check("/batch_inbox_address", json!("0x00"), Some("wrong chain: batch_inbox_address"));
        check("/deposit_contract_address", json!("0x00"), Some("wrong chain: deposit_contract_address"));
    }

    #[test]
    fn other_ways_of_writing_it_are_no_difference() {
        check("/block_time", json!(2), None);
        check("/batch_inbox_address", json!("0x00000000000000000000000000000000000000B1"), None);
        check("/l2_chain_id", json!("optimism"), None);
        check("/channel_timeout", Value::Null, None);
        check("/genesis", json!({}), None);
        check("/isthmus_time", json!(1_900_000_000), None);
        check("", Value::Null, None);
    }
}
