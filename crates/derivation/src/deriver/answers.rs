//! What the execution client's blocks come to.

use rollup::L2BlockRef;

use super::{Deriver, Overlap, Question, Verdict};
use crate::{
    check::BatchFault,
    heads::DoubtReason,
    matching::{self, ClientBlock, Difference, Expected},
    sabotage::Bug,
};

impl Deriver {
    /// Takes the execution client's block of the number asked for, or that it has none.
    pub fn answer(&mut self, block: Option<&ClientBlock>) -> Verdict {
        let Some(question) = self.question.clone() else { return Verdict::Unasked };
        let Some(block) = block else { return Verdict::Absent };
        let judged = match question {
            Question::Next(expected) => self.match_next(&expected, block),
            Question::Overlap(overlap) => self.match_overlap(overlap, block),
        };
        judged.unwrap_or_else(Verdict::Differs)
    }

    fn match_next(&mut self, expected: &Expected, block: &ClientBlock) -> Result<Verdict, Difference> {
        let matched = matching::compare(expected, block, &self.origins, &self.rules);
        if matched == Err(Difference::DepositsOnly) {
            self.doubt(DoubtReason::DepositsOnly(expected.number));
        }
        let matched = matched?;
        if !expected.is_forced && self.doubt.take().is_some() {
            self.proven_from = self.head;
        }
        // Whatever came before, this stands on it.
        self.is_verified = true;
        self.head = matched;
        self.question = None;
        Ok(Verdict::Matched(matched))
    }

    fn match_overlap(&mut self, mut overlap: Overlap, block: &ClientBlock) -> Result<Verdict, Difference> {
        if block.number != overlap.number {
            return Err(Difference::Number(block.number));
        }
        let below = overlap.below.replace(block.hash);
        let is_head = overlap.number == self.head.number;
        if below.is_some_and(|below| below != block.parent_hash) || is_head && block.hash != self.head.hash {
            // The client changed its mind between two blocks, or is on another branch: from the beginning.
            self.compare_span(overlap.span, overlap.first);
            return Err(Difference::Parent(block.parent_hash));
        }
        let block_ref = self.reference(block)?;
        self.question = None;
        let fault = match overlap.number.checked_sub(overlap.first) {
            None => self.check_span(&overlap.span, &block_ref).err(),
            Some(index) => self.differs(&overlap, index as usize, block, &block_ref),
        };
        if let Some(fault) = fault {
            self.refuse_span(&overlap.span, fault);
        } else if is_head {
            self.compared(overlap);
        } else {
            overlap.number += 1;
            self.question = Some(Question::Overlap(overlap));
        }
        Ok(Verdict::Seen)
    }

    fn reference(&self, block: &ClientBlock) -> Result<L2BlockRef, Difference> {
        let genesis = &self.rules.genesis;
        if block.hash != genesis.l2.hash {
            return matching::block_ref(block);
        }
        // Genesis says nothing of its origin; the configuration does.
        let &ClientBlock { hash, number, parent_hash, timestamp, .. } = block;
        Ok(L2BlockRef { hash, number, parent_hash, timestamp, l1_origin: genesis.l1, sequence_number: 0 })
    }

    /// Whether a block that is safe is another than the span says.
    fn differs(
        &self,
        overlap: &Overlap,
        index: usize,
        block: &ClientBlock,
        block_ref: &L2BlockRef,
    ) -> Option<BatchFault> {
        let (epoch, expected) = (overlap.span.epoch(index), overlap.span.transactions(index));
        let same = block_ref.l1_origin.number == epoch
            && matching::transactions(expected, block, block_ref, &self.origins, &self.rules).is_ok();
        (!same && !Bug::Overlap.bites()).then_some(BatchFault::Overlap(block.number))
    }

    /// All that the span says of safe blocks is so.
    fn compared(&mut self, overlap: Overlap) {
        self.is_verified = true;
        let safe = (self.head.number + 1 - overlap.first) as usize;
        if safe < overlap.span.len() {
            self.open_span(overlap.span, safe);
        } else {
            self.refuse_span(&overlap.span, BatchFault::Past);
        }
    }
}
