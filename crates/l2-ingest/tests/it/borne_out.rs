//! What stands for a finality that is ahead of our L1's while nothing is served.

use std::time::Duration;

use alloy_primitives::B256;
use devnet::RpcError;
use l2_ingest::{CurrentL1, Ours};
use rollup::{BlockId, L2BlockRef};
use status::L2View;

use crate::watch::{Over, Watch};

const SECOND: Duration = Duration::from_secs(1);
const OUTPUT: &str = "optimism_outputAtBlock";
const BLOCK: &str = "eth_getBlockByNumber";

/// Every kind of source, whose finality is on L1 block 36 or above.
fn sources() -> [Watch; 5] {
    [
        Watch::client(Over::Requests),
        Watch::client(Over::Subscriptions),
        Watch::rollup_node(CurrentL1::Node),
        Watch::rollup_node(CurrentL1::Origin),
        Watch::follower(),
    ]
}

/// Our L1 has finalized this.
fn finalizes(watch: &Watch, finalized_l1: Option<u64>) {
    watch.knows(move |ours| Ours { finalized_l1, ..ours });
}

/// The newest block whose origin is at or below this height of L1.
fn newest(watch: &Watch, l1: u64) -> Option<L2BlockRef> {
    watch.world.read(|chains| {
        (0..).map_while(|number| chains.l2_block(number)).take_while(|it| it.l1_origin.number <= l1).last()
    })
}

fn genesis(watch: &Watch) -> Option<L2BlockRef> {
    watch.world.read(|chains| chains.l2_block(0))
}

fn served() -> BlockId {
    BlockId { hash: B256::repeat_byte(1), number: 1 }
}

/// How often old blocks were asked for.
fn asked(watch: &Watch) -> u64 {
    watch.node.count(OUTPUT) + watch.node.count("eth_getTransactionByBlockHashAndIndex")
}

#[tokio::test(start_paused = true)]
async fn the_newest_block_our_finalized_l1_bears_out_stands_for_it() {
    for mut watch in sources() {
        finalizes(&watch, Some(20));
        let view = watch.view().await;
        assert!(view.derived.finalized.l1_origin.number >= 36, "{:?}", view.derived.finalized);
        assert_eq!(view.borne_out, newest(&watch, 20));
        let origin = watch.world.read(|chains| chains.l1_block(20)).unwrap();
        assert!(view.old_l1.contains(&origin), "the fold has what it judges it by");
        let cost = asked(&watch);
        assert!(cost <= 14, "{cost}");

        // Looked up once for each block our L1 finalizes.
        for _ in 0..5 {
            assert_eq!(watch.view().await.borne_out, newest(&watch, 20));
        }
        assert!(asked(&watch) <= cost + 5, "the tips of an execution client");
        finalizes(&watch, Some(24));
        assert_eq!(watch.view().await.borne_out, newest(&watch, 24));
        finalizes(&watch, Some(0));
        assert_eq!(watch.view().await.borne_out, newest(&watch, 0));
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_has_to_stand_for_what_is_borne_out_or_once_something_is_served() {
    for mut watch in sources() {
        watch.world.change(|chains| chains.hold_l1_labels(Some(44), Some(40)));
        let claim = watch.view().await.derived.finalized.l1_origin.number;
        let cases: [fn(Ours, u64) -> Ours; 4] = [
            |ours, _| ours,
            |ours, claim| Ours { finalized_l1: Some(claim), ..ours },
            |ours, _| Ours { finalized_l1: None, ..ours },
            |ours, _| Ours { finalized_l1: Some(20), safe_served: served(), ..ours },
        ];
        for case in cases {
            watch.knows(move |ours| case(ours, claim));
            assert_eq!(watch.view().await.borne_out, None);
        }
    }
}

/// Old blocks cannot be had for so many seconds: what the views had in the second before, and after.
async fn without_old_blocks(mut watch: Watch, seconds: u32) -> (Vec<Option<L2BlockRef>>, L2View, Watch) {
    finalizes(&watch, Some(20));
    let busy = || Err(RpcError { code: -32005, message: "busy".into() });
    watch.node.with_answer(OUTPUT, move |_, _| busy());
    watch.node.with_answer(BLOCK, move |params, truth| match params[0].as_str() {
        Some("finalized" | "safe" | "latest" | "0x0") => truth,
        _ => busy(),
    });
    let mut meanwhile = Vec::new();
    watch
        .run(SECOND * seconds, |_, event| {
            if let status::Event::L2(view) = event {
                meanwhile.push(view.borne_out);
            }
        })
        .await;
    watch.node.without_answers();
    let view = watch.view().await;
    (meanwhile, view, watch)
}

#[tokio::test(start_paused = true)]
async fn a_look_up_that_fails_is_tried_again_for_a_minute() {
    for watch in sources() {
        let (meanwhile, view, watch) = without_old_blocks(watch, 50).await;
        assert!(meanwhile.len() >= 8 && meanwhile.iter().all(Option::is_none), "{meanwhile:?}");
        assert_eq!(view.borne_out, newest(&watch, 20));
    }
    for watch in sources() {
        let genesis = genesis(&watch);
        let (meanwhile, ..) = without_old_blocks(watch, 80).await;
        let waits = meanwhile.iter().take_while(|block| block.is_none()).count();
        assert!(waits >= 10 && waits < meanwhile.len(), "{meanwhile:?}");
        assert!(meanwhile[waits..].iter().all(|block| *block == genesis), "{meanwhile:?}");
    }
}

/// Each question has a limit, so that views come meanwhile.
#[tokio::test(start_paused = true)]
async fn a_look_up_that_hangs_does_not_stop_the_views() {
    let mut watch = Watch::rollup_node(CurrentL1::Node);
    finalizes(&watch, Some(20));
    watch.node.edit(|faults| faults.latency = SECOND * 3);
    let (mut none, mut genesis_seen) = (0, 0);
    watch
        .run(SECOND * 90, |_, event| match event {
            status::Event::L2(view) if view.borne_out.is_none() => none += 1,
            status::Event::L2(_) => genesis_seen += 1,
            _ => {}
        })
        .await;
    assert!(none >= 11 && genesis_seen >= 3, "{none} {genesis_seen}");
}
