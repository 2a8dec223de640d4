//! Chains of other paces than whole seconds, and a change of pace.

use std::time::Duration;

use devnet::{Chains, Lies, PaceChange, Params, Role, answer};
use serde_json::{Value, json};

use crate::support::{after, chains, check};

const GENESIS: u64 = 1_700_000_000;

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// Base with Denim from 99 s after genesis on.
fn denim() -> Params {
    Params { l2_change: Some(PaceChange::denim(GENESIS + 99)), ..Params::default() }
}

/// Seconds after genesis of the L2 blocks of these numbers.
fn times(chains: &Chains, numbers: impl Iterator<Item = u64>) -> Vec<u64> {
    numbers.map(|number| chains.l2_block(number).unwrap().timestamp - GENESIS).collect()
}

/// Numbers and timestamps are those of Base's own blocks.
#[test]
fn denim_keeps_the_grid_up_to_the_first_block_and_makes_five_blocks_a_second_from_there() {
    let chains = chains(denim(), 102);
    assert_eq!(times(&chains, 48..=60), [96, 98, 100, 100, 100, 100, 100, 101, 101, 101, 101, 101, 102]);
    assert_eq!(chains.unsafe_l2().number, 60);
    check(&chains);
}

#[test]
fn blocks_of_a_part_of_a_second_come_one_by_one() {
    for (pace, upto) in [(200, 5), (250, 4), (500, 2), (1000, 1)] {
        let mut chains = Chains::new(Params { l2_block_time: millis(pace), ..Params::default() });
        for number in 0..=3 * upto {
            chains.advance(after(0) + millis(pace * number));
            assert_eq!(chains.unsafe_l2().number, number, "every {pace} ms");
            assert_eq!(chains.unsafe_l2().timestamp, GENESIS + number / upto);
        }
        chains.advance(after(100));
        check(&chains);
    }
}

#[test]
fn an_l1_of_any_pace_carries_the_rollup() {
    for (pace, age) in [(250, 60), (2000, 200), (150_000, 3000)] {
        let params = Params { l1_block_time: millis(pace), l2_change: denim().l2_change, ..Params::default() };
        let mut chains = chains(params, age);
        assert_eq!(chains.head_l1().number, age * 1000 / pace);
        check(&chains);
        chains.reorg_l1(3, 5);
        check(&chains);
        chains.advance(after(age + 300));
        check(&chains);
        assert!(chains.safe_l2().number > 0);
    }
}

/// What a rollup.json can say is whole seconds and, of Base, the time of Denim.
#[test]
fn the_configuration_says_what_such_a_file_says() {
    #[track_caller]
    fn says(params: Params, block_time: u64, base: Value) {
        let config = Chains::new(params).rollup_config();
        assert_eq!((&config["block_time"], &config["base"]), (&json!(block_time), &base));
    }
    says(Params::default(), 2, Value::Null);
    says(denim(), 2, json!({ "v1": GENESIS + 99 }));
    says(Params { l2_block_time: millis(500), ..Params::default() }, 1, Value::Null);
    let unannounced = PaceChange { at: GENESIS + 60, block_time: millis(250), announced: false };
    says(Params { l2_block_time: millis(1000), l2_change: Some(unannounced), ..Params::default() }, 1, Value::Null);
}

#[test]
fn headers_tell_milliseconds_since_denim() {
    let chains = chains(denim(), 102);
    let header = |number: u64| {
        let arguments = json!([format!("{number:#x}"), false]);
        answer(&chains, Role::ExecutionClient, &Lies::default(), "eth_getBlockByNumber", &arguments).unwrap()
    };
    assert_eq!(header(49)["timestampMs"], Value::Null);
    assert_eq!(header(50)["timestampMs"], json!(format!("{:#x}", (GENESIS + 100) * 1000)));
    assert_eq!(header(53)["timestampMs"], json!("0x18bcfe6f0f8"));
    assert_eq!(header(53)["timestamp"], json!("0x6553f164"));
}

#[test]
fn a_change_nobody_announces_shows_in_the_blocks_alone() {
    let change = PaceChange { at: GENESIS + 60, block_time: millis(500), announced: false };
    let params = Params { l2_block_time: millis(1000), l2_change: Some(change), ..Params::default() };
    let chains = chains(params, 63);
    assert_eq!(times(&chains, 58..=66), [58, 59, 60, 60, 61, 61, 62, 62, 63]);
    check(&chains);
}

/// Seeds that were kept mean the same chains as ever.
#[test]
fn chains_of_whole_seconds_are_what_they_were() {
    let mut chains = chains(Params { seed: 1, ..Params::default() }, 100);
    chains.reorg_l1(3, 4);
    chains.advance(after(200) + millis(700));
    chains.reorg_l1(2, 3);
    chains.reorg_l2(2);
    chains.advance(after(260));
    let heads = [chains.head_l1().hash, chains.unsafe_l2().hash].map(|hash| hash.to_string());
    assert_eq!(
        heads,
        [
            "0x7e8aca68604ea9aa409c41ee7b1ca9286b862469ed3d2de81d911518dad6ff09",
            "0x919d44f65b031043828939360b697081897602fda24db9ce9265934ec1fcc1ce"
        ]
    );
}
