//! What a server does wrong, as data: so that a plan can be printed, replayed and made smaller.

use rand::{Rng, rngs::StdRng};
use rollup::{L1BlockRef, L2BlockRef, SyncStatus};

/// What one server does wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ill {
    /// It refuses connections and ends those that are open.
    Dead,
    /// It accepts, and says nothing.
    Stopped,
    /// Requests hang while heads are announced.
    Hung,
    /// It answers errors.
    Errors,
    /// It answers null.
    Null,
    /// It answers 429, with so many seconds to wait.
    Throttled(u64),
    /// It answers HTML.
    Html,
    /// Each answer takes so many milliseconds.
    Slow(u64),
    /// It sends half of an answer.
    HalfBody,
    /// It is so many blocks behind.
    Lag(u64),
    /// It stands still.
    Frozen,
    /// It stands still on a chain that lost so many blocks.
    RolledBack(u64),
    /// It is on a branch of its own since so many blocks.
    Fork(u64),
    /// It is on the one branch that all who have this share, since so many blocks when the first of them had it.
    Faction(u64),
    /// It serves another chain altogether.
    OtherChain,
    /// It started again from genesis and stays there.
    Young,
    /// It announces nothing, and answers.
    Silent,
    /// It refuses to subscribe, and cuts the connection.
    Unsubscribable,
    /// It says that its chain id is another.
    ChainId,
    /// Its headers have wrong hashes.
    WrongHash,
    /// It is on a branch whose head is far in the future.
    Future,
    /// Its labels stand so many blocks below its head; none for those that do not exist.
    Labels(Option<u64>, Option<u64>),
    /// It announces heads of nobody's chain, and old ones.
    Junk,
    /// One of so many answers is changed at random.
    Mangled(u32),
    /// It answers zero refs, as op-node during a reset.
    Zero,
    /// It answers zero L2 heads.
    ZeroL2,
    /// Its local-safe head stayed at finalized.
    StaleLocal,
    /// It derives again from the finalized block, a block in so many seconds.
    Rewind(u64),
    /// It has no peers: its tip is its safe head, which is so many L1 blocks late.
    Lonely(u64),
    /// Its tip is below its safe head, at the finalized one.
    LowTip,
    /// It has derived all but so many L1 blocks.
    Late(u64),
    /// It calls final what was so many L1 blocks ago.
    LateFinality(u64),
    /// As kona: what it has derived is late, and it says that it is the L1 head.
    HeadAsCurrent,
    /// It changes what it says.
    Twisted(Vec<Twist>),
    /// It answers text.
    Text,
    /// It follows an L1 reorg so many seconds late, and is of the old branch until then.
    LateReorg(u64),
    /// It lives so many seconds later than everybody else.
    Delayed(u64),
    /// A kona-node: its `current_l1` is the L1 head at each call, and what it has derived is of a look each 12 s.
    Kona,
    /// An op-status that follows an execution client which follows L1 reorgs so many seconds late; whether it tells from
    /// which L1 block its safe head can have been derived.
    Echo(u64, bool),
    /// Heads are announced in time, and calls are answered by another server that is so many seconds late.
    CallsLate(u64),
    /// Each call is answered by one of three servers, two of which are so many seconds late.
    Balanced(u64, u64),
    /// It has no safe label.
    NoSafe,
    /// Its labels stand still.
    HeldLabels,
}

/// A change of one ref of a status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Twist {
    /// Which: `current_l1`, head, safe and finalized L1, then unsafe, safe, finalized, local-safe, pending-safe and
    /// cross-unsafe L2.
    pub field: usize,
    /// How.
    pub how: How,
}

/// How a ref is changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// Another hash.
    Hash,
    /// Another number.
    Number(i64),
    /// Another number and another hash.
    Block(i64),
    /// Another time.
    Time(i64),
    /// Another parent.
    Parent,
    /// Another hash of its origin.
    OriginHash,
    /// Another number of its origin.
    Origin(i64),
    /// Unset.
    Zero,
    /// The ref of another field of the same chain.
    Copy(usize),
}

const L1_FIELDS: usize = 4;
const L2_FIELDS: usize = 6;

