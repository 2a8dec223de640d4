//! What the batches on L1 say.

pub mod batch;
pub mod blob;
pub mod channel;
mod check;
mod checkpoints;
mod cursor;
pub mod decompress;
mod deriver;
pub mod frame;
mod heads;
mod inbox;
mod matching;
mod origins;
mod refusal;
mod rules;
mod sabotage;
pub mod span;
mod trace;

pub use check::BatchFault;
pub use checkpoints::Checkpoints;
pub use deriver::{Deriver, FeedError, Start, Step, Verdict};
pub use heads::{Derived, Doubt, DoubtReason, Head};
pub use inbox::{CONFIG_UPDATE, ConfigFault, InboxFault, L1Data, TRANSACTION_DEPOSITED};
pub use matching::{ClientBlock, Difference, Expected};
pub use refusal::Refusal;
pub use rules::{CHANNEL_TIMEOUT, MAX_CHANNEL, Rules};
pub use sabotage::Bug;
pub use trace::{Dropped, Reason, Trace};
