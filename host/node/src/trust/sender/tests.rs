//! What waits, what leaves and what is given up, with a voice that does as it is told.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::Mutex;

use m2m_provisioning::Link;

use super::*;
use crate::transport::Transport;
use crate::transport::message::{Payload, SharedTopic};
use crate::transport::outbound::OutboundQueue;

/// Says the topic, or refuses it; counts how often it was asked.
#[derive(Default)]
struct Told {
    refuses: Mutex<BTreeMap<String, Unsent>>,
    asked: Mutex<BTreeMap<String, usize>>,
}

impl Voice for Told {
    fn say(&self, message: &Leaving) -> Result<Vec<Frame>, Unsent> {
        let topic = message.topic.as_str();
        *self.asked.lock().unwrap().entry(topic.to_owned()).or_default() += 1;
        match self.refuses.lock().unwrap().get(topic) {
            Some(unsent) => Err(unsent.clone()),
            None => Ok(vec![Frame(topic.as_bytes().to_vec())]),
        }
    }
}

/// Remembers what went out.
#[derive(Default)]
struct Ether {
    sent: Mutex<Vec<String>>,
    is_closed: Mutex<bool>,
}

impl Transport for Ether {
    fn ready(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(async {
            while *self.is_closed.lock().unwrap() {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        })
    }

    fn send(&self, frame: Vec<u8>) {
        self.sent.lock().unwrap().push(String::from_utf8(frame).unwrap());
    }

    fn is_drained(&self) -> bool {
        true
    }

    fn leave(&self) {}

    fn renew(&self) {}
}

struct Scene {
    queue: OutboundQueue,
    voice: Arc<Told>,
    ether: Arc<Ether>,
    air: Arc<Air>,
    _stop: watch::Sender<bool>,
}

fn scene() -> Scene {
    let (outbound, voice, ether) = (Outbound::default(), Arc::<Told>::default(), Arc::<Ether>::default());
    let air = Arc::new(Air::new(Some(Arc::clone(&ether) as Arc<dyn Transport>)));
    let (queue, stop) = (outbound.queue(), watch::Sender::new(false));
    let sender = Sender { outbound, air: Arc::clone(&air), voice: Arc::clone(&voice) as Arc<dyn Voice> };
    tokio::spawn(sender.run(stop.subscribe()));
    Scene { queue, voice, ether, air, _stop: stop }
}

impl Scene {
    fn send(&self, topic: &str, to: Destination) {
        let (topic, payload) = (SharedTopic::new(topic).unwrap(), Payload::empty());
        self.queue.reserve(&topic, &payload).unwrap().fill(topic, payload, to);
    }

    fn refuse(&self, topic: &str, unsent: Unsent) {
        self.voice.refuses.lock().unwrap().insert(topic.to_owned(), unsent);
    }

    fn asked(&self, topic: &str) -> usize {
        self.voice.asked.lock().unwrap().get(topic).copied().unwrap_or_default()
    }

    fn sent(&self) -> Vec<String> {
        self.ether.sent.lock().unwrap().clone()
    }

    fn dropped(&self) -> Vec<(String, u64)> {
        self.queue.report().dropped.into_iter().collect()
    }
}

async fn until(what: &str, is_so: impl Fn() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < Duration::from_secs(10), "waited in vain for {what}");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[tokio::test]
async fn what_is_taken_while_the_node_is_silent_leaves_afterwards_in_order() {
    let scene = scene();
    scene.refuse("a/1", Unsent::Silent { until: None });
    for topic in ["a/1", "a/2", "a/3"] {
        scene.send(topic, Destination::Everybody);
    }
    until("some tries", || scene.asked("a/1") > 2).await;
    assert_eq!(scene.sent(), [""; 0]);
    assert_eq!((scene.asked("a/2"), scene.queue.report().waiting), (0, 3), "it waits unsigned");
    scene.voice.refuses.lock().unwrap().clear();
    until("all of them", || scene.queue.report().sent == 3).await;
    assert_eq!(scene.sent(), ["a/1", "a/2", "a/3"]);
}

#[tokio::test]
async fn what_cannot_leave_is_given_up_with_its_reason() {
    let scene = scene();
    scene.refuse("no/right", Unsent::NoRight("`metering/report`".to_owned()));
    scene.refuse("too/large", Unsent::TooLarge { size: 2, limit: 1 });
    for topic in ["no/right", "too/large", "ok"] {
        scene.send(topic, Destination::Everybody);
    }
    until("what can leave", || scene.sent() == ["ok"]).await;
    assert_eq!(scene.dropped(), [("no-right".to_owned(), 1), ("too-large".to_owned(), 1)]);
}

#[test]
fn a_message_for_whoever_listens_waits_for_somebody_and_not_for_ever() {
    let since = |ago: Duration| Instant::now().checked_sub(ago).unwrap();
    let leaving = |since| Leaving {
        topic: SharedTopic::new("a/command").unwrap(),
        payload: Payload::empty(),
        to: Destination::WhoeverServes,
        since,
    };
    assert_eq!(fate(&Unsent::NoPeer, &leaving(since(Duration::ZERO))), Fate::TryAgain(PEER_PAUSE));
    assert_eq!(fate(&Unsent::NoPeer, &leaving(since(PEER_PATIENCE))), Fate::GiveUp("no-peer"));
    // Whatever waits for the node itself waits for as long as it takes.
    let old = leaving(since(Duration::from_secs(3_600)));
    for temporary in [
        Unsent::Silent { until: None },
        Unsent::NotAuthorized,
        Unsent::Unavailable("the Secure Environment restarts".to_owned()),
    ] {
        assert!(temporary.is_temporary());
        assert!(matches!(fate(&temporary, &old), Fate::TryAgain(_)), "{temporary}");
    }
}

#[tokio::test]
async fn nothing_is_signed_before_it_can_go_out() {
    let scene = scene();
    *scene.ether.is_closed.lock().unwrap() = true;
    tokio::time::sleep(Duration::from_millis(5)).await;
    scene.send("first", Destination::Everybody);
    scene.send("second", Destination::Everybody);
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!((scene.asked("first"), scene.sent().len()), (0, 0));
    *scene.ether.is_closed.lock().unwrap() = false;
    until("both", || scene.sent() == ["first", "second"]).await;
}

/// Whoever asks whether all is out waits for who is speaking, so that nothing slips past a change.
#[test]
fn a_change_waits_for_who_is_speaking() {
    let ether = Arc::<Ether>::default();
    let air = Arc::new(Air::new(Some(Arc::clone(&ether) as Arc<dyn Transport>)));
    let (speaks, is_speaking) = std::sync::mpsc::channel();
    let other = Arc::clone(&air);
    let speaker = std::thread::spawn(move || {
        other.speak(|| {
            speaks.send(()).unwrap();
            std::thread::sleep(Duration::from_millis(50));
            ((), vec![Frame(b"late".to_vec())])
        });
    });
    is_speaking.recv().unwrap();
    assert!(air.is_drained());
    assert_eq!(*ether.sent.lock().unwrap(), ["late"], "it was out before the answer");
    speaker.join().unwrap();
}

#[tokio::test]
async fn a_silence_is_told() {
    let scene = scene();
    let mut silences = scene.air.silences();
    scene.air.leave();
    silences.changed().await.unwrap();
}
