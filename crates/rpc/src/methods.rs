//! The JSON-RPC methods.

use std::{collections::BTreeMap, sync::Arc};

use jsonrpsee::{
    Extensions, RpcModule,
    server::Methods,
    types::{ErrorObject, ErrorObjectOwned, Params},
};
use rollup::RollupConfig;
use serde::Serialize;
use serde_json::value::RawValue;
use status::{Limits, Now, Snapshot, Snapshots};

use crate::{
    Config,
    etag::{Answered, Aside},
    history::History,
    opstatus::{SnapshotAnswer, SourceAnswer},
    output::{self, PLAIN},
    params,
    readiness::{self, ms},
    safe_head, sequencer,
    subscriptions::{SUBSCRIBE, UNSUBSCRIBE, unsupported},
    super_root,
};

/// The document that describes every method, as `rpc.discover` answers it.
pub(crate) const OPENRPC: &str = include_str!("../../../openrpc.json");

/// What every answer is made of.
#[derive(Debug)]
pub(crate) struct Answers {
    pub(crate) config: Config,
    pub(crate) snapshots: Snapshots,
    pub(crate) history: Arc<History>,
}

impl Answers {
    /// The newest snapshot.
    pub(crate) fn snapshot(&self) -> Arc<Snapshot> {
        self.snapshots.borrow().clone()
    }

    pub(crate) fn now(&self) -> Now {
        self.config.clock.now()
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.config.limits
    }
}

/// The method that is asked most.
pub(crate) const SYNC_STATUS: &str = "optimism_syncStatus";

/// Every method by its name. Four wait.
pub(crate) fn register(answers: Arc<Answers>) -> Methods {
    let openrpc: Arc<RawValue> =
        RawValue::from_string(OPENRPC.to_owned()).expect("a test reads openrpc.json as JSON").into();
    let sequencer_active = answers.config.sequencer_active.clone();
    let mut modules = BTreeMap::from([("opstatus", "1.0"), ("optimism", "1.0"), ("rpc", "1.0"), ("superroot", "1.0")]);
    let mut module = RpcModule::from_arc(answers);
    module
        .register_method(SYNC_STATUS, |params: Params<'_>, answers: &Answers, extensions: &Extensions| {
            params::none(params.as_str())?;
            let snapshot = answers.snapshot();
            let status = sync_status(&snapshot, answers.now(), answers.limits())?;
            if let Some(answered) = extensions.get::<Arc<Answered>>() {
                // In a batch the first counts, and is not asked for.
                let _ = answered.set(Aside::Status(snapshot.id));
            }
            Ok::<_, ErrorObjectOwned>(status)
        })
        .expect("every method has a name of its own");
    module
        .register_async_method(
            "optimism_outputAtBlock",
            |params: Params<'static>, answers: Arc<Answers>, extensions: Extensions| async move {
                output::at_block(params.as_str(), &answers, &extensions).await
            },
        )
        .expect("every method has a name of its own");
    module
        .register_async_method(
            super_root::AT_TIMESTAMP,
            |params: Params<'static>, answers: Arc<Answers>, extensions: Extensions| async move {
                super_root::at_timestamp(params.as_str(), &answers, &extensions).await
            },
        )
        .expect("every method has a name of its own");
    for name in [SUBSCRIBE, UNSUBSCRIBE] {
        // Where it can be done, `websocket.rs` does it before this is asked.
        module
            .register_method(name, |_, _, _| Err::<(), _>(unsupported()))
            .expect("every method has a name of its own");
    }
    module
        .register_async_method(
            "optimism_safeHeadAtL1Block",
            |params: Params<'static>, answers: Arc<Answers>, _| async move {
                safe_head::at_l1_block(params.as_str(), &answers).await
            },
        )
        .expect("every method has a name of its own");
    method(&mut module, "optimism_rollupConfig", |it| Ok(it.config.rollup.raw.clone()));
    method(&mut module, "optimism_dependencySet", |it| dependency_set(&it.config.rollup));
    method(&mut module, "optimism_version", |it| Ok(it.config.version.clone()));
    method(&mut module, "opstatus_snapshot", |it| {
        let backfill = it.config.backfill.as_ref().map(|backfill| backfill());
        Ok(SnapshotAnswer::of(&it.snapshot(), it.now(), it.limits(), backfill))
    });
    method(&mut module, "opstatus_sources", |it| {
        Ok(SourceAnswer::all(&it.snapshot(), it.now(), &(it.config.endpoints)()))
    });
    module
        .register_method("opstatus_history", |params: Params<'_>, answers: &Answers, _| {
            let since = params::one_option(params.as_str())?.unwrap_or_default();
            Ok::<_, ErrorObjectOwned>(answers.history.answer(answers.snapshot().id.instance, since))
        })
        .expect("every method has a name of its own");
    if let Some(ask) = sequencer_active {
        modules.insert("admin", "1.0");
        let answer = move |params: Params<'static>, answers: Arc<Answers>, _| {
            let ask = ask.clone();
            async move { sequencer::active(params.as_str(), &answers, &ask).await }
        };
        module.register_async_method("admin_sequencerActive", answer).expect("every method has a name of its own");
    }
    method(&mut module, "rpc_modules", move |_| Ok(modules.clone()));
    method(&mut module, "rpc.discover", move |_| Ok(openrpc.clone()));
    module.into()
}

/// op-node's words where there is no interop. The set that comes with it is in no rollup configuration.
fn dependency_set(rollup: &RollupConfig) -> Result<(), ErrorObjectOwned> {
    let interop = rollup.lagoon_time.or(rollup.interop_time).is_some();
    let why = if interop { "the dependency set is not known here" } else { "not found" };
    Err(ErrorObject::owned(PLAIN, why, None::<()>))
}

fn method<R: Serialize + Clone + 'static>(
    module: &mut RpcModule<Answers>,
    name: &'static str,
    answer: impl Fn(&Answers) -> Result<R, ErrorObjectOwned> + Send + Sync + 'static,
) {
    let answer = move |params: Params<'_>, answers: &Answers, _: &_| {
        params::none(params.as_str())?;
        answer(answers)
    };
    module.register_method(name, answer).expect("every method has a name of its own");
}

/// The code of an answer that is withheld because it is no longer known to be true.
const STALE: i32 = -32002;

/// The status as it was prepared, unless it is too old to be called the present one.
pub(crate) fn sync_status(snapshot: &Snapshot, now: Now, limits: &Limits) -> Result<Arc<RawValue>, ErrorObjectOwned> {
    #[derive(Serialize)]
    struct Data {
        label: &'static str,
        age_ms: u64,
        limit_ms: u64,
    }
    match snapshot.stale(now, limits) {
        None => Ok(snapshot.json.clone()),
        Some(stale) => Err(ErrorObject::owned(
            STALE,
            format!("the sync status is stale: {}", readiness::explain(&stale, snapshot)),
            Some(Data { label: stale.label, age_ms: ms(stale.age), limit_ms: ms(stale.limit) }),
        )),
    }
}
