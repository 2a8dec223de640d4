//! `op-status decode`: what a batcher wrote, from files, without a node. Frames, channels and batches in their order, and
//! why the rest does not count.
//!
//! What needs the chains (is it next, in time, on the right parent?) is judged by a deriver; here everything is told that
//! can be read.

use std::{fs, path::Path};

use derivation::{
    MAX_CHANNEL, Reason,
    batch::{Batch, Batches},
    blob::{BLOB_SIZE, blob_data},
    channel::{Added, Assembler, Channel, ChannelFault},
    decompress::decompress,
    frame::{Frame, in_order, parse_frames},
};
use rollup::{RollupConfig, network};

use crate::{
    UsageError,
    args::{DecodeArgs, Form},
    print,
    which_rollup::from_file,
};

mod line;

use line::{BatchLine, Line};

/// Decodes the files and prints what is in them.
pub fn decode(args: &DecodeArgs) -> eyre::Result<()> {
    let config = config(args)?;
    let mut decoder = Decoder { config, blocks: args.blocks, assembler: Assembler::default(), lines: Vec::new() };
    for file in &args.files {
        decoder.file(file, args.form)?;
    }
    decoder.end();
    for line in decoder.lines {
        let text = if args.json { serde_json::to_string(&line)? } else { line.to_string() };
        print(&format!("{text}\n"))?;
    }
    Ok(())
}

fn config(args: &DecodeArgs) -> eyre::Result<Option<RollupConfig>> {
    let Some(path) = &args.config else { return Ok(args.network.as_deref().and_then(network)) };
    Ok(Some(from_file(path, None)?))
}

fn read(flag: &'static str, path: &Path) -> Result<Vec<u8>, UsageError> {
    fs::read(path).map_err(|error| UsageError::Unreadable { flag, path: path.display().to_string(), error })
}

struct Decoder {
    config: Option<RollupConfig>,
    blocks: bool,
    assembler: Assembler,
    lines: Vec<Line>,
}

impl Decoder {
    fn file(&mut self, path: &Path, form: Option<Form>) -> eyre::Result<()> {
        let bytes = bytes(&read("FILE", path)?);
        let form = form.unwrap_or_else(|| guess(&bytes));
        self.lines.push(Line::File { name: path.display().to_string(), form, bytes: bytes.len() });
        let data = match form {
            Form::Blob => match blob_data(&bytes) {
                Ok(data) => data,
                Err(error) => {
                    self.dropped(Reason::Blob(error));
                    return Ok(());
                }
            },
            Form::Input => bytes.into(),
            // A frame as it stands in the data, which begins with the version.
            Form::Frame => [&[0], &bytes[..]].concat().into(),
        };
        match parse_frames(&data) {
            Ok(frames) => self.frames(frames),
            Err(error) => self.dropped(Reason::Data(error)),
        }
        Ok(())
    }

    fn frames(&mut self, frames: Vec<Frame>) {
        let mut faults = Vec::new();
        for frame in &frames {
            self.lines.push(Line::Frame {
                channel: frame.channel,
                number: frame.number,
                bytes: frame.data.len(),
                last: frame.is_last,
            });
        }
        let kept = in_order(frames, |frame, fault| faults.push(Reason::Frame(frame.channel, frame.number, fault)));
        faults.into_iter().for_each(|fault| self.dropped(fault));
        for frame in kept {
            let (channel, number) = (frame.channel, frame.number);
            let (added, replaced) = self.assembler.add(frame, 0);
            if let Some(channel) = replaced {
                self.dropped(Reason::Channel(channel, ChannelFault::Replaced));
            }
            match added {
                Added::Open => {}
                Added::Complete(channel) => self.channel(channel),
                Added::Dropped(fault) => self.dropped(Reason::Frame(channel, number, fault)),
                Added::TooLarge(channel) => self.dropped(Reason::Channel(channel, ChannelFault::TooLarge)),
            }
        }
    }

    fn channel(&mut self, Channel { id, data }: Channel) {
        let (content, end) = decompress(&data, MAX_CHANNEL);
        let compression = if data.first() == Some(&1) { "brotli" } else { "zlib" };
        self.lines.push(Line::Channel { channel: id, compression, bytes: data.len(), content: content.len() });
        // Without a chain only the hashes of some transactions would be others, and none is told.
        let chain_id = self.config.as_ref().map_or(1, |config| config.l2_chain_id);
        for batch in Batches::new(content.into(), chain_id) {
            match batch {
                Ok(batch) => self.batch(&batch),
                Err(error) => self.dropped(Reason::Unreadable(id, error)),
            }
        }
        if let Some(error) = end {
            self.dropped(Reason::Compression(id, error));
        }
    }

    fn batch(&mut self, batch: &Batch) {
        self.lines.push(Line::Batch(BatchLine::of(batch, self.config.as_ref())));
        if let (Batch::Span(span), true) = (batch, self.blocks) {
            let config = self.config.as_ref();
            self.lines.extend((0..span.len()).map(|index| line::block(span, index, config)));
        }
    }

    fn dropped(&mut self, reason: Reason) {
        self.lines.push(Line::Dropped { key: reason.key(), reason: reason.to_string() });
    }

    /// What is open when nothing follows.
    fn end(&mut self) {
        let bytes = self.assembler.size();
        if let Some(channel) = self.assembler.clear() {
            self.lines.push(Line::Open { channel, bytes });
        }
    }
}

/// The content of a file, which may be hexadecimal text.
fn bytes(content: &[u8]) -> Vec<u8> {
    let text = std::str::from_utf8(content).ok().map(str::trim);
    let text = text.filter(|text| !text.is_empty()).map(|text| text.strip_prefix("0x").unwrap_or(text));
    text.and_then(|text| alloy_primitives::hex::decode(text).ok()).unwrap_or_else(|| content.to_vec())
}

fn guess(bytes: &[u8]) -> Form {
    let is_input = |bytes: &[u8]| parse_frames(&bytes.to_vec().into()).is_ok();
    if bytes.len() == BLOB_SIZE {
        Form::Blob
    } else if !is_input(bytes) && is_input(&[&[0], bytes].concat()) {
        Form::Frame
    } else {
        Form::Input
    }
}
