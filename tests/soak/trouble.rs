//! What happens to the chains and their nodes, second by second.

use std::fmt;

use status::Layer;
use tests::{Allowed, Chain, Optimism};
use tokio::sync::watch;

/// What has happened so far.
#[derive(Default)]
pub(crate) struct Trouble {
    seconds: u64,
    blocks: u64,
    reorgs: u64,
    restarts: u64,
    freezes: u64,
    /// Whose node is frozen, and since when.
    frozen: Option<(Layer, u64)>,
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { blocks, reorgs, restarts, freezes, .. } = self;
        write!(f, "{blocks} L1 blocks {reorgs} reorgs {restarts} restarts {freezes} freezes")
    }
}

impl Trouble {
    /// A second: an L1 block with its L2 blocks, or trouble. Depths, victims and pauses take turns.
    pub(crate) async fn next(&mut self, chains: &mut Optimism, allowed: &watch::Sender<Allowed>) -> eyre::Result<()> {
        self.seconds += 1;
        if let Some((layer, since)) = self.frozen {
            if self.seconds - since < 10 {
                return Ok(());
            }
            match layer {
                Layer::L1 => chains.l1.resume()?,
                Layer::L2 | Layer::Sequencer => chains.l2.node.resume()?,
            }
            self.frozen = None;
        }
        match self.seconds % 120 {
            20 | 50 | 80 => {
                // It can be seen as two when it comes in parts.
                allowed.send_modify(|allowed| allowed.reorgs += 2);
                chains.reorg(1 + self.seconds / 30 % 3).await?;
                self.reorgs += 1;
            }
            65 => {
                chains.l1.pause()?;
                self.freezes += 1;
                self.frozen = Some((Layer::L1, self.seconds));
                return Ok(());
            }
            95 => {
                chains.l1.save().await?;
                chains.l1.kill()?;
                chains.l1.restart(Chain::Saved).await?;
                self.restarts += 1;
            }
            110 => {
                // Its state does not bring back the genesis of a rollup this long, so it is only stopped.
                chains.l2.node.pause()?;
                self.freezes += 1;
                self.frozen = Some((Layer::L2, self.seconds));
                return Ok(());
            }
            _ => {}
        }
        chains.advance(1).await?;
        self.blocks += 1;
        Ok(())
    }
}
