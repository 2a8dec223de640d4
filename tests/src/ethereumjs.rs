//! ethereumjs as a real L1 with an Engine API; whoever holds [`EthereumJs`] plays the beacon chain.

use std::{fs, net::TcpListener, process::Command};

use alloy_consensus::{EMPTY_ROOT_HASH, Header};
use alloy_primitives::{Address, B256, U256, hex};
use eyre::ensure;
use rollup::L1BlockRef;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::time::{Duration, Instant, sleep};

use crate::{JsonRpc, PATIENCE, Process, npm, wait_until};

const CHAIN_ID: u64 = 900;
const BLOCK_TIME: u64 = 4;
const GAS_LIMIT: u64 = 30_000_000;
/// So low that an eighth of it is nothing: it stays what it is.
const BASE_FEE: u64 = 7;

/// A running ethereumjs. Nothing happens on it but what is told by the Engine API, which shares the port of the others.
#[derive(Debug)]
pub struct EthereumJs {
    process: Process,
    /// What it answers.
    pub rpc: JsonRpc,
    port: u16,
    /// How many blocks were ever made; makes each differ from its siblings.
    made: u64,
    folder: TempDir,
}

impl EthereumJs {
    /// Starts a node that knows its genesis only.
    ///
    /// # Errors
    /// When ethereumjs cannot be installed or started.
    pub async fn start(timestamp: u64) -> eyre::Result<Self> {
        let folder = TempDir::new()?;
        fs::write(folder.path().join("genesis.json"), genesis(timestamp).to_string())?;
        // It does not tell which port it got, so it has to be told one.
        let deadline = Instant::now() + PATIENCE;
        let (process, port) = loop {
            let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
            match spawn(&folder, port).await {
                Err(_) if Instant::now() < deadline => {}
                spawned => break (spawned?, port),
            }
        };
        Ok(Self { process, rpc: JsonRpc::new(url(port)), port, made: 0, folder })
    }

    /// `http://127.0.0.1:port`; there is no WebSocket.
    pub fn http_url(&self) -> String {
        url(self.port)
    }

    /// Makes empty blocks on top of `parent` and has the node check them. Its head stays what it is.
    ///
    /// # Errors
    /// When the node does not find them valid.
    pub async fn import(&mut self, parent: L1BlockRef, blocks: u64) -> eyre::Result<L1BlockRef> {
        let mut head = parent;
        for _ in 0..blocks {
            self.made += 1;
            let header = child(&head, self.made);
            let hash = header.hash_slow();
            let beacon_root = header.parent_beacon_block_root;
            let answer = self.rpc.call("engine_newPayloadV3", json!([payload(&header, hash), [], beacon_root])).await?;
            ensure!(answer["status"] == "VALID", "block {} is not valid: {answer}", header.number);
            head = L1BlockRef {
                hash,
                number: header.number,
                parent_hash: header.parent_hash,
                timestamp: header.timestamp,
            };
        }
        Ok(head)
    }

    /// Sets head, safe and finalized; the zero hash leaves a label unset.
    ///
    /// # Errors
    /// When the node does not take them.
    pub async fn choose(&self, head: B256, safe: B256, finalized: B256) -> eyre::Result<()> {
        let state = json!({ "headBlockHash": head, "safeBlockHash": safe, "finalizedBlockHash": finalized });
        let answer = self.rpc.call("engine_forkchoiceUpdatedV3", json!([state, null])).await?;
        ensure!(answer["payloadStatus"]["status"] == "VALID", "forkchoice not taken: {answer}");
        Ok(())
    }

    /// Ends the process at once.
    ///
    /// # Errors
    /// When the process is gone already.
    pub fn kill(&mut self) -> eyre::Result<()> {
        self.process.kill().map(drop)
    }

    /// Starts a killed node again, on the same port and with all it knew.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn restart(&mut self) -> eyre::Result<()> {
        let deadline = Instant::now() + PATIENCE;
        self.process = loop {
            match spawn(&self.folder, self.port).await {
                Err(_) if Instant::now() < deadline => sleep(Duration::from_millis(200)).await,
                spawned => break spawned?,
            }
        };
        self.rpc = JsonRpc::new(url(self.port));
        Ok(())
    }
}

