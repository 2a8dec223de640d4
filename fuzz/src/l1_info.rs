//! L1-info calldata.

use alloy_primitives::{B256, U256, keccak256};
use rollup::{BlockId, CalldataError, L1Info, L1InfoFormat};

/// Calldata is read as the contract that it calls reads it, and what was read survives being written.
pub fn l1_info(input: &[u8]) {
    match L1Info::decode(input) {
        Ok(info) => {
            assert_eq!(as_contract(input, info.format), info);
            assert_eq!(L1Info::decode(&info.encode()), Ok(info));
            // Whether more may follow is a matter of the format.
            let longer = L1Info::decode(&[input, &[0]].concat());
            match info.format {
                L1InfoFormat::Unknown(_) => assert_eq!(longer, Ok(info)),
                _ => assert!(matches!(longer, Err(CalldataError::Length { .. })), "{longer:?}"),
            }
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

/// By the words of the ABI and the slots of the packed layout, both as 256-bit numbers.
fn as_contract(calldata: &[u8], format: L1InfoFormat) -> L1Info {
    let number = |from: usize, to: usize| {
        U256::try_from_be_slice(&calldata[from..to]).and_then(|number| u64::try_from(number).ok()).expect("64 bits")
    };
    let called = |function: &str| assert_eq!(calldata[..4], keccak256(function)[..4], "{function}");
    let packed = (number(28, 36), number(20, 28), number(12, 20));
    let (number, time, sequence_number) = match format {
        L1InfoFormat::Bedrock => {
            called("setL1BlockValues(uint64,uint64,uint256,bytes32,uint64,bytes32,uint256,uint256)");
            (number(4, 36), number(36, 68), number(132, 164))
        }
        L1InfoFormat::Ecotone => {
            called("setL1BlockValuesEcotone()");
            packed
        }
        L1InfoFormat::Interop => {
            called("setL1BlockValuesInterop()");
            packed
        }
        L1InfoFormat::Isthmus => {
            called("setL1BlockValuesIsthmus()");
            packed
        }
        L1InfoFormat::Jovian => {
            called("setL1BlockValuesJovian()");
            packed
        }
        L1InfoFormat::Unknown(selector) => {
            assert_eq!(calldata[..4], selector);
            packed
        }
    };
    let origin = BlockId { hash: B256::from_slice(&calldata[100..132]), number };
    L1Info { format, origin, time, sequence_number }
}
