//! A seed is a run: whoever finds something can show it to others.

use std::{process::Command, thread};

use torture::{plan::Plan, run::run};

#[test]
fn a_seed_replays_exactly() {
    // The kinds of subscribers whose frames count differ by seed.
    for seed in [103, 104, 106] {
        let plan = Plan::of(seed);
        let other = plan.clone();
        let there = thread::spawn(move || run(&other)).join().expect("a run does not panic");
        let here = run(&plan);
        assert!(here.judged.statuses > 50, "seed {seed}: {}", here.judged);
        assert_eq!((here.digest, here.judged), (there.digest, there.judged), "seed {seed}");
        assert_eq!(here.violation.map(|violation| violation.what), None, "seed {seed}");
    }
}

#[test]
fn another_process_replays_it_too() {
    let here = run(&Plan::of(3));
    let there = Command::new(env!("CARGO_BIN_EXE_torture")).args(["--replay", "3"]).output().unwrap();
    let said = String::from_utf8(there.stdout).unwrap();
    let expected = format!("digest {:016x}, judged: {}, ", here.digest, here.judged);
    assert!(said.contains(&expected) && said.ends_with("\nseeds 1 violations 0\n"), "{expected:?} in {said}");
}

#[test]
fn seeds_differ() {
    let digests = [1, 2].map(|seed| run(&Plan::of(seed)).digest);
    assert_ne!(digests[0], digests[1]);
}

#[test]
fn leaving_faults_out_keeps_the_rest() {
    let plan = Plan::of(106);
    let kept = plan.clone().keep(&[0, 2]);
    assert!(plan.faults.len() > 2);
    assert_eq!(kept.faults.iter().map(|fault| fault.index).collect::<Vec<_>>(), [0, 2]);
}
