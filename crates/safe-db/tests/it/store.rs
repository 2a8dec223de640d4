//! Whatever is claimed, contradicted and cut, the database answers as the model, also after it was closed.

use proptest::{collection::vec, prelude::*};
use rollup::SafeHead;
use safe_db::{Claim, Cut, LookupError, Reached, RollupId, SafeDb};

use crate::{l1, model::Model, record};

/// What happens to a database.
#[derive(Clone, Debug)]
enum Step {
    /// A node says what it knows from so far below the last L1 block claimed to so far above.
    Claim { below: u64, above: u64 },
    /// It says so of other safe heads than it has: of those at L1 blocks divisible by this.
    Lie { below: u64, above: u64, of: u64 },
    /// The L1 goes back.
    Cut(u64),
    /// To before all that is known.
    CutEverything,
    /// The database is closed and opened again.
    Reopen,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0..30_u64, 1..12_u64).prop_map(|(below, above)| Step::Claim { below, above }),
        1 => (0..30_u64, 0..12_u64, 1..9_u64).prop_map(|(below, above, of)| Step::Lie { below, above, of }),
        2 => (0..25_u64).prop_map(Step::Cut),
        1 => Just(Step::CutEverything),
        1 => Just(Step::Reopen),
    ]
}

/// What is true: each L1 block of a branch has a record or none.
struct Truth {
    /// Of each L1 block, the branch it is of.
    branches: Vec<u8>,
    /// Every so many blocks there is a record.
    every: u64,
}

impl Truth {
    fn record(&self, number: u64, branch: u8) -> Option<SafeHead> {
        // Hashes without order.
        let chance = number.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(23) ^ u64::from(branch);
        (number == 0 || chance.is_multiple_of(self.every)).then(|| record(branch, number, number * 10))
    }

    fn claim(&mut self, from: u64, to: u64, branch: u8) -> Claim {
        self.branches.resize(self.branches.len().max(to as usize + 1), branch);
        let records = (from..=to).filter_map(|number| self.record(number, self.branches[number as usize]));
        Claim { records: records.collect(), to: l1(self.branches[to as usize], to) }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

    #[test]
    fn it_answers_as_the_model(steps in vec(step(), 1..40), every in 1..6_u64) {
        let folder = tempfile::tempdir().unwrap();
        let open = || SafeDb::open(folder.path(), &RollupId::default()).unwrap();
        let (mut db, mut model) = (open(), Model::default());
        let mut truth = Truth { branches: Vec::new(), every };
        let (mut end, mut branch, mut lied) = (0_u64, 0_u8, false);
        for step in steps {
            let (cut, claim) = match step {
                Step::Claim { below, above } => {
                    let to = end + above;
                    (Cut::Nothing, Some(truth.claim(end.saturating_sub(below), to, branch)))
                }
                Step::Lie { below, above, of } => {
                    let mut claim = truth.claim(end.saturating_sub(below), end + above, branch);
                    let lie = |known: &SafeHead| match known.l1_block.number.is_multiple_of(of) {
                        true => record(u8::MAX, known.l1_block.number, known.safe_head.number),
                        false => *known,
                    };
                    claim.records = claim.records.iter().map(lie).collect();
                    lied = true;
                    (Cut::Nothing, Some(claim))
                }
                Step::Cut(depth) => {
                    end = end.saturating_sub(depth);
                    truth.branches.truncate(end as usize + 1);
                    let known = truth.branches.get(end as usize).copied().unwrap_or(branch);
                    branch = branch.wrapping_add(1);
                    (Cut::Above(l1(known, end)), None)
                }
                Step::CutEverything => {
                    truth.branches.clear();
                    branch = branch.wrapping_add(1);
                    (Cut::Everything, None)
                }
                Step::Reopen => {
                    drop(db);
                    db = open();
                    prop_assert_eq!(db.safe_head_at(0), Err(LookupError::Unchecked));
                    (Cut::Nothing, None)
                }
            };
            db.write(cut, claim.as_ref()).unwrap();
            model.write(cut, claim.as_ref());
            end = claim.map_or(end, |claim| end.max(claim.to.number));
            for number in 0..end + 3 {
                let expected = model.at(number).ok_or(LookupError::NotCovered);
                prop_assert_eq!(db.safe_head_at(number), expected, "at {}", number);
                if !lied && let Some(known) = model.at(number) {
                    let records = (0..=number).rev().find_map(|at| truth.record(at, *truth.branches.get(at as usize)?));
                    prop_assert_eq!(Some(known), records, "the model, at {}", number);
                }
                prop_assert_eq!(db.stored(number).unwrap().map(|block| block.number), model.stored(number));
            }
            // Safe heads are multiples of ten.
            for (number, below) in (0..end + 3).flat_map(|l1| [(l1 * 10, end + 3), (l1 * 10 + 5, end / 2 + l1 % 7)]) {
                let (found, expected) = (db.l1_at_safe_head(number, below), model.reached(number, below));
                prop_assert_eq!(found.ok(), expected, "L2 block {} below {}", number, below);
                if let (false, Some(Reached::At(found))) = (lied, expected) {
                    let before = (0..found.l1_block.number).rev();
                    let mut before = before.filter_map(|at| truth.record(at, *truth.branches.get(at as usize)?));
                    prop_assert!(before.next().is_none_or(|it| it.safe_head.number < number), "the model");
                }
            }
        }
    }

    #[test]
    fn any_bytes_can_be_read(bytes in vec(any::<u8>(), 0..120), number in any::<u64>()) {
        let block = safe_db::decode_block(&bytes);
        prop_assert_eq!(block.is_some(), bytes.len() == 40);
        if let Some(block) = block {
            prop_assert_eq!(&safe_db::encode_block(block)[..], &bytes[..]);
        }
        let record = safe_db::decode_record(number, &bytes);
        prop_assert_eq!(record.is_some(), bytes.len() == 72);
        if let Some(record) = record {
            prop_assert_eq!(record.l1_block.number, number);
            prop_assert_eq!(&safe_db::encode_record(&record)[..], &bytes[..]);
        }
    }
}
