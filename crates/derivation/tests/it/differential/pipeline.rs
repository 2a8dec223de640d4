//! kona's stages from frames to the batches it accepts, fed L1 block by L1 block.

use std::{
    collections::VecDeque,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex, MutexGuard},
};

use alloy_primitives::{B256, Bytes, keccak256};
use futures::{executor::block_on, future::BoxFuture};
use kona_derive::{
    AttributesProvider, BatchStream, BatchValidator, ChannelAssembler, ChannelReader, ChannelReaderProvider,
    FrameQueue, FrameQueueProvider, OriginAdvancer, OriginProvider, PipelineError, PipelineErrorKind, PipelineResult,
    ResetSignal, Signal, SignalReceiver, test_utils::TestL2ChainProvider,
};
use kona_genesis::{ChainGenesis, HardForkConfig, RollupConfig as KonaConfig};
use kona_protocol::{BlockInfo, L2BlockInfo, SingleBatch};
use rollup::{BlockId, L1BlockRef, L2BlockRef, RollupConfig};

/// What a batch that was accepted says: number of the block, timestamp, epoch, and hashes of the transactions.
pub(super) type Accepted = (u64, u64, BlockId, Vec<B256>);

type Stages = BatchValidator<BatchStream<ChannelReader<ChannelAssembler<FrameQueue<Source>>>, TestL2ChainProvider>>;

/// The stages at an L1 block.
pub(super) struct Kona {
    source: Source,
    stages: Stages,
    head: L2BlockRef,
}

/// What they do where they do not accept the same batch as we.
#[derive(Debug)]
pub(super) enum Instead {
    /// They accept another, or one more.
    Accept(Accepted),
    /// There is nothing more for them.
    Nothing,
    /// They fail for good.
    Fail,
    /// They panic.
    Panic,
}

impl Kona {
    /// Begins anew with nothing open. `l1` are the blocks from the origin of `head` on; `safe` are L2 blocks up to it and
    /// those that will follow.
    pub(super) fn new(config: &RollupConfig, l1: &[L1BlockRef], head: L2BlockRef, safe: &[L2BlockRef]) -> Self {
        let kona = Arc::new(kona_config(config));
        let source = Source::default();
        let blocks = TestL2ChainProvider { blocks: safe.iter().map(l2_info).collect(), ..Default::default() };
        let reader = ChannelReader::new(
            ChannelAssembler::new(kona.clone(), FrameQueue::new(source.clone(), kona.clone())),
            kona.clone(),
        );
        let mut stages = BatchValidator::new(kona.clone(), BatchStream::new(reader, kona, blocks));
        let l1_origin = l1_info(&l1[0]);
        source.feed().origin = Some(l1_origin);
        block_on(stages.signal(Signal::Reset(ResetSignal { l1_origin, ..Default::default() }))).expect("a reset");
        let mut started = Self { source, stages, head };
        for block in &l1[1..] {
            started.read(block, &[], &[]).expect("nothing is in these blocks, and no window is over");
        }
        started
    }

    /// Reads the data of an L1 block. What is accepted has to be the same as `ours`, whose blocks follow; otherwise says
    /// how many are, and what comes instead of the next.
    pub(super) fn read(
        &mut self,
        l1: &L1BlockRef,
        pieces: &[Bytes],
        ours: &[(Accepted, L2BlockRef)],
    ) -> Result<(), (usize, Instead)> {
        self.source.put(l1_info(l1), pieces);
        let mut same = 0;
        // A dropped span ends the L1 block for kona; here it is over when there is nothing more to be read.
        loop {
            self.source.feed().is_read = false;
            let next = || block_on(self.stages.next_batch(l2_info(&self.head))).map_err(Box::new);
            let next = catch_unwind(AssertUnwindSafe(next));
            match next.map_err(|_| (same, Instead::Panic))? {
                Ok(batch) => {
                    let accepted = accepted(&batch, self.head.number + 1);
                    match ours.get(same) {
                        Some((expected, block)) if *expected == accepted => self.head = *block,
                        _ => return Err((same, Instead::Accept(accepted))),
                    }
                    same += 1;
                }
                Err(error) => match *error {
                    PipelineErrorKind::Temporary(PipelineError::Eof) if self.source.feed().is_read => break,
                    PipelineErrorKind::Temporary(_) => {}
                    _ => return Err((same, Instead::Fail)),
                },
            }
        }
        if same < ours.len() { Err((same, Instead::Nothing)) } else { Ok(()) }
    }
}

fn accepted(batch: &SingleBatch, number: u64) -> Accepted {
    let epoch = BlockId { hash: batch.epoch_hash, number: batch.epoch_num };
    (number, batch.timestamp, epoch, batch.transactions.iter().map(keccak256).collect())
}

