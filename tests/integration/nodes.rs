//! The real nodes do what the other tests take for granted.

use std::time::Duration;

use futures::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tests::{Anvil, AnvilArgs, Chain, Optimism, PATIENCE};
use tokio::time::timeout;
use tokio_tungstenite::{connect_async, tungstenite::Message};

const L1: AnvilArgs =
    AnvilArgs { chain_id: 900, timestamp: 1_700_000_000, block_time: 12, safe_distance: 2, optimism: false };

#[tokio::test]
async fn labels_trail_by_depth() -> eyre::Result<()> {
    let l1 = Anvil::start(L1).await?;
    l1.mine(10).await?;
    let (head, safe, finalized) =
        (l1.rpc.block("latest").await?, l1.rpc.block("safe").await?, l1.rpc.block("finalized").await?);
    assert_eq!((head.number, safe.number, finalized.number), (10, 8, 6));
    assert_eq!(head.timestamp, L1.timestamp + 10 * L1.block_time);
    assert_eq!(l1.rpc.call("eth_chainId", json!([])).await?, "0x384");
    Ok(())
}

#[tokio::test]
async fn a_reorg_replaces_blocks_and_a_rollback_forgets_them() -> eyre::Result<()> {
    let l1 = Anvil::start(L1).await?;
    l1.mine(10).await?;
    let (ancestor, orphan) = (l1.rpc.block(7).await?, l1.rpc.block(8).await?);
    l1.reorg(3).await?;
    assert_eq!(l1.rpc.block(7).await?, ancestor);
    let replacement = l1.rpc.block(8).await?;
    assert_ne!(replacement.hash, orphan.hash);
    assert_eq!((replacement.parent_hash, replacement.timestamp), (ancestor.hash, orphan.timestamp));
    assert_eq!(l1.rpc.block("latest").await?.number, 10);

    l1.roll_back(3).await?;
    assert_eq!(l1.rpc.block("latest").await?, ancestor);
    l1.mine(1).await?;
    assert_ne!(l1.rpc.block("latest").await?.hash, replacement.hash);
    Ok(())
}

