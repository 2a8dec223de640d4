//! Every target on its corpus, as it is and mutated. `fuzz/run` looks further.

use std::{fs, panic::catch_unwind, path::Path};

use fuzz::{TARGETS, Target};
use proptest::{collection::vec, prelude::*, sample::Index, test_runner::TestRunner};

/// Bytes that mean something to one of the formats.
const TOKENS: [&str; 20] = [
    "\0",
    "\n",
    " ",
    "\"",
    "\\u0000",
    "\\",
    "{",
    "}",
    "[]",
    ",",
    ":",
    ".",
    "=",
    "-1",
    "0x",
    "1e999",
    "18446744073709551616",
    "null",
    "\u{feff}",
    "\u{fc}",
];

/// One change of an input.
#[derive(Clone, Debug)]
enum Mutation {
    Put(Index, u8),
    Insert(Index, Vec<u8>),
    Remove(Index, Index),
    /// This much of it at another place, once more.
    Repeat(Index, Index, Index),
    /// Goes on as another input does from the same place.
    Splice(Index, Index),
    Truncate(Index),
}

fn mutation() -> impl Strategy<Value = Mutation> {
    let at = any::<Index>;
    let token = prop::sample::select(TOKENS.map(|token| token.as_bytes().to_vec()).to_vec());
    prop_oneof![
        4 => (at(), any::<u8>()).prop_map(|(at, byte)| Mutation::Put(at, byte)),
        3 => (at(), prop_oneof![token, vec(any::<u8>(), 1..9)]).prop_map(|(at, bytes)| Mutation::Insert(at, bytes)),
        2 => (at(), at()).prop_map(|(from, to)| Mutation::Remove(from, to)),
        1 => (at(), at(), at()).prop_map(|(from, to, at)| Mutation::Repeat(from, to, at)),
        2 => (at(), at()).prop_map(|(at, other)| Mutation::Splice(at, other)),
        1 => at().prop_map(Mutation::Truncate),
    ]
}

fn mutated(mut input: Vec<u8>, mutations: &[Mutation], corpus: &[Vec<u8>]) -> Vec<u8> {
    for mutation in mutations {
        let place = |at: &Index| at.index(input.len() + 1);
        let range = |from: &Index, to: &Index| place(from).min(place(to))..place(from).max(place(to));
        match mutation {
            Mutation::Put(at, byte) => {
                let at = place(at);
                input.splice(at..(at + 1).min(input.len()), [*byte]);
            }
            Mutation::Insert(at, bytes) => {
                let at = place(at);
                input.splice(at..at, bytes.iter().copied());
            }
            Mutation::Remove(from, to) => drop(input.drain(range(from, to))),
            Mutation::Repeat(from, to, at) => {
                let (at, piece) = (place(at), input[range(from, to)].to_vec());
                input.splice(at..at, piece);
            }
            Mutation::Splice(at, other) => {
                let (at, other) = (place(at), other.get(corpus));
                input.truncate(at);
                input.extend_from_slice(other.get(at..).unwrap_or_default());
            }
            Mutation::Truncate(at) => input.truncate(place(at)),
        }
    }
    input
}

#[track_caller]
fn check(name: &str, inputs: u32) {
    let (_, target) = TARGETS.iter().find(|(target, _)| *target == name).expect("a target");
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(name);
    let mut files: Vec<_> =
        fs::read_dir(&folder).expect("a corpus").map(|entry| entry.expect("a file").path()).collect();
    files.sort();
    let corpus: Vec<_> = files.iter().map(|file| fs::read(file).expect("readable")).collect();
    for (file, input) in files.iter().zip(&corpus) {
        catch_unwind(|| target(input)).unwrap_or_else(|_| panic!("{}", file.display()));
    }
    run(*target, inputs, &corpus);
}

fn run(target: Target, inputs: u32, corpus: &[Vec<u8>]) {
    let config = ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(inputs) };
    let input = (any::<Index>(), vec(mutation(), 0..6))
        .prop_map(|(seed, mutations)| mutated(seed.get(corpus).clone(), &mutations, corpus));
    // A panic is what proptest shrinks.
    let outcome = TestRunner::new(config).run(&input, |input| {
        target(&input);
        Ok(())
    });
    outcome.unwrap_or_else(|failure| panic!("{failure}"));
}

#[test]
fn blob_data() {
    check("blob_data", 200);
}

#[test]
fn channel() {
    check("channel", 2000);
}

#[test]
fn derivation() {
    check("derivation", 200);
}

#[test]
fn frames() {
    check("frames", 5000);
}

#[test]
fn span_batch() {
    check("span_batch", 5000);
}

#[test]
fn config_file() {
    check("config_file", 100);
}

#[test]
fn fast_path() {
    check("fast_path", 3000);
}

#[test]
fn l1_header() {
    check("l1_header", 3000);
}

#[test]
fn l1_info() {
    check("l1_info", 10_000);
}

#[test]
fn rollup_config() {
    check("rollup_config", 2000);
}

#[test]
fn safe_db() {
    check("safe_db", 10_000);
}

#[test]
fn wire() {
    check("wire", 2000);
}
