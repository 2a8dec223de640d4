//! Outputs of a simulated rollup: proven by its execution client, or checked where a rollup node says them.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use devnet::{Answer, Node, Params, Requests, Role, RpcError, World};
use futures::future::join_all;
use l2_ingest::{OutputError, Outputs, OutputsConfig};
use rollup::{Output, RollupConfig};
use serde_json::{Value, json};
use status::{Clock, InstanceId, Snapshot, SnapshotId};
use upstream::Endpoint;

use crate::watch::{OPTIONS, world};

const BLOCK: &str = "eth_getBlockByNumber";
const OUTPUT: &str = "optimism_outputAtBlock";
const PROOF: &str = "eth_getProof";

/// A world that stands still, its nodes, and what is served of it.
struct Rig {
    client: Node,
    nodes: Vec<Node>,
    served: Arc<Mutex<Snapshot>>,
    outputs: Outputs,
}

impl Rig {
    fn client() -> Self {
        Self::new(true, 0, |_| {})
    }

    fn node() -> Self {
        Self::new(false, 1, |_| {})
    }

    /// An execution client or not, and so many rollup nodes; `change` is made to the configuration.
    fn new(with_client: bool, nodes: usize, change: impl FnOnce(&mut RollupConfig)) -> Self {
        let world = world();
        let (config, status, now) =
            world.read(|chains| (chains.rollup_config().to_string(), chains.status(), chains.now()));
        let mut rollup = RollupConfig::from_json(&config).unwrap();
        change(&mut rollup);
        let client = Node::new(world.clone(), Role::ExecutionClient);
        let nodes: Vec<_> = (0..nodes).map(|_| Node::new(world.clone(), Role::RollupNode)).collect();
        let endpoint = |name: &str, node: &Node| Endpoint::over(name, node.transport(), OPTIONS.clone());
        let outputs = Outputs::new(OutputsConfig {
            rollup: Arc::new(rollup),
            execution_client: with_client.then(|| endpoint("client", &client)),
            derivers: nodes.iter().zip(["a", "b", "c"]).map(|(node, name)| endpoint(name, node)).collect(),
            followers: Vec::new(),
            clock: Clock::starting_at(now),
        });
        let unset = Snapshot::unset(InstanceId(1));
        let id = SnapshotId { sequence: 1, ..unset.id };
        let served = Arc::new(Mutex::new(Snapshot { status, id, ..unset }));
        Self { client, nodes, served, outputs }
    }

    async fn at(&self, number: u64) -> Result<Output, OutputError> {
        self.outputs.output_at(number, || Arc::new(self.served.lock().unwrap().clone())).await
    }

    fn safe(&self) -> u64 {
        self.served.lock().unwrap().status.safe_l2.number
    }

    fn tip(&self) -> u64 {
        self.served.lock().unwrap().status.unsafe_l2.number
    }

    fn finalized(&self) -> u64 {
        self.served.lock().unwrap().status.finalized_l2.number
    }

    /// The output as the world has it, with the status that is served.
    fn truth(&self, number: u64) -> Output {
        let node = Role::RollupNode;
        let lies = devnet::Lies::default();
        let answer = self
            .client
            .world()
            .read(|chains| devnet::answer(chains, node, &lies, OUTPUT, &json!([format!("{number:#x}")])));
        let output: Output = serde_json::from_value(answer.unwrap()).unwrap();
        Output { sync_status: self.served.lock().unwrap().status, ..output }
    }

    /// The error says all of this, and never "not found".
    async fn check_error(&self, number: u64, parts: &[&str]) {
        let error = self.at(number).await.unwrap_err().to_string();
        for part in parts {
            assert!(error.contains(part), "{error:?} does not say {part:?}");
        }
        assert!(!error.to_lowercase().contains("not found"), "{error}");
    }
}

fn error(message: &str) -> Answer {
    Err(RpcError { code: -32000, message: message.to_owned() })
}

