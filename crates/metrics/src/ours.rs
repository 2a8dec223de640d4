//! Whether the status can be trusted, and if not, why.

use std::{fmt, time::Duration};

use safe_db::{SafeDb, Writes};
use status::{Health, Layer, Reason, SourceState, Unready};
use tokio::time::Instant;

use crate::{
    exposition::Scrape,
    families::{
        AGE, AGREEING, ENDPOINTS, EPOCH, FAST_PATH, FRAMES, HEARD, HELD, HELD_BACK, LIMIT, NOT_TAKEN, READY, REASON,
        REFUSED, SAFE_DB_BACKFILL_DONE, SAFE_DB_BACKFILLED, SAFE_DB_WRITES, SEQUENCE, SHED, SLOW_READERS, SPEAKER,
        STATE, STATE_AGE, SUBSCRIBERS, TIED, UNCHANGED, UNREADY,
    },
    page::Page,
    traffic::layer_name,
};

/// Why the server can be unready: [`status::Stale::label`]s, a status that is not complete, and an L1 that contradicts
/// finality, and a source that holds the others back.
const UNREADY_REASONS: [&str; 8] =
    ["unset", "head_l1", "l2_view", "derived", "safe_l2", "head_l1_timestamp", "l1_finalized_conflict", "held_back"];

pub(crate) fn write(scrape: &Scrape<'_>, page: &mut Page<'_>) -> fmt::Result {
    trust(scrape, page)?;
    endpoints(scrape, page)?;
    let counters = &scrape.from.counters;
    page.single(&FAST_PATH, counters.fast_path_hits.get() as f64)?;
    page.single(&SUBSCRIBERS, counters.subscribers.get() as f64)?;
    page.single(&FRAMES, counters.frames.get() as f64)?;
    page.single(&SLOW_READERS, counters.slow_readers.get() as f64)?;
    page.single(&SHED, counters.shed_requests.get() as f64)?;
    let writes = scrape.from.safe_db.as_ref().map(SafeDb::writes);
    let results = |Writes { written, failed }| [(["written"], written as f64), (["failed"], failed as f64)];
    page.family(&SAFE_DB_WRITES, writes.map(results).into_iter().flatten())?;
    let backfill = scrape.from.safe_db.as_ref().map(SafeDb::backfill).unwrap_or_default();
    page.single(&SAFE_DB_BACKFILLED, backfill.records as f64)?;
    page.single(&SAFE_DB_BACKFILL_DONE, flag(backfill.done))
}

fn trust(scrape: &Scrape<'_>, page: &mut Page<'_>) -> fmt::Result {
    let (snapshot, limits) = (&scrape.snapshot, &scrape.from.limits);
    let unready = snapshot.unready(scrape.now, limits).map(|unready| match unready {
        Unready::Unset => "unset",
        Unready::Stale(stale) => stale.label,
        Unready::Halted(reason) => reason.as_str(),
        Unready::HeldBack => "held_back",
    });
    page.single(&READY, flag(unready.is_none()))?;
    page.family(&UNREADY, UNREADY_REASONS.iter().map(|reason| ([*reason], flag(unready == Some(reason)))))?;

    let since = |at: Option<Instant>| at.map(|at| scrape.seconds_since(at));
    let labels = snapshot.labels();
    page.family(&AGE, labels.iter().filter_map(|label| Some(([label.name], since(label.confirmed)?))))?;
    page.family(&UNCHANGED, labels.iter().filter_map(|label| Some(([label.name], since(label.since)?))))?;
    let all = [
        ("max_age", limits.max_age),
        ("max_hold", limits.max_hold),
        ("max_head_age", snapshot.max_head_age(limits).unwrap_or_default()),
        ("max_lag", limits.max_lag),
    ];
    page.family(&LIMIT, all.map(|(name, limit): (_, Duration)| ([name], limit.as_secs_f64())))?;

    page.single(&SEQUENCE, snapshot.id.sequence as f64)?;
    page.family(&EPOCH, [(["l1"], snapshot.l1_epoch as f64), (["l2"], snapshot.l2_epoch as f64)])?;
    page.single(&HELD, since(snapshot.held.map(|held| held.since)).unwrap_or_default())?;
    page.single(&TIED, since(snapshot.tied).unwrap_or_default())?;
    let reasons = [("l1", snapshot.l1_reason), ("l2", snapshot.l2_reason)];
    page.family(
        &REASON,
        reasons.iter().filter_map(|(layer, reason)| {
            let reason = (*reason)?;
            Some(([*layer, reason.kind(), reason.as_str()], 1.))
        }),
    )?;
    let counts = Reason::ALL.map(|reason| ([reason.kind(), reason.as_str()], snapshot.counts.of(reason) as f64));
    page.family(&NOT_TAKEN, counts)
}

fn endpoints(scrape: &Scrape<'_>, page: &mut Page<'_>) -> fmt::Result {
    let snapshot = &scrape.snapshot;
    let configured = |layer| scrape.from.endpoints.iter().filter(|(it, _)| *it == layer).count() as f64;
    let layers = [Layer::L1, Layer::L2, Layer::Sequencer];
    page.family(&ENDPOINTS, layers.map(|layer| ([layer_name(layer)], configured(layer))))?;
    page.single(&AGREEING, snapshot.provenance.l1.len() as f64)?;
    let halves = [("derived", &snapshot.provenance.derived), ("tip", &snapshot.provenance.tip)];
    page.family(&SPEAKER, halves.iter().filter_map(|(half, name)| Some(([*half, name.as_deref()?], 1.))))?;

    let labels = |source: &SourceState| layer_name(source.layer);
    let asked = scrape.from.sequencers.borrow().clone();
    let sources = || snapshot.sources.iter().chain(&asked);
    let states = sources().flat_map(|source| {
        Health::ALL.map(|health| ([labels(source), &*source.name, health.as_str()], flag(source.health == health)))
    });
    page.family(&STATE, states)?;
    let ages = sources().map(|it| ([labels(it), &*it.name], scrape.seconds_since(it.since)));
    page.family(&STATE_AGE, ages)?;
    let heard = snapshot.heard.iter().map(|it| ([layer_name(it.layer), &*it.name], scrape.seconds_since(it.at)));
    page.family(&HEARD, heard)?;
    let refused = snapshot.heard.iter().map(|it| ([layer_name(it.layer), &*it.name], flag(it.refused.is_some())));
    page.family(&REFUSED, refused)?;
    let held_back = snapshot.sources.iter().map(|it| {
        let held_back = snapshot.held_back.iter().find(|other| (other.layer, &other.source) == (it.layer, &it.name));
        let seconds = held_back.map(|held_back| scrape.seconds_since(held_back.since));
        ([layer_name(it.layer), &*it.name], seconds.unwrap_or_default())
    });
    page.family(&HELD_BACK, held_back)
}

impl Scrape<'_> {
    fn seconds_since(&self, at: Instant) -> f64 {
        self.now.instant.saturating_duration_since(at).as_secs_f64()
    }
}

fn flag(on: bool) -> f64 {
    f64::from(u8::from(on))
}
