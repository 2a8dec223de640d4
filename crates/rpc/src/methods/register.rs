//! Every method by its name.

use std::{collections::BTreeMap, sync::Arc};

use jsonrpsee::{
    Extensions, Methods, RpcModule,
    types::{ErrorObjectOwned, Params},
};
use rollup::RollupConfig;
use serde::Serialize;
use serde_json::value::RawValue;

use crate::{
    answers::{Answers, snapshot::SnapshotAnswer, sources::SourceAnswer},
    methods::{
        errors::plain,
        output, params, safe_head, sequencer,
        subscribe::{SUBSCRIBE, UNSUBSCRIBE, unsupported},
        super_root,
        sync_status::{self, SYNC_STATUS},
    },
    openrpc::OPENRPC,
};

/// The methods. Four wait.
pub(crate) fn register(answers: Arc<Answers>, version: &str) -> Methods {
    let openrpc: Arc<RawValue> =
        RawValue::from_string(OPENRPC.to_owned()).expect("a test reads openrpc.json as JSON").into();
    let version = version.to_owned();
    let sequencer_active = answers.served.sequencer_active.clone();
    let mut modules = BTreeMap::from([("opstatus", "1.0"), ("optimism", "1.0"), ("rpc", "1.0"), ("superroot", "1.0")]);
    let mut module = RpcModule::from_arc(answers);
    module
        .register_method(SYNC_STATUS, |params: Params<'_>, answers: &Answers, extensions: &Extensions| {
            sync_status::newest(params.as_str(), answers, extensions)
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
    method(&mut module, "optimism_rollupConfig", |it| Ok(it.served.rollup.raw.clone()));
    method(&mut module, "optimism_dependencySet", |it| dependency_set(&it.served.rollup));
    method(&mut module, "optimism_version", move |_| Ok(version.clone()));
    method(&mut module, "opstatus_snapshot", |it| {
        let backfill = it.served.backfill.as_ref().map(|backfill| backfill());
        Ok(SnapshotAnswer::of(&it.snapshot(), it.now(), it.limits(), backfill))
    });
    method(&mut module, "opstatus_sources", |it| {
        Ok(SourceAnswer::all(&it.snapshot(), it.now(), &(it.served.endpoints)()))
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
    Err(plain(why))
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
