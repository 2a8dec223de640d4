//! A TCP socket that does not wait for ever for a client that will not read.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::{Sleep, sleep},
};

use crate::http::activity::Activity;

#[derive(Debug)]
pub(crate) struct Socket {
    tcp: TcpStream,
    activity: Arc<Activity>,
    write_timeout: Duration,
    writing: Writing,
}

#[derive(Debug)]
enum Writing {
    Free,
    Stalled(Pin<Box<Sleep>>),
    GivenUp,
}

impl Socket {
    pub(crate) fn new(tcp: TcpStream, activity: Arc<Activity>, write_timeout: Duration) -> Self {
        Self { tcp, activity, write_timeout, writing: Writing::Free }
    }

    /// The bare socket, for whoever keeps time by itself.
    pub(crate) fn into_tcp(self) -> TcpStream {
        self.tcp
    }

    /// Passes on the outcome of a write, or gives up when writing has stalled for too long.
    fn watched<T>(&mut self, cx: &mut Context<'_>, outcome: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if outcome.is_ready() {
            if matches!(self.writing, Writing::Stalled(_)) {
                self.writing = Writing::Free;
                self.activity.writing(false);
            }
            return outcome;
        }
        if matches!(self.writing, Writing::Free) {
            self.writing = Writing::Stalled(Box::pin(sleep(self.write_timeout)));
            self.activity.writing(true);
        }
        if let Writing::Stalled(limit) = &mut self.writing {
            ready!(limit.as_mut().poll(cx));
            self.writing = Writing::GivenUp;
        }
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncRead for Socket {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let socket = self.get_mut();
        let before = buf.filled().len();
        ready!(Pin::new(&mut socket.tcp).poll_read(cx, buf))?;
        if buf.filled().len() > before {
            socket.activity.received();
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Socket {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let socket = self.get_mut();
        let outcome = Pin::new(&mut socket.tcp).poll_write(cx, buf);
        socket.watched(cx, outcome)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let socket = self.get_mut();
        let outcome = Pin::new(&mut socket.tcp).poll_write_vectored(cx, bufs);
        socket.watched(cx, outcome)
    }

    fn is_write_vectored(&self) -> bool {
        self.tcp.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().tcp).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().tcp).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use futures::poll;
    use tokio::{io::AsyncWriteExt, net::TcpListener};

    use super::*;

    #[tokio::test]
    async fn who_never_reads_is_given_up() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let _peer = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (tcp, _) = listener.accept().await.unwrap();
        let mut socket = Socket::new(tcp, Arc::new(Activity::new()), Duration::from_millis(100));
        // Until the peer's and our own buffers are full.
        while let Poll::Ready(written) = poll!(Box::pin(socket.write(&[0; 1 << 16]))) {
            written.unwrap();
        }
        assert_eq!(socket.write_all(b".").await.unwrap_err().kind(), io::ErrorKind::TimedOut);
    }
}