/// Their stages up to channels.
#[derive(Debug)]
pub(super) struct Channels {
    source: Source,
    assembler: ChannelAssembler<FrameQueue<Source>>,
}

impl Channels {
    pub(super) fn new(config: Arc<KonaConfig>) -> Self {
        let source = Source::default();
        let assembler = ChannelAssembler::new(config.clone(), FrameQueue::new(source.clone(), config));
        Self { source, assembler }
    }

    /// The channels that an L1 block completes; none where they panic.
    pub(super) fn read(&mut self, l1: BlockInfo, pieces: &[Bytes]) -> Option<Vec<Bytes>> {
        self.source.put(l1, pieces);
        let mut channels = vec![];
        let read = || loop {
            match block_on(self.assembler.next_data()) {
                Ok(channel) => channels.extend(channel),
                Err(PipelineErrorKind::Temporary(PipelineError::Eof)) => break,
                Err(_) => {}
            }
        };
        catch_unwind(AssertUnwindSafe(read)).ok()?;
        Some(channels)
    }
}

/// The data of one L1 block, in the place of the stages that retrieve it.
#[derive(Clone, Debug, Default)]
pub(super) struct Source(Arc<Mutex<Feed>>);

#[derive(Debug, Default)]
struct Feed {
    origin: Option<BlockInfo>,
    pieces: VecDeque<Bytes>,
    /// Whether more was asked for than there is.
    is_read: bool,
}

impl Source {
    fn put(&self, l1: BlockInfo, pieces: &[Bytes]) {
        *self.feed() = Feed { origin: Some(l1), pieces: pieces.iter().cloned().collect(), is_read: false };
    }

    fn feed(&self) -> MutexGuard<'_, Feed> {
        self.0.lock().expect("nobody panics with it")
    }
}

impl OriginProvider for Source {
    fn origin(&self) -> Option<BlockInfo> {
        self.feed().origin
    }
}

// The traits are made by `async_trait`, and these are the signatures that it makes.

impl FrameQueueProvider for Source {
    type Item = Bytes;

    fn next_data<'a, 'b>(&'a mut self) -> BoxFuture<'b, PipelineResult<Bytes>>
    where
        'a: 'b,
        Self: 'b,
    {
        let mut feed = self.feed();
        let next = feed.pieces.pop_front();
        feed.is_read = next.is_none();
        Box::pin(async { next.ok_or_else(|| PipelineError::Eof.temp()) })
    }
}

impl OriginAdvancer for Source {
    fn advance_origin<'a, 'b>(&'a mut self) -> BoxFuture<'b, PipelineResult<()>>
    where
        'a: 'b,
        Self: 'b,
    {
        Box::pin(async { Ok(()) })
    }
}

impl SignalReceiver for Source {
    fn signal<'a, 'b>(&'a mut self, _: Signal) -> BoxFuture<'b, PipelineResult<()>>
    where
        'a: 'b,
        Self: 'b,
    {
        Box::pin(async { Ok(()) })
    }
}

/// The configuration in kona's terms, as far as these stages look at it: everything up to Isthmus was before genesis.
pub(super) fn kona_config(config: &RollupConfig) -> KonaConfig {
    let past = Some(0);
    let hardforks = HardForkConfig {
        regolith_time: past,
        canyon_time: past,
        delta_time: past,
        ecotone_time: past,
        fjord_time: past,
        granite_time: past,
        holocene_time: past,
        isthmus_time: past,
        ..Default::default()
    };
    let genesis = &config.genesis;
    let [l1, l2] =
        [genesis.l1, genesis.l2].map(|id| BlockInfo { hash: id.hash, number: id.number, ..Default::default() }.id());
    KonaConfig {
        hardforks,
        genesis: ChainGenesis { l1, l2, l2_time: genesis.l2_time, ..Default::default() },
        block_time: config.block_time,
        seq_window_size: config.seq_window_size,
        max_sequencer_drift: config.max_sequencer_drift,
        l2_chain_id: config.l2_chain_id.into(),
        ..Default::default()
    }
}

pub(super) fn l1_info(block: &L1BlockRef) -> BlockInfo {
    BlockInfo::new(block.hash, block.number, block.parent_hash, block.timestamp)
}

pub(super) fn l2_info(block: &L2BlockRef) -> L2BlockInfo {
    let BlockId { hash, number } = block.l1_origin;
    L2BlockInfo {
        block_info: BlockInfo::new(block.hash, block.number, block.parent_hash, block.timestamp),
        l1_origin: BlockInfo { hash, number, ..Default::default() }.id(),
        seq_num: block.sequence_number,
    }
}
