//! The one channel that is being put together.

use alloy_primitives::Bytes;
use thiserror::Error;

use crate::{
    frame::{ChannelId, Frame, FrameFault},
    rules::{CHANNEL_TIMEOUT, FRAME_OVERHEAD, MAX_CHANNEL},
    sabotage::Bug,
};

/// Why a channel was dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ChannelFault {
    /// It was not complete within the time for it.
    #[error("open since L1 block {opened} and not complete in time")]
    TimedOut {
        /// The L1 block with its first frame.
        opened: u64,
    },
    /// Another began, or itself once more.
    #[error("not complete when another began")]
    Replaced,
    /// Its frames are more than may be.
    #[error("its frames are too large")]
    TooLarge,
    /// A batch in it broke a rule.
    #[error("the rest after a batch that was dropped")]
    Flushed,
    /// It ends in an L1 block that cannot hold anything new.
    #[error("at or below the L1 origin of the safe head")]
    Drained,
}

/// A channel whose frames are all there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Channel {
    /// What its frames named it.
    pub id: ChannelId,
    /// The compressed content.
    pub data: Vec<u8>,
}

/// At most one channel, from its first frame on without a gap.
#[derive(Clone, Debug, Default)]
pub struct Assembler {
    open: Option<Open>,
}

#[derive(Clone, Debug)]
struct Open {
    id: ChannelId,
    /// Number of the L1 block with its first frame.
    since: u64,
    pieces: Vec<Bytes>,
    size: usize,
}

/// What became of a frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Added {
    /// The channel goes on.
    Open,
    /// It completed the channel.
    Complete(Channel),
    /// The frame does not count.
    Dropped(FrameFault),
    /// With it the channel is larger than may be, and is gone.
    TooLarge(ChannelId),
}

impl Assembler {
    /// Gives up the open channel if it is too old at this L1 block, and tells which.
    pub fn expire(&mut self, l1_number: u64) -> Option<(ChannelId, ChannelFault)> {
        let timeout = if Bug::LongTimeout.bites() { 300 } else { CHANNEL_TIMEOUT };
        let expired = self.open.take_if(|open| open.since + timeout < l1_number)?;
        Some((expired.id, ChannelFault::TimedOut { opened: expired.since }))
    }

    /// Gives up the open channel, and tells which.
    pub fn clear(&mut self) -> Option<ChannelId> {
        self.open.take().map(|open| open.id)
    }

    /// Takes a frame of this L1 block. A first frame replaces an open channel, which is told.
    pub fn add(&mut self, frame: Frame, l1_number: u64) -> (Added, Option<ChannelId>) {
        let replaced = if frame.number == 0 { self.clear() } else { None };
        if frame.number == 0 {
            self.open = Some(Open { id: frame.channel, since: l1_number, pieces: Vec::new(), size: 0 });
        }
        (self.append(frame), replaced)
    }

    fn append(&mut self, frame: Frame) -> Added {
        let Some(open) = &mut self.open else { return Added::Dropped(FrameFault::NoChannel) };
        if open.id != frame.channel {
            return Added::Dropped(FrameFault::OtherChannel);
        }
        let due = u16::try_from(open.pieces.len());
        if due != Ok(frame.number) {
            return Added::Dropped(FrameFault::OutOfOrder(due.unwrap_or(u16::MAX)));
        }
        open.size += frame.data.len() + FRAME_OVERHEAD;
        open.pieces.push(frame.data);
        if open.size > MAX_CHANNEL {
            self.open = None;
            return Added::TooLarge(frame.channel);
        }
        if !frame.is_last {
            return Added::Open;
        }
        let complete = self.open.take().map(|open| Channel { id: open.id, data: open.pieces.concat() });
        complete.map_or(Added::Open, Added::Complete)
    }

    /// Bytes that are held, as the rules count them.
    pub fn size(&self) -> usize {
        self.open.as_ref().map_or(0, |open| open.size)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(letter: u8, number: u16, size: usize, is_last: bool) -> Frame {
        Frame { channel: ChannelId::repeat_byte(letter), number, data: vec![letter; size].into(), is_last }
    }

    #[test]
    fn frames_in_order_make_a_channel() {
        let mut assembler = Assembler::default();
        let mut add = |frame, l1| assembler.add(frame, l1);
        let dropped = |fault| (Added::Dropped(fault), None);
        assert_eq!(add(frame(b'a', 1, 1, false), 1), dropped(FrameFault::NoChannel));
        assert_eq!(add(frame(b'a', 0, 1, false), 1), (Added::Open, None));
        assert_eq!(add(frame(b'b', 1, 1, true), 1), dropped(FrameFault::OtherChannel));
        assert_eq!(add(frame(b'a', 2, 1, true), 1), dropped(FrameFault::OutOfOrder(1)));
        assert_eq!(add(frame(b'a', 1, 2, false), 2), (Added::Open, None));
        assert_eq!(add(frame(b'a', 1, 2, false), 2), dropped(FrameFault::OutOfOrder(2)));
        let complete = Channel { id: ChannelId::repeat_byte(b'a'), data: b"aaaaaa".to_vec() };
        assert_eq!(add(frame(b'a', 2, 3, true), 3), (Added::Complete(complete), None));
        assert_eq!(add(frame(b'a', 3, 3, true), 3), dropped(FrameFault::NoChannel));
        assert_eq!(add(frame(b'a', 0, 1, false), 3), (Added::Open, None));
        assert_eq!(add(frame(b'a', 0, 1, false), 4), (Added::Open, Some(ChannelId::repeat_byte(b'a'))));
        let complete = Channel { id: ChannelId::repeat_byte(b'b'), data: vec![] };
        assert_eq!(add(frame(b'b', 0, 0, true), 4), (Added::Complete(complete), Some(ChannelId::repeat_byte(b'a'))));
    }

    #[test]
    fn a_channel_has_its_time() {
        let mut assembler = Assembler::default();
        assembler.add(frame(b'a', 0, 1, false), 100);
        assert_eq!(assembler.expire(150), None);
        let fault = ChannelFault::TimedOut { opened: 100 };
        assert_eq!(assembler.expire(151), Some((ChannelId::repeat_byte(b'a'), fault)));
        assert_eq!(assembler.expire(151), None);
    }

    #[test]
    fn a_channel_has_its_size() {
        let mut assembler = Assembler::default();
        let size = 1_000_000 - FRAME_OVERHEAD;
        for number in 0..100 {
            assert_eq!(assembler.add(frame(b'a', number, size, false), 1), (Added::Open, None));
        }
        assert_eq!(assembler.size(), MAX_CHANNEL);
        assert_eq!(assembler.add(frame(b'a', 100, 0, true), 1), (Added::TooLarge(ChannelId::repeat_byte(b'a')), None));
        assert_eq!(assembler.size(), 0);
    }
}
