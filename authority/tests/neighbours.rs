//! An AA whose MEF is slow, answers garbage, or refuses: the node's request stays good until there is a true answer.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::time::Duration;

use m2m_authority::http::CBOR;
use support::{BIG, Domain, Node, client, title};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// A node that is enrolled, in a domain whose MEF has stopped.
async fn without_function(limits: &str) -> (Domain, Node) {
    let mut domain = Domain::make(|_| {}).await;
    domain.adjust("aa", &format!("[limits]\npeer = \"500 ms\"\n{limits}\n"));
    for role in ["mef", "aa", "relay"] {
        domain.serve(role).await;
    }
    let mut node = domain.node("node");
    node.enrol(&domain).await.unwrap();
    domain.stop("mef").await;
    (domain, node)
}

/// Answers every request with `answer`, or never.
async fn impostor(domain: &Domain, answer: Option<String>) -> JoinHandle<()> {
    let listener = TcpListener::bind(domain.mef).await.unwrap();
    tokio::spawn(async move {
        let mut open = Vec::new();
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            if let Some(answer) = &answer {
                let mut heard = vec![0; 16_384];
                let _ = stream.read(&mut heard).await;
                let _ = stream.write_all(answer.as_bytes()).await;
            }
            open.push(stream);
        }
    })
}

fn response(status: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/cose\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_the_function_answers_the_request_can_come_again() {
    let (mut domain, mut node) = without_function("").await;
    let (request, awaiting, recipients) = node.request(4);
    let url = domain.relay_url("/aa/aa/authorization");
    let cases = [
        (None, 503, "enrolment-function-down"),
        (Some(response("200 OK", "garbage")), 503, "enrolment-function-answer"),
        (Some(response("200 OK", &"x".repeat(2000))), 503, "enrolment-function-down"),
        (Some(response("500 Internal Server Error", "")), 503, "enrolment-function-down"),
        (Some(response("429 Too Many Requests", "")), 503, "enrolment-function-down"),
        (Some("neither HTTP nor anything".to_owned()), 503, "enrolment-function-down"),
        (Some(response("400 Bad Request", "")), 400, "proof-refused"),
    ];
    for (answer, status, cause) in cases {
        let shown = format!("{answer:?}");
        let function = impostor(&domain, answer).await;
        let refused = client().post(&url, CBOR, request.clone(), BIG).await.unwrap();
        assert_eq!((refused.status.as_u16(), title(&refused).as_str()), (status, cause), "{shown}");
        assert_eq!(refused.headers.contains_key("retry-after"), status == 503, "{shown}");
        function.abort();
        let _ = function.await;
    }
    domain.serve("mef").await;
    let answer = client().post(&url, CBOR, request, BIG).await.unwrap();
    assert_eq!(awaiting.finish(&answer.body, &node.bundle, &recipients).unwrap().len(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn more_requests_in_work_than_allowed_are_refused_at_once() {
    let (domain, mut node) = without_function("requests = 1").await;
    let function = impostor(&domain, None).await;
    let url = domain.aa_url("/authorization");
    let (first, second) = (node.request(1).0, node.request(1).0);
    let held = tokio::spawn({
        let url = url.clone();
        async move { client().post(&url, CBOR, first, BIG).await.unwrap() }
    });
    tokio::time::sleep(Duration::from_millis(150)).await;
    let refused = client().post(&url, CBOR, second, BIG).await.unwrap();
    assert_eq!((refused.status.as_u16(), title(&refused).as_str()), (429, "busy"));
    assert_eq!(refused.headers["retry-after"], "1");
    assert_eq!(title(&held.await.unwrap()), "enrolment-function-down");
    function.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_says_when_its_authority_is_down() {
    let (mut domain, mut node) = without_function("").await;
    domain.stop("aa").await;
    let request = node.request(1).0;
    let refused = client().post(&domain.relay_url("/aa/aa/authorization"), CBOR, request, BIG).await.unwrap();
    assert_eq!((refused.status.as_u16(), title(&refused).as_str()), (503, "authority-down"));
    assert_eq!(refused.headers["retry-after"], "5");
}
