//! Simulated nodes on loopback, for what no real node does when it is told to.

use devnet::{Listener, Node, Params, Role, World};
use rollup::SyncStatus;
use tokio::task::JoinSet;

/// A simulated L1 and the rollup's execution client, served over real sockets. Time stands still but for
/// [`Simulated::advance`].
#[derive(Debug)]
pub struct Simulated {
    /// The chains.
    pub world: World,
    /// The L1's faults and the count of what was asked of it.
    pub l1: Node,
    /// The same of the execution client.
    pub l2: Node,
    /// rollup.json of the two.
    pub rollup_json: String,
    /// WebSocket and HTTP URL of the L1.
    pub l1_urls: [String; 2],
    /// WebSocket and HTTP URL of the execution client.
    pub l2_urls: [String; 2],
    servers: JoinSet<()>,
}

impl Simulated {
    /// Chains of so many L1 blocks, and nodes that serve them.
    ///
    /// # Errors
    /// When there is no socket.
    pub async fn start(params: Params, l1_blocks: u64) -> eyre::Result<Self> {
        let world = World::new(params);
        let (l1, l2) = (Node::new(world.clone(), Role::L1), Node::new(world.clone(), Role::ExecutionClient));
        let mut servers = JoinSet::new();
        let l1_urls = serve(&l1, &mut servers).await?;
        let l2_urls = serve(&l2, &mut servers).await?;
        let rollup_json = world.read(|chains| chains.rollup_config().to_string());
        let simulated = Self { world, l1, l2, rollup_json, l1_urls, l2_urls, servers };
        simulated.advance(l1_blocks);
        Ok(simulated)
    }

    /// Another node of these chains, a rollup node, and its HTTP URL.
    ///
    /// # Errors
    /// When there is no socket.
    pub async fn rollup_node(&mut self) -> eyre::Result<(Node, String)> {
        let node = Node::new(self.world.clone(), Role::RollupNode);
        let [_, url] = serve(&node, &mut self.servers).await?;
        Ok((node, url))
    }

    /// Lets so many L1 slots pass, with the L2 blocks that belong into them.
    pub fn advance(&self, l1_blocks: u64) {
        let now = self.world.read(|chains| chains.now() + chains.params().l1_slots(l1_blocks));
        self.world.advance(now);
    }

    /// What a server of the execution-client profile says once it knows everything.
    pub fn status(&self) -> SyncStatus {
        self.world.read(|chains| {
            let truth = chains.status();
            let origin = truth.safe_l2.l1_origin.number;
            SyncStatus { current_l1: chains.l1_block(origin).unwrap_or_default(), ..truth }
        })
    }
}

async fn serve(node: &Node, servers: &mut JoinSet<()>) -> eyre::Result<[String; 2]> {
    let listener = Listener::bind(node.clone(), ([127, 0, 0, 1], 0).into()).await?;
    let urls = [listener.ws_url(), listener.http_url()];
    servers.spawn(listener.serve(std::future::pending()));
    Ok(urls)
}
