//! TLS as Rocket's settings `tls.certs`, `tls.key`, `tls.ciphers` and `tls.prefer_server_cipher_order` describe it.

use std::path::PathBuf;
use std::sync::Arc;

use either::Either;
use rocket::Config;
use rocket::config::CipherSuite;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::CryptoProvider;
use tokio_rustls::rustls::crypto::ring::{self, cipher_suite};
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::ServerSessionMemoryCache;
use tokio_rustls::rustls::{ServerConfig, SupportedCipherSuite};

use crate::regular_file;
use crate::reloadable::Reloadable;

/// Number of sessions that clients can resume without a full handshake.
const RESUMABLE_SESSIONS: usize = 1024;

/// TLS of the listener: the acceptor of new connections; none if TLS is off. Cheap to clone.
#[derive(Clone)]
pub struct Tls(Reloadable<Option<TlsAcceptor>>);

/// Certificate and key that were read and match each other.
pub struct LoadedTls(Option<TlsAcceptor>);

impl Default for Tls {
    fn default() -> Self {
        Self(Reloadable::new(None))
    }
}

impl Tls {
    /// Reads the files that `config` names, without putting them in force.
    ///
    /// # Errors
    /// A message for the administrator.
    pub fn load(config: &Config) -> Result<LoadedTls, String> {
        acceptor(config).map(LoadedTls)
    }

    /// Uses `loaded` for the handshakes of new connections.
    pub fn replace(&self, loaded: LoadedTls) {
        self.0.replace(loaded.0);
    }

    /// Whether TLS is on in one of the two and off in the other.
    #[must_use]
    pub fn switches(&self, loaded: &LoadedTls) -> bool {
        self.0.get().is_some() != loaded.0.is_some()
    }

    pub(super) fn acceptor(&self) -> Option<TlsAcceptor> {
        self.0.get().as_ref().clone()
    }
}

fn acceptor(config: &Config) -> Result<Option<TlsAcceptor>, String> {
    let Some(tls) = config.tls.as_ref().filter(|_| config.tls_enabled()) else {
        return Ok(None);
    };
    let certs = CertificateDer::pem_slice_iter(&pem(tls.certs(), "tls.certs")?)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| format!("certs: expected PEM certificates: {error}"))?;
    let key = PrivateKeyDer::from_pem_slice(&pem(tls.key(), "tls.key")?)
        .map_err(|error| format!("key: expected a PEM private key: {error}"))?;
    let provider = CryptoProvider {
        cipher_suites: tls.ciphers().filter_map(suite).collect(),
        ..ring::default_provider()
    };
    let mut server = ServerConfig::builder_with_provider(Arc::new(provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| format!("ciphers: {error}"))?
        .with_no_client_auth()
        .with_single_cert(certs, key)
        .map_err(|error| format!("certificate and key: {error}"))?;
    server.ignore_client_order = tls.prefer_server_cipher_order();
    server.alpn_protocols = vec![b"http/1.1".to_vec()];
    server.session_storage = ServerSessionMemoryCache::new(RESUMABLE_SESSIONS);
    server.ticketer = ring::Ticketer::new().map_err(|error| format!("tickets: {error}"))?;
    Ok(Some(TlsAcceptor::from(Arc::new(server))))
}

/// Returns the PEM text of a setting that is either a file or the text itself.
fn pem(source: Either<PathBuf, &[u8]>, key: &str) -> Result<Vec<u8>, String> {
    match source {
        Either::Left(path) => regular_file::read(&path)
            .map_err(|error| format!("{key}: {} cannot be read: {error}", path.display())),
        Either::Right(bytes) => Ok(bytes.to_vec()),
    }
}

/// Returns the cipher suite of a name in the settings.
fn suite(suite: CipherSuite) -> Option<SupportedCipherSuite> {
    Some(match suite {
        CipherSuite::TLS_CHACHA20_POLY1305_SHA256 => cipher_suite::TLS13_CHACHA20_POLY1305_SHA256,
        CipherSuite::TLS_AES_256_GCM_SHA384 => cipher_suite::TLS13_AES_256_GCM_SHA384,
        CipherSuite::TLS_AES_128_GCM_SHA256 => cipher_suite::TLS13_AES_128_GCM_SHA256,
        CipherSuite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256 => {
            cipher_suite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256
        }
        CipherSuite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256 => {
            cipher_suite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256
        }
        CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384 => {
            cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384
        }
        CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256 => {
            cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256
        }
        CipherSuite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384 => {
            cipher_suite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384
        }
        CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 => {
            cipher_suite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256
        }
        // The list is open; a suite that is not known here is not offered.
        _ => return None,
    })
}
