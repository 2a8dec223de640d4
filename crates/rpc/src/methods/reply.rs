//! What a message is answered.

use bytes::Bytes;
use status::SnapshotId;

/// The reply to a message, and what it is.
#[derive(Debug)]
pub(crate) enum Reply {
    /// The status of this snapshot.
    Status(Bytes, SnapshotId),
    /// What else methods answer, be it an error.
    Answer(Bytes),
    /// An error because too many wait for such an answer: asking again in a second may help.
    Busy(Bytes),
    /// An error that no method has answered, for it is not known which one was asked.
    Refused(Bytes),
    /// Nothing, as notifications have it.
    Silence,
}

impl Reply {
    /// The text, empty if there is nothing to say.
    pub(crate) fn into_json(self) -> Bytes {
        match self {
            Self::Status(json, _) | Self::Answer(json) | Self::Busy(json) | Self::Refused(json) => json,
            Self::Silence => Bytes::new(),
        }
    }
}
