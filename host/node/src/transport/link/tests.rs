//! Two and more ends of a link.

use std::path::Path;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

use super::*;

type Heard = Arc<Mutex<Vec<Vec<u8>>>>;

struct Side {
    link: Link,
    heard: Heard,
    _stop: watch::Sender<bool>,
    _tasks: JoinSet<()>,
}

fn side(end: End) -> Side {
    let ready = Ready::new(end).unwrap();
    let (heard, stop, mut tasks) = (Heard::default(), watch::Sender::new(false), JoinSet::new());
    let sink = Arc::clone(&heard);
    let link = ready.link();
    ready.start(&mut tasks, Arc::new(move |frame: &[u8]| sink.lock().unwrap().push(frame.to_vec())), stop.subscribe());
    Side { link, heard, _stop: stop, _tasks: tasks }
}

fn socket() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("link.sock");
    (folder, path)
}

impl Side {
    async fn ready(&self) {
        tokio::time::timeout(Duration::from_secs(10), self.link.ready()).await.expect("nobody is connected");
    }

    async fn heard(&self, count: usize) -> Vec<Vec<u8>> {
        let began = Instant::now();
        while self.heard.lock().unwrap().len() < count {
            assert!(began.elapsed() < Duration::from_secs(10), "{:?}", self.heard.lock().unwrap());
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        self.heard.lock().unwrap().clone()
    }
}

async fn raw(path: &Path) -> UnixStream {
    UnixStream::connect(path).await.unwrap()
}

#[tokio::test]
async fn both_ways_and_to_all_others() {
    let (_folder, path) = socket();
    let hub = side(End::Listen(path.clone()));
    let (a, b) = (side(End::Connect(path.clone())), side(End::Connect(path)));
    for end in [&hub, &a, &b] {
        end.ready().await;
    }
    while hub.link.count() < 2 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    a.link.send(b"from a".to_vec());
    assert_eq!(hub.heard(1).await, [b"from a"]);
    assert_eq!(b.heard(1).await, [b"from a"], "passed on");
    hub.link.send(b"from the hub".to_vec());
    assert_eq!(a.heard(1).await, [b"from the hub"], "and nobody hears himself");
    assert_eq!(b.heard(2).await[1], b"from the hub");
}

#[tokio::test]
async fn the_socket_is_for_its_owner_and_nothing_else_makes_way_for_it() {
    use std::os::unix::fs::PermissionsExt;
    let (_folder, path) = socket();
    let left_behind = Ready::new(End::Listen(path.clone())).unwrap();
    drop(left_behind);
    Ready::new(End::Listen(path.clone())).unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    std::fs::remove_file(&path).unwrap();
    std::fs::write(&path, "a file").unwrap();
    let refused = Ready::new(End::Listen(path.clone())).unwrap_err();
    assert_eq!(refused.kind(), io::ErrorKind::AlreadyExists);
    assert_eq!(std::fs::read(&path).unwrap(), b"a file");
    let long = path.with_file_name("a".repeat(108));
    assert!(Ready::new(End::Listen(long)).is_err());
}

#[tokio::test]
async fn a_connection_comes_back_and_what_is_renewed_loses_nothing() {
    let (_folder, path) = socket();
    let dialer = side(End::Connect(path.clone()));
    tokio::time::sleep(Duration::from_millis(20)).await;
    let hub = side(End::Listen(path));
    for number in 0..20_u8 {
        dialer.ready().await;
        dialer.link.send(vec![number + 1]);
        while !dialer.link.is_drained() {
            tokio::task::yield_now().await;
        }
        dialer.link.leave();
        dialer.link.renew();
    }
    let expected: Vec<_> = (1..=20).map(|number| vec![number]).collect();
    let mut heard = hub.heard(20).await;
    // Two connections are read by two tasks.
    heard.sort();
    assert_eq!(heard, expected);
}

#[tokio::test]
async fn who_left_hears_nothing_and_is_not_connected() {
    let (_folder, path) = socket();
    let hub = side(End::Listen(path.clone()));
    let dialer = side(End::Connect(path));
    hub.ready().await;
    dialer.ready().await;
    dialer.link.leave();
    while hub.link.count() > 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    hub.link.send(b"unheard".to_vec());
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(hub.link.count(), 0, "nobody dials before the silence is over");
    dialer.link.renew();
    hub.ready().await;
    hub.link.send(b"heard".to_vec());
    assert_eq!(dialer.heard(1).await, [b"heard"]);
}

#[tokio::test]
async fn what_is_not_out_when_the_link_is_renewed_never_leaves() {
    let (_folder, path) = socket();
    let hub = side(End::Listen(path.clone()));
    let mut deaf = raw(&path).await;
    hub.ready().await;
    // More than a socket holds, so that some of it waits here.
    for _ in 0..16 {
        hub.link.send(vec![1; FRAME_BYTES_MAX]);
    }
    assert!(!hub.link.is_drained());
    hub.link.renew();
    hub.link.send(vec![2; 1]);
    // The one that is being written comes to its end.
    let mut wire = Vec::new();
    let _ = tokio::time::timeout(Duration::from_millis(300), deaf.read_to_end(&mut wire)).await;
    let frames = wire.len() / FRAME_BYTES_MAX;
    assert!(frames < 16, "{frames}");
    assert_eq!(wire[wire.len() - 5..], [0, 0, 0, 1, 2]);
    assert!(hub.link.is_drained());
}

#[tokio::test]
async fn garbage_and_half_frames_end_their_own_connection_only() {
    let (_folder, path) = socket();
    let hub = side(End::Listen(path.clone()));
    let good = side(End::Connect(path.clone()));
    good.ready().await;
    for garbage in [&[255, 255, 255, 255, 1][..], &[0, 0, 0, 0], &[0, 0, 0, 9, 1, 2]] {
        let mut bad = raw(&path).await;
        bad.write_all(garbage).await.unwrap();
        bad.shutdown().await.unwrap();
        let mut rest = Vec::new();
        let ended = tokio::time::timeout(Duration::from_secs(5), bad.read_to_end(&mut rest)).await;
        assert!(ended.is_ok(), "{garbage:?} does not end the connection");
    }
    good.link.send(b"still here".to_vec());
    assert_eq!(hub.heard(1).await, [b"still here"]);
}

#[tokio::test]
async fn one_that_stalls_is_dropped_and_slows_nobody() {
    let (_folder, path) = socket();
    let hub = side(End::Listen(path.clone()));
    let reader = side(End::Connect(path.clone()));
    reader.ready().await;
    let _stalls = raw(&path).await;
    while hub.link.count() < 2 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let began = Instant::now();
    for _ in 0..1_500 {
        hub.ready().await;
        hub.link.send(vec![7; 8 * 1024]);
        tokio::task::yield_now().await;
    }
    assert!(began.elapsed() < frame::STALL, "{:?}", began.elapsed());
    assert_eq!(reader.heard(1_500).await.len(), 1_500);
    while hub.link.count() > 1 {
        assert!(began.elapsed() < frame::STALL, "the one that stalls is still there");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