impl Ill {
    /// What an L1 endpoint may do wrong.
    pub fn of_l1(rng: &mut StdRng) -> Self {
        let label = |rng: &mut StdRng| rng.random_bool(0.7).then(|| rng.random_range(0..30));
        match rng.random_range(0..36) {
            0..18 => Self::of_any(rng),
            18..20 => Self::Silent,
            20 => Self::Unsubscribable,
            21 => Self::ChainId,
            22..24 => Self::WrongHash,
            24 => Self::Future,
            25..29 => Self::Labels(label(rng), label(rng)),
            29..31 => Self::Junk,
            31..34 => Self::Mangled(rng.random_range(1..8)),
            _ => Self::RolledBack(rng.random_range(1..7)),
        }
    }

    /// What a rollup node may do wrong.
    pub fn of_node(rng: &mut StdRng) -> Self {
        match rng.random_range(0..50) {
            0..16 => Self::of_any(rng),
            16..18 => Self::Zero,
            18 => Self::ZeroL2,
            19 => Self::StaleLocal,
            20..24 => Self::Rewind(rng.random_range(2..24)),
            24..26 => Self::Lonely(0),
            26..29 => Self::Late(rng.random_range(1..40)),
            29..31 => Self::HeadAsCurrent,
            31..38 => {
                let count = rng.random_range(1..3);
                Self::Twisted((0..count).map(|_| Twist::random(rng)).collect())
            }
            38 => Self::Mangled(rng.random_range(1..8)),
            39 => Self::Text,
            40 => Self::LowTip,
            41..43 => Self::LateFinality(rng.random_range(4..40)),
            _ => Self::Twisted(vec![Twist::of_history(rng)]),
        }
    }

    /// What all rollup nodes may do at once, as when one operator restarts them.
    pub fn of_all_nodes(rng: &mut StdRng) -> Self {
        match rng.random_range(0..6) {
            0..4 => Self::Rewind(rng.random_range(6..40)),
            4 => Self::Zero,
            _ => Self::Late(rng.random_range(1..40)),
        }
    }

    /// What an execution client may do wrong. Its headers are believed, so it does not mangle them.
    pub fn of_client(rng: &mut StdRng) -> Self {
        match rng.random_range(0..24) {
            0..18 => Self::of_any(rng),
            18 => Self::Silent,
            19 => Self::Unsubscribable,
            20 => Self::ChainId,
            _ => Self::Labels(None, None),
        }
    }

    fn of_any(rng: &mut StdRng) -> Self {
        match rng.random_range(0..22) {
            0..5 => Self::Dead,
            5..7 => Self::Stopped,
            7 => Self::Hung,
            8 => Self::Errors,
            9 => Self::Null,
            10 => Self::Throttled(rng.random_range(1..60)),
            11 => Self::Html,
            12 => Self::Slow(rng.random_range(100..15_000)),
            13 => Self::HalfBody,
            14..16 => Self::Lag(rng.random_range(1..20)),
            16 => Self::Frozen,
            17..19 => Self::Fork(rng.random_range(1..20)),
            19 => Self::Faction(rng.random_range(1..20)),
            20 => Self::OtherChain,
            _ => Self::Young,
        }
    }

    /// Whether it gives no answer that says anything.
    pub fn is_mute(&self) -> bool {
        use Ill::*;
        matches!(self, Dead | Stopped | Errors | Null | Throttled(_) | Html | HalfBody | Text)
    }

    /// Whether what it says is true, though it may be old, late or slow.
    pub fn is_honest(&self) -> bool {
        use Ill::*;
        self.is_mute()
            || matches!(self, Hung | Slow(_) | Silent | Unsubscribable | Junk | Zero | ZeroL2 | StaleLocal | Rewind(_))
            || matches!(self, Lonely(_) | LowTip | Late(_) | LateFinality(_) | NoSafe | HeldLabels)
            || self.is_late()
    }

    /// Whether it says what was true a while ago.
    pub fn is_late(&self) -> bool {
        use Ill::*;
        matches!(self, LateReorg(_) | Delayed(_) | Kona | Echo(..) | CallsLate(_) | Balanced(..))
    }

    /// By how many seconds servers are late that it needs.
    pub fn delays(&self) -> Vec<u64> {
        match self {
            Self::Delayed(delay) | Self::CallsLate(delay) => vec![*delay],
            Self::Balanced(delay, other) => vec![*delay, *other],
            _ => Vec::new(),
        }
    }
}

