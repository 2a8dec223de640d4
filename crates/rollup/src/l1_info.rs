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

#[cfg(test)]
mod tests {
    use alloy_primitives::{U256, b256, hex, keccak256};
    use kona_protocol::{L1BlockInfoBedrock, L1BlockInfoEcotone, L1BlockInfoIsthmus, L1BlockInfoTx};
    use proptest::{collection::vec, prelude::*, sample::select};

    use super::*;

    #[test]
    fn selectors_are_those_of_the_l1_block_contract() {
        let functions = [
            "setL1BlockValues(uint64,uint64,uint256,bytes32,uint64,bytes32,uint256,uint256)",
            "setL1BlockValuesEcotone()",
            "setL1BlockValuesInterop()",
            "setL1BlockValuesIsthmus()",
            "setL1BlockValuesJovian()",
        ];
        for ((format, selector, _), function) in KNOWN.iter().zip(functions) {
            assert_eq!(keccak256(function)[..4], *selector, "{format:?}");
        }
    }

    #[test]
    fn reads_deposits_of_op_mainnet() {
        let bedrock = hex!(
            "015d8eb9"
            "000000000000000000000000000000000000000000000000000000000117c4eb"
            "0000000000000000000000000000000000000000000000000000000065280377"
            "000000000000000000000000000000000000000000000000000000026d05d953"
            "392012032675be9f94aae5ab442de73c5f4fb1bf30fa7dd0d2442239899a40fc"
            "0000000000000000000000000000000000000000000000000000000000000004"
            "0000000000000000000000006887246668a3b87f54deb3b94ba47a6f63f32985"
            "00000000000000000000000000000000000000000000000000000000000000bc"
            "00000000000000000000000000000000000000000000000000000000000a6fe0"
        );
        let expected = L1Info {
            format: L1InfoFormat::Bedrock,
            origin: BlockId {
                hash: b256!("0x392012032675be9f94aae5ab442de73c5f4fb1bf30fa7dd0d2442239899a40fc"),
                number: 18_334_955,
            },
            time: 1_697_121_143,
            sequence_number: 4,
        };
        assert_eq!(L1Info::decode(&bedrock), Ok(expected));

        let ecotone = hex!(
            "440a5e20"
            "00000558000c5fc5"
            "0000000000000005"
            "00000000661c2773"
            "00000000012bec20"
            "000000000000000000000000000000000000000000000000000000026e9f1099"
            "0000000000000000000000000000000000000000000000000000000000000001"
            "1c4c84c50740386c7dc081efddd644405f04cde73e30a2e381737acce9f5add3"
            "0000000000000000000000006887246668a3b87f54deb3b94ba47a6f63f32985"
        );
        let expected = L1Info {
            format: L1InfoFormat::Ecotone,
            origin: BlockId {
                hash: b256!("0x1c4c84c50740386c7dc081efddd644405f04cde73e30a2e381737acce9f5add3"),
                number: 19_655_712,
            },
            time: 1_713_121_139,
            sequence_number: 5,
        };
        assert_eq!(L1Info::decode(&ecotone), Ok(expected));
    }

    #[test]
    fn lengths_are_exact_where_the_selector_is_known() {
        for (format, selector, expected) in KNOWN {
            for length in [4, expected - 1, expected + 1, 1000] {
                let mut calldata = vec![0; length];
                calldata[..4].copy_from_slice(&selector);
                assert_eq!(L1Info::decode(&calldata), Err(CalldataError::Length { format, expected, length }));
            }
        }
    }

    #[test]
    fn unknown_selectors_are_read_by_the_ecotone_prefix() {
        let info = L1Info {
            format: L1InfoFormat::Unknown([0xfe; 4]),
            origin: BlockId { hash: B256::repeat_byte(1), number: 2 },
            time: 3,
            sequence_number: 4,
        };
        let mut calldata = info.encode().to_vec();
        for _ in 0..100 {
            assert_eq!(L1Info::decode(&calldata), Ok(info));
            calldata.push(0xff);
        }
        let short = CalldataError::Unknown { selector: [0xfe; 4], length: 163 };
        assert_eq!(L1Info::decode(&calldata[..163]), Err(short));
        assert!(short.to_string().contains("unknown selector 0xfefefefe has 163 bytes"));
    }

    #[test]
    fn there_is_a_selector() {
        for length in 0..4 {
            assert_eq!(L1Info::decode(&vec![0; length]), Err(CalldataError::NoSelector(length)));
        }
    }

    #[test]
    fn bedrock_words_fit_64_bits() {
        let info = L1Info { format: L1InfoFormat::Bedrock, ..L1Info::decode(&[0xff; 164]).unwrap() };
        for (word, name) in [(4, "the L1 block number"), (36, "the L1 timestamp"), (132, "the sequence number")] {
            for at in word..word + 24 {
                let mut calldata = info.encode().to_vec();
                calldata[at] = 1;
                assert_eq!(L1Info::decode(&calldata), Err(CalldataError::TooLarge(name)));
            }
        }
    }

    fn format() -> impl Strategy<Value = L1InfoFormat> {
        let known = select(KNOWN.map(|(format, ..)| format).to_vec());
        let unknown = any::<[u8; 4]>()
            .prop_filter("a known selector", |selector| KNOWN.iter().all(|(_, known, _)| known != selector));
        prop_oneof![5 => known, 1 => unknown.prop_map(L1InfoFormat::Unknown)]
    }

