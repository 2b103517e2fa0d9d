//! TLS by option. Messages protect themselves; TLS hides that there is an authority behind the port, and who its clients are to each
//! other.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio_rustls::rustls::crypto::{CryptoProvider, ring};
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, ServerConfig, version};

use crate::settings::Tls;

/// Why certificates or keys for TLS cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("`{}`: {cause}", path.display())]
pub struct TlsError {
    path: PathBuf,
    cause: String,
}

fn at(path: &Path, cause: impl std::fmt::Display) -> TlsError {
    TlsError { path: path.to_owned(), cause: cause.to_string() }
}

pub(crate) fn server(tls: &Tls) -> Result<Arc<ServerConfig>, TlsError> {
    let chain = certificates(&tls.certificate)?;
    let key = PrivateKeyDer::from_pem_file(&tls.key).map_err(|error| at(&tls.key, error))?;
    let config = ServerConfig::builder_with_provider(provider()).with_protocol_versions(&[&version::TLS13]);
    let config = config.and_then(|config| config.with_no_client_auth().with_single_cert(chain, key));
    config.map(Arc::new).map_err(|error| at(&tls.certificate, error))
}

/// Believes what comes from the certificates in `ca`, and nobody without.
pub(super) fn client(ca: Option<&Path>) -> Result<ClientConfig, TlsError> {
    let mut roots = RootCertStore::empty();
    if let Some(path) = ca {
        certificates(path)?.into_iter().try_for_each(|root| roots.add(root)).map_err(|error| at(path, error))?;
    }
    let config = ClientConfig::builder_with_provider(provider()).with_protocol_versions(&[&version::TLS13]);
    let config = config.map_err(|error| at(ca.unwrap_or(Path::new("")), error))?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let certificates = CertificateDer::pem_file_iter(path).map_err(|error| at(path, error))?;
    let certificates = certificates.collect::<Result<Vec<_>, _>>().map_err(|error| at(path, error))?;
    if certificates.is_empty() { Err(at(path, "no certificate in PEM")) } else { Ok(certificates) }
}
