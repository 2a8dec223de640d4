//! Families with their samples, as prometheus-client takes them.

use std::fmt;

use prometheus_client::{
    encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet},
    metrics::MetricType,
};

use crate::{Family, Kind};

/// What is being written.
pub(crate) struct Page<'a>(pub(crate) DescriptorEncoder<'a>);

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