    prop_compose! {
        fn l1_info()(
            format in format(),
            hash in any::<[u8; 32]>(),
            (number, time, sequence_number) in any::<(u64, u64, u64)>(),
        ) -> L1Info {
            L1Info { format, origin: BlockId { hash: hash.into(), number }, time, sequence_number }
        }
    }

    /// What kona reads from the same calldata, in our type.
    fn kona(calldata: &[u8]) -> Option<L1Info> {
        let info = L1BlockInfoTx::decode_calldata(calldata).ok()?;
        let (format, time) = match &info {
            L1BlockInfoTx::Bedrock(info) => (L1InfoFormat::Bedrock, info.time),
            L1BlockInfoTx::Ecotone(info) => (L1InfoFormat::Ecotone, info.time),
            L1BlockInfoTx::Isthmus(info) => (L1InfoFormat::Isthmus, info.time),
        };
        let origin = BlockId { hash: info.block_hash(), number: info.id().number };
        Some(L1Info { format, origin, time, sequence_number: info.sequence_number() })
    }

    /// Calldata as kona writes it, every field arbitrary.
    fn kona_calldata() -> impl Strategy<Value = Bytes> {
        let fees = any::<(u64, u128, u32, u32, u32, u64, [u8; 20], [u8; 32])>();
        (l1_info(), fees, 0..3).prop_map(|(info, fees, format)| {
            let (base_fee, blob_base_fee, base_fee_scalar, blob_base_fee_scalar, ..) = fees;
            let (.., operator_fee_scalar, operator_fee_constant, batcher, word) = fees;
            let (number, time, block_hash) = (info.origin.number, info.time, info.origin.hash);
            let (sequence_number, batcher_address) = (info.sequence_number, batcher.into());
            let l1_fee_overhead = U256::from_be_bytes(word);
            let (l1_fee_scalar, empty_scalars) = (l1_fee_overhead, false);
            match format {
                0 => L1BlockInfoTx::Bedrock(L1BlockInfoBedrock {
                    number,
                    time,
                    base_fee,
                    block_hash,
                    sequence_number,
                    batcher_address,
                    l1_fee_overhead,
                    l1_fee_scalar,
                }),
                1 => L1BlockInfoTx::Ecotone(L1BlockInfoEcotone {
                    number,
                    time,
                    base_fee,
                    block_hash,
                    sequence_number,
                    batcher_address,
                    blob_base_fee,
                    blob_base_fee_scalar,
                    base_fee_scalar,
                    empty_scalars,
                    l1_fee_overhead,
                }),
                _ => L1BlockInfoTx::Isthmus(L1BlockInfoIsthmus {
                    number,
                    time,
                    base_fee,
                    block_hash,
                    sequence_number,
                    batcher_address,
                    blob_base_fee,
                    blob_base_fee_scalar,
                    base_fee_scalar,
                    operator_fee_scalar,
                    operator_fee_constant,
                }),
            }
            .encode_calldata()
        })
    }

    /// Random bytes of about the right length behind a selector that is mostly a known one.
    fn noise() -> impl Strategy<Value = Vec<u8>> {
        let selector = prop_oneof![
            9 => select(KNOWN.map(|(_, selector, _)| selector.to_vec()).to_vec()),
            1 => vec(any::<u8>(), 0..5),
        ];
        let length = prop_oneof![4 => select(vec![164, 176, 178, 260]), 1 => 4..300usize];
        // Zero padding often enough that Bedrock words can be valid.
        let bytes = prop_oneof![vec(any::<u8>(), 300), vec(prop_oneof![99 => Just(0), 1 => any::<u8>()], 300)];
        (selector, length, bytes).prop_map(|(mut selector, length, bytes)| {
            selector.extend(&bytes[..length - 4]);
            selector
        })
    }

    proptest! {
        #[test]
        fn decodes_what_it_encodes(info in l1_info()) {
            let calldata = info.encode();
            prop_assert_eq!(L1Info::decode(&calldata), Ok(info));
            if let Some(kona) = kona(&calldata) {
                prop_assert_eq!(kona, info);
            }
        }

        #[test]
        fn decodes_what_kona_encodes(calldata in kona_calldata()) {
            prop_assert_eq!(L1Info::decode(&calldata).ok(), kona(&calldata));
        }

        #[test]
        fn agrees_with_kona_on_noise(calldata in noise()) {
            match (L1Info::decode(&calldata), kona(&calldata)) {
                (Ok(info), Some(kona)) => prop_assert_eq!(info, kona),
                // kona ignores the upper bytes of Bedrock's words; op-node refuses them, and so do we.
                (Err(CalldataError::TooLarge(_)), Some(kona)) => prop_assert_eq!(kona.format, L1InfoFormat::Bedrock),
                (ours, Some(kona)) => prop_assert!(false, "{:?} where kona has {:?}", ours, kona),
                (Ok(info), None) => prop_assert!(matches!(
                    info.format,
                    L1InfoFormat::Interop | L1InfoFormat::Jovian | L1InfoFormat::Unknown(_)
                )),
                (Err(_), None) => {}
            }
        }
    }
}
