//! What the batcher and others do in an L1 block.

/// Something that is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Move {
    /// Frames of a channel, as they should be; as spans.
    Next,
    /// A channel of singular batches.
    Singulars,
    /// A channel was completed and extends the safe head.
    Completed,
    /// A channel was completed for nothing: too late, or what it holds is no longer next.
    Futile,
    /// A frame is left out.
    Skip,
    /// A frame is sent twice.
    Repeat,
    /// A frame is sent before its turn, and again in it.
    Early,
    /// A frame of another channel, not its first.
    OtherFrame,
    /// Someone else sends the next batch.
    Stranger,
    /// The batcher sends the next batch where it does not count.
    Elsewhere,
    /// A span that is safe already.
    Past,
    /// A span that leaves a gap.
    Future,
    /// A span on another parent.
    WrongParent,
    /// A span on another L1.
    WrongOrigin,
    /// A singular batch of an epoch too far.
    WrongEpoch,
    /// A span that begins below the safe head and says otherwise there.
    OtherOverlap,
    /// A span that begins below the safe head and says the same there.
    Overlap,
    /// A span of which a block in the middle is not allowed, and after it in the same channel the right one.
    Forbidden,
    /// Data that is no frames.
    Garbage,
    /// Data in a version nobody knows.
    UnknownVersion,
    /// A blob that nobody has, with nothing in it that counts.
    MissingBlob,
    /// A channel that cannot be decompressed.
    Undecodable,
    /// A span that names the L1 block it is in.
    Eager,
    /// Nothing, until a channel is timed out or the sequencing window is over.
    Pause,
    /// Another account is the batcher.
    Rotate,
    /// An empty block that no batch tells of.
    Forced,
}

impl Move {
    /// Every move.
    pub const ALL: [Self; 26] = [
        Self::Next,
        Self::Singulars,
        Self::Completed,
        Self::Futile,
        Self::Skip,
        Self::Repeat,
        Self::Early,
        Self::OtherFrame,
        Self::Stranger,
        Self::Elsewhere,
        Self::Past,
        Self::Future,
        Self::WrongParent,
        Self::WrongOrigin,
        Self::WrongEpoch,
        Self::OtherOverlap,
        Self::Overlap,
        Self::Forbidden,
        Self::Garbage,
        Self::UnknownVersion,
        Self::MissingBlob,
        Self::Undecodable,
        Self::Eager,
        Self::Pause,
        Self::Rotate,
        Self::Forced,
    ];
}
