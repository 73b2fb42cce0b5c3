//! TLS: the certificate that the server shows, and how another one takes its place without a restart.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use actix_web::rt::signal::unix::{SignalKind, signal};
use parking_lot::RwLock;
use rustls::{
    InconsistentKeys, ServerConfig,
    crypto::{CryptoProvider, aws_lc_rs},
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};

use crate::settings::TlsSettings;

/// How often the files are looked at.
const LOOK_EVERY: Duration = Duration::from_mins(1);

/// Why TLS cannot be spoken. No message holds anything of a key.
#[derive(Debug, thiserror::Error)]
pub enum TlsFault {
    /// A file cannot be read.
    #[error("{setting}: cannot read {}: {reason}", .path.display())]
    Unreadable {
        /// The setting that names it.
        setting: &'static str,
        /// The file.
        path: PathBuf,
        /// Why not.
        reason: io::Error,
    },
    /// There is no certificate, or something that is none.
    #[error("{CERTIFICATE}: {} has no certificate in PEM form", .0.display())]
    NoCertificate(PathBuf),
    /// There is no key, or something that is none.
    #[error("{KEY}: {} has no private key in PEM form", .0.display())]
    NoKey(PathBuf),
    /// Nobody could type its password.
    #[error("{KEY}: the key in {} is encrypted; it has to be without a password (openssl pkey writes it so)", .0.display())]
    EncryptedKey(PathBuf),
    /// The two do not belong together.
    #[error("{KEY}: the key in {} is not that of the certificate in {}", .key.display(), .certificate.display())]
    OtherKey {
        /// The file of the key.
        key: PathBuf,
        /// The file of the certificate.
        certificate: PathBuf,
    },
    /// They cannot be used.
    #[error("{CERTIFICATE} and {KEY} cannot be used: {0}")]
    Unusable(rustls::Error),
}

const CERTIFICATE: &str = "tls.certificate";
const KEY: &str = "tls.key";

/// The certificate that is shown, and where it comes from.
#[derive(Debug)]
pub struct Certificate {
    settings: TlsSettings,
    provider: Arc<CryptoProvider>,
    shown: RwLock<Shown>,
}

#[derive(Debug)]
struct Shown {
    key: Arc<CertifiedKey>,
    /// The files as they were read, so that a change is seen.
    files: [Vec<u8>; 2],
}

impl Certificate {
    /// Reads certificate and key, and fails where no client could be served with them.
    pub fn load(settings: &TlsSettings) -> Result<Arc<Self>, TlsFault> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let shown = RwLock::new(read(settings, &provider)?);
        Ok(Arc::new(Self { settings: settings.clone(), provider, shown }))
    }

    /// What a listener needs. HTTP/2 and HTTP/1.1 are offered by the framework.
    pub fn server_config(self: &Arc<Self>) -> Result<ServerConfig, TlsFault> {
        let versions = ServerConfig::builder_with_provider(self.provider.clone())
            .with_safe_default_protocol_versions()
            .map_err(TlsFault::Unusable)?;
        Ok(versions.with_no_client_auth().with_cert_resolver(self.clone()))
    }

    /// Reads the files again; whether they have changed. Where they cannot be used, what was shown goes on.
    pub fn look(&self) -> Result<bool, TlsFault> {
        let files = files(&self.settings)?;
        if self.shown.read().files == files {
            return Ok(false);
        }
        let shown = understood(&self.settings, &self.provider, files)?;
        *self.shown.write() = shown;
        Ok(true)
    }

    /// Looks each minute, and at once on SIGHUP, for ever.
    pub async fn keep(self: Arc<Self>) -> io::Result<()> {
        let mut hang_up = signal(SignalKind::hangup())?;
        loop {
            tokio::select! {
                _ = hang_up.recv() => {}
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
            self.tell();
        }
    }

    fn tell(&self) {
        match self.look() {
            Ok(true) => tracing::info!("another certificate is shown from now on"),
            Ok(false) => {}
            Err(error) => tracing::error!(%error, "the certificate is not renewed; the one before goes on"),
        }
    }
}

impl ResolvesServerCert for Certificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.shown.read().key.clone())
    }
}

fn read(settings: &TlsSettings, provider: &CryptoProvider) -> Result<Shown, TlsFault> {
    understood(settings, provider, files(settings)?)
}

