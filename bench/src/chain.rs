//! The simulated upstreams of the op-status that is measured, in a thread of their own.

use std::{
    io::{self, Write},
    net::SocketAddr,
    path::Path,
    sync::mpsc,
    thread,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use devnet::{Listener, Node, Params, Role, World};
use tempfile::NamedTempFile;

use crate::cores::give_way;

/// How far in the past the chains begin, so that they can run ahead of time without leaving the present.
const LEAD: Duration = Duration::from_secs(3 * 3600);

/// An L1, an execution client and a rollup node that serve one world. They serve until the program ends.
pub(crate) struct Chain {
    pub(crate) world: World,
    pub(crate) l1: Node,
    pub(crate) l2: Node,
    rollup: NamedTempFile,
    l1_address: SocketAddr,
    l2_address: SocketAddr,
    rollup_address: SocketAddr,
}

impl Chain {
    /// Chains that are 64 L1 blocks long, and do not grow by themselves.
    pub(crate) fn start(params: Params) -> eyre::Result<Self> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?;
        let world = World::new(Params { genesis_time: (now - LEAD).as_secs(), retain: 1000, ..params });
        let mut rollup = NamedTempFile::new()?;
        write!(rollup, "{}", world.read(devnet::Chains::rollup_config))?;
        let (l1, l2) = (Node::new(world.clone(), Role::L1), Node::new(world.clone(), Role::ExecutionClient));
        let (send, urls) = mpsc::channel();
        let nodes = [l1.clone(), l2.clone(), Node::new(world.clone(), Role::RollupNode)];
        thread::Builder::new().name("upstreams".into()).spawn(move || {
            if let Err(error) = give_way().and_then(|()| serve(nodes, &send)) {
                // Nobody waits for it if it served.
                let _ = send.send(Err(error));
            }
        })?;
        let [l1_address, l2_address, rollup_address] = urls.recv()??;
        let chain = Self { world, l1, l2, rollup, l1_address, l2_address, rollup_address };
        chain.grow(64);
        Ok(chain)
    }

    /// Lets so many L1 slots pass, with the L2 blocks that belong into them.
    pub(crate) fn grow(&self, l1_blocks: u64) {
        let slots = |chains: &devnet::Chains| chains.params().l1_slots(l1_blocks);
        let now = self.world.read(|chains| chains.now() + slots(chains));
        self.world.advance(now);
    }

    /// The flags with which op-status follows this over WebSocket, and serves on a free port, as much as is asked of it.
    pub(crate) fn flags(&self) -> Vec<String> {
        self.flags_over("ws")
    }

    /// The same over HTTP.
    pub(crate) fn http_flags(&self) -> Vec<String> {
        self.flags_over("http")
    }

    /// Those with which it follows the rollup node too, and has its safe heads of as long as the chains are.
    pub(crate) fn safe_db_flags(&self, folder: &Path) -> Vec<String> {
        let mut flags = self.flags();
        flags.extend([
            format!("--rollup=http://{}", self.rollup_address),
            format!("--safedb.path={}", folder.display()),
            "--safedb.backfill=1d".into(),
            "--safedb.backfill-from=nodes-trusted".into(),
        ]);
        flags
    }

    fn flags_over(&self, scheme: &str) -> Vec<String> {
        let rollup = self.rollup.path().display();
        [
            format!("--rollup.config={rollup}"),
            format!("--l1={scheme}://{}", self.l1_address),
            format!("--l2={scheme}://{}", self.l2_address),
            "--rpc.port=0".into(),
            "--rpc.max-websockets=10000".into(),
            "--status.max-head-age=0s".into(),
            "--log.level=error".into(),
        ]
        .into()
    }
}

fn serve(nodes: [Node; 3], urls: &mpsc::Sender<io::Result<[SocketAddr; 3]>>) -> io::Result<()> {
    let serve = async {
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let [l1, l2, rollup] = nodes;
        let (l1, l2) = (Listener::bind(l1, any).await?, Listener::bind(l2, any).await?);
        let rollup = Listener::bind(rollup, any).await?;
        // Whoever started this waits for them.
        let _ = urls.send(Ok([l1.address(), l2.address(), rollup.address()]));
        let pending = std::future::pending;
        futures::join!(l1.serve(pending()), l2.serve(pending()), rollup.serve(pending()));
        Ok(())
    };
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(serve)
}
