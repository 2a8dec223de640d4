//! A seed is a run: whoever finds something can show it to others.

use std::thread;

use torture::{plan::Plan, run::run};

#[test]
fn a_seed_replays_exactly() {
    for seed in [3, 106] {
        let plan = Plan::of(seed);
        let other = plan.clone();
        let there = thread::spawn(move || run(&other)).join().expect("a run does not panic");
        let here = run(&plan);
        assert!(here.judged > 50, "seed {seed} published {} statuses", here.judged);
        assert_eq!((here.digest, here.judged), (there.digest, there.judged), "seed {seed}");
        assert_eq!(here.violation.map(|violation| violation.what), None, "seed {seed}");
    }
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
