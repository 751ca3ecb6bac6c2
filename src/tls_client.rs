//! TLS of this server's own requests: trusted certificate authorities.

use std::sync::Arc;

use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

/// Returns a configuration that trusts the public certificate authorities and the certificates of `pem`; none if `pem`
/// is not a list of certificates.
///
/// # Panics
/// Never: the provider has protocol versions.
#[must_use]
pub fn client_config(pem: Option<&[u8]>) -> Option<ClientConfig> {
    let mut roots: RootCertStore = webpki_roots::TLS_SERVER_ROOTS.iter().cloned().collect();
    if let Some(pem) = pem {
        let certificates = CertificateDer::pem_slice_iter(pem).collect::<Result<Vec<_>, _>>();
        let (added, refused) = roots.add_parsable_certificates(certificates.ok()?);
        if added == 0 || refused > 0 {
            return None;
        }
    }
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("the provider has them");
    Some(config.with_root_certificates(roots).with_no_client_auth())
}
