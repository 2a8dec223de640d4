//! HTTP clients that ask as fast as they are answered: one request in flight on each of many kept connections.

use std::{
    io::{ErrorKind, Read, Write},
    net::SocketAddr,
    time::{Duration, Instant},
};

use eyre::{OptionExt, ensure};
use mio::{Events, Interest, Poll, Token, net::TcpStream};

/// What is asked, as a client sends it.
pub(crate) const SYNC_STATUS: &str = r#"{"jsonrpc":"2.0","id":1,"method":"optimism_syncStatus","params":[]}"#;

/// Larger than any answer, so that one read takes all that has arrived.
const BUFFER: usize = 64 << 10;

/// Connections that wait for each other's turn in one thread.
pub(crate) struct Clients {
    poll: Poll,
    events: Events,
    clients: Vec<Client>,
    request: Vec<u8>,
    buffer: Vec<u8>,
}

struct Client {
    stream: TcpStream,
    asked: Instant,
    /// Bytes of the current answer so far, and how many it has if its head was seen.
    received: usize,
    length: Option<usize>,
}

/// What came of asking for a while.
#[derive(Debug, Default)]
pub(crate) struct Answers {
    /// From request to answer, in microseconds, sorted.
    pub(crate) micros: Vec<f64>,
    /// How long it took.
    pub(crate) took: Duration,
}

impl Answers {
    pub(crate) fn per_second(&self) -> f64 {
        self.micros.len() as f64 / self.took.as_secs_f64()
    }
}

impl Clients {
    pub(crate) fn connect(addr: SocketAddr, count: usize) -> eyre::Result<Self> {
        Self::asking(addr, count, SYNC_STATUS)
    }

    /// The same that ask something else.
    pub(crate) fn asking(addr: SocketAddr, count: usize, body: &str) -> eyre::Result<Self> {
        let poll = Poll::new()?;
        let mut clients = Vec::with_capacity(count);
        for index in 0..count {
            let stream = std::net::TcpStream::connect(addr)?;
            stream.set_nodelay(true)?;
            stream.set_nonblocking(true)?;
            let mut stream = TcpStream::from_std(stream);
            poll.registry().register(&mut stream, Token(index), Interest::READABLE)?;
            clients.push(Client { stream, asked: Instant::now(), received: 0, length: None });
        }
        let events = Events::with_capacity(count);
        Ok(Self { poll, events, clients, request: request(addr, body), buffer: vec![0; BUFFER] })
    }

    /// Asks on every connection for so long, and takes the last answers.
    pub(crate) fn ask(&mut self, time: Duration) -> eyre::Result<Answers> {
        let Self { poll, events, clients, request, buffer } = self;
        let (start, mut micros, mut open) = (Instant::now(), Vec::new(), clients.len());
        for client in clients.iter_mut() {
            client.ask(request)?;
        }
        while open > 0 {
            poll.poll(events, Some(Duration::from_secs(30)))?;
            ensure!(!events.is_empty(), "a request was not answered for 30 s");
            for event in events.iter() {
                let client = &mut clients[event.token().0];
                if !client.receive(buffer)? {
                    continue;
                }
                let now = Instant::now();
                micros.push((now - client.asked).as_secs_f64() * 1e6);
                if now - start < time {
                    client.ask(request)?;
                } else {
                    open -= 1;
                }
            }
        }
        let took = start.elapsed();
        micros.sort_by(f64::total_cmp);
        Ok(Answers { micros, took })
    }
}

impl Client {
    fn ask(&mut self, request: &[u8]) -> eyre::Result<()> {
        (self.received, self.length) = (0, None);
        self.asked = Instant::now();
        // The socket's buffer is empty, so this is written whole.
        Ok(self.stream.write_all(request)?)
    }

    /// Takes what has arrived; answers whether that completes an answer.
    fn receive(&mut self, buffer: &mut [u8]) -> eyre::Result<bool> {
        let read = match self.stream.read(&mut buffer[self.received..]) {
            Ok(0) => eyre::bail!("the server closed a connection"),
            Ok(read) => read,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
            Err(error) => return Err(error.into()),
        };
        if self.length.is_none() {
            // Heads arrive whole: they are sent whole, and shorter than any segment.
            self.length = Some(length(&buffer[self.received..self.received + read])?);
        }
        self.received += read;
        Ok(self.length.is_some_and(|length| self.received >= length))
    }
}

/// Length of an answer with its head.
fn length(answer: &[u8]) -> eyre::Result<usize> {
    let find = |pattern: &[u8]| answer.windows(pattern.len()).position(|window| window == pattern);
    ensure!(answer.starts_with(b"HTTP/1.1 200 "), "not answered: {}", String::from_utf8_lossy(answer));
    let head = find(b"\r\n\r\n").ok_or_eyre("an answer without an end of its head")? + 4;
    let name = b"content-length: ";
    let start = find(name).ok_or_eyre("an answer without a length")? + name.len();
    let digits = answer[start..].iter().take_while(|byte| byte.is_ascii_digit());
    Ok(head + digits.fold(0, |sum, digit| sum * 10 + usize::from(digit - b'0')))
}

/// A client that asks when told to.
pub(crate) struct Caller {
    stream: std::net::TcpStream,
    request: Vec<u8>,
    buffer: Vec<u8>,
}

impl Caller {
    pub(crate) fn connect(addr: SocketAddr) -> eyre::Result<Self> {
        let stream = std::net::TcpStream::connect(addr)?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, request: request(addr, SYNC_STATUS), buffer: vec![0; BUFFER] })
    }

    /// Asks something else.
    pub(crate) fn ask_for(&mut self, body: &str) -> eyre::Result<String> {
        self.request = request(self.stream.peer_addr()?, body);
        self.ask()
    }

    /// Asks, and answers what it was answered.
    pub(crate) fn ask(&mut self) -> eyre::Result<String> {
        self.stream.write_all(&self.request)?;
        let mut received = self.stream.read(&mut self.buffer)?;
        let length = length(&self.buffer[..received])?;
        while received < length {
            received += self.stream.read(&mut self.buffer[received..])?;
        }
        Ok(String::from_utf8_lossy(&self.buffer[..received]).into_owned())
    }
}

fn request(addr: SocketAddr, body: &str) -> Vec<u8> {
    let length = body.len();
    let head = format!(
        "POST / HTTP/1.1\r\nHost: {addr}\r\nAccept: */*\r\nContent-Type: application/json\r\n\
         Content-Length: {length}\r\n\r\n"
    );
    (head + body).into_bytes()
}

/// Asks once and answers the body.
pub(crate) fn answer(addr: SocketAddr) -> eyre::Result<String> {
    let answer = Caller::connect(addr)?.ask()?;
    let (_, body) = answer.split_once("\r\n\r\n").ok_or_eyre("no answer")?;
    Ok(body.to_owned())
}
