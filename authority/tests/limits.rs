//! Clients that are slow, many or fast.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::time::{Duration, Instant};

use m2m_authority::http::CBOR;
use support::{BIG, Domain, client, title};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

async fn mef(limits: &str) -> Domain {
    let mut domain = Domain::make(|_| {}).await;
    domain.adjust("mef", &format!("[limits]\n{limits}\n"));
    domain.serve("mef").await;
    domain
}

/// All that comes back after `sent`, and how long it took.
async fn answer_to(domain: &Domain, sent: &str) -> (String, Duration) {
    let mut stream = TcpStream::connect(domain.mef).await.unwrap();
    let started = Instant::now();
    stream.write_all(sent.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let read = tokio::time::timeout(Duration::from_secs(10), stream.read_to_end(&mut answer)).await;
    read.expect("the server closes the connection").unwrap();
    (String::from_utf8(answer).unwrap(), started.elapsed())
}

#[tokio::test(flavor = "multi_thread")]
async fn who_does_not_finish_a_request_is_cut_off() {
    let domain = mef("receive = \"300 ms\"").await;
    let (answer, took) = answer_to(&domain, "POST /enrolment HTTP/1.1\r\nhost: mef\r\n").await;
    assert!(took >= Duration::from_millis(300), "{answer} after {took:?}");
    let head =
        format!("POST /enrolment HTTP/1.1\r\nhost: mef\r\ncontent-type: {CBOR}\r\ncontent-length: 100\r\n\r\nhalf");
    let (answer, took) = answer_to(&domain, &head).await;
    assert!(answer.starts_with("HTTP/1.1 408 ") && answer.contains("too-slow"), "{answer}");
    assert!(took >= Duration::from_millis(300));
    // A whole request within the time is served.
    assert_eq!(client().get(&domain.mef_url("/health"), BIG).await.unwrap().status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_ends_after_its_time() {
    let domain = mef("connection = \"300 ms\"").await;
    let (answer, took) = answer_to(&domain, "GET /health HTTP/1.1\r\nhost: mef\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    assert!((Duration::from_millis(300)..Duration::from_secs(5)).contains(&took), "{took:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_asks_too_fast_is_told_so() {
    let domain = mef("requests-per-second = 1").await;
    // One client, one connection.
    let client = client();
    let started = Instant::now();
    let mut served = 0;
    let refused = loop {
        let answer = client.get(&domain.mef_url("/health"), BIG).await.unwrap();
        if answer.status != 200 {
            break answer;
        }
        served += 1;
    };
    assert_eq!(refused.status, 429);
    assert_eq!((title(&refused).as_str(), refused.headers["retry-after"].to_str().unwrap()), ("busy", "1"));
    // Ten at once, and one more for each second that went by meanwhile.
    assert!((10..=11 + started.elapsed().as_secs()).contains(&served), "{served}");
}

#[tokio::test(flavor = "multi_thread")]
async fn more_connections_than_allowed_wait() {
    let domain = mef("connections = 1").await;
    let held = TcpStream::connect(domain.mef).await.unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    let url = domain.mef_url("/health");
    let waiting = tokio::spawn(async move { client().get(&url, BIG).await.unwrap().status });
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(!waiting.is_finished());
    drop(held);
    assert_eq!(waiting.await.unwrap(), 200);
}
