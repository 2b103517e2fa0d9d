//! https between all of them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::time::Duration;

use m2m_authority::http::{CBOR, Client, ClientError};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use support::{BIG, Domain};

#[tokio::test(flavor = "multi_thread")]
async fn servers_speak_tls_and_ask_each_other_over_it() {
    let mut domain = Domain::make(|_| {}).await;
    let files = domain.folder();
    let ca_key = KeyPair::generate().unwrap();
    let mut ca = CertificateParams::new(Vec::new()).unwrap();
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    std::fs::write(files.join("ca.pem"), ca.self_signed(&ca_key).unwrap().pem()).unwrap();
    let issuer = Issuer::new(ca, ca_key);
    let key = KeyPair::generate().unwrap();
    let server = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap().signed_by(&key, &issuer).unwrap();
    std::fs::write(files.join("server.pem"), server.pem()).unwrap();
    std::fs::write(files.join("server.key"), key.serialize_pem()).unwrap();

    for role in ["mef", "aa", "relay"] {
        let settings = domain.path(role).join("authority.toml");
        let text = std::fs::read_to_string(&settings).unwrap().replace("http://", "https://");
        let tls = "[tls]\ncertificate = \"../server.pem\"\nkey = \"../server.key\"\n[client]\nca = \"../ca.pem\"\n";
        std::fs::write(settings, format!("{text}\n{tls}")).unwrap();
    }
    let trusting = Client::new(Duration::from_secs(20), Some(&files.join("ca.pem"))).unwrap();
    domain.serve_checked_by("mef", &trusting).await;
    domain.serve_checked_by("aa", &trusting).await;
    domain.serve_checked_by("relay", &trusting).await;
    let url = |address: std::net::SocketAddr, path: &str| format!("https://{address}{path}");

    let mut node = domain.node("node");
    let post = |url: String, body: Vec<u8>| {
        let trusting = trusting.clone();
        async move { trusting.post(&url, CBOR, body, BIG).await.unwrap().body }
    };
    let challenge = post(url(domain.mef, "/enrolment/challenge"), Vec::new()).await;
    let wanted = node.scope("metering/report");
    let (request, awaiting) = node.answer(&challenge, wanted);
    let reply = post(url(domain.mef, "/enrolment"), request).await;
    node.enrolled = Some(awaiting.finish(&reply, &node.bundle, &mut node.floor).unwrap());
    let (request, awaiting, recipients) = node.request(2);
    let reply = post(url(domain.relay, "/aa/aa/authorization"), request).await;
    assert_eq!(awaiting.finish(&reply, &node.bundle, &recipients).unwrap().len(), 2);

    // Nobody is believed without a CA, and plain HTTP is not spoken.
    let doubting = Client::new(Duration::from_secs(20), None).unwrap();
    let refused = doubting.get(&url(domain.mef, "/health"), BIG).await.unwrap_err();
    assert!(matches!(&refused, ClientError::Unreachable(why) if why.contains("UnknownIssuer")), "{refused}");
    let plain = doubting.get(&domain.mef_url("/health"), BIG).await;
    assert!(matches!(plain, Err(ClientError::Unreachable(_))), "{plain:?}");
}
