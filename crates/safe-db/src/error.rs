//! What goes wrong with the database, by what can be done about it. No text says "not found": op-dispute-mon reads that
//! as disagreement.

use std::{path::PathBuf, time::Duration};

use thiserror::Error;

/// Why a database cannot be opened.
#[derive(Debug, Error)]
pub enum OpenError {
    /// The folder cannot be made.
    #[error("cannot make the folder {path}: {error}")]
    Folder {
        /// Which one.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// Another process has it open.
    #[error("{path} is in use by another process; give each server a folder of its own")]
    InUse {
        /// The file.
        path: PathBuf,
    },
    /// It is of another rollup.
    #[error("{path} holds the safe heads of another rollup; give this one a folder of its own")]
    OtherRollup {
        /// The file.
        path: PathBuf,
    },
    /// A later version of this program wrote it.
    #[error("{path} is of a later version of this program: run that one, or give this one a folder of its own")]
    Later {
        /// The file.
        path: PathBuf,
    },
    /// The disk is full or read-only, or it is somebody else's file.
    #[error("{path} cannot be written: {error}; make room or give the server a folder that it may write to")]
    Unwritable {
        /// The file.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// What is there was not written by this program, or is damaged, or cannot be read.
    #[error(
        "{path} cannot be read: {error}; if it is damaged, move it away: coverage then begins anew, and nothing wrong is \
         answered"
    )]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        error: String,
    },
}

/// Why the database does not answer.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum LookupError {
    /// It has not been compared with our L1 since the start.
    #[error("the safe head database has not been checked against L1 yet")]
    Unchecked,
    /// It could not be written, so it may lack what it should hold.
    #[error("the safe head database could not be written")]
    Unwritten,
    /// It was not followed when this L1 block was derived, or the block is not derived yet.
    #[error("the safe head database does not cover this L1 block")]
    NotCovered,
    /// It was not followed when this L2 block became safe.
    #[error("the safe head database does not cover when this L2 block became safe")]
    L2NotCovered,
    /// It cannot be read.
    #[error("the safe head database cannot be read: {0}")]
    Unreadable(String),
    /// The disk hangs, or too much is asked at once.
    #[error("the safe head database did not answer in time")]
    Late,
}

/// Why something could not be made durable, or read for that.
#[derive(Debug, Error)]
pub enum WriteError {
    /// The database says so.
    #[error("{0}")]
    Database(Box<redb::Error>),
    /// redb stumbled over what it read.
    #[error("its structure is broken")]
    Panicked,
    /// A write failed, and it could not be opened again.
    #[error("it is closed: {0}")]
    Closed(String),
    /// The disk hangs.
    #[error("the disk has not answered for {0:?}")]
    Hangs(Duration),
    /// A later version of this program wrote it.
    #[error("it is of a later version of this program")]
    Later,
    /// A value is not what this program writes.
    #[error("a value in table {0} is damaged")]
    Damaged(&'static str),
}

impl<E: Into<redb::Error>> From<E> for WriteError {
    fn from(error: E) -> Self {
        Self::Database(Box::new(error.into()))
    }
}
