//! What holds for any input, one function per reader of foreign bytes.
//!
//! ```text
//! corpus/TARGET/* ──┬─▶ tests/replay   as they are and mutated, with every `cargo test`
//!                   └─▶ fuzz_targets/  libFuzzer, by fuzz/run
//! ```
//!
//! A function panics where its property does not hold. Deliberately absent: what the right answer to an input is, which
//! the tests of each crate say, and readers that only see bytes of our own.

mod batcher_data;
mod config_file;
mod fast_path;
mod l1_header;
mod l1_info;
mod rollup_config;
mod safe_db;
mod text;
mod wire;

pub use batcher_data::{blob_data_of, channel, derivation, frames, span_batch};
pub use config_file::config_file;
pub use fast_path::fast_path;
pub use l1_header::l1_header;
pub use l1_info::l1_info;
pub use rollup_config::rollup_config;
pub use safe_db::safe_db;
pub use wire::wire;

/// A property of any input.
pub type Target = fn(&[u8]);

/// Every target by its name, which its corpus has too.
pub const TARGETS: [(&str, Target); 12] = [
    ("blob_data", blob_data_of),
    ("channel", channel),
    ("config_file", config_file),
    ("derivation", derivation),
    ("fast_path", fast_path),
    ("frames", frames),
    ("l1_header", l1_header),
    ("l1_info", l1_info),
    ("rollup_config", rollup_config),
    ("safe_db", safe_db),
    ("span_batch", span_batch),
    ("wire", wire),
];
