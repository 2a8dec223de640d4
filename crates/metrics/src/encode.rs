//! A scrape: everything read once, written down once.

use std::fmt;

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, text},
    registry::Registry,
};

use crate::{Exposition, Format, exposition::Scrape, op_node, ours, page::Page, traffic};

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
