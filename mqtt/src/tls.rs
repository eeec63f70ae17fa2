//! Certificates and keys into a rustls configuration, and rustls' errors into words that help.
//!
//! Promises: the ring provider is used without touching the process-wide default; every failure names the
//! file or the mistake; X.509 v1 certificates, which many recipes make, get their own remedy.
//! Deliberately absent: switching certificate checks off.

use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{AlertDescription, CertificateError, ClientConfig, Error, RootCertStore};

use crate::settings::{Roots, Tls};
use crate::why::Why;

const V1: &str = "the certificate is X.509 v1, which has no extensions and is not accepted: issue it again as v3 \
    (openssl x509 -req ... -extfile with subjectAltName and basicConstraints)";
const FILES: &str = "check that the file is there, readable, and PEM";

/// Reads the files and builds the configuration.
pub(crate) fn config(tls: &Tls) -> Result<Arc<ClientConfig>, Why> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| why(&error))?
        .with_root_certificates(roots(&tls.roots)?);
    let config = match &tls.identity {
        None => builder.with_no_client_auth(),
        Some(identity) => {
            let key = PrivateKeyDer::from_pem_file(&identity.key).map_err(|error| unusable(&identity.key, &error))?;
            builder.with_client_auth_cert(certificates(&identity.cert)?, key).map_err(|error| why(&error))?
        }
    };
    Ok(Arc::new(config))
}

fn roots(roots: &Roots) -> Result<RootCertStore, Why> {
    let mut store = RootCertStore::empty();
    match roots {
        Roots::File(file) => {
            for certificate in certificates(file)? {
                store.add(certificate).map_err(|error| why(&error))?;
            }
        }
        Roots::System => {
            store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
    }
    if store.is_empty() {
        let what = "the operating system trusts no certificate at all".to_owned();
        return Err(Why::Tls { what, remedy: "install ca-certificates, or name a CA file" });
    }
    Ok(store)
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, Why> {
    let read = CertificateDer::pem_file_iter(file).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    match read {
        Ok(certificates) if certificates.is_empty() => Err(unusable(file, &"no certificate in it")),
        Ok(certificates) => Ok(certificates),
        Err(error) => Err(unusable(file, &error)),
    }
}

fn unusable(file: &Path, error: &dyn std::fmt::Display) -> Why {
    Why::Tls { what: format!("cannot use {}: {error}", file.display()), remedy: FILES }
}

/// Sorts an error of rustls.
pub(crate) fn why(error: &Error) -> Why {
    let remedy = match error {
        Error::InvalidCertificate(wrong) => match wrong {
            CertificateError::UnknownIssuer => "give the CA file that signed the broker's certificate",
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                "renew the certificate, or set this board's clock"
            }
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                "set this board's clock (NTP): it is before the certificate's first day"
            }
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                "connect by a name that stands in the certificate's subjectAltName, or issue one that names this host"
            }
            other if format!("{other:?}").contains("UnsupportedCertVersion") => V1,
            _ => "issue the certificate again, as X.509 v3 with subjectAltName",
        },
        Error::AlertReceived(AlertDescription::CertificateRequired) => {
            "the broker wants a client certificate: give certificate and key"
        }
        Error::AlertReceived(_) => "the broker refuses our certificate or TLS version: see its log and its CA file",
        Error::InvalidMessage(_) => "the port does not speak TLS: use the broker's TLS port (8883 as a rule)",
        Error::InconsistentKeys(_) => "the key does not belong to the certificate",
        _ => "see the broker's log",
    };
    Why::Tls { what: error.to_string(), remedy }
}
