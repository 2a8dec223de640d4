//! A scrape: everything read once, written down once.

use std::{fmt, sync::Arc};

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet, text},
    metrics::MetricType,
    registry::Registry,
};
use rpc::Counters;
use safe_db::SafeDb;
use status::{Clock, Layer, Limits, Now, Snapshot, Snapshots, SourceState};
use tokio::sync::watch;
use upstream::Endpoint;

use crate::{Family, Format, Kind, op_node, ours, traffic};

/// Where the numbers come from.
#[derive(Clone, Debug)]
pub struct Exposition {
    /// The status.
    pub snapshots: Snapshots,
    /// What ages are measured with.
    pub clock: Clock,
    /// When the status is too old to be served.
    pub limits: Limits,
    /// What the RPC server counts.
    pub counters: Arc<Counters>,
    /// The endpoints followed, and the sequencers asked.
    pub endpoints: Arc<[(Layer, Endpoint)]>,
    /// How the sequencers are doing.
    pub sequencers: watch::Receiver<Vec<SourceState>>,
    /// The safe head database, if there is one.
    pub safe_db: Option<SafeDb>,
    /// The program's version.
    pub version: String,
}

/// A moment: what one scrape is made of, so that its numbers belong together.
pub(crate) struct Scrape<'a> {
    pub(crate) snapshot: Arc<Snapshot>,
    pub(crate) now: Now,
    pub(crate) from: &'a Exposition,
}

impl Exposition {
    /// All metrics as they are now.
    pub fn encode(&self, format: Format) -> String {
        let mut registry = Registry::default();
        registry.register_collector(Box::new(self.clone()));
        let mut text = String::with_capacity(16 << 10);
        text::encode(&mut text, &registry).expect("writing to a String cannot fail");
        format.of(text)
    }
}

impl Collector for Exposition {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let scrape = Scrape { snapshot: self.snapshots.borrow().clone(), now: self.clock.now(), from: self };
        let mut page = Page(encoder);
        op_node::write(&scrape, &mut page)?;
        traffic::write(&scrape, &mut page)?;
        ours::write(&scrape, &mut page)
    }
}

/// What is being written.
pub(crate) struct Page<'a>(DescriptorEncoder<'a>);

/// Label names are the family's, in its order.
pub(crate) type Labels<'a, const N: usize> = [&'a str; N];

impl Page<'_> {
    /// A gauge or counter with its samples. Without samples nothing is written: some parsers want at least one.
    pub(crate) fn family<'s, const N: usize>(
        &mut self,
        family: &Family,
        samples: impl IntoIterator<Item = (Labels<'s, N>, f64)>,
    ) -> fmt::Result {
        let mut samples = samples.into_iter().peekable();
        if samples.peek().is_none() {
            return Ok(());
        }
        let kind = match family.kind {
            Kind::Counter => MetricType::Counter,
            Kind::Gauge | Kind::Histogram => MetricType::Gauge,
        };
        let mut metric = self.0.encode_descriptor(family.name, family.help, None, kind)?;
        for (labels, value) in samples {
            labelled(&mut metric, family, &labels, |sample| match family.kind {
                // A counter is a whole number here, and is written as one.
                Kind::Counter => sample.encode_counter::<NoLabelSet, u64, f64>(&(value as u64), None),
                Kind::Gauge | Kind::Histogram => sample.encode_gauge(&value),
            })?;
        }
        Ok(())
    }

    /// A family with one sample and no labels.
    pub(crate) fn single(&mut self, family: &Family, value: f64) -> fmt::Result {
        self.family(family, [([], value)])
    }

    /// Histograms: the sum of all observations, and how many fell into each bucket, beyond all bounds at the end.
    pub(crate) fn histograms<'s, const N: usize, const B: usize>(
        &mut self,
        family: &Family,
        bounds: &[f64],
        samples: impl IntoIterator<Item = (Labels<'s, N>, f64, [u64; B])>,
    ) -> fmt::Result {
        let mut samples = samples.into_iter().peekable();
        if samples.peek().is_none() {
            return Ok(());
        }
        let mut metric = self.0.encode_descriptor(family.name, family.help, None, MetricType::Histogram)?;
        for (labels, sum, buckets) in samples {
            let bounds = bounds.iter().copied().chain([f64::INFINITY]);
            let bounded: Vec<(f64, u64)> = bounds.zip(buckets).collect();
            let count = buckets.iter().sum();
            labelled(&mut metric, family, &labels, |sample| {
                sample.encode_histogram::<NoLabelSet>(sum, count, &bounded, None)
            })?;
        }
        Ok(())
    }
}

/// Writes a sample with its labels, or without the braces if it has none.
fn labelled(
    metric: &mut MetricEncoder<'_>,
    family: &Family,
    values: &[&str],
    write: impl FnOnce(&mut MetricEncoder<'_>) -> fmt::Result,
) -> fmt::Result {
    debug_assert_eq!(family.labels.len(), values.len(), "{}", family.name);
    if values.is_empty() {
        return write(metric);
    }
    let labels: Vec<(&str, &str)> = family.labels.iter().copied().zip(values.iter().copied()).collect();
    write(&mut metric.encode_family(&labels)?)
}
