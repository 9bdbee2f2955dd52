//! TLS: whose certificates are believed, and for which name.

use super::super::Error;
use crate::rules::model::Tls;
use rustls::pki_types::{CertificateDer, ServerName, pem::PemObject};
use rustls::{ClientConfig, RootCertStore};
use std::path::Path;
use std::sync::Arc;

/// How a connection is protected.
#[derive(Debug, Clone)]
pub(in super::super) enum Security {
    None,
    /// Plain until STARTTLS, refused without it.
    Starttls(Arc<ClientConfig>, ServerName<'static>),
    /// TLS from the first byte.
    Implicit(Arc<ClientConfig>, ServerName<'static>),
}

impl Security {
    /// `authority` is a PEM file; where it is named, it replaces the machine's authorities.
    pub(in super::super) fn open(tls: Tls, host: &str, authority: Option<&Path>) -> Result<Self, Error> {
        if tls == Tls::None {
            return Ok(Self::None);
        }
        let name = ServerName::try_from(host.to_owned()).map_err(|_| Error::Host { host: host.into() })?;
        let config = Arc::new(config(authority)?);
        Ok(match tls {
            Tls::Starttls => Self::Starttls(config, name),
            Tls::Implicit | Tls::None => Self::Implicit(config, name),
        })
    }
}

fn config(authority: Option<&Path>) -> Result<ClientConfig, Error> {
    let (authorities, place) = match authority {
        Some(path) => {
            let failed = |source| Error::Authority { path: path.to_owned(), source };
            let certificates = CertificateDer::pem_file_iter(path).map_err(failed)?;
            (certificates.collect::<Result<Vec<_>, _>>().map_err(failed)?, path.display().to_string())
        }
        // What cannot be read among them is passed over, as every TLS client does.
        None => (rustls_native_certs::load_native_certs().certs, "this machine's certificates".to_owned()),
    };
    let mut roots = RootCertStore::empty();
    if roots.add_parsable_certificates(authorities).0 == 0 {
        return Err(Error::NoAuthority { place });
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    Ok(ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|source| Error::Tls { source })?
        .with_root_certificates(roots)
        .with_no_client_auth())
}
