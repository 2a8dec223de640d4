//! How large a batch an endpoint takes.

use std::{
    num::NonZeroUsize,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use crate::CallError;

/// The largest batch that one connection is asked for: what its operator allows, and less once more was refused. Providers
/// cap batches at one, two, three, ten or a hundred calls, and few say so.
#[derive(Clone, Debug)]
pub(crate) struct BatchSize(Arc<AtomicUsize>);

impl BatchSize {
    pub(crate) fn new(allowed: Option<NonZeroUsize>) -> Self {
        Self(Arc::new(AtomicUsize::new(allowed.map_or(usize::MAX, NonZeroUsize::get))))
    }

    pub(crate) fn get(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    pub(crate) fn lower(&self, size: usize) {
        self.0.fetch_min(size, Ordering::Relaxed);
    }
}

/// Why a batch was refused, if fewer calls at a time may be answered.
pub(crate) fn refusal<T>(answers: &Result<Vec<Result<T, CallError>>, CallError>) -> Option<&CallError> {
    match answers {
        Err(error) => may_be_for_its_size(error).then_some(error),
        // Some answer the first members and refuse the rest, or refuse each.
        Ok(members) => members.iter().filter_map(|member| member.as_ref().err()).find(|error| speaks_of_size(error)),
    }
}

/// Of a whole batch: anything that the endpoint says of it, unless it says that all calls are too many.
fn may_be_for_its_size(error: &CallError) -> bool {
    match error {
        CallError::TooLarge { .. } => true,
        CallError::Status { code, .. } => matches!(code, 400 | 413),
        CallError::Rpc { .. } => speaks_of_size(error) || !error.is_limit(),
        _ => false,
    }
}

/// Of one call: geth's words are "batch too large" and "response too large". A rollup node may speak of batches of its own.
fn speaks_of_size(error: &CallError) -> bool {
    const REFUSED: [&str; 10] =
        ["large", "limit", "size", "exceed", "many", "maximum", "disabled", "supported", "allowed", "enabled"];
    let CallError::Rpc { message, .. } = error else { return false };
    let message = message.to_lowercase();
    let says = |words: &str| message.contains(words);
    says("response too large") || says("batch") && REFUSED.iter().any(|word| says(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_too_large_is_told_from_too_many_calls() {
        #[track_caller]
        fn check(code: i64, message: &str, whole: bool, member: bool) {
            let error = || CallError::Rpc { method: "a", code, message: message.into() };
            assert_eq!(refusal::<()>(&Err(error())).is_some(), whole, "{}", error());
            assert_eq!(refusal(&Ok(vec![Ok(()), Err(error())])).is_some(), member, "{}", error());
        }
        check(-32600, "batch too large", true, true);
        check(-32600, "batch requests are disabled", true, true);
        check(-32010, "The batch request was too large", true, true);
        check(-32005, "Batched requests are not supported by this server", true, true);
        check(-32005, "batch limit exceeded", true, true);
        check(-32003, "response too large", true, true);
        check(-32600, "Too many requests in one batch", true, true);
        check(-32600, "Invalid Request", true, false);
        check(-32000, "no batch was found for this block", true, false);
        check(-32700, "parse error", true, false);
        check(-32005, "limit exceeded", false, false);
        check(429, "slow down", false, false);
        check(-32000, "rate limited, try again in 4 ms", false, false);
        check(-32000, "too many requests", false, false);
        check(-32000, "header not found", true, false);
    }

    #[test]
    fn what_is_no_answer_is_no_refusal() {
        let refused = |error| refusal::<()>(&Err(error)).is_some();
        assert!(refused(CallError::TooLarge { limit: 1 }));
        assert!([400, 413].into_iter().all(|code| refused(CallError::Status { code, retry_after: None })));
        assert!(![429, 500, 502, 503].into_iter().any(|code| refused(CallError::Status { code, retry_after: None })));
        assert!(!refused(CallError::Closed) && !refused(CallError::Unauthorized));
        assert!(!refused(CallError::Timeout { what: "a", after: std::time::Duration::ZERO }));
    }
}
