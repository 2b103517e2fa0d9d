//! What each role must not know is in none of its files, and what it must know is: the search would find it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::path::Path;

use m2m_authority::http::{CBOR, COSE};
use m2m_authority::misbehaviour::order_revocation;
use m2m_trust::identity::Digest;
use m2m_trust::keys::Signer;
use m2m_trust::revocation::Reason;
use m2m_trust::seal::Recipient;
use support::{Domain, client};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpSocket;

/// Where the node speaks from.
const ADDRESS: [u8; 4] = [127, 7, 7, 77];

/// All that a role wrote: everything in its folder but settings and keys.
fn written(folder: &Path) -> Vec<u8> {
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let written = files.filter(|path| path.extension().is_some_and(|kind| kind == "redb" || kind == "jsonl"));
    written.flat_map(|path| std::fs::read(path).unwrap()).collect()
}

/// Raw, or as text in the ways that we write bytes.
fn holds(written: &[u8], bytes: &[u8]) -> bool {
    let text: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let list = bytes.iter().map(u8::to_string).collect::<Vec<_>>().join(",");
    [bytes, text.as_bytes(), text.to_uppercase().as_bytes(), list.as_bytes()]
        .into_iter()
        .any(|needle| written.windows(needle.len()).any(|window| window == needle))
}

/// A request by hand, from the node's address.
async fn post_from(address: [u8; 4], to: std::net::SocketAddr, path: &str, body: &[u8]) -> Vec<u8> {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind((address, 0).into()).unwrap();
    let mut stream = socket.connect(to).await.unwrap();
    let address = address.map(|byte| byte.to_string()).join(".");
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: authority\r\nconnection: close\r\ncontent-type: {CBOR}\r\nx-forwarded-for: {address}\r\n\
         forwarded: for={address}\r\nuser-agent: node-at-{address}\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(body).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    assert!(answer.starts_with(b"HTTP/1.1 200 OK\r\n"), "{}", String::from_utf8_lossy(&answer));
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
    answer.split_off(end + 4)
}

#[tokio::test(flavor = "multi_thread")]
async fn no_role_keeps_what_it_must_not_know() {
    let mut domain = Domain::start().await;
    let mut node = domain.node("node");
    let challenge = post_from(ADDRESS, domain.mef, "/enrolment/challenge", b"").await;
    let wanted = node.scope("metering/report");
    let (request, awaiting) = node.answer(&challenge, wanted);
    let reply = post_from(ADDRESS, domain.mef, "/enrolment", &request).await;
    let enrolled = awaiting.finish(&reply, &node.bundle, &mut node.floor).unwrap();
    node.enrolled = Some(enrolled.clone());
    let (request, awaiting, pseudonyms) = node.request_for(4);
    let reply = post_from(ADDRESS, domain.relay, "/aa/aa/authorization", &request).await;
    let (signers, recipients): (Vec<_>, Vec<_>) = pseudonyms.into_iter().map(|own| (own.signer, own.recipient)).unzip();
    let certificates = awaiting.finish(&reply, &node.bundle, &recipients).unwrap();
    let report = node.report(&certificates[0], &signers[0]);
    let order = order_revocation(&domain.folder(), &report, Reason::Misbehaviour).unwrap();
    client().post(&domain.aa_url("/order"), COSE, order.signed, support::BIG).await.unwrap();
    for role in ["relay", "aa", "mef"] {
        domain.stop(role).await;
    }
    let [aa, mef, relay] = ["aa", "mef", "relay"].map(|role| written(&domain.path(role)));

    let identity: Vec<(&str, Vec<u8>)> = vec![
        ("canonical identity", node.canonical_id.0.to_vec()),
        ("its random part", node.canonical_id.0[1..].to_vec()),
        ("device key", node.device.public_key().to_bytes().to_vec()),
        ("subscription", enrolled.claims.id.0.to_vec()),
        ("subscription key", node.subscription.public_key().to_bytes().to_vec()),
        ("subscription credential", enrolled.credential.clone()),
        ("its hash", Digest::of(&[&enrolled.credential]).0.to_vec()),
    ];
    let mut pseudonyms: Vec<(&str, Vec<u8>)> = Vec::new();
    for ((own, signer), recipient) in certificates.iter().zip(&signers).zip(&recipients) {
        pseudonyms.push(("signing key", signer.public_key().to_bytes().to_vec()));
        pseudonyms.push(("agreement key", recipient.sealing_key().as_bytes().to_vec()));
        pseudonyms.push(("certificate", own.encoded.clone()));
        pseudonyms.push(("its hash", own.certificate.digest().0.to_vec()));
        pseudonyms.push(("linkage value", own.certificate.claims().linkage.value.0.to_vec()));
    }
    for (what, bytes) in &identity {
        assert!(!holds(&aa, bytes), "the AA keeps the {what}");
        assert!(!holds(&relay, bytes), "the relay keeps the {what}");
    }
    for (what, bytes) in &pseudonyms {
        assert!(!holds(&mef, bytes), "the MEF keeps the {what}");
        assert!(!holds(&relay, bytes), "the relay keeps the {what}");
    }
    for (role, written) in [("aa", &aa), ("mef", &mef), ("relay", &relay)] {
        let text = ADDRESS.map(|byte| byte.to_string()).join(".");
        assert!(!written.windows(text.len()).any(|window| window == text.as_bytes()), "{role} keeps the address");
        assert!(!holds(written, &ADDRESS), "{role} keeps the address");
    }

    // What each does know is found.
    assert!(holds(&mef, &node.canonical_id.0));
    assert!(holds(&mef, &enrolled.claims.id.0));
    assert!(holds(&aa, &certificates[0].certificate.digest().0));
    assert!(String::from_utf8_lossy(&relay).contains("\"authorizations\":1"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_passes_on_neither_address_nor_header() {
    let mut domain = Domain::make(|_| {}).await;
    let node = domain.node("node");
    drop(node);
    domain.serve("relay").await;
    // An AA that shows what it was sent.
    let listener = tokio::net::TcpListener::bind(domain.aa).await.unwrap();
    let heard = tokio::spawn(async move {
        let (mut stream, from) = listener.accept().await.unwrap();
        let mut heard = vec![0; 4096];
        let length = stream.read(&mut heard).await.unwrap();
        let answer = "HTTP/1.1 200 OK\r\ncontent-type: application/cbor\r\nset-cookie: node=7\r\nserver: aa\r\ncontent-length: 2\r\n\r\nok";
        stream.write_all(answer.as_bytes()).await.unwrap();
        heard.truncate(length);
        (String::from_utf8(heard).unwrap().to_lowercase(), from)
    });
    let answer = post_from(ADDRESS, domain.relay, "/aa/aa/authorization", b"sealed").await;
    assert_eq!(answer, b"ok");
    let (heard, from) = heard.await.unwrap();
    let text = ADDRESS.map(|byte| byte.to_string()).join(".");
    assert!(!heard.contains(&text) && !heard.contains("forwarded") && !heard.contains("user-agent"), "{heard}");
    assert!(heard.contains("content-type: application/cbor") && heard.ends_with("sealed"), "{heard}");
    assert_ne!(from.ip(), std::net::IpAddr::from(ADDRESS));
}
