//! TLS in the process: certificate and key from files, which are read again when they change.
//!
//! A proxy in front does this as well. It is here for clients that speak TLS alone, also with a server
//! on the same machine, as those of AppSync do.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use anyhow::{Context as _, ensure};
use parking_lot::RwLock;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::server::TlsStream;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use crate::limits;

/// Where certificate and key are: PEM.
#[derive(Debug)]
struct Files {
    /// The certificate, and those that lead to its authority.
    certificate: PathBuf,
    key: PathBuf,
}

/// The TLS of a listening address. Clones share it.
#[derive(Clone)]
pub struct Tls(Arc<Inner>);

struct Inner {
    files: Files,
    config: RwLock<Arc<ServerConfig>>,
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Tls").field(&self.0.files).finish()
    }
}

impl Tls {
    /// Reads certificate and key for the first time.
    ///
    /// # Errors
    /// When one of them cannot be read or used; the flag is named.
    pub fn open((certificate, key): (PathBuf, PathBuf)) -> anyhow::Result<Self> {
        let files = Files { certificate, key };
        let config = RwLock::new(read(&files)?);
        Ok(Self(Arc::new(Inner { files, config })))
    }

    /// Greets a client. `None`: it did not go on, or speaks no TLS.
    pub(super) async fn accept<T>(&self, io: T) -> Option<TlsStream<T>>
    where
        T: AsyncRead + AsyncWrite + Unpin,
    {
        let acceptor = TlsAcceptor::from(Arc::clone(&self.0.config.read()));
        match timeout(limits::HTTP_HEAD_TIMEOUT, acceptor.accept(io)).await {
            Ok(Ok(stream)) => Some(stream),
            Ok(Err(error)) => {
                debug!(%error, "a TLS handshake failed");
                None
            }
            Err(_) => None,
        }
    }

    /// Reads the files again whenever one has changed. Connections that are open keep what they have;
    /// files that cannot be used change nothing.
    pub async fn keep(self, stop: CancellationToken) {
        let mut seen = self.changed_at();
        loop {
            tokio::select! {
                () = sleep(limits::TLS_CHECK_EVERY) => {}
                () = stop.cancelled() => return,
            }
            let changed = self.changed_at();
            if changed == seen {
                continue;
            }
            match read(&self.0.files) {
                Ok(config) => {
                    *self.0.config.write() = config;
                    info!("certificate and key loaded again");
                    seen = changed;
                }
                // Certificate and key are not replaced in the same moment: the next look may fit.
                Err(error) => {
                    warn!(error = format!("{error:#}"), "cannot use the new certificate or key");
                }
            }
        }
    }

    fn changed_at(&self) -> [Option<SystemTime>; 2] {
        let of = |file: &Path| std::fs::metadata(file).and_then(|data| data.modified()).ok();
        [of(&self.0.files.certificate), of(&self.0.files.key)]
    }
}

fn read(files: &Files) -> anyhow::Result<Arc<ServerConfig>> {
    let Files { certificate, key } = files;
    let chain =
        CertificateDer::pem_file_iter(certificate).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let chain = chain.with_context(|| format!("--tls-cert: {}", certificate.display()))?;
    ensure!(!chain.is_empty(), "--tls-cert: {} has no certificate", certificate.display());
    let private = PrivateKeyDer::from_pem_file(key)
        .with_context(|| format!("--tls-key: {}", key.display()))?;
    let provider = Arc::new(aws_lc_rs::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, private)
        .with_context(|| format!("--tls-key: {} is not that of --tls-cert", key.display()))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}
