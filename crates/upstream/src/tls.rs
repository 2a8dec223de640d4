//! One TLS configuration for https and wss.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, pem, pem::PemObject},
};
use thiserror::Error;

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
    #[error("the CA file {path} holds a certificate that cannot be used: {source}")]
    Certificate {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: rustls::Error,
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

/// Trusts the certificates of the system, as `rustls-native-certs` finds them, and those of `ca_file` (PEM).
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
    if let Some(path) = ca_file {
        add_file(&mut roots, path)?;
    }
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(TlsError::Versions)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}

fn add_file(roots: &mut RootCertStore, path: &Path) -> Result<(), TlsError> {
    let unreadable = |source| TlsError::Read { path: path.into(), source };
    let certificates: Vec<_> =
        CertificateDer::pem_file_iter(path).map_err(unreadable)?.collect::<Result<_, _>>().map_err(unreadable)?;
    if certificates.is_empty() {
        return Err(TlsError::Empty { path: path.into() });
    }
    for certificate in certificates {
        roots.add(certificate).map_err(|source| TlsError::Certificate { path: path.into(), source })?;
    }
    Ok(())
}
