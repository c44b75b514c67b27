//! `[tls]` and `[[certificate]]`: who this server is, and who its clients have to be.

use std::path::{Path, PathBuf};

use super::key::{Key, Table, Unset};
use super::reader::Section;
use super::unit::quoted;

/// `[tls]`.
pub(super) static TLS: Table<TlsConfig> = Table {
    header: "[tls]",
    noun: "",
    intro: "What holds for every listener that speaks TLS. Certificates are those of `[[certificate]]`.",
    example: r#"
[tls]
client_certificates = "required"
client_authorities = "tls/clients.pem"

[[listener]]
address = "[::]:8443"
tls = true

[[certificate]]
chain = "tls/example.org.pem"
key = "tls/example.org.key"
"#,
    keys: &[
        Key::word(
            "least_version",
            &["1.2", "1.3"],
            |tls, word| tls.only_1_3 = word == "1.3",
            Unset::Shown(|_| quoted("1.2")),
            "The oldest version of TLS that is spoken.",
        ),
        Key::word(
            "client_certificates",
            &["none", "optional", "required"],
            |tls, word| {
                tls.client_certificates = match word {
                    "optional" => ClientCertificates::Optional,
                    "required" => ClientCertificates::Required,
                    _ => ClientCertificates::None,
                };
            },
            Unset::Shown(|tls| quoted(format!("{:?}", tls.client_certificates).to_lowercase())),
            "Whether clients are asked for a certificate, and whether one that shows none is served. Handlers see \
             whose it is.",
        ),
        Key::text(
            "client_authorities",
            "a file of certificates such as \"tls/clients.pem\"",
            |tls, text| {
                tls.client_authorities = Some(text.into());
                Ok(())
            },
            Unset::Said("none"),
            "Who has to have signed the certificate of a client: the certificates of these authorities, as PEM.",
        ),
        Key::timeout(
            "handshake_timeout",
            |tls| &mut tls.handshake_timeout,
            "How long a client may take for its handshake.",
        ),
    ],
};

/// `[[certificate]]`.
pub(super) static CERTIFICATE: Table<CertificateConfig> = Table {
    header: "[[certificate]]",
    noun: "a certificate",
    intro: "A certificate of this server, for the names that it says it is for, wildcards included. It can be there any \
            number of times, also for one name with keys of different kinds. A client that asks for no name, or for one \
            of none, gets the first. The files are read anew when they change, and connections go on.",
    example: r#"
[[listener]]
address = "[::]:443"
tls = true

[[certificate]]
chain = "/etc/letsencrypt/live/example.org/fullchain.pem"
key = "/etc/letsencrypt/live/example.org/privkey.pem"
"#,
    keys: &[
        Key::<CertificateConfig>::text(
            "chain",
            "a file such as \"tls/example.org.pem\"",
            |certificate, text| {
                certificate.chain = text.into();
                Ok(())
            },
            Unset::Required,
            "The certificate, followed by those that lead from it to its authority, as PEM.",
        ),
        Key::<CertificateConfig>::text(
            "key",
            "a file such as \"tls/example.org.key\"",
            |certificate, text| {
                certificate.key = text.into();
                Ok(())
            },
            Unset::Required,
            "Its private key, as PEM. One that everybody may read, or others may write, is refused.",
        ),
    ],
};

/// What holds for every listener that speaks TLS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsConfig {
    /// Whether no version before 1.3 is spoken.
    pub only_1_3: bool,
    /// Whether clients are asked for certificates.
    pub client_certificates: ClientCertificates,
    /// The file of those who may have signed them.
    pub client_authorities: Option<PathBuf>,
    /// How long a handshake may take.
    pub handshake_timeout: std::time::Duration,
    /// Who this server is; the first where nothing else is asked for.
    pub certificates: Vec<CertificateConfig>,
}

impl Default for TlsConfig {
    fn default() -> Self {
        Self {
            only_1_3: false,
            client_certificates: ClientCertificates::None,
            client_authorities: None,
            handshake_timeout: std::time::Duration::from_secs(10),
            certificates: Vec::new(),
        }
    }
}

/// Whether clients are asked for certificates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientCertificates {
    /// No.
    None,
    /// Yes, but who has none is served.
    Optional,
    /// Yes, and who has none is not served.
    Required,
}

/// The files of a certificate.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CertificateConfig {
    /// The certificate, and those that lead to its authority.
    pub chain: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// What `root` says of TLS, its paths being relative to `folder`.
pub(super) fn tls(root: &Section<'_, '_>, folder: &Path) -> TlsConfig {
    let mut tls = TlsConfig::default();
    let section = root.section("tls");
    TLS.read(&section, &mut tls);
    section.note("client_authorities");
    if let Some(path) = &mut tls.client_authorities {
        *path = folder.join(&*path);
    }
    match (tls.client_certificates, &tls.client_authorities) {
        (ClientCertificates::None, Some(_)) => section.problem_at(
            "client_authorities",
            "no client is asked for a certificate; add client_certificates = \"required\" or \"optional\"",
        ),
        (ClientCertificates::Optional | ClientCertificates::Required, None) => {
            section.problem_at("client_certificates", "add `client_authorities`: who may have signed them");
        }
        _ => {}
    }
    for section in root.sections("certificate") {
        let mut certificate = CertificateConfig::default();
        CERTIFICATE.read(&section, &mut certificate);
        if section.has("chain") && section.has("key") {
            section.note_as("chain", format!("certificate {}", tls.certificates.len()));
            certificate.chain = folder.join(certificate.chain);
            certificate.key = folder.join(certificate.key);
            tls.certificates.push(certificate);
        }
    }
    tls
}
