//! One TLS configuration for https and wss.

use std::{
    collections::HashSet,
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use rustls::{
    ClientConfig, RootCertStore,
    client::{VerifierBuilderError, WebPkiServerVerifier},
    crypto::ring,
    pki_types::{CertificateDer, pem, pem::PemObject},
};
use thiserror::Error;

use crate::self_signed::OrSelfSigned;

/// Why the file of a certificate authority is of no use.
#[derive(Debug, Error)]
pub enum TlsError {
    /// The file cannot be read, or is not PEM.
    #[error("cannot read the CA file {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: pem::Error,
    },
    /// The file holds no certificate.
    #[error("the CA file {path} holds no certificate (expected PEM with BEGIN CERTIFICATE)")]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// A certificate of the file cannot be used as an authority.
    #[error(
        "the CA file {path} holds a certificate that cannot be used: {source}; make one with openssl req -x509 -newkey \
         rsa:2048 -nodes -days 365 -subj /CN=HOST -addext subjectAltName=DNS:HOST -keyout key.pem -out cert.pem"
    )]
    Certificate {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: rustls::Error,
    },
    /// Nobody can be trusted with what the file holds.
    #[error("the CA file {path} makes nobody trusted: {problem}")]
    Verifier {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        problem: VerifierBuilderError,
    },
    /// The cryptography library offers no protocol version.
    #[error("no usable TLS version: {0}")]
    Versions(rustls::Error),
}

impl TlsError {
    /// What the machine says of a file that cannot be read.
    pub fn io_error(&self) -> Option<&io::Error> {
        match self {
            Self::Read { source: pem::Error::Io(error), .. } => Some(error),
            _ => None,
        }
    }
}

/// Trusts the certificates of the system, as `rustls-native-certs` finds them, and those of `ca_file` (PEM), which may be
/// a server's own.
///
/// A system without certificates is no error: connections over TLS then fail one by one and say so. The cryptography is
/// ring's, named here, so that nothing depends on what the process has installed.
pub fn tls_config(ca_file: Option<&Path>) -> Result<Arc<ClientConfig>, TlsError> {
    let mut roots = RootCertStore::empty();
    let system = rustls_native_certs::load_native_certs();
    for error in &system.errors {
        tracing::debug!(%error, "cannot read some certificates of the system");
    }
    let (trusted, unusable) = roots.add_parsable_certificates(system.certs);
    tracing::debug!(trusted, unusable, "certificates of the system");
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider.clone());
    let builder = builder.with_safe_default_protocol_versions().map_err(TlsError::Versions)?;
    let builder = match ca_file {
        None => builder.with_root_certificates(roots),
        Some(path) => {
            let named = add_file(&mut roots, path)?;
            let webpki = WebPkiServerVerifier::builder_with_provider(roots.into(), provider).build();
            let webpki = webpki.map_err(|problem| TlsError::Verifier { path: path.into(), problem })?;
            builder.dangerous().with_custom_certificate_verifier(Arc::new(OrSelfSigned { webpki, named }))
        }
    };
    Ok(Arc::new(builder.with_no_client_auth()))
}

/// Adds the certificates of the file, and gives them.
fn add_file(roots: &mut RootCertStore, path: &Path) -> Result<HashSet<CertificateDer<'static>>, TlsError> {
    let unreadable = |source| TlsError::Read { path: path.into(), source };
    let certificates: Vec<_> =
        CertificateDer::pem_file_iter(path).map_err(unreadable)?.collect::<Result<_, _>>().map_err(unreadable)?;
    if certificates.is_empty() {
        return Err(TlsError::Empty { path: path.into() });
    }
    for certificate in &certificates {
        let added = roots.add(certificate.clone());
        added.map_err(|source| TlsError::Certificate { path: path.into(), source })?;
    }
    Ok(certificates.into_iter().collect())
}