fn files(settings: &TlsSettings) -> Result<[Vec<u8>; 2], TlsFault> {
    let file = |setting, path: &Path| {
        std::fs::read(path).map_err(|reason| TlsFault::Unreadable { setting, path: path.to_owned(), reason })
    };
    Ok([file(CERTIFICATE, &settings.certificate)?, file(KEY, &settings.key)?])
}

fn understood(
    settings: &TlsSettings,
    provider: &CryptoProvider,
    files: [Vec<u8>; 2],
) -> Result<Shown, TlsFault> {
    let no_certificate = || TlsFault::NoCertificate(settings.certificate.clone());
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&files[0]).collect();
    let chain = chain.ok().filter(|chain| !chain.is_empty()).ok_or_else(no_certificate)?;
    if is_encrypted(&files[1]) {
        return Err(TlsFault::EncryptedKey(settings.key.clone()));
    }
    let key = PrivateKeyDer::from_pem_slice(&files[1]).map_err(|_| TlsFault::NoKey(settings.key.clone()))?;
    let key = CertifiedKey::from_der(chain, key, provider).map_err(|error| match error {
        rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => {
            TlsFault::OtherKey { key: settings.key.clone(), certificate: settings.certificate.clone() }
        }
        other => TlsFault::Unusable(other),
    })?;
    Ok(Shown { key: Arc::new(key), files })
}

/// PKCS #8, or the older form that OpenSSL wrote.
fn is_encrypted(pem: &[u8]) -> bool {
    let pem = String::from_utf8_lossy(pem);
    pem.contains("BEGIN ENCRYPTED PRIVATE KEY") || pem.contains("Proc-Type: 4,ENCRYPTED")
}

#[cfg(test)]
mod tests {
    use std::fs;

    use rcgen::{CertifiedKey as Made, generate_simple_self_signed};

    use super::*;

    struct Files {
        settings: TlsSettings,
        _folder: tempfile::TempDir,
    }

    impl Files {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let settings = TlsSettings {
                certificate: folder.path().join("tls.crt"),
                key: folder.path().join("tls.key"),
            };
            let files = Self { settings, _folder: folder };
            files.renew();
            files
        }

        fn renew(&self) {
            let Made { cert, signing_key } = generate_simple_self_signed(["localhost".to_owned()]).unwrap();
            fs::write(&self.settings.certificate, cert.pem()).unwrap();
            fs::write(&self.settings.key, signing_key.serialize_pem()).unwrap();
        }

        fn fault(&self) -> String {
            Certificate::load(&self.settings).unwrap_err().to_string()
        }
    }

    #[test]
    fn what_cannot_be_used_is_named_without_a_word_of_the_key() {
        let files = Files::new();
        let (certificate, key) = (&files.settings.certificate, &files.settings.key);
        let good = fs::read_to_string(key).unwrap();
        assert!(Certificate::load(&files.settings).unwrap().server_config().is_ok());
        let other = Files::new();
        fs::copy(&other.settings.key, key).unwrap();
        assert!(files.fault().contains("is not that of the certificate"), "{}", files.fault());
        let encrypted =
            "-----BEGIN ENCRYPTED PRIVATE KEY-----\nc2VjcmV0\n-----END ENCRYPTED PRIVATE KEY-----\n";
        for (text, told) in [
            (encrypted, "is encrypted"),
            ("", "has no private key"),
            ("-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----\n", "cannot be used"),
            (&good.replace("PRIVATE", "PUBLIC"), "has no private key"),
        ] {
            fs::write(key, text).unwrap();
            let fault = files.fault();
            assert!(fault.contains("tls.key") && fault.contains(told), "{fault}");
            assert!(!fault.contains("c2VjcmV0") && !fault.contains("secret"), "{fault}");
        }
        fs::remove_file(key).unwrap();
        assert!(files.fault().contains("tls.key: cannot read"), "{}", files.fault());
        fs::write(certificate, "nothing").unwrap();
        fs::write(key, good).unwrap();
        assert!(files.fault().contains("has no certificate"), "{}", files.fault());
    }

    #[test]
    fn another_certificate_takes_the_place_of_the_first_unless_it_cannot_be_used() {
        let files = Files::new();
        let certificate = Certificate::load(&files.settings).unwrap();
        let shown = || certificate.shown.read().key.cert[0].clone();
        let first = shown();
        assert!(!certificate.look().unwrap());
        files.renew();
        assert!(certificate.look().unwrap());
        let second = shown();
        assert_ne!(first, second);
        fs::write(&files.settings.key, "half a file").unwrap();
        assert!(certificate.look().is_err());
        assert_eq!(shown(), second);
    }
}
