//! What a channel is compressed with, and how much of it can be read.

use brotli_decompressor::{BrotliDecompressStream, BrotliResult, BrotliState, StandardAlloc};
use miniz_oxide::inflate::{
    TINFLStatus,
    core::{
        DecompressorOxide, decompress as inflate,
        inflate_flags::{TINFL_FLAG_PARSE_ZLIB_HEADER, TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF},
    },
};
use thiserror::Error;

/// The first byte of a channel that goes on in brotli.
const BROTLI: u8 = 1;
/// The lower half of the first byte of zlib's data; the other is allowed for channels and unknown to zlib.
const ZLIB: [u8; 2] = [8, 15];
const CHUNK: usize = 65_536;

/// Why a channel could not be read to its end. What came before counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum CompressionError {
    /// There is nothing to decompress.
    #[error("it is empty")]
    Empty,
    /// It begins with a byte that names no compression.
    #[error("it is compressed in an unknown way, {0:#04x}")]
    Unknown(u8),
    /// What is compressed is damaged.
    #[error("its compressed data is damaged")]
    Damaged,
    /// What is compressed does not end. Batchers have left channels so, and all that was written can be read.
    #[error("its compressed data has no end")]
    NoEnd,
    /// It holds more than may be read of a channel.
    #[error("it holds more than {0} bytes")]
    TooLarge(usize),
}

/// What could be read, `limit` bytes at most, and why not more.
pub fn decompress(channel: &[u8], limit: usize) -> (Vec<u8>, Option<CompressionError>) {
    match channel.first() {
        None => (Vec::new(), Some(CompressionError::Empty)),
        Some(&BROTLI) => brotli(&channel[1..], limit),
        Some(first) if ZLIB.contains(&(first & 0x0f)) => zlib(channel, limit),
        Some(first) => (Vec::new(), Some(CompressionError::Unknown(*first))),
    }
}

fn zlib(mut input: &[u8], limit: usize) -> (Vec<u8>, Option<CompressionError>) {
    let flags = TINFL_FLAG_PARSE_ZLIB_HEADER | TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF;
    let mut state = Box::<DecompressorOxide>::default();
    // One byte of room more than may be read tells what ends at the limit from what goes on.
    let room = limit.saturating_add(1);
    let mut output = vec![0; CHUNK.min(room)];
    let mut length = 0;
    loop {
        let (status, read, written) = inflate(&mut state, input, &mut output, length, flags);
        length += written;
        input = input.get(read..).unwrap_or_default();
        match status {
            TINFLStatus::HasMoreOutput if output.len() < room => {
                output.resize(output.len().saturating_mul(2).min(room), 0);
            }
            status => {
                let end = match status {
                    TINFLStatus::Done => None,
                    TINFLStatus::FailedCannotMakeProgress => Some(CompressionError::NoEnd),
                    _ => Some(CompressionError::Damaged),
                };
                return clipped(output, length, limit, end);
            }
        }
    }
}

fn brotli(input: &[u8], limit: usize) -> (Vec<u8>, Option<CompressionError>) {
    let alloc = StandardAlloc::default;
    let mut state = BrotliState::new(alloc(), alloc(), alloc());
    let (mut available, mut read, mut total) = (input.len(), 0, 0);
    let (mut output, mut length) = (Vec::new(), 0);
    loop {
        if length == output.len() {
            output.resize(output.len().saturating_mul(2).clamp(CHUNK, limit.saturating_add(1).max(CHUNK)), 0);
        }
        let mut room = output.len() - length;
        let result = BrotliDecompressStream(
            &mut available,
            &mut read,
            input,
            &mut room,
            &mut length,
            &mut output,
            &mut total,
            &mut state,
        );
        match result {
            BrotliResult::NeedsMoreOutput if length <= limit => {}
            BrotliResult::NeedsMoreOutput | BrotliResult::ResultSuccess => return clipped(output, length, limit, None),
            BrotliResult::NeedsMoreInput => return clipped(output, length, limit, Some(CompressionError::NoEnd)),
            BrotliResult::ResultFailure => return clipped(output, length, limit, Some(CompressionError::Damaged)),
        }
    }
}

