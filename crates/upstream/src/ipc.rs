//! A socket of this machine: connecting, and the one owner of its stream.

use std::{path::PathBuf, time::Duration};

use alloy_pubsub::{ConnectionHandle, PubSubConnect};
use alloy_transport::{TransportResult, utils::Spawnable};
use serde_json::value::RawValue;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::UnixStream,
    time::timeout,
};

use crate::{CallError, Options, dispatch::Dispatch, error::root, frames::Frames, secrets::Secrets, ws::Cause};

/// A socket to be connected to.
pub(crate) struct Ipc {
    pub path: PathBuf,
    pub name: String,
    pub options: Options,
    pub cause: Cause,
}

impl PubSubConnect for Ipc {
    fn is_local(&self) -> bool {
        true
    }

    async fn connect(&self) -> TransportResult<ConnectionHandle> {
        let stream = UnixStream::connect(&self.path).await;
        let stream = stream.map_err(|error| CallError::Transport(root(&error)).into_transport())?;
        let limit = self.options.timeout;
        let (handle, dispatch) = Dispatch::new("IPC", self.name.clone(), Secrets::default(), self.cause.clone(), limit);
        let socket = Socket { stream, dispatch, frames: Frames::new(self.options.max_response), limit };
        // alloy's contract asks for a task here; it ends when the client and its subscriptions are dropped.
        socket.run().spawn_task();
        Ok(handle)
    }
}

/// Carries frames between a stream and alloy's service until either is gone. There is no ping: what the machine itself
/// carries is not lost on the way, and a process that stands still takes nothing, which ends the connection.
struct Socket {
    stream: UnixStream,
    dispatch: Dispatch,
    frames: Frames,
    /// How long sending a call may take.
    limit: Duration,
}

impl Socket {
    async fn run(mut self) {
        if let Err(error) = self.talk().await {
            self.dispatch.end(error);
        }
    }

    /// Ok when nobody needs the connection any more.
    async fn talk(&mut self) -> Result<(), CallError> {
        loop {
            while let Some(frame) = self.frames.next()? {
                self.dispatch.forward(&frame)?;
            }
            tokio::select! {
                request = self.dispatch.request() => match request {
                    Some(request) => self.send(&request).await?,
                    None => return Ok(()),
                },
                read = self.stream.read_buf(self.frames.buffer()) => match read {
                    Ok(0) | Err(_) => return Err(CallError::Closed),
                    Ok(_) => {}
                },
            }
        }
    }

    async fn send(&mut self, request: &RawValue) -> Result<(), CallError> {
        match timeout(self.limit, self.stream.write_all(request.get().as_bytes())).await {
            Ok(sent) => sent.map_err(|_| CallError::Closed),
            Err(_) => Err(CallError::Timeout { what: "send", after: self.limit }),
        }
    }
}
