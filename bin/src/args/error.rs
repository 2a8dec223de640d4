//! Why there is nothing to do.

use std::borrow::Cow;

use thiserror::Error;

use super::file::FileError;

/// Why there is nothing to do.
#[derive(Debug, Error)]
pub enum ParseError {
    /// Wrong usage; or a call for help, which is no error.
    #[error(transparent)]
    Usage(#[from] clap::Error),
    /// The file is not usable.
    #[error("--config: {0}")]
    File(#[from] FileError),
    /// A value is not one for its flag.
    #[error("{place}: {why}")]
    Value {
        /// The flag, or the environment variable that gives it.
        place: String,
        /// What is wrong with it.
        why: Cow<'static, str>,
    },
}