#[tokio::test(start_paused = true)]
async fn every_block_has_its_output() {
    for rig in [Rig::client(), Rig::node(), Rig::new(true, 2, |_| {})] {
        let tip = rig.tip();
        for number in [0, 1, rig.finalized(), rig.finalized() + 1, rig.safe(), rig.safe() + 1, tip] {
            assert_eq!(rig.at(number).await, Ok(rig.truth(number)), "{number}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn before_isthmus_only_a_proof_tells() {
    let before = |rollup: &mut RollupConfig| (rollup.isthmus_time, rollup.jovian_time) = (None, None);
    let rig = Rig::new(true, 0, before);
    let number = rig.safe();
    assert_eq!(rig.at(number).await, Ok(rig.truth(number)));
    rig.client.with_answer(PROOF, |_, _| error("missing trie node"));
    rig.check_error(number, &["failed to get L2 output at block", "client: eth_getProof", "missing trie node"]).await;
    assert_eq!(rig.client.count(PROOF), 4, "asked again, three times in all");

    // Since Isthmus the header does for a state that is forgotten.
    let rig = Rig::client();
    rig.client.with_answer(PROOF, |_, _| error("missing trie node"));
    assert_eq!(rig.at(number).await, Ok(rig.truth(number)));
}

#[tokio::test(start_paused = true)]
async fn a_false_proof_is_refused() {
    let rig = Rig::client();
    for (pointer, value) in [
        ("/storageHash", json!(rollup::output_root(Default::default(), Default::default(), Default::default()))),
        ("/nonce", json!("0x1")),
        ("/accountProof", json!([])),
        ("/accountProof/0", json!("0xc0")),
    ] {
        rig.client.with_answer(PROOF, move |_, truth| {
            let mut proof = truth?;
            *proof.pointer_mut(pointer).unwrap() = value.clone();
            Ok(proof)
        });
        rig.check_error(rig.safe(), &["client: block ", "invalid withdrawal root hash"]).await;
    }
    // A true proof of another account's absence.
    let absent = |params: &Value, truth: Answer| {
        assert_eq!(params[2]["requireCanonical"], true);
        truth.map(|mut proof| {
            proof["address"] = json!("0x4200000000000000000000000000000000000015");
            proof
        })
    };
    rig.client.with_answer(PROOF, absent);
    rig.check_error(rig.safe(), &["the proof is of account 0x42"]).await;
    // A header with another withdrawals root than its state.
    rig.client.without_answers();
    rig.client.with_answer(BLOCK, |_, truth| {
        let mut block = truth?;
        block["withdrawalsRoot"] = block["stateRoot"].clone();
        Ok(block)
    });
    rig.check_error(rig.safe(), &["the header has withdrawalsRoot"]).await;
}

#[tokio::test(start_paused = true)]
async fn an_engine_port_without_single_transactions_gives_outputs() {
    let rig = Rig::client();
    let missing = |_: &Value, _: Answer| Err(RpcError { code: -32601, message: "Method not found".into() });
    rig.client.with_answer("eth_getTransactionByBlockHashAndIndex", missing);
    assert_eq!(rig.at(rig.safe()).await.unwrap().block_ref.number, rig.safe());
}

/// Only a block that is not due yet is "not found".
#[tokio::test(start_paused = true)]
async fn not_found_is_said_of_the_future_only() {
    const FUTURE: u64 = 1000;
    let said = |number| {
        format!(
            "failed to get L2 block ref with sync status: failed to determine L2BlockRef of height {number}, could not \
             get payload: not found"
        )
    };
    for rig in [Rig::client(), Rig::node(), Rig::new(true, 1, |_| {})] {
        // Ten minutes of blocks exist, one every two seconds.
        assert!(rig.tip() < FUTURE);
        for number in [FUTURE, u64::MAX] {
            let error = rig.at(number).await.unwrap_err();
            assert_eq!((error.to_string(), error), (said(number), OutputError::NotYet { number }));
        }
        // Nobody can tell: that is another error.
        for node in rig.nodes.iter().chain([&rig.client]) {
            node.edit(|faults| faults.requests = Requests::Refuse);
        }
        rig.check_error(FUTURE, &["failed to get L2 output at block 1000: "]).await;
    }

    // The past.
    let rig = Rig::client();
    let past = rig.safe();
    let null = |_: &Value, _: Answer| Ok(Value::Null);
    rig.at(1).await.unwrap();
    rig.client.with_answer(BLOCK, null);
    rig.check_error(past, &["client: it has no such block"]).await;
    rig.client.with_answer(BLOCK, |_, _| error("block Not Found, header not found"));
    rig.check_error(past, &["block missing, header missing"]).await;

    let rig = Rig::node();
    rig.nodes[0].with_answer(OUTPUT, |_, _| error("could not get payload: not found"));
    rig.check_error(past, &["a: it has no such block"]).await;
    // A method that is missing says nothing about a block.
    let method = |_: &Value, _: Answer| Err(RpcError { code: -32601, message: "Method not found".into() });
    rig.nodes[0].with_answer(OUTPUT, method);
    rig.check_error(past, &["a: optimism_outputAtBlock: JSON-RPC error -32601: Method missing"]).await;
    rig.check_error(FUTURE, &["a: optimism_outputAtBlock: JSON-RPC error -32601: Method missing"]).await;

    // Where the execution client has no such block, a rollup node may.
    let rig = Rig::new(true, 1, |_| {});
    rig.at(1).await.unwrap();
    rig.client.with_answer(BLOCK, null);
    assert_eq!(rig.at(past).await, Ok(rig.truth(past)));
}

#[tokio::test(start_paused = true)]
async fn what_is_no_block_of_ours_is_a_plain_error() {
    let rig = Rig::new(true, 0, |rollup| rollup.genesis.l2.number = 5);
    let below = OutputError::BelowGenesis { number: 4, genesis: 5 };
    assert_eq!(rig.at(4).await, Err(below));
    assert!(rig.client.requests().is_empty());
    rig.check_error(7, &["wrong chain: genesis"]).await;

    let rig = Rig::client();
    *rig.served.lock().unwrap() = Snapshot::unset(InstanceId(1));
    assert_eq!(rig.at(1).await, Err(OutputError::Unset));
    assert!(rig.client.requests().is_empty());
}

/// The status served says one chain, the client has another.
#[tokio::test(start_paused = true)]
async fn the_heads_of_the_status_must_be_the_clients() {
    let heads: [fn(&mut Snapshot) -> &mut rollup::L2BlockRef; 2] =
        [|snapshot| &mut snapshot.status.safe_l2, |snapshot| &mut snapshot.status.finalized_l2];
    for head in heads {
        let rig = Rig::client();
        rig.at(rig.safe()).await.unwrap();
        let before = rig.client.count(PROOF);
        let truth = head(&mut rig.served.lock().unwrap()).hash;
        head(&mut rig.served.lock().unwrap()).hash = !truth;
        rig.check_error(rig.finalized() + 1, &["client: it has ", " is expected"]).await;
        assert_eq!(rig.client.count(PROOF), before + 3, "tried three times");
        // It mends when they agree again, while being tried.
        let mend = async {
            rig.client.requested(|counts| counts[PROOF] > before + 3).await;
            head(&mut rig.served.lock().unwrap()).hash = truth;
        };
        let (output, ()) = tokio::join!(rig.at(rig.finalized() + 1), mend);
        assert_eq!(output, Ok(rig.truth(rig.finalized() + 1)));
    }
}

#[tokio::test(start_paused = true)]
async fn a_block_that_changes_while_it_is_read_is_read_again() {
    let rig = Rig::client();
    let (number, before) = (rig.tip(), rig.truth(rig.tip()));
    let world = rig.client.world();
    let reorg = Mutex::new(Some(world.fork(7)));
    let node = rig.client.clone();
    // When the proof is asked for, the client moves to another branch that has the same safe head.
    rig.client.with_answer(PROOF, move |_, truth| {
        if let Some(fork) = reorg.lock().unwrap().take() {
            fork.change(|chains| chains.reorg_l2(1));
            node.set_world(fork);
        }
        truth
    });
    let output = rig.at(number).await.unwrap();
    assert_ne!(output.block_ref, before.block_ref);
    assert_eq!(output, rig.truth(number));
}

#[tokio::test(start_paused = true)]
async fn an_epoch_that_rises_meanwhile_is_waited_out() {
    let epochs: [fn(&mut Snapshot); 2] = [|snapshot| snapshot.l1_epoch += 1, |snapshot| snapshot.l2_epoch += 1];
    for with_client in [true, false] {
        for raise in epochs {
            for (rises, expected) in [(1, true), (2, true), (u64::MAX, false)] {
                let rig = Rig::new(with_client, usize::from(!with_client), |_| {});
                let (served, left) = (rig.served.clone(), Mutex::new(rises));
                let (node, method) = if with_client { (&rig.client, PROOF) } else { (&rig.nodes[0], OUTPUT) };
                node.with_answer(method, move |_, truth| {
                    let mut left = left.lock().unwrap();
                    if *left > 0 {
                        *left -= 1;
                        raise(&mut served.lock().unwrap());
                    }
                    truth
                });
                let number = rig.safe();
                match expected {
                    true => assert_eq!(rig.at(number).await, Ok(rig.truth(number))),
                    false => rig.check_error(number, &["a reorg came while it was read"]).await,
                }
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn final_outputs_are_remembered_up_to_a_bound() {
    for with_client in [true, false] {
        let rig = Rig::new(with_client, usize::from(!with_client), |_| {});
        let node = if with_client { &rig.client } else { &rig.nodes[0] };
        let asked = |node: &Node| node.requests().values().sum::<u64>();
        let (finalized, first) = (rig.finalized(), rig.at(1).await.unwrap());
        rig.at(finalized).await.unwrap();
        rig.at(finalized + 1).await.unwrap();
        let before = asked(node);
        // A later status is told with them.
        rig.served.lock().unwrap().status.head_l1.number += 1;
        let status = rig.served.lock().unwrap().status;
        assert_eq!(rig.at(1).await, Ok(Output { sync_status: status, ..first }));
        assert_eq!(rig.at(finalized).await, Ok(rig.truth(finalized)));
        assert_eq!(asked(node), before, "nobody is asked");
        rig.at(finalized + 1).await.unwrap();
        assert!(asked(node) > before, "what is not final is read again");
    }
    // The oldest goes when so many others have come.
    let world = world();
    world.advance(world.read(|chains| chains.now()) + Duration::from_secs(17_000));
    let rig = Rig::client();
    rig.client.set_world(world.clone());
    rig.served.lock().unwrap().status = world.read(|chains| chains.status());
    assert!(rig.finalized() > 8193);
    for number in 1..=8193 {
        rig.at(number).await.unwrap();
    }
    let proofs = rig.client.count(PROOF);
    rig.at(2).await.unwrap();
    assert_eq!(rig.client.count(PROOF), proofs);
    rig.at(1).await.unwrap();
    assert_eq!(rig.client.count(PROOF), proofs + 1);
}

/// What is not an output of our chain, as a rollup node may tell it.
#[tokio::test(start_paused = true)]
async fn a_node_that_lies_is_not_repeated() {
    type Lie = fn(&mut Value);
    let lies: [(Lie, &str); 9] = [
        (|output| output["outputRoot"] = output["stateRoot"].clone(), "does not follow from its parts"),
        (|output| output["stateRoot"] = output["outputRoot"].clone(), "does not follow from its parts"),
        (|output| output["version"] = output["stateRoot"].clone(), "does not follow from its parts"),
        (|output| output["blockRef"]["number"] = json!(1), "it answers with block 1"),
        (|output| output["syncStatus"]["safe_l2"]["hash"] = output["stateRoot"].clone(), " is served"),
        (|output| output["syncStatus"]["finalized_l2"]["hash"] = output["stateRoot"].clone(), " is served"),
        (|output| output["syncStatus"]["safe_l2"]["number"] = json!(3), "it has derived up to 3 only"),
        (|output| output["syncStatus"] = Value::Null, "it has derived up to 0 only"),
        (|output| *output = Value::Null, "undecodable answer"),
    ];
    for (lie, said) in lies {
        let rig = Rig::new(false, 2, |_| {});
        rig.served.lock().unwrap().provenance.derived = Some("b".into());
        rig.nodes[1].with_answer(OUTPUT, move |_, truth| {
            let mut output = truth?;
            lie(&mut output);
            Ok(output)
        });
        let number = rig.safe() - 1;
        assert_eq!(rig.at(number).await, Ok(rig.truth(number)), "the other node is asked");
        assert!(rig.nodes[1].count(OUTPUT) > 0, "the one served is asked first");
        rig.nodes[0].edit(|faults| faults.requests = Requests::Refuse);
        rig.check_error(number, &["b: ", said]).await;
    }
    // The origin of a head is known.
    let rig = Rig::node();
    rig.nodes[0].with_answer(OUTPUT, |_, truth| {
        let mut output = truth?;
        output["blockRef"]["sequenceNumber"] = json!(77);
        Ok(output)
    });
    rig.check_error(rig.safe(), &["a: it tells block ", " otherwise than it is served"]).await;
    // Another block, with an output that is right for it, where ours is known: at the head, and below it.
    let rig = Rig::node();
    let fork = world().fork(3);
    fork.change(|chains| chains.reorg_l2(5));
    let theirs = fork.read(|chains| chains.unsafe_l2());
    rig.nodes[0].set_world(fork);
    let number = theirs.number.min(rig.tip());
    for number in [number, number - 1] {
        rig.check_error(number, &["a: it has ", " is served"]).await;
    }
    // The tip of a branch that parts below our safe head, which is held; the node has not derived that far again.
    let rig = Rig::node();
    rig.served.lock().unwrap().status.safe_l2.hash.0[0] ^= 1;
    let derived = rig.safe() - 3;
    rig.nodes[0].with_answer(OUTPUT, move |_, truth| {
        let mut output = truth?;
        output["syncStatus"]["safe_l2"]["number"] = json!(derived);
        Ok(output)
    });
    rig.check_error(rig.tip(), &["a: it has ", " is expected"]).await;
    // Another chain, none of whose heads is at the height of one of ours.
    let rig = Rig::node();
    rig.at(1).await.unwrap();
    let other = world().read(|chains| World::new(Params { seed: 9, ..*chains.params() }));
    other.advance(world().read(|chains| chains.now()) + Duration::from_secs(100));
    rig.nodes[0].set_world(other);
    rig.check_error(rig.safe() - 5, &["a: it has ", " is expected"]).await;
}

#[tokio::test(start_paused = true)]
async fn silence_costs_no_more_than_a_clients_patience() {
    for nodes in [0, 1, 3] {
        let rig = Rig::new(true, nodes, |_| {});
        for node in rig.nodes.iter().chain([&rig.client]) {
            node.edit(|faults| faults.requests = Requests::Hang);
        }
        let start = tokio::time::Instant::now();
        rig.check_error(5, &["client: no answer within"]).await;
        assert_eq!(start.elapsed().as_secs(), 8);
        // One that answers is reached in time.
        if let Some(last) = rig.nodes.last() {
            last.edit(|faults| faults.requests = Requests::Up);
            assert_eq!(rig.at(5).await, Ok(rig.truth(5)));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn beyond_sixteen_it_is_busy_at_once() {
    let rig = Rig::client();
    rig.at(1).await.unwrap();
    rig.client.edit(|faults| faults.latency = Duration::from_secs(1));
    let answers = join_all((0..20).map(|ahead| rig.at(rig.safe() - ahead))).await;
    let mut counts = BTreeMap::new();
    for answer in answers {
        *counts.entry(answer.map(drop)).or_insert(0) += 1;
    }
    assert_eq!(counts.into_iter().collect::<Vec<_>>(), [(Ok(()), 16), (Err(OutputError::Busy), 4)]);
    assert_eq!(rig.at(1).await, Ok(rig.truth(1)), "what is remembered needs no place");
}

/// Whoever asks for a block that is being looked up waits for it, and takes no place.
#[tokio::test(start_paused = true)]
async fn a_block_is_looked_up_once_for_all_who_wait() {
    let rig = Rig::client();
    rig.at(1).await.unwrap();
    rig.client.edit(|faults| faults.latency = Duration::from_millis(200));
    for number in [rig.finalized(), rig.safe(), rig.tip()] {
        let proofs = rig.client.count(PROOF);
        for output in join_all((0..40).map(|_| rig.at(number))).await {
            assert_eq!(output, Ok(rig.truth(number)));
        }
        assert_eq!(rig.client.count(PROOF), proofs + 1, "{number}");
    }
    // What went wrong is told to all of them, and not remembered.
    rig.client.edit(|faults| faults.requests = Requests::Null);
    let number = rig.safe() - 1;
    let blocks = rig.client.count(BLOCK);
    for output in join_all((0..40).map(|_| rig.at(number))).await {
        assert!(output.unwrap_err().to_string().contains("it has no such block"));
    }
    assert_eq!(rig.client.count(BLOCK), blocks + 1);
    rig.client.edit(|faults| faults.requests = Requests::Up);
    assert_eq!(rig.at(number).await, Ok(rig.truth(number)));
}

/// When the one who looks it up goes away, the next does.
#[tokio::test(start_paused = true)]
async fn a_lookup_does_not_end_with_the_one_who_began_it() {
    let rig = Rig::client();
    rig.at(1).await.unwrap();
    rig.client.edit(|faults| faults.latency = Duration::from_secs(1));
    let number = rig.safe();
    let leaves = tokio::time::timeout(Duration::from_millis(1500), rig.at(number));
    let (left, stays) = futures::join!(leaves, rig.at(number));
    assert!(left.is_err());
    assert_eq!(stays, Ok(rig.truth(number)));
}

/// A status that is served when the output is asked for is not followed by an older one beside the output.
#[tokio::test(start_paused = true)]
async fn who_waits_is_told_no_older_status() {
    let rig = Rig::client();
    rig.at(1).await.unwrap();
    rig.client.edit(|faults| faults.latency = Duration::from_secs(1));
    for number in [rig.safe(), rig.finalized() - 1] {
        let newer = async {
            tokio::time::sleep(Duration::from_millis(1500)).await;
            {
                let mut served = rig.served.lock().unwrap();
                served.id.sequence += 1;
                served.status.head_l1.timestamp += 1;
            }
            rig.at(number).await
        };
        let (first, second) = futures::join!(rig.at(number), newer);
        assert_eq!(second, Ok(rig.truth(number)));
        assert_eq!(first.unwrap().output_root, second.unwrap().output_root);
    }
}

/// One connection serves until it breaks.
#[tokio::test(start_paused = true)]
async fn the_connection_is_kept_and_reopened() {
    let rig = Rig::client();
    for ahead in 0..3 {
        rig.at(rig.safe() - ahead).await.unwrap();
    }
    assert_eq!(rig.client.count("eth_chainId"), 1);
    rig.client.edit(|faults| faults.requests = Requests::Refuse);
    rig.check_error(rig.safe(), &["client: "]).await;
    rig.client.edit(|faults| faults.requests = Requests::Up);
    rig.at(rig.safe()).await.unwrap();
    assert!(rig.client.count("eth_chainId") >= 2, "another connection is checked again");
}
