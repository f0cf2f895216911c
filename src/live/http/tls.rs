//! Whom to trust.

use super::failed;
use crate::live::target::TargetError;
use std::io;
use std::sync::Arc;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use tokio_rustls::rustls::client::{WebPkiServerVerifier, verify_server_name};
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::server::ParsedCertificate;
use tokio_rustls::rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
    crypto::ring,
};

/// What helps where a service's certificate is not believed.
pub(super) const HINT: &str = "name its authority, or the certificate itself, as PEM: ca = \"file.pem\" in \
    [target.http]; it must be valid now, and for the host in the URL";

/// How TLS is spoken to a host: by the authorities and certificates of `ca` (PEM), or by the machine's own.
pub(super) fn connector(
    ca: Option<&[u8]>,
    host: &str,
) -> Result<(TlsConnector, ServerName<'static>), TargetError> {
    let (roots, pinned) = match ca {
        Some(pem) => named(pem)?,
        None => {
            let mut roots = RootCertStore::empty();
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            (roots, Vec::new())
        }
    };
    if roots.is_empty() {
        let hint = "name the service's authority: ca = \"file.pem\" in [target.http]";
        return Err(failed("this machine trusts no certificate authority", hint));
    }
    let provider = Arc::new(ring::default_provider());
    let unusable = |error: &dyn std::error::Error| failed(format!("TLS cannot be set up: {error}"), "");
    let by_authority = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider.clone())
        .build()
        .map_err(|error| unusable(&error))?;
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| unusable(&error))?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Trust { by_authority, pinned }))
        .with_no_client_auth();
    let name = ServerName::try_from(host.to_owned())
        .map_err(|_| failed(format!("`{host}` is no name that a certificate could have"), "name the host"))?;
    Ok((TlsConnector::from(Arc::new(config)), name))
}

/// The certificates of a file, as authorities and as they are.
fn named(pem: &[u8]) -> Result<(RootCertStore, Vec<CertificateDer<'static>>), TargetError> {
    let (mut roots, mut pinned) = (RootCertStore::empty(), Vec::new());
    for certificate in CertificateDer::pem_slice_iter(pem) {
        let added = certificate.map_err(|error| error.to_string()).and_then(|certificate| {
            pinned.push(certificate.clone());
            roots.add(certificate).map_err(|error| error.to_string())
        });
        added.map_err(|error| {
            failed(format!("a certificate of target.http.ca is broken: {error}"), "export it again as PEM")
        })?;
    }
    Ok((roots, pinned))
}

/// Trusts as usual, and beyond that certificates that were named themselves: the usual self-signed one says that it is an
/// authority, and an authority's may otherwise not be a service's.
#[derive(Debug)]
struct Trust {
    by_authority: Arc<WebPkiServerVerifier>,
    pinned: Vec<CertificateDer<'static>>,
}

impl ServerCertVerifier for Trust {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let usual = self.by_authority.verify_server_cert(end_entity, intermediates, name, ocsp, now);
        match usual {
            // Byte for byte the named one, and nothing is wrong with it but who signed it or that it may sign: when it
            // is valid has been looked at before these.
            Err(Error::InvalidCertificate(CertificateError::UnknownIssuer | CertificateError::Other(_)))
                if self.pinned.contains(end_entity) =>
            {
                verify_server_name(&ParsedCertificate::try_from(end_entity)?, name)?;
                Ok(ServerCertVerified::assertion())
            }
            usual => usual,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.by_authority.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.by_authority.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.by_authority.supported_verify_schemes()
    }
}

/// Why TLS was not spoken.
pub(super) fn why(error: &io::Error) -> String {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>());
    match inner {
        Some(Error::InvalidCertificate(CertificateError::UnknownIssuer)) => {
            String::from("TLS: its certificate is signed by nobody who is trusted")
        }
        Some(Error::InvalidCertificate(CertificateError::Other(_))) => {
            String::from("TLS: its certificate is that of an authority, not of a service")
        }
        _ => format!("TLS: {}", super::line::plain(error)),
    }
}