impl Twist {
    fn random(rng: &mut StdRng) -> Self {
        let field = rng.random_range(0..L1_FIELDS + L2_FIELDS);
        let few = |rng: &mut StdRng| {
            let most = [8, 100, 200_000][rng.random_range(0..3)];
            let size = rng.random_range(1..most);
            if rng.random_bool(0.5) { size } else { -size }
        };
        let how = match rng.random_range(0..15) {
            0..2 => How::Hash,
            2..4 => How::Number(few(rng)),
            4..6 => How::Block(few(rng)),
            6 => How::Time(few(rng)),
            7 => How::Parent,
            8 => How::OriginHash,
            9 => How::Origin(few(rng)),
            10 => How::Zero,
            _ if field < L1_FIELDS => How::Copy(rng.random_range(0..L1_FIELDS)),
            _ => How::Copy(L1_FIELDS + rng.random_range(0..L2_FIELDS)),
        };
        Self { field, how }
    }

    /// Another safe or final block than everybody's, as after a challenge of its data, or finality too early.
    fn of_history(rng: &mut StdRng) -> Self {
        let (safe, finalized) = (L1_FIELDS + 1, L1_FIELDS + 2);
        match rng.random_range(0..4) {
            0 => Self { field: safe, how: How::Hash },
            1 => Self { field: finalized, how: How::Hash },
            2 => Self { field: finalized, how: How::Block(rng.random_range(1..8)) },
            _ => Self { field: finalized, how: How::Copy(safe) },
        }
    }

    /// Changes the status.
    pub fn apply(&self, status: &mut SyncStatus) {
        let before = *status;
        if self.field < L1_FIELDS {
            let from = if let How::Copy(from) = self.how { Some(*l1_field(&mut before.clone(), from)) } else { None };
            let block = l1_field(status, self.field);
            match self.how {
                How::Hash => block.hash = !block.hash,
                How::Number(by) | How::Origin(by) => block.number = block.number.saturating_add_signed(by),
                How::Block(by) => {
                    block.number = block.number.saturating_add_signed(by);
                    block.hash = !block.hash;
                }
                How::Time(by) => block.timestamp = block.timestamp.saturating_add_signed(by),
                How::Parent | How::OriginHash => block.parent_hash = !block.parent_hash,
                How::Zero => *block = L1BlockRef::default(),
                How::Copy(_) => *block = from.unwrap_or_default(),
            }
        } else {
            let from = if let How::Copy(from) = self.how { Some(*l2_field(&mut before.clone(), from)) } else { None };
            let block = l2_field(status, self.field);
            match self.how {
                How::Hash => block.hash = !block.hash,
                How::Number(by) => block.number = block.number.saturating_add_signed(by),
                How::Block(by) => {
                    block.number = block.number.saturating_add_signed(by);
                    block.timestamp = block.timestamp.saturating_add_signed(by.saturating_mul(2));
                    block.hash = !block.hash;
                }
                How::Time(by) => block.timestamp = block.timestamp.saturating_add_signed(by),
                How::Parent => block.parent_hash = !block.parent_hash,
                How::OriginHash => block.l1_origin.hash = !block.l1_origin.hash,
                How::Origin(by) => block.l1_origin.number = block.l1_origin.number.saturating_add_signed(by),
                How::Zero => *block = L2BlockRef::default(),
                How::Copy(_) => *block = from.unwrap_or_default(),
            }
        }
    }
}

fn l1_field(status: &mut SyncStatus, field: usize) -> &mut L1BlockRef {
    match field {
        0 => &mut status.current_l1,
        1 => &mut status.head_l1,
        2 => &mut status.safe_l1,
        _ => &mut status.finalized_l1,
    }
}

fn l2_field(status: &mut SyncStatus, field: usize) -> &mut L2BlockRef {
    match field - L1_FIELDS {
        0 => &mut status.unsafe_l2,
        1 => &mut status.safe_l2,
        2 => &mut status.finalized_l2,
        3 => &mut status.local_safe_l2,
        4 => &mut status.pending_safe_l2,
        _ => &mut status.cross_unsafe_l2,
    }
}
