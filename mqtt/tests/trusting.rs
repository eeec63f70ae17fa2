//! TLS with a real mosquitto: whom to trust, who we are, and what is said when it goes wrong.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "tests may"
)]

mod stage;

use std::path::{Path, PathBuf};
use std::process::Command;

use hob_mqtt::child::Plan;
use hob_mqtt::{BadSettings, Identity, LinkSettings, Message, PrivateBroker, Roots, Tls, Why};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair};
use stage::{message, open, up, wait_down};

/// A CA with its files.
struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    file: PathBuf,
}

impl Authority {
    fn new(dir: &Path, name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let file = dir.join(format!("{name}.crt"));
        std::fs::write(&file, issuer.pem()).unwrap();
        Self { issuer, file }
    }

    fn issues(&self, dir: &Path, name: &str, hosts: &[&str]) -> Identity {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(hosts.iter().map(|host| (*host).to_owned()).collect::<Vec<_>>()).unwrap();
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let identity = Identity { cert: dir.join(format!("{name}.crt")), key: dir.join(format!("{name}.key")) };
        std::fs::write(&identity.cert, certificate.pem()).unwrap();
        std::fs::write(&identity.key, key.serialize_pem()).unwrap();
        identity
    }
}

/// A certificate as mosquitto's own instructions make it: without extensions, hence X.509 v1.
fn version_one(dir: &Path) -> (PathBuf, Identity) {
    let run = |arguments: &[&str]| {
        let done = Command::new("openssl").current_dir(dir).args(arguments).output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    };
    run(&[
        "req", "-new", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "v1ca.key", "-out", "v1ca.crt", "-subj", "/CN=ca",
        "-days", "9",
    ]);
    run(&["req", "-new", "-newkey", "rsa:2048", "-nodes", "-keyout", "v1.key", "-out", "v1.csr", "-subj", "/CN=localhost"]);
    run(&[
        "x509",
        "-req",
        "-in",
        "v1.csr",
        "-CA",
        "v1ca.crt",
        "-CAkey",
        "v1ca.key",
        "-CAcreateserial",
        "-out",
        "v1.crt",
        "-days",
        "9",
    ]);
    (dir.join("v1ca.crt"), Identity { cert: dir.join("v1.crt"), key: dir.join("v1.key") })
}

async fn broker(dir: &Path, ca: &Path, own: &Identity, wants_certificate: bool) -> PrivateBroker {
    let (ca, cert, key) = (ca.display(), own.cert.display(), own.key.display());
    let extra = format!("cafile {ca}\ncertfile {cert}\nkeyfile {key}\nrequire_certificate {wants_certificate}\n");
    PrivateBroker::start_as(&Plan { extra, ..Plan::new(dir.join("broker"), 0) }).await.unwrap()
}

fn trusting(broker: &PrivateBroker, host: &str, ca: &Path, identity: Option<&Identity>) -> LinkSettings {
    let tls = Some(Tls { roots: Roots::File(ca.into()), identity: identity.cloned() });
    LinkSettings { tls, ..LinkSettings::new(host, broker.port(), "hob") }
}

async fn fails(settings: LinkSettings) -> Why {
    let (_link, mut events) = open(settings, &["t"]);
    wait_down(&mut events).await.0
}

#[tokio::test]
async fn with_the_right_ca_and_a_client_certificate_messages_pass_by_name_and_by_address() {
    let dir = tempfile::tempdir().unwrap();
    let ca = Authority::new(dir.path(), "ca");
    let own = ca.issues(dir.path(), "server", &["localhost", "127.0.0.1"]);
    let me = ca.issues(dir.path(), "hob", &[]);
    let broker = broker(dir.path(), &ca.file, &own, true).await;
    for host in ["localhost", "127.0.0.1"] {
        let (link, mut events) = up(trusting(&broker, host, &ca.file, Some(&me)), &["t"]).await;
        let large = vec![7; 300_000];
        link.publish(Message::new("t", large.clone())).await.unwrap().await.unwrap();
        let incoming = message(&mut events).await;
        assert_eq!(incoming.message.payload, large);
        incoming.ack.done();
        assert_eq!(link.close(stage::PATIENCE).await, 0);
    }
}

#[tokio::test]
async fn each_way_to_get_trust_wrong_has_its_own_remedy() {
    let dir = tempfile::tempdir().unwrap();
    let ca = Authority::new(dir.path(), "ca");
    let foreign = Authority::new(dir.path(), "foreign");
    let own = ca.issues(dir.path(), "server", &["localhost"]);
    let me = ca.issues(dir.path(), "hob", &[]);
    let stranger = foreign.issues(dir.path(), "stranger", &[]);
    let broker = broker(dir.path(), &ca.file, &own, true).await;
    let plain = stage::Stage::new().await;
    let no_tls = LinkSettings::new("127.0.0.1", broker.port(), "hob");
    for (settings, remedy) in [
        (trusting(&broker, "localhost", &foreign.file, Some(&me)), "give the CA file that signed"),
        (trusting(&broker, "127.0.0.1", &ca.file, Some(&me)), "subjectAltName"),
        (trusting(&broker, "localhost", &ca.file, None), "give certificate and key"),
        (trusting(&broker, "localhost", &ca.file, Some(&stranger)), "the broker refuses our certificate"),
        (trusting(&plain.broker, "127.0.0.1", &ca.file, None), ""),
        (no_tls, "TLS"),
    ] {
        let why = fails(settings).await;
        assert!(why.remedy().contains(remedy), "{why}: {} does not say {remedy:?}", why.remedy());
        eprintln!("{why} -> {}", why.remedy());
    }
}

#[tokio::test]
async fn a_version_1_certificate_on_either_side_is_named_as_such() {
    let dir = tempfile::tempdir().unwrap();
    let (old_ca, old) = version_one(dir.path());
    let broker = broker(dir.path(), &old_ca, &old, false).await;
    let why = fails(trusting(&broker, "localhost", &old_ca, None)).await;
    assert!(why.remedy().contains("X.509 v1"), "{why}: {}", why.remedy());
    let error = hob_mqtt::Link::open(trusting(&broker, "localhost", &old_ca, Some(&old)), vec![]).unwrap_err();
    assert!(error.to_string().contains("X.509 v1"), "{error}");
}

#[tokio::test]
async fn files_that_cannot_be_used_stop_the_start_and_are_named() {
    let dir = tempfile::tempdir().unwrap();
    let ca = Authority::new(dir.path(), "ca");
    let me = ca.issues(dir.path(), "hob", &[]);
    let absent = dir.path().join("absent.pem");
    let with = |ca: &Path, cert: &Path, key: &Path| {
        let identity = Some(Identity { cert: cert.into(), key: key.into() });
        let tls = Some(Tls { roots: Roots::File(ca.into()), identity });
        hob_mqtt::Link::open(LinkSettings { tls, ..LinkSettings::new("h", 8883, "c") }, vec![]).unwrap_err()
    };
    for (error, name) in [
        (with(&absent, &me.cert, &me.key), "absent.pem"),
        (with(&me.key, &me.cert, &me.key), "hob.key"),
        (with(&ca.file, &me.key, &me.key), "hob.key"),
        (with(&ca.file, &me.cert, &absent), "absent.pem"),
        (with(&ca.file, &me.cert, &me.cert), "hob.crt"),
    ] {
        assert!(matches!(error, BadSettings::Tls(_)) && error.to_string().contains(name), "{error} does not name {name}");
    }
}
