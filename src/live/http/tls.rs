//! Whom to trust.

use super::failed;
use crate::live::target::TargetError;
use std::sync::Arc;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto::ring};

/// How TLS is spoken to a host: by the authorities of `ca` (PEM), or by the machine's own.
pub(super) fn connector(
    ca: Option<&[u8]>,
    host: &str,
) -> Result<(TlsConnector, ServerName<'static>), TargetError> {
    let mut roots = RootCertStore::empty();
    match ca {
        Some(pem) => {
            for certificate in CertificateDer::pem_slice_iter(pem) {
                let added = certificate
                    .map_err(|error| error.to_string())
                    .and_then(|certificate| roots.add(certificate).map_err(|error| error.to_string()));
                added.map_err(|error| {
                    failed(
                        format!("a certificate of target.http.ca is broken: {error}"),
                        "export it again as PEM",
                    )
                })?;
            }
        }
        None => {
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
    }
    if roots.is_empty() {
        let hint = "name the service's authority: ca = \"file.pem\" in [target.http]";
        return Err(failed("this machine trusts no certificate authority", hint));
    }
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| failed(format!("TLS cannot be set up: {error}"), ""))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from(host.to_owned())
        .map_err(|_| failed(format!("`{host}` is no name that a certificate could have"), "name the host"))?;
    Ok((TlsConnector::from(Arc::new(config)), name))
}
