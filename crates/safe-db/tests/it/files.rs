//! Files that cannot be used say so, and what to do.

use std::{fs, path::Path};

use safe_db::{Claim, Cut, OpenError, RollupId, SafeDb};

use crate::{l1, record};

fn rollup() -> RollupId {
    RollupId { l1_chain_id: 1, l2_chain_id: 10, genesis_l1: l1(0, 100), genesis_l2: l1(1, 0) }
}

fn written(folder: &Path) {
    let db = SafeDb::open(folder, &rollup()).unwrap();
    let claim = Claim { records: (0..200).map(|number| record(0, number, number)).collect(), to: l1(0, 250) };
    db.write(Cut::Nothing, Some(&claim)).unwrap();
}

#[test]
fn a_file_of_another_rollup_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    written(folder.path());
    for other in [
        RollupId { l1_chain_id: 2, ..rollup() },
        RollupId { l2_chain_id: 2, ..rollup() },
        RollupId { genesis_l1: l1(9, 100), ..rollup() },
        RollupId { genesis_l2: l1(9, 0), ..rollup() },
    ] {
        let error = SafeDb::open(folder.path(), &other).unwrap_err();
        assert!(matches!(error, OpenError::OtherRollup { .. }), "{error}");
        assert!(error.to_string().ends_with("give this one a folder of its own"), "{error}");
    }
    assert!(SafeDb::open(folder.path(), &rollup()).is_ok());
}

/// By a key that this program does not know, with nothing under the one that it does.
#[test]
fn a_file_of_a_later_format_is_refused_and_left_as_it_is() {
    const ROLLUP: redb::TableDefinition<'_, &str, &[u8]> = redb::TableDefinition::new("rollup");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("safe-heads.redb");
    let later = redb::Database::create(&path).unwrap();
    let transaction = later.begin_write().unwrap();
    transaction.open_table(ROLLUP).unwrap().insert("v2", &b"whose"[..]).unwrap();
    transaction.commit().unwrap();
    drop(later);
    for _ in 0..2 {
        let error = SafeDb::open(folder.path(), &rollup()).unwrap_err();
        assert!(matches!(error, OpenError::Later { .. }), "{error}");
        assert!(error.to_string().contains("later version"), "{error}");
    }
}

/// What a start goes on from: the end of what is covered, not what lies before a gap.
#[test]
fn the_newest_records_are_left_to_the_next_life() {
    let folder = tempfile::tempdir().unwrap();
    written(folder.path());
    let db = SafeDb::open(folder.path(), &rollup()).unwrap();
    assert_eq!(db.left(), None, "nobody said until when it was watched");
    assert_eq!(db.newest(), None, "it was not checked");
    let after_a_gap = Claim { records: (300..340).map(|number| record(0, number, number)).collect(), to: l1(0, 345) };
    db.write(Cut::Nothing, Some(&after_a_gap)).unwrap();
    assert_eq!(db.newest(), Some(record(0, 339, 339)));
    db.write(Cut::Above(l1(0, 320)), None).unwrap();
    assert_eq!(db.newest(), Some(record(0, 320, 320)));
    db.write(Cut::Everything, None).unwrap();
    assert_eq!(db.newest(), None);
}

#[test]
fn two_cannot_have_it_open() {
    let folder = tempfile::tempdir().unwrap();
    let first = SafeDb::open(folder.path(), &rollup()).unwrap();
    let error = SafeDb::open(folder.path(), &rollup()).unwrap_err();
    assert!(matches!(error, OpenError::InUse { .. }), "{error}");
    drop(first);
    assert!(SafeDb::open(folder.path(), &rollup()).is_ok());
}

#[test]
fn a_folder_that_cannot_be_made_is_named() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let error = SafeDb::open(&file.path().join("below"), &rollup()).unwrap_err();
    assert!(matches!(error, OpenError::Folder { .. }), "{error}");
}

/// A file has its name once it is whole. What a killed process left of a new one is no damage.
#[test]
fn an_unfinished_file_is_made_anew() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("safe-heads.new"), [0; 4096]).unwrap();
    written(folder.path());
    let names: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["safe-heads.redb"]);
}

/// Damage is said to be damage: nothing is answered out of it.
#[test]
fn a_damaged_file_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    written(folder.path());
    let path = folder.path().join("safe-heads.redb");
    let whole = fs::read(&path).unwrap();
    let mut damaged: Vec<(String, Vec<u8>)> = vec![
        ("text".into(), b"not a database".to_vec()),
        ("half".into(), whole[..whole.len() / 2].to_vec()),
        ("a page".into(), whole[..4096].to_vec()),
        ("a folder's worth of zeros".into(), vec![0; whole.len()]),
    ];
    for number in [0, 7, 63, 198, 199] {
        let bytes = record(0, number, number).l1_block.hash;
        let places = (0..whole.len() - 32).filter(|at| whole[*at..*at + 32] == bytes[..]);
        // An older copy of the page may lie about; the newest is among them.
        let mut broken = whole.clone();
        places.for_each(|at| broken[at + 40] ^= 1);
        assert!(broken != whole, "record {number} is nowhere");
        damaged.push((format!("record {number}"), broken));
    }
    for (what, bytes) in damaged {
        fs::write(&path, bytes).unwrap();
        let error = SafeDb::open(folder.path(), &rollup()).expect_err(&what);
        assert!(matches!(error, OpenError::Unreadable { .. }), "{what}: {error}");
        let told = error.to_string();
        assert!(told.contains("move it away") && !told.contains("not found"), "{what}: {told}");
    }
    fs::write(&path, whole).unwrap();
    let db = SafeDb::open(folder.path(), &rollup()).unwrap();
    db.write(Cut::Nothing, None).unwrap();
    assert_eq!(db.safe_head_at(250), Ok(record(0, 199, 199)));
}
