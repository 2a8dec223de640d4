//! Flags of `decode`.

use std::{
    fmt::{self, Display, Formatter},
    path::PathBuf,
};

use clap::{Args, ValueEnum, builder::PossibleValuesParser};
use serde::Serialize;

/// Flags of `decode`.
#[derive(Debug, Args)]
pub struct DecodeArgs {
    /// Files with a blob, the input of a batcher's transaction, or a frame, as bytes or as hexadecimal text, in the order
    /// in which they stand on L1.
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// What the files hold. By default it is seen from their content.
    #[arg(long = "form", value_enum)]
    pub form: Option<Form>,
    /// Print one JSON object a line.
    #[arg(long)]
    pub json: bool,
    /// Also print each block of a span.
    #[arg(long)]
    pub blocks: bool,
    /// The rollup, whose genesis and pace tell the timestamps of a span. Without it they count from genesis.
    #[arg(long, value_name = "NAME", value_parser = PossibleValuesParser::new(rollup::network_names()))]
    pub network: Option<String>,
    /// The same from a rollup.json, or from a file of the superchain registry with superchain.toml beside it.
    #[arg(long = "rollup.config", value_name = "FILE", conflicts_with = "network")]
    pub config: Option<PathBuf>,
}

/// What a file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Form {
    /// A blob.
    Blob,
    /// The input of a transaction.
    Input,
    /// A frame.
    Frame,
}

impl Display for Form {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Blob => "blob",
            Self::Input => "input",
            Self::Frame => "frame",
        })
    }
}
