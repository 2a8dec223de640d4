//! `op-status dev` with chains of other paces than whole seconds: they are followed and served by the code of `run`.

use std::time::Duration;

use rollup::{Pace, RollupConfig, SyncStatus};
use serde_json::from_value;
use tokio::time::timeout;

use crate::shared::{Server, call, op_status};

/// A server of simulated chains.
async fn dev(flags: &[&str]) -> Server {
    Server::start(op_status(&[&["dev", "--rpc.port=0"], flags].concat())).await
}

/// What the rollup configuration that is served says of the pace.
async fn configured(server: &Server) -> Pace {
    let config = call(server.address, "optimism_rollupConfig").await["result"].to_string();
    RollupConfig::from_json(&config).expect("it is a rollup configuration").pace()
}

/// Every tip that is served until one fulfils the condition.
async fn tips(server: &Server, mut until: impl FnMut(&SyncStatus) -> bool) -> Vec<rollup::L2BlockRef> {
    let mut tips = Vec::new();
    let asked = async {
        loop {
            let answer = call(server.address, "optimism_syncStatus").await;
            let status: SyncStatus = from_value(answer["result"].clone()).expect("a status");
            if !status.unsafe_l2.hash.is_zero() && tips.last() != Some(&status.unsafe_l2) {
                tips.push(status.unsafe_l2);
            }
            if until(&status) {
                return;
            }
        }
    };
    timeout(Duration::from_secs(120), asked).await.expect("the heads move on");
    tips
}

#[tokio::test]
async fn blocks_of_200_ms_are_followed() {
    let server = dev(&["--dev.l2-block-time=200ms", "--dev.l1-block-time=250ms"]).await;
    let pace = configured(&server).await;
    let mut first = None;
    let all_moved = |status: &SyncStatus| {
        if status.unsafe_l2.hash.is_zero() {
            return false;
        }
        let first = *first.get_or_insert(*status);
        let heads = |status: &SyncStatus| [status.unsafe_l2.number, status.safe_l2.number, status.head_l1.number];
        heads(status).iter().zip(heads(&first)).all(|(now, before)| *now >= before + 20)
    };
    let tips = tips(&server, all_moved).await;
    assert!(tips.iter().all(|tip| pace.holds(tip)), "{tips:?}");
    assert!(tips.iter().all(|tip| pace.next_after(tip.number) == Duration::from_millis(200)));
}

#[tokio::test]
async fn a_change_of_pace_is_followed() {
    let server = dev(&["--dev.l2-block-time=1s", "--dev.denim-after=6s", "--dev.l1-block-time=2s"]).await;
    let pace = configured(&server).await;
    let since = |number: u64| pace.next_after(number) == Duration::from_millis(200);
    let done = |status: &SyncStatus| since(status.safe_l2.number) && since(status.unsafe_l2.number.saturating_sub(25));
    let tips = tips(&server, done).await;
    assert!(!since(tips[0].number), "the change was seen to come");
    assert!(tips.iter().all(|tip| pace.holds(tip)), "{tips:?}");
}

#[tokio::test]
async fn a_pace_that_no_configuration_tells_is_learnt() {
    let mut server = dev(&["--dev.l2-block-time=500ms", "--dev.l1-block-time=1s"]).await;
    assert_eq!(configured(&server).await.next_after(0), Duration::from_secs(1));
    server.line("another pace than the rollup configuration says").await;
    let mut first = 0;
    let moved = |status: &SyncStatus| {
        let tip = status.unsafe_l2.number;
        first = if first == 0 { tip } else { first };
        first > 0 && tip >= first + 10
    };
    assert!(tips(&server, moved).await.len() > 1);
}
