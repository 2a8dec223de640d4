//! Rollup data in a blob: 4,096 elements of 32 bytes, of which a little less than 255 bits can be used.
//!
//! Four elements make a round. Each gives its last 31 bytes; of the four first bytes the lower six bits make three more
//! bytes. The first round begins with a version and the length, so it gives four bytes less.

use alloy_primitives::Bytes;
use thiserror::Error;

/// Bytes of a blob.
pub const BLOB_SIZE: usize = 131_072;
/// Bytes of rollup data that fit into a blob.
pub const MAX_BLOB_DATA: usize = ROUND * ROUNDS - HEADER;

/// Bytes of data in four elements.
const ROUND: usize = 4 * 31 + 3;
const ROUNDS: usize = BLOB_SIZE / 128;
/// Version and length.
const HEADER: usize = 4;

/// Why a blob holds no rollup data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum BlobError {
    /// It has another size.
    #[error("a blob of {0} bytes")]
    Size(usize),
    /// The encoding is of another version.
    #[error("encoding version {0}")]
    Version(u8),
    /// It tells of more data than a blob can hold.
    #[error("a length of {0} bytes")]
    Length(usize),
    /// An element is no element of the field of the commitments.
    #[error("element {0} has one of its two upper bits set")]
    Element(usize),
    /// Something follows the data.
    #[error("something follows the data")]
    Excess,
}

/// The rollup data in a blob.
///
/// # Errors
/// [`BlobError`] where it holds none; then the blob does not count.
pub fn blob_data(blob: &[u8]) -> Result<Bytes, BlobError> {
    if blob.len() != BLOB_SIZE {
        return Err(BlobError::Size(blob.len()));
    }
    if blob[1] != 0 {
        return Err(BlobError::Version(blob[1]));
    }
    let length = usize::from(blob[2]) << 16 | usize::from(blob[3]) << 8 | usize::from(blob[4]);
    if length > MAX_BLOB_DATA {
        return Err(BlobError::Length(length));
    }
    let mut data = Vec::with_capacity(ROUND * ROUNDS);
    for (round, elements) in blob.chunks_exact(128).enumerate() {
        let upper = [elements[0], elements[32], elements[64], elements[96]];
        if let Some(element) = upper.iter().position(|byte| byte & 0xc0 != 0) {
            return Err(BlobError::Element(4 * round + element));
        }
        let [a, b, c, d] = upper;
        data.extend_from_slice(&elements[1..32]);
        data.push(a & 0x3f | (b & 0x30) << 2);
        data.extend_from_slice(&elements[33..64]);
        data.push(b & 0x0f | (d & 0x0f) << 4);
        data.extend_from_slice(&elements[65..96]);
        data.push(c & 0x3f | (d & 0x30) << 2);
        data.extend_from_slice(&elements[97..128]);
    }
    if data[HEADER + length..].iter().any(|byte| *byte != 0) {
        return Err(BlobError::Excess);
    }
    Ok(Bytes::from(data).slice(HEADER..HEADER + length))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A blob whose elements were changed as told.
    #[track_caller]
    fn check(changes: &[(usize, u8)], expected: Result<&[u8], BlobError>) {
        let mut blob = vec![0; BLOB_SIZE];
        for (at, byte) in changes {
            blob[*at] = *byte;
        }
        assert_eq!(blob_data(&blob), expected.map(Bytes::copy_from_slice));
    }

    #[test]
    fn what_holds_data() {
        check(&[], Ok(&[]));
        check(&[(4, 2), (5, 7), (6, 8)], Ok(&[7, 8]));
        // Bytes 27, 59 and 91 of the data come out of the first bytes of the elements.
        let [split, full] =
            [&[(4, 92), (0, 0x3f), (32, 0x3f), (64, 0x3f), (96, 0x3f)][..], &[(2, 1), (3, 0xfb), (4, 0xfc)]];
        let mut data = [0; 92];
        [data[27], data[59], data[91]] = [0xff; 3];
        check(split, Ok(&data));
        check(full, Ok(&[0; MAX_BLOB_DATA]));
    }

    #[test]
    fn what_holds_none() {
        check(&[(1, 1)], Err(BlobError::Version(1)));
        check(&[(2, 1), (3, 0xfb), (4, 0xfd)], Err(BlobError::Length(MAX_BLOB_DATA + 1)));
        check(&[(32, 0x40)], Err(BlobError::Element(1)));
        check(&[(96 + 128, 0x80)], Err(BlobError::Element(7)));
        check(&[(4, 1), (6, 1)], Err(BlobError::Excess));
        check(&[(BLOB_SIZE - 1, 1)], Err(BlobError::Excess));
        assert_eq!(blob_data(&[0; 5]), Err(BlobError::Size(5)));
    }
}