#[tokio::test]
async fn a_reorg_is_announced_and_a_rollback_is_not() -> eyre::Result<()> {
    let l1 = Anvil::start(L1).await?;
    let (mut socket, _) = connect_async(l1.ws_url()).await?;
    let subscribe = json!({ "jsonrpc": "2.0", "id": 1, "method": "eth_subscribe", "params": ["newHeads"] });
    socket.send(Message::text(subscribe.to_string())).await?;
    let confirmation = timeout(PATIENCE, socket.next()).await?.transpose()?;
    assert!(confirmation.is_some_and(|answer| answer.to_string().contains(r#""id":1"#)));
    let mut numbers = Box::pin(socket.filter_map(async |message| {
        let message: Value = serde_json::from_str(message.ok()?.to_text().ok()?).ok()?;
        message.pointer("/params/result/number")?.as_str().map(str::to_owned)
    }));
    let mut next = async || timeout(PATIENCE, numbers.next()).await;

    l1.mine(3).await?;
    for number in ["0x1", "0x2", "0x3"] {
        assert_eq!(next().await?.as_deref(), Some(number));
    }
    l1.roll_back(2).await?;
    l1.mine(1).await?;
    assert_eq!(next().await?.as_deref(), Some("0x2"), "the first word after a rollback is the next block");
    l1.reorg(2).await?;
    assert_eq!(next().await?.as_deref(), Some("0x1"));
    assert_eq!(next().await?.as_deref(), Some("0x2"));
    Ok(())
}

#[tokio::test]
async fn a_killed_node_comes_back_on_its_port_with_or_without_its_chain() -> eyre::Result<()> {
    let mut l1 = Anvil::start(L1).await?;
    let (url, genesis) = (l1.http_url(), l1.rpc.block(0).await?);
    l1.mine(5).await?;
    let head = l1.rpc.block("latest").await?;
    l1.save().await?;
    l1.kill()?;
    assert!(l1.rpc.block("latest").await.is_err());

    l1.restart(Chain::Saved).await?;
    assert_eq!((l1.http_url(), l1.rpc.block("latest").await?, l1.rpc.block(0).await?), (url, head, genesis));
    l1.mine(2).await?;
    let (next, tip) = (l1.rpc.block(6).await?, l1.rpc.block("latest").await?);
    assert_eq!((next.parent_hash, next.timestamp), (head.hash, head.timestamp + L1.block_time));
    assert_eq!((tip.parent_hash, tip.timestamp), (next.hash, next.timestamp + L1.block_time));

    l1.kill()?;
    l1.restart(Chain::Lost).await?;
    assert_eq!(l1.rpc.block("latest").await?, genesis);
    Ok(())
}

#[tokio::test]
async fn a_paused_node_is_silent_until_it_goes_on() -> eyre::Result<()> {
    let l1 = Anvil::start(L1).await?;
    l1.pause()?;
    let mut answer = std::pin::pin!(l1.rpc.call("eth_blockNumber", json!([])));
    assert!(timeout(Duration::from_millis(200), &mut answer).await.is_err());
    l1.resume()?;
    assert_eq!(answer.await?, "0x0");
    Ok(())
}

#[tokio::test]
async fn l2_blocks_name_their_l1_origin() -> eyre::Result<()> {
    let chains = Optimism::start().await?;
    let genesis = chains.l2.tip().await?;
    assert_eq!(genesis.l1_origin, chains.l2.config.genesis.l1);
    chains.advance(12).await?;

    let (tip, head) = (chains.l2.tip().await?, chains.l1.rpc.block("latest").await?);
    assert_eq!((tip.number, tip.l1_origin, tip.sequence_number), (24, head.id(), 0));
    let mut child = tip;
    while child.number > genesis.number + 1 {
        let parent = chains.l2.block(child.number - 1).await?;
        assert_eq!((parent.hash, parent.timestamp), (child.parent_hash, child.timestamp - chains.l2.config.block_time));
        let origin = chains.l1.rpc.block(parent.l1_origin.number).await?;
        assert_eq!(origin.id(), parent.l1_origin);
        assert!(origin.timestamp <= parent.timestamp);
        match child.sequence_number {
            0 => assert_eq!(child.l1_origin.number, parent.l1_origin.number + 1),
            further => assert_eq!((child.l1_origin, further), (parent.l1_origin, parent.sequence_number + 1)),
        }
        child = parent;
    }
    let (safe, finalized) = (chains.l2.block("safe").await?, chains.l2.block("finalized").await?);
    assert_eq!((safe.number, finalized.number), (15, 6));
    assert!(finalized.l1_origin.number <= chains.l1.rpc.block("finalized").await?.number);
    Ok(())
}

#[tokio::test]
async fn l2_is_rebuilt_on_a_reorganised_l1() -> eyre::Result<()> {
    let chains = Optimism::start().await?;
    chains.advance(8).await?;
    let (old_head, old_tip) = (chains.l1.rpc.block("latest").await?, chains.l2.tip().await?);
    chains.reorg(3).await?;
    let fork = chains.l2.tip().await?;
    assert_eq!(fork.l1_origin, chains.l1.rpc.block(old_head.number - 3).await?.id());
    chains.l2.extend(&chains.l1.rpc).await?;
    let tip = chains.l2.tip().await?;
    assert_eq!((tip.number, tip.timestamp), (old_tip.number, old_tip.timestamp));
    assert_eq!(tip.l1_origin, chains.l1.rpc.block("latest").await?.id());
    assert_ne!(tip.l1_origin.hash, old_tip.l1_origin.hash);
    Ok(())
}

#[tokio::test]
async fn both_chains_survive_a_kill() -> eyre::Result<()> {
    let mut chains = Optimism::start().await?;
    chains.advance(3).await?;
    let tip = chains.l2.tip().await?;
    chains.l2.node.save().await?;
    chains.l2.node.kill()?;
    chains.l2.node.restart(Chain::Saved).await?;
    assert_eq!(chains.l2.tip().await?, tip);
    chains.advance(1).await?;
    assert_eq!(chains.l2.tip().await?.number, tip.number + 2);
    Ok(())
}
