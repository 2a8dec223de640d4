//! The L1-info calldata: what the first transaction of an L2 block says about the block's L1 origin.
//!
//! Each fork has its own selector. Bedrock uses ABI words; since Ecotone the fields are packed and later forks only
//! append to them, so a selector from the future is read by the Ecotone prefix. [`L1Info::format`] tells when that
//! happened.

use alloy_primitives::{B256, Bytes};
use thiserror::Error;

use crate::BlockId;

/// What an L1-info deposit says about an L2 block's L1 origin. The fee parameters that follow are not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct L1Info {
    /// Which fork's calldata this is.
    pub format: L1InfoFormat,
    /// The L1 origin.
    pub origin: BlockId,
    /// Timestamp of the L1 origin, Unix time in seconds.
    pub time: u64,
    /// Distance of the L2 block to the first one with this origin.
    pub sequence_number: u64,
}

/// The layout of L1-info calldata, by the fork that introduced it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum L1InfoFormat {
    /// ABI words.
    Bedrock,
    /// Packed.
    Ecotone,
    /// Ecotone's layout with a selector of its own; early interop devnets.
    Interop,
    /// Appends the operator fee.
    Isthmus,
    /// Appends the data footprint scalar.
    Jovian,
    /// A selector nobody here knows, read by the Ecotone prefix.
    Unknown([u8; 4]),
}

/// Why calldata is not L1 info.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum CalldataError {
    /// There is no room for a selector.
    #[error("L1-info calldata of {0} bytes has no selector")]
    NoSelector(usize),
    /// The selector is known and its calldata has another length.
    #[error("{format:?} L1-info calldata has {length} bytes, expected {expected}")]
    Length {
        /// What the selector says.
        format: L1InfoFormat,
        /// Bytes it should have.
        expected: usize,
        /// Bytes found.
        length: usize,
    },
    /// The selector is unknown and the calldata is too short to have the Ecotone prefix.
    #[error("L1-info calldata with unknown selector {} has {length} bytes, too few to hold an origin", hex(.selector))]
    Unknown {
        /// The selector.
        selector: [u8; 4],
        /// Bytes found.
        length: usize,
    },
    /// A word of Bedrock calldata exceeds 64 bits.
    #[error("{0} in Bedrock L1-info calldata does not fit 64 bits")]
    TooLarge(&'static str),
}

const KNOWN: [(L1InfoFormat, [u8; 4], usize); 5] = [
    (L1InfoFormat::Bedrock, [0x01, 0x5d, 0x8e, 0xb9], 260),
    (L1InfoFormat::Ecotone, [0x44, 0x0a, 0x5e, 0x20], 164),
    (L1InfoFormat::Interop, [0x76, 0x0e, 0xe0, 0x4d], 164),
    (L1InfoFormat::Isthmus, [0x09, 0x89, 0x99, 0xbe], 176),
    (L1InfoFormat::Jovian, [0x3d, 0xb6, 0xbe, 0x2b], 178),
];
const ECOTONE_LENGTH: usize = 164;

impl L1Info {
    /// Decodes the input of an L1-info deposit.
    ///
    /// # Errors
    /// [`CalldataError`] when the length does not fit the selector, or a number does not fit.
    pub fn decode(calldata: &[u8]) -> Result<Self, CalldataError> {
        let length = calldata.len();
        let selector = *calldata.first_chunk().ok_or(CalldataError::NoSelector(length))?;
        let format = match KNOWN.iter().find(|(_, known, _)| *known == selector) {
            Some((format, _, expected)) if length == *expected => *format,
            Some((format, _, expected)) => {
                return Err(CalldataError::Length { format: *format, expected: *expected, length });
            }
            None if length >= ECOTONE_LENGTH => L1InfoFormat::Unknown(selector),
            None => return Err(CalldataError::Unknown { selector, length }),
        };
        let (number, time, sequence_number) = match format {
            L1InfoFormat::Bedrock => (
                word(calldata, 4, "the L1 block number")?,
                word(calldata, 36, "the L1 timestamp")?,
                word(calldata, 132, "the sequence number")?,
            ),
            _ => (be_u64(calldata, 28), be_u64(calldata, 20), be_u64(calldata, 12)),
        };
        let hash = B256::from_slice(&calldata[100..132]);
        Ok(Self { format, origin: BlockId { hash, number }, time, sequence_number })
    }

    /// Encodes this as calldata of its own format. The fee parameters, which nothing here reads, are zero.
    pub fn encode(&self) -> Bytes {
        let (selector, length) = match self.format {
            L1InfoFormat::Unknown(selector) => (selector, ECOTONE_LENGTH),
            known => KNOWN
                .iter()
                .find(|(format, ..)| *format == known)
                .map(|(_, selector, length)| (*selector, *length))
                .expect("the table names every known format"),
        };
        let mut calldata = vec![0; length];
        let mut put = |at: usize, bytes: &[u8]| calldata[at..at + bytes.len()].copy_from_slice(bytes);
        let (number_at, time_at, sequence_number_at) = match self.format {
            L1InfoFormat::Bedrock => (28, 60, 156),
            _ => (28, 20, 12),
        };
        put(0, &selector);
        put(number_at, &self.origin.number.to_be_bytes());
        put(time_at, &self.time.to_be_bytes());
        put(sequence_number_at, &self.sequence_number.to_be_bytes());
        put(100, self.origin.hash.as_slice());
        calldata.into()
    }
}

fn be_u64(calldata: &[u8], at: usize) -> u64 {
    u64::from_be_bytes(*calldata[at..].first_chunk().expect("the length was checked"))
}

fn word(calldata: &[u8], at: usize, name: &'static str) -> Result<u64, CalldataError> {
    if calldata[at..at + 24].iter().any(|byte| *byte != 0) {
        return Err(CalldataError::TooLarge(name));
    }
    Ok(be_u64(calldata, at + 24))
}

fn hex(selector: &[u8; 4]) -> String {
    alloy_primitives::hex::encode_prefixed(selector)
}
