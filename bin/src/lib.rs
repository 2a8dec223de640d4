//! The program: flags become a configuration, the configuration becomes tasks, and tasks end when told to.
//!
//! ```text
//! args ─▶ config ─▶ OpStatus::start (binds) ─▶ run_until(shutdown)
//!                      L1 feed ──┐
//!                      L2 feed ──┴▶ Driver ─▶ publisher ─▶ server, readiness in the log
//! ```
//!
//! Every task starts in [`OpStatus::run_until`], which joins them all. Deliberately absent: any rule about what is
//! true; wiring alone.

pub mod args;
mod chaos;
mod check;
mod config;
mod configured;
mod confs;
mod decode;
mod dev;
pub mod doctor;
mod effective;
mod feed;
mod follow;
mod get;
mod log;
mod nodes;
mod output;
mod readiness;
mod run;
mod usage;
mod version;
mod watch;
mod which_rollup;

pub use check::check;
pub use config::{Config, L1Config, L2Config, MetricsConfig, ServerConfig};
pub use configured::configured;
pub use confs::TooManyConfs;
pub use decode::decode;
pub use dev::Dev;
pub use doctor::doctor;
pub use effective::{effective, without_secrets};
pub use feed::WrongChain;
pub use follow::{Part, follow};
pub use get::get;
pub use log::init as init_log;
pub use nodes::RollupNode;
pub use output::{completions, manual, print};
pub use run::{OpStatus, in_process, run};
pub use usage::UsageError;
pub use version::VERSION;
pub use watch::watch;