async fn spawn(folder: &TempDir, port: u16) -> eyre::Result<Process> {
    let program = npm::install("ethereumjs")?.join(".bin/ethereumjs");
    let rpc = JsonRpc::new(url(port));
    let port = port.to_string();
    let mut command = Command::new("node");
    command.arg(program).current_dir(folder).env("HOME", folder.path());
    command.args(["--gethGenesis", "genesis.json", "--dataDir", "data", "--logFile=false"]);
    command.args(["--rpc", "--rpcAddr", "127.0.0.1", "--rpcPort", &port]);
    command.args(["--rpcEngine", "--rpcEngineAddr", "127.0.0.1", "--rpcEnginePort", &port, "--rpcEngineAuth=false"]);
    // No peers, and nothing that listens for them.
    command.args(["--sync", "none", "--discDns=false", "--discV4=false", "--maxPeers", "0", "--port", "0"]);
    let (process, _) = Process::start(&mut command, "Client started successfully").await?;
    wait_until("ethereumjs to answer", async || Ok(rpc.find("latest").await.ok().flatten())).await?;
    Ok(process)
}

fn url(port: u16) -> String {
    format!("http://127.0.0.1:{port}")
}

fn genesis(timestamp: u64) -> Value {
    let mut config =
        json!({ "chainId": CHAIN_ID, "terminalTotalDifficulty": 0, "terminalTotalDifficultyPassed": true });
    let by_number =
        ["homestead", "eip150", "eip155", "eip158", "byzantium", "constantinople", "petersburg", "istanbul"];
    for fork in by_number.into_iter().chain(["berlin", "london", "mergeNetsplit"]) {
        config[format!("{fork}Block")] = 0.into();
    }
    for fork in ["shanghai", "cancun"] {
        config[format!("{fork}Time")] = 0.into();
    }
    json!({
        "config": config,
        "timestamp": format!("{timestamp:#x}"),
        "gasLimit": format!("{GAS_LIMIT:#x}"),
        "baseFeePerGas": format!("{BASE_FEE:#x}"),
        "difficulty": "0x0",
        "nonce": "0x0",
        "number": "0x0",
        "gasUsed": "0x0",
        "extraData": "0x",
        "parentHash": B256::ZERO,
        "mixHash": B256::ZERO,
        "coinbase": Address::ZERO,
        "alloc": {}
    })
}

/// An empty Cancun block on a chain without any account.
fn child(parent: &L1BlockRef, salt: u64) -> Header {
    Header {
        parent_hash: parent.hash,
        number: parent.number + 1,
        timestamp: parent.timestamp + BLOCK_TIME,
        state_root: EMPTY_ROOT_HASH,
        gas_limit: GAS_LIMIT,
        base_fee_per_gas: Some(BASE_FEE),
        mix_hash: B256::from(U256::from(salt)),
        withdrawals_root: Some(EMPTY_ROOT_HASH),
        blob_gas_used: Some(0),
        excess_blob_gas: Some(0),
        parent_beacon_block_root: Some(B256::with_last_byte(1)),
        ..Header::default()
    }
}

fn payload(header: &Header, hash: B256) -> Value {
    let quantity = |number: u64| format!("{number:#x}");
    json!({
        "parentHash": header.parent_hash,
        "feeRecipient": header.beneficiary,
        "stateRoot": header.state_root,
        "receiptsRoot": header.receipts_root,
        "logsBloom": hex::encode_prefixed(header.logs_bloom),
        "prevRandao": header.mix_hash,
        "blockNumber": quantity(header.number),
        "gasLimit": quantity(header.gas_limit),
        "gasUsed": quantity(header.gas_used),
        "timestamp": quantity(header.timestamp),
        "extraData": "0x",
        "baseFeePerGas": quantity(BASE_FEE),
        "blobGasUsed": "0x0",
        "excessBlobGas": "0x0",
        "blockHash": hash,
        "transactions": [],
        "withdrawals": []
    })
}
