//! A decision allocates nothing. Alone in its file, since it counts what the whole process allocates.

#![allow(clippy::unwrap_used)]
// A global allocator is unsafe by its definition; it passes every call on to the system's.
#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::hint::black_box;

use m2m_policy::topic::{Topic, TopicFilter};
use m2m_policy::{
    Algorithm, Effect, KeyOperation, LogLevel, Policy, Protection, Request, Sender, StatelessOperation, Usage,
};

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

struct Counting;

// SAFETY: every call goes to `System` unchanged; counting in a const-initialized thread local allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.with(|count| count.set(count.get() + 1));
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise is passed on.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

fn allocations(work: impl FnOnce()) -> u64 {
    let before = ALLOCATIONS.get();
    work();
    ALLOCATIONS.get() - before
}

#[test]
fn decisions_allocate_nothing() {
    let text = r#"
ae = "meter"
[keys."session-*"]
algorithm = "x25519"
allow = ["generate", "agree"]
child = { algorithm = "chacha20-poly1305", allow = ["encrypt"] }
reason = "r"
[stateless]
allow = ["random"]
reason = "r"
[[publish]]
topic = "metering/+/reading"
except = ["metering/test/#"]
reason = "r"
[[publish]]
topic = "metering/7/#"
max-size = "1 B"
reason = "r"
[[publish]]
topic = "metering/7/+"
protection = "confidential"
service = "metering/report"
reason = "r"
[[request]]
topic = "tariff/#"
reason = "r"
[[subscribe]]
topic = "metering/+/command"
from = ["ae:controller", "service:metering/command"]
reply = true
reason = "r"
[logging]
reason = "r"
[clocks]
reason = "r"
[authorization]
services = ["metering/report"]
reason = "r"
"#;
    let policy = Policy::parse("test.toml", text).unwrap();
    let (allowed, denied) = (Topic::new("metering/7/reading").unwrap(), Topic::new("metering/test/reading").unwrap());
    let (command, tariff) = (Topic::new("metering/7/command").unwrap(), Topic::new("tariff/now").unwrap());
    let (filter, wide) = (TopicFilter::new("metering/+/command").unwrap(), TopicFilter::new("#").unwrap());
    let rights = ["metering/command".to_owned()];
    let (size_bytes, protection, usage) = (10, Protection::Local, Usage::EMPTY);
    let (algorithm, operation) = (Algorithm::X25519, KeyOperation::Agree);
    let requests = [
        Request::Publish { topic: allowed, size_bytes, protection, service: None, retain: false },
        Request::Publish { topic: denied, size_bytes, protection, service: None, retain: false },
        Request::SendToPeer { topic: allowed, size_bytes, service: Some("metering/report") },
        Request::SendToPeer { topic: allowed, size_bytes, service: Some("metering/command") },
        Request::Ask { topic: tariff, size_bytes, timeout_ms: 1 },
        Request::Reply { topic: command, size_bytes },
        Request::Subscribe { filter: &filter },
        Request::Subscribe { filter: &wide },
        Request::Deliver { topic: command, sender: Sender::Node(&rights), protection: Protection::Signed },
        Request::Deliver { topic: command, sender: Sender::Node(&rights), protection },
        Request::DeliverAnswer { topic: tariff },
        Request::Generate { alias: "session-1", algorithm, persistent: true },
        Request::Key { alias: "session-1", child: false, operation },
        Request::Key { alias: "other", child: false, operation },
        Request::Child { alias: "session-1", child: false, operation, algorithm: Algorithm::ChaCha20Poly1305, usage },
        Request::Aliases,
        Request::Stateless(StatelessOperation::Random),
        Request::Log { level: LogLevel::Error },
        Request::Clock,
        Request::Services,
        Request::Service { name: "metering/report" },
        Request::ChangePseudonym,
    ];
    let mut allows = 0;
    let counted = allocations(|| {
        for request in &requests {
            allows += usize::from(black_box(policy.decide(black_box(request))).effect == Effect::Allow);
        }
        black_box(Topic::new(black_box("metering/7/reading")).is_ok());
        let rights = black_box(policy.key_rights("session-1", false));
        black_box(rights.map(|rights| rights.decide(KeyOperation::Agree)));
    });
    assert_eq!(counted, 0);
    assert_eq!(allows, requests.len() - 6);
    // The counter itself counts.
    assert!(allocations(|| drop(black_box(Box::new(1)))) > 0);
}
