//! The other side: servers on loopback that keep to a script.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::{
        Arc, LazyLock, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, date_time_ymd};
use rustls::{
    ClientConfig, ServerConfig,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer},
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpSocket, TcpStream},
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};
use upstream::{Options, tls_config};

/// For cases in which the timeout is what is tested.
pub(crate) const SHORT: Duration = Duration::from_millis(100);

/// For cases in which something must succeed before the timeout, on a busy machine too.
pub(crate) const MEDIUM: Duration = Duration::from_secs(1);

/// For cases that must end long before it.
pub(crate) const LONG: Duration = Duration::from_secs(30);

pub(crate) fn options(timeout: Duration) -> Options {
    static SYSTEM: LazyLock<Arc<ClientConfig>> = LazyLock::new(|| tls_config(None).unwrap());
    Options { timeout, max_response: 10_000, ..Options::new(SYSTEM.clone()) }
}

/// What a server does when it has sent its script.
#[derive(Clone, Copy)]
pub(crate) enum Then {
    Hang,
    Close,
}

/// An HTTP server that answers each connection's requests with the same bytes.
pub(crate) struct Scripted {
    pub address: SocketAddr,
    pub requests: Arc<Mutex<Vec<String>>>,
}

impl Scripted {
    pub(crate) async fn start(script: impl Into<Vec<u8>>, then: Then) -> Self {
        let (listener, address) = listen().await;
        let requests = Arc::<Mutex<Vec<String>>>::default();
        let (script, seen) = (script.into(), requests.clone());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(scripted(stream, script.clone(), then, seen.clone()));
            }
        });
        Self { address, requests }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

/// Answers HTTP requests on one stream by a script.
pub(crate) async fn scripted<S: AsyncRead + AsyncWrite + Unpin>(
    mut stream: S,
    script: Vec<u8>,
    then: Then,
    seen: Arc<Mutex<Vec<String>>>,
) {
    while let Some(request) = read_request(&mut stream).await {
        seen.lock().unwrap().push(request);
        if stream.write_all(&script).await.is_err() || stream.flush().await.is_err() {
            return;
        }
        match then {
            Then::Hang => {}
            Then::Close => break,
        }
    }
    let _ = stream.shutdown().await;
}

/// Head and body of the next request; `None` when the client has gone.
pub(crate) async fn read_request<S: AsyncRead + Unpin>(stream: &mut S) -> Option<String> {
    let mut request = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&request).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length =
                head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
            if body.len() >= length.unwrap_or(0) {
                return Some(text);
            }
        }
        if stream.read_buf(&mut request).await.ok()? == 0 {
            return None;
        }
    }
}

pub(crate) async fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

/// An address that refuses connections as long as the socket is held: it is taken, but nobody listens.
pub(crate) fn refusing() -> (TcpSocket, SocketAddr) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = socket.local_addr().unwrap();
    (socket, address)
}

/// A listener that runs `serve` for every connection and counts them.
pub(crate) async fn each<F: Future<Output = ()> + Send + 'static>(
    serve: impl Fn(TcpStream) -> F + Send + 'static,
) -> (SocketAddr, Arc<AtomicUsize>) {
    let (listener, address) = listen().await;
    let count = Arc::<AtomicUsize>::default();
    let counter = count.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            counter.fetch_add(1, Ordering::SeqCst);
            tokio::spawn(serve(stream));
        }
    });
    (address, count)
}

pub(crate) fn reply(status: &str, headers: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n{headers}\r\n{body}", body.len())
}

pub(crate) fn ok(body: &str) -> String {
    reply("200 OK", "content-type: application/json\r\n", body)
}

/// A throw-away certificate authority with one server certificate.
#[derive(Clone)]
pub(crate) struct Authority {
    folder: Arc<tempfile::TempDir>,
    server: Arc<ServerConfig>,
}

impl Authority {
    pub(crate) fn new(host: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        std::fs::write(folder.path().join("ca.pem"), certificate.pem()).unwrap();

        let authority = Issuer::new(params, key);
        let key = KeyPair::generate().unwrap();
        let leaf = CertificateParams::new(vec![host.to_owned()]).unwrap().signed_by(&key, &authority).unwrap();
        Self { folder: Arc::new(folder), server: Arc::new(server(leaf.der().clone(), &key)) }
    }

    /// A server whose certificate is its own authority, with these for names, as `openssl req -x509` makes it.
    pub(crate) fn self_signed(hosts: &[&str]) -> Self {
        let key = KeyPair::generate().unwrap();
        let hosts: Vec<_> = hosts.iter().map(|host| (*host).to_owned()).collect();
        let mut params = CertificateParams::new(hosts).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self::of(params, &key)
    }

    /// The same when its time is over.
    pub(crate) fn expired(host: &str) -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec![host.to_owned()]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.not_after = date_time_ymd(2020, 1, 1);
        Self::of(params, &key)
    }

    fn of(params: CertificateParams, key: &KeyPair) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let certificate = params.self_signed(key).unwrap();
        std::fs::write(folder.path().join("ca.pem"), certificate.pem()).unwrap();
        Self { folder: Arc::new(folder), server: Arc::new(server(certificate.der().clone(), key)) }
    }

    pub(crate) fn ca_file(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    pub(crate) fn accept(
        &self,
        stream: TcpStream,
    ) -> impl Future<Output = Option<TlsStream<TcpStream>>> + Send + use<> {
        let accepted = TlsAcceptor::from(self.server.clone()).accept(stream);
        async move { accepted.await.ok() }
    }

    /// Trusts this authority, if told to.
    pub(crate) fn options(&self, ca_file: Option<&Path>) -> Options {
        Options { tls: tls_config(ca_file).unwrap(), ..options(LONG) }
    }
}

/// A server with this certificate.
fn server(certificate: CertificateDer<'static>, key: &KeyPair) -> ServerConfig {
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let builder = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let builder = builder.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
    builder.with_single_cert(vec![certificate], key).unwrap()
}
