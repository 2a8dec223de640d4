//! Answers without a socket, for simulations in which time stands still while something happens.

use std::{fmt, sync::Arc};

use jsonrpsee::server::Methods;
use serde_json::value::RawValue;
use status::Snapshots;

use crate::{
    Config,
    methods::{self, Answers},
};

/// The methods, and nothing of what carries requests to them: no limits, no batches, no HTTP, no feed and no history.
#[derive(Clone)]
pub struct InProcess {
    methods: Methods,
}

impl fmt::Debug for InProcess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InProcess").finish_non_exhaustive()
    }
}

impl InProcess {
    /// Answers what a server of this configuration would.
    pub fn new(config: Config, snapshots: Snapshots) -> Self {
        Self { methods: methods::register(Arc::new(Answers { config, snapshots, history: Arc::default() })) }
    }

    /// The response to one JSON-RPC request.
    ///
    /// # Errors
    /// When the request is not one.
    pub async fn answer(&self, request: &str) -> Result<Box<RawValue>, serde_json::Error> {
        let (response, _) = self.methods.raw_json_request(request, 1).await?;
        Ok(response)
    }
}
