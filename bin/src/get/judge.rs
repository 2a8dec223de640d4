//! Whether a node is ready, and why not.

use std::time::Duration;

use rollup::SyncStatus;

use super::{columns::human, problem::Problem, report::Report};

/// Everything that makes the node unready; nothing when it is ready. `now` is Unix time, and a `max_head_age` of zero
/// lets the L1 head be of any age.
///
/// An op-status that says why it is not ready is taken at its word; that it is ready is not enough.
pub(crate) fn judge(report: &Report, now: Duration, max_head_age: Duration) -> Vec<Problem> {
    if let Some(snapshot) = report.snapshot().filter(|snapshot| !snapshot.ready) {
        return match snapshot.reasons.is_empty() {
            true => vec![Problem::new("opstatus_snapshot", "error", "not ready for a reason that it does not tell")],
            false => snapshot.reasons.clone(),
        };
    }
    match &report.status {
        Ok(status) => {
            let unset = unset(status);
            if unset.is_empty() { too_old(status, now, max_head_age).into_iter().collect() } else { unset }
        }
        Err(error) => {
            let hint = if error.is_method_missing() { " (is this the RPC of a rollup node?)" } else { "" };
            let error = error.to_string();
            let error = error.strip_prefix("optimism_syncStatus: ").unwrap_or(&error);
            vec![Problem::new("optimism_syncStatus", "error", format!("{error}{hint}"))]
        }
    }
}

/// The refs that every client needs. A young L1 has no `safe_l1` and `finalized_l1` yet, and several generations of
/// nodes leave the other refs out.
pub(crate) fn unset(status: &SyncStatus) -> Vec<Problem> {
    let needed = [
        ("head_l1", status.head_l1.is_zero()),
        ("current_l1", status.current_l1.is_zero()),
        ("unsafe_l2", status.unsafe_l2.is_zero()),
        ("safe_l2", status.safe_l2.is_zero()),
        ("finalized_l2", status.finalized_l2.is_zero()),
    ];
    needed.iter().filter(|(_, unset)| *unset).map(|(label, _)| Problem::new(label, "unset", "unset")).collect()
}

fn too_old(status: &SyncStatus, now: Duration, limit: Duration) -> Option<Problem> {
    let age = now.saturating_sub(Duration::from_secs(status.head_l1.timestamp));
    let ms = |time: Duration| u64::try_from(time.as_millis()).ok();
    (!limit.is_zero() && age > limit).then(|| Problem {
        age_ms: ms(age),
        limit_ms: ms(limit),
        ..Problem::new(
            "head_l1_timestamp",
            "stale",
            format!("the newest L1 block is {} old, the limit is {}", human(age), human(limit)),
        )
    })
}

#[cfg(test)]
mod tests {
    use rollup::{L1BlockRef, L2BlockRef};
    use serde_json::json;
    use upstream::CallError;

    use super::*;
    use crate::get::testing::{self, NOW, now};

    /// The node is ready when no problem is expected; else its problems are these, as `label problem`.
    #[track_caller]
    fn check(report: Report, max_head_age: u64, expected: &[&str]) {
        let problems = judge(&report, now(), Duration::from_secs(max_head_age));
        let told: Vec<_> = problems.iter().map(|problem| format!("{} {}", problem.label, problem.problem)).collect();
        assert_eq!(told, expected, "{problems:#?}");
    }

    fn op_node(edit: impl FnOnce(&mut SyncStatus)) -> Report {
        let mut status = testing::status();
        edit(&mut status);
        Report { status: Ok(status), ..testing::report() }
    }

    fn failing(error: CallError) -> Report {
        Report { status: Err(error), ..testing::report() }
    }

    fn op_status(ready: bool, reasons: serde_json::Value) -> Report {
        testing::op_status(json!({ "ready": ready, "reasons": reasons }))
    }

    #[test]
    fn a_complete_status_is_ready() {
        check(op_node(|_| {}), 300, &[]);
        let optional = |status: &mut SyncStatus| {
            (status.safe_l1, status.finalized_l1, status.current_l1_finalized) = Default::default();
            (status.local_safe_l2, status.pending_safe_l2, status.cross_unsafe_l2) = Default::default();
        };
        check(op_node(optional), 300, &[]);
        let genesis = |status: &mut SyncStatus| status.finalized_l2.number = 0;
        check(op_node(genesis), 300, &[]);
    }

    #[test]
    fn an_unset_ref_is_not_ready() {
        check(op_node(|status| status.head_l1 = L1BlockRef::default()), 300, &["head_l1 unset"]);
        check(op_node(|status| status.current_l1 = L1BlockRef::default()), 300, &["current_l1 unset"]);
        check(op_node(|status| status.unsafe_l2 = L2BlockRef::default()), 300, &["unsafe_l2 unset"]);
        check(op_node(|status| status.safe_l2 = L2BlockRef::default()), 300, &["safe_l2 unset"]);
        check(op_node(|status| status.finalized_l2 = L2BlockRef::default()), 300, &["finalized_l2 unset"]);
        let all = ["head_l1 unset", "current_l1 unset", "unsafe_l2 unset", "safe_l2 unset", "finalized_l2 unset"];
        check(op_node(|status| *status = SyncStatus::default()), 300, &all);
    }

    #[test]
    fn an_old_l1_head_is_not_ready() {
        let aged = |age: u64| op_node(|status| status.head_l1.timestamp = NOW - age);
        check(aged(300), 300, &[]);
        check(aged(301), 300, &["head_l1_timestamp stale"]);
        check(aged(301), 0, &[]);
        check(op_node(|status| status.head_l1.timestamp = u64::MAX), 300, &[]);
        check(op_node(|status| status.head_l1.timestamp = 0), 300, &["head_l1_timestamp stale"]);
    }

    #[test]
    fn no_status_is_not_ready() {
        let rpc = |code, message: &str| {
            failing(CallError::Rpc { method: "optimism_syncStatus", code, message: message.into() })
        };
        check(rpc(-32002, "the sync status is stale"), 300, &["optimism_syncStatus error"]);
        check(rpc(-32601, "method not found"), 300, &["optimism_syncStatus error"]);
        check(failing(CallError::Closed), 300, &["optimism_syncStatus error"]);
        check(failing(CallError::Decode("null".into())), 0, &["optimism_syncStatus error"]);
        let hint = |error| judge(&failing(error), Duration::ZERO, Duration::ZERO)[0].message.contains("rollup node?");
        assert!(
            hint(CallError::Rpc { method: "optimism_syncStatus", code: -32601, message: String::new() })
                && !hint(CallError::Closed)
        );
    }

    #[test]
    fn an_op_status_knows_best_why_it_is_not_ready() {
        let stale = json!([{ "label": "l2_view", "problem": "stale", "message": "old", "age_ms": 5, "limit_ms": 4 }]);
        check(op_status(false, stale.clone()), 300, &["l2_view stale"]);
        let withheld = Report { status: Err(CallError::Closed), ..op_status(false, stale) };
        check(withheld, 300, &["l2_view stale"]);
        check(op_status(false, json!([])), 300, &["opstatus_snapshot error"]);
    }

    #[test]
    fn an_op_status_that_says_it_is_ready_must_still_answer() {
        check(op_status(true, json!([])), 300, &[]);
        check(op_status(true, json!([])), 1, &["head_l1_timestamp stale"]);
        let silent = Report { status: Err(CallError::Closed), ..op_status(true, json!([])) };
        check(silent, 300, &["optimism_syncStatus error"]);
        let unreadable = Report { snapshot: Err("undecodable".into()), ..testing::report() };
        check(unreadable, 300, &[]);
    }
}
