//! Frames: the pieces of a channel, as a batcher transaction holds them one after the other.

use alloy_primitives::{Bytes, FixedBytes};
use thiserror::Error;

use crate::cursor::Cursor;

/// What tells channels apart.
pub type ChannelId = FixedBytes<16>;

/// The first byte of batcher data that holds frames.
const FRAMES: u8 = 0;
/// Bytes of data that a frame may hold.
const MAX_FRAME: usize = 1_000_000;

/// A piece of a channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Of which channel.
    pub channel: ChannelId,
    /// The how manieth, from 0.
    pub number: u16,
    /// A piece of the compressed channel.
    pub data: Bytes,
    /// Whether the channel ends with it.
    pub is_last: bool,
}

/// Why batcher data holds no frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum DataError {
    /// There is nothing, or nothing after the version.
    #[error("no frame")]
    Empty,
    /// Data of another version: 1 is a commitment to data elsewhere, others do not exist yet.
    #[error("data of version {0}")]
    Version(u8),
    /// One frame ends too early.
    #[error("frame {0} is cut off")]
    CutOff(usize),
    /// One frame is larger than a frame may be.
    #[error("frame {0} of {1} bytes")]
    TooLarge(usize, u32),
    /// Whether a frame is the last is neither yes nor no.
    #[error("frame {0} is neither the last nor not the last, but {1}")]
    Last(usize, u8),
}

/// The frames in the data of one batcher transaction or blob. All of them can be read, or none counts.
///
/// # Errors
/// [`DataError`] names what is wrong with the first that cannot be read.
pub fn parse_frames(data: &Bytes) -> Result<Vec<Frame>, DataError> {
    let mut rest = Cursor(data);
    match rest.byte() {
        None => return Err(DataError::Empty),
        Some(FRAMES) if rest.0.is_empty() => return Err(DataError::Empty),
        Some(FRAMES) => {}
        Some(version) => return Err(DataError::Version(version)),
    }
    let mut frames = Vec::new();
    while !rest.0.is_empty() {
        frames.push(frame(data, &mut rest, frames.len())?);
    }
    Ok(frames)
}

fn frame(data: &Bytes, rest: &mut Cursor<'_>, index: usize) -> Result<Frame, DataError> {
    let cut_off = DataError::CutOff(index);
    let channel = rest.array().map(FixedBytes).ok_or(cut_off)?;
    let number = rest.array().map(u16::from_be_bytes).ok_or(cut_off)?;
    let length = rest.array().map(u32::from_be_bytes).ok_or(cut_off)?;
    if length as usize > MAX_FRAME {
        return Err(DataError::TooLarge(index, length));
    }
    let piece = data.slice_ref(rest.take(length as usize).ok_or(cut_off)?);
    match rest.byte().ok_or(cut_off)? {
        last @ 0..=1 => Ok(Frame { channel, number, data: piece, is_last: last == 1 }),
        other => Err(DataError::Last(index, other)),
    }
}

/// Why a frame was dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum FrameFault {
    /// Its channel ended before.
    #[error("its channel has ended")]
    AfterLast,
    /// It does not follow the frame of its channel before it.
    #[error("frame {0} was due")]
    OutOfOrder(u16),
    /// It begins no channel, and is of another than the one before it.
    #[error("another channel is open")]
    OtherChannel,
    /// Its channel was still open when another began.
    #[error("another channel began")]
    Unclosed,
    /// It begins no channel, and none is open.
    #[error("no channel is open")]
    NoChannel,
}

/// What is left of the frames of one transaction when each has to follow the one before it. Dropped ones are told.
pub fn in_order(frames: Vec<Frame>, mut dropped: impl FnMut(&Frame, FrameFault)) -> Vec<Frame> {
    let mut kept: Vec<Frame> = Vec::with_capacity(frames.len());
    'frames: for next in frames {
        while let Some(current) = kept.last() {
            let fault = match (current.channel == next.channel, next.number) {
                (true, _) if current.is_last => FrameFault::AfterLast,
                (true, number) if Some(number) != current.number.checked_add(1) => {
                    FrameFault::OutOfOrder(current.number.wrapping_add(1))
                }
                (false, 0) if !current.is_last => {
                    dropped(current, FrameFault::Unclosed);
                    kept.pop();
                    continue;
                }
                (false, 1..) => FrameFault::OtherChannel,
                _ => break,
            };
            dropped(&next, fault);
            continue 'frames;
        }
        kept.push(next);
    }
    kept
}

#[cfg(test)]
mod tests {
    use alloy_primitives::hex;

    use super::*;

    #[track_caller]
    fn refused(data: &[u8], expected: DataError) {
        assert_eq!(parse_frames(&Bytes::copy_from_slice(data)), Err(expected));
    }

    #[test]
    fn frames_are_read() {
        let data = hex!("00" "000102030405060708090a0b0c0d0e0f" "0000" "00000002" "beef" "00"
            "000102030405060708090a0b0c0d0e0f" "0001" "00000000" "01");
        let frames = parse_frames(&Bytes::from(data)).unwrap();
        let channel = FixedBytes(hex!("000102030405060708090a0b0c0d0e0f"));
        let first = Frame { channel, number: 0, data: Bytes::from_static(&[0xbe, 0xef]), is_last: false };
        assert_eq!(frames, [first, Frame { channel, number: 1, data: Bytes::new(), is_last: true }]);

        refused(&[], DataError::Empty);
        refused(&[0], DataError::Empty);
        refused(&[1, 2, 3], DataError::Version(1));
        for cut in 2..data.len() {
            match parse_frames(&Bytes::copy_from_slice(&data[..cut])) {
                Ok(frames) => assert_eq!((cut, frames.len()), (26, 1)),
                Err(error) => assert_eq!(error, DataError::CutOff(usize::from(cut > 26)), "{cut}"),
            }
        }
        let with = |at: usize, byte: u8| {
            let mut data = data;
            data[at] = byte;
            data
        };
        refused(&with(25, 2), DataError::Last(0, 2));
        refused(&with(19, 1), DataError::TooLarge(0, 0x0100_0002));
    }

    /// Frames as `a0`, the last of a channel as `a1!`.
    #[track_caller]
    fn check(frames: &str, expected: &str) {
        let channel = |letter: u8| ChannelId::repeat_byte(letter);
        let frames = frames.split_whitespace().map(|frame| {
            let (number, is_last) = (frame[1..].trim_end_matches('!').parse().unwrap(), frame.ends_with('!'));
            Frame { channel: channel(frame.as_bytes()[0]), number, data: Bytes::new(), is_last }
        });
        let kept = in_order(frames.collect(), |_, _| {});
        let text = |frame: &Frame| {
            format!("{}{}{}", char::from(frame.channel[0]), frame.number, if frame.is_last { "!" } else { "" })
        };
        assert_eq!(kept.iter().map(text).collect::<Vec<_>>().join(" "), expected);
    }

    #[test]
    fn each_frame_follows_the_one_before_it() {
        check("a0 a1 a2!", "a0 a1 a2!");
        check("a5 a6", "a5 a6"); // An earlier transaction may hold a4.
        check("a0 a2 a1 a2!", "a0 a1 a2!");
        check("a0 a0 a1", "a0 a1");
        check("a0! a1", "a0!");
        check("a0! b0 b1!", "a0! b0 b1!");
        check("a0! b1", "a0!");
        check("a0 a1 b0", "b0");
        check("a0! b0 b1 c0!", "a0! c0!");
        check("a0! b0 a0!", "a0!");
        check("a0 b1 a1!", "a0 a1!");
        check("a65535 a0", "a65535");
    }
}
