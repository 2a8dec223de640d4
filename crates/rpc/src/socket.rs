//! A TCP socket that does not wait for ever for a client that will not read, and reads nothing more from it meanwhile.
//!
//! Without the second, a WebSocket client could pile up answers without limit: requests are answered as fast as they
//! are read, and jsonrpsee holds each answer until the one before it is sent.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker, ready},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::{Sleep, sleep},
};

use crate::activity::Activity;

#[derive(Debug)]
pub(crate) struct Socket {
    tcp: TcpStream,
    activity: Arc<Activity>,
    write_timeout: Duration,
    writing: Writing,
    /// Whoever wants to read as soon as writing goes on.
    reader: Option<Waker>,
}

#[derive(Debug)]
enum Writing {
    Free,
    Stalled(Pin<Box<Sleep>>),
    GivenUp,
}

impl Socket {
    pub(crate) fn new(tcp: TcpStream, activity: Arc<Activity>, write_timeout: Duration) -> Self {
        Self { tcp, activity, write_timeout, writing: Writing::Free, reader: None }
    }

    /// Passes on the outcome of a write, or gives up when writing has stalled for too long.
    fn watched<T>(&mut self, cx: &mut Context<'_>, outcome: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if outcome.is_ready() {
            if matches!(self.writing, Writing::Stalled(_)) {
                self.writing = Writing::Free;
                self.activity.writing(false);
                self.wake_reader();
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
            self.wake_reader();
        }
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }

    fn wake_reader(&mut self) {
        if let Some(reader) = self.reader.take() {
            reader.wake();
        }
    }
}

impl AsyncRead for Socket {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let socket = self.get_mut();
        match socket.writing {
            Writing::Free => {}
            Writing::Stalled(_) => {
                socket.reader = Some(cx.waker().clone());
                return Poll::Pending;
            }
            Writing::GivenUp => return Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
        }
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
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt, split},
        join,
        net::TcpListener,
    };

    use super::*;

    async fn pair(write_timeout: Duration) -> (Socket, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let peer = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (tcp, _) = listener.accept().await.unwrap();
        (Socket::new(tcp, Arc::new(Activity::new()), write_timeout), peer)
    }

    /// Writes until the peer's and our own buffers are full.
    async fn fill(socket: &mut Socket) -> usize {
        let mut written = 0;
        while let Poll::Ready(result) = poll!(Box::pin(socket.write(&[0; 1 << 16]))) {
            written += result.unwrap();
        }
        written
    }

    #[tokio::test]
    async fn who_does_not_read_is_not_read_from() {
        let (mut socket, mut peer) = pair(Duration::from_secs(60)).await;
        peer.write_all(b"x").await.unwrap();
        socket.tcp.readable().await.unwrap();
        let written = fill(&mut socket).await;
        let (mut reader, mut writer) = split(socket);
        let mut read = Box::pin(reader.read_u8());
        assert!(poll!(&mut read).is_pending());
        let mut answers = vec![0; written + 1];
        let (byte, sent, received) = join!(read, writer.write_all(b"."), peer.read_exact(&mut answers));
        sent.unwrap();
        assert_eq!((byte.unwrap(), received.unwrap()), (b'x', written + 1));
    }

    #[tokio::test]
    async fn who_never_reads_is_given_up() {
        let (mut socket, _peer) = pair(Duration::from_millis(100)).await;
        fill(&mut socket).await;
        let (mut reader, mut writer) = split(socket);
        let (read, written) = join!(reader.read_u8(), writer.write_all(b"."));
        assert_eq!(written.unwrap_err().kind(), io::ErrorKind::TimedOut);
        assert_eq!(read.unwrap_err().kind(), io::ErrorKind::TimedOut, "the reader is woken, too");
    }
}
