//! WebSocket clients that note when they were told: raw sockets in one thread.

use std::{
    io::{ErrorKind, Read, Write},
    net::SocketAddr,
    time::{Duration, Instant},
};

use eyre::{OptionExt, ensure};
use mio::{Events, Interest, Poll, Token, net::TcpStream};

/// What asks for every status.
const SUBSCRIBE: &[u8] = br#"{"jsonrpc":"2.0","id":1,"method":"optimism_subscribe","params":["syncStatus"]}"#;

/// Clients that have been told everything there was when they came.
pub(crate) struct Subscribers {
    poll: Poll,
    events: Events,
    clients: Vec<Client>,
    buffer: Vec<u8>,
}

struct Client {
    stream: TcpStream,
    /// The beginning of a frame, the rest of which is still to come.
    pending: Vec<u8>,
}

impl Subscribers {
    /// Clients that subscribe, and wait for their id and the first status.
    pub(crate) fn subscribe(addr: SocketAddr, count: usize) -> eyre::Result<Self> {
        Self::connect(addr, count, Some(SUBSCRIBE), 2)
    }

    /// Clients that send nothing, and are told nothing at first.
    pub(crate) fn listen(addr: SocketAddr, count: usize) -> eyre::Result<Self> {
        Self::connect(addr, count, None, 0)
    }

    fn connect(addr: SocketAddr, count: usize, message: Option<&[u8]>, greetings: usize) -> eyre::Result<Self> {
        let mut all = Self {
            poll: Poll::new()?,
            events: Events::with_capacity(1024),
            clients: Vec::with_capacity(count),
            buffer: vec![0; 64 << 10],
        };
        for index in 0..count {
            let mut stream = std::net::TcpStream::connect(addr)?;
            stream.set_nodelay(true)?;
            write!(
                stream,
                "GET / HTTP/1.1\r\nHost: {addr}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                 Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
            )?;
            let mut pending = Vec::new();
            let head = loop {
                if let Some(end) = pending.windows(4).position(|window| window == b"\r\n\r\n") {
                    break end + 4;
                }
                ensure!(read(&mut stream, &mut pending, &mut all.buffer)? > 0, "no WebSocket");
            };
            ensure!(pending.starts_with(b"HTTP/1.1 101 "), "no WebSocket: {}", String::from_utf8_lossy(&pending));
            pending.drain(..head);
            if let Some(message) = message {
                stream.write_all(&frame(message))?;
            }
            let mut texts = texts(&mut pending)?;
            while texts < greetings {
                ensure!(read(&mut stream, &mut pending, &mut all.buffer)? > 0, "closed before the first status");
                texts += self::texts(&mut pending)?;
            }
            stream.set_nonblocking(true)?;
            let mut stream = TcpStream::from_std(stream);
            all.poll.registry().register(&mut stream, Token(index), Interest::READABLE)?;
            pending.shrink_to_fit();
            all.clients.push(Client { stream, pending });
        }
        Ok(all)
    }

    /// Sends this text from the first of them.
    pub(crate) fn send(&mut self, text: &[u8]) -> eyre::Result<()> {
        let first = self.clients.first_mut().ok_or_eyre("nobody is connected")?;
        Ok(first.stream.write_all(&frame(text))?)
    }

    /// Makes something happen, and answers when each client had read a frame about it: microseconds, sorted.
    pub(crate) fn wave(&mut self, happen: impl FnOnce(&mut Self) -> eyre::Result<()>) -> eyre::Result<Vec<f64>> {
        self.poll.poll(&mut self.events, Some(Duration::ZERO))?;
        let mut told = vec![false; self.clients.len()];
        let mut micros = Vec::with_capacity(told.len());
        let start = Instant::now();
        happen(self)?;
        while micros.len() < told.len() {
            ensure!(start.elapsed() < Duration::from_secs(30), "{} were told in 30 s", micros.len());
            self.read(Duration::from_secs(1), |index| {
                if !std::mem::replace(&mut told[index], true) {
                    micros.push(start.elapsed().as_secs_f64() * 1e6);
                }
            })?;
        }
        micros.sort_by(f64::total_cmp);
        Ok(micros)
    }

    /// Reads what has come, waiting for it for so long, and says who was told something.
    pub(crate) fn read(&mut self, wait: Duration, mut told: impl FnMut(usize)) -> eyre::Result<()> {
        let Self { poll, events, clients, buffer } = self;
        poll.poll(events, Some(wait))?;
        for event in events.iter() {
            let index = event.token().0;
            let Client { stream, pending } = &mut clients[index];
            loop {
                match read(stream, pending, buffer) {
                    Ok(0) => eyre::bail!("a subscriber was closed"),
                    Ok(read) => {
                        if texts(pending)? > 0 {
                            told(index);
                        }
                        // Less than there was room for, so this was all: more wakes us anew.
                        if read < buffer.len() {
                            break;
                        }
                    }
                    Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                    Err(error) => return Err(error.into()),
                }
            }
        }
        Ok(())
    }
}

fn read(stream: &mut impl Read, pending: &mut Vec<u8>, buffer: &mut [u8]) -> std::io::Result<usize> {
    let read = stream.read(buffer)?;
    pending.extend_from_slice(&buffer[..read]);
    Ok(read)
}

/// Takes complete frames out of `pending` and answers how many of them were texts.
fn texts(pending: &mut Vec<u8>) -> eyre::Result<usize> {
    let (mut taken, mut texts) = (0, 0);
    while let [first, second, rest @ ..] = &pending[taken..] {
        let (length, size): (usize, usize) = match (second, rest) {
            (126, [high, low, ..]) => (u16::from_be_bytes([*high, *low]).into(), 4),
            (126, _) => break,
            (127.., _) => eyre::bail!("a frame that is too large, or masked"),
            (short, _) => (usize::from(*short), 2),
        };
        if rest.len() + 2 < size + length {
            break;
        }
        ensure!(first & 0x0f != 8, "closed: {}", String::from_utf8_lossy(&rest[..length]));
        texts += usize::from(first & 0x0f == 1);
        taken += size + length;
    }
    pending.drain(..taken);
    Ok(texts)
}

/// A text frame of a client, masked with zeros.
fn frame(text: &[u8]) -> Vec<u8> {
    let mut frame = vec![0x81];
    match u16::try_from(text.len()) {
        Ok(length) if length >= 126 => {
            frame.push(0x80 | 126);
            frame.extend(length.to_be_bytes());
        }
        _ => frame.push(0x80 | text.len() as u8),
    }
    frame.extend([0; 4]);
    frame.extend_from_slice(text);
    frame
}