/// Of more than may be read, what may be read counts.
fn clipped(
    mut output: Vec<u8>,
    length: usize,
    limit: usize,
    end: Option<CompressionError>,
) -> (Vec<u8>, Option<CompressionError>) {
    output.truncate(length.min(limit));
    output.shrink_to_fit();
    (output, if length > limit { Some(CompressionError::TooLarge(limit)) } else { end })
}

#[cfg(test)]
mod tests {
    use miniz_oxide::deflate::compress_to_vec_zlib;

    use super::*;

    /// Brotli's own form for what cannot be compressed: a window, blocks of a length each, an empty last block.
    fn stored(data: &[u8]) -> Vec<u8> {
        // A window of 16 bits, then a block that is not the last, of 4 nibbles of length less one, not compressed.
        let mut bits = vec![false];
        for chunk in data.chunks(1 << 16) {
            bits.extend([false, false, false]);
            bits.extend((0..16).map(|bit| (chunk.len() - 1) >> bit & 1 == 1));
            bits.push(true);
            while bits.len() % 8 != 0 {
                bits.push(false);
            }
            bits.extend(chunk.iter().flat_map(|byte| (0..8).map(move |bit| byte >> bit & 1 == 1)));
        }
        bits.extend([true, true]);
        let byte = |bits: &[bool]| bits.iter().enumerate().fold(0, |byte, (at, bit)| byte | u8::from(*bit) << at);
        [BROTLI].into_iter().chain(bits.chunks(8).map(byte)).collect()
    }

    fn data() -> Vec<u8> {
        let noise = |state: &mut u32| {
            *state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            Some((*state >> 24) as u8)
        };
        (0..200_000).scan(7, |state, _| noise(state)).collect()
    }

    #[test]
    fn both_compressions_are_read_up_to_the_limit() {
        let data = data();
        for channel in [compress_to_vec_zlib(&data, 6), stored(&data)] {
            assert_eq!(decompress(&channel, data.len()), (data.clone(), None));
            assert_eq!(decompress(&channel, usize::MAX), (data.clone(), None));
            for limit in [0, 1, 65_536, 199_999] {
                let expected = (data[..limit].to_vec(), Some(CompressionError::TooLarge(limit)));
                assert_eq!(decompress(&channel, limit), expected, "{limit}");
            }
            // Whatever follows does not count.
            let longer = [&channel[..], b"more"].concat();
            assert_eq!(decompress(&longer, data.len()), (data.clone(), None));
        }
    }

    #[test]
    fn what_comes_before_the_end_counts() {
        let data = data();
        for channel in [compress_to_vec_zlib(&data, 6), stored(&data)] {
            for cut in [2, 100, channel.len() / 2, channel.len() - 1] {
                let (read, error) = decompress(&channel[..cut], usize::MAX);
                assert!(data.starts_with(&read) && error == Some(CompressionError::NoEnd), "{cut}");
                assert!(read.len() + 70_000 > data.len() * cut / channel.len(), "{} at {cut}", read.len());
            }
        }
        // The checksum is the last that is read, so all of the data comes before it.
        let mut channel = compress_to_vec_zlib(&data, 6);
        *channel.last_mut().unwrap() ^= 1;
        assert_eq!(decompress(&channel, usize::MAX), (data, Some(CompressionError::Damaged)));
    }

    #[test]
    fn what_names_no_compression_is_told() {
        assert_eq!(decompress(&[], 9), (vec![], Some(CompressionError::Empty)));
        assert_eq!(decompress(&[2, 3], 9), (vec![], Some(CompressionError::Unknown(2))));
        // Allowed for a channel, and damaged for zlib.
        assert_eq!(decompress(&[0x7f, 3], 9), (vec![], Some(CompressionError::Damaged)));
    }
}
