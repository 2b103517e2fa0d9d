//! What an observer of the wire sees of 200 nodes over three changes of pseudonym, as JSON, a line for each event:
//! `observer WORD [--slot SECONDS] [--fault NAME]`.
//!
//! The nodes run this crate's code: certificates from the dialogues with MEF and AA, [`Rotation`], [`Wallet`] and
//! [`BroadcastSender`]. The harness adds what is around it: clocks with their errors, timers, addresses and delays. With
//! `--fault` every node makes one mistake, so that `privacy/check.py` can show that it would notice. The last lines (`truth`)
//! are what the observer does not see: which pseudonyms belong to one node.
//!
//! [`Rotation`]: m2m_trust::pseudonym::Rotation
//! [`Wallet`]: m2m_trust::pseudonym::Wallet
//! [`BroadcastSender`]: m2m_trust::broadcast::BroadcastSender
#![allow(clippy::expect_used, clippy::print_stdout)]

mod behaviour;
mod chance;
mod node;
mod wire;

use std::io::Write;

use m2m_trust::bundle::NonZero;
use m2m_trust::dev::DevDomain;
use m2m_trust::identity::Slot;
use m2m_trust::pseudonym::{Held, Wallet};
use m2m_trust::seal::Suite;

use behaviour::{Behaviour, Fault};
use chance::Chance;
use node::{Node, Surroundings};

const NODES: usize = 200;
/// Pseudonyms of each node: three changes.
const SLOTS: u32 = 4;
const USAGE: &str =
    "usage: observer WORD [--slot SECONDS] [--fault sequence|address|phase|clock|drift|reconnect|alone]";

fn main() {
    let mut arguments = std::env::args().skip(1);
    let word = arguments.next().expect(USAGE);
    let (mut slot_seconds, mut fault) = (900, None);
    while let Some(option) = arguments.next() {
        let value = arguments.next().expect(USAGE);
        match option.as_str() {
            "--slot" => slot_seconds = value.parse().expect(USAGE),
            "--fault" => fault = Some(Fault::parse(&value).expect(USAGE)),
            other => unreachable!("unknown option `{other}`, {USAGE}"),
        }
    }
    let (mut events, truth) = simulate(&word, slot_seconds, fault);
    events.sort_by_key(|event| event.at_us);
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    for line in events.iter().map(wire::Event::json).chain(truth) {
        writeln!(out, "{line}").expect("standard output takes it");
    }
}

fn simulate(word: &str, slot_seconds: u32, fault: Option<Fault>) -> (Vec<wire::Event>, Vec<serde_json::Value>) {
    let mut domain = DevDomain::new(word, Suite::X25519);
    let is_alone = fault == Some(Fault::Alone);
    // Who changes alone stays in one slot, and needs one that is long enough.
    let length = if is_alone { (SLOTS + 1) * slot_seconds } else { slot_seconds };
    domain.bundle.schedule.slot_seconds = NonZero::new(length).expect(USAGE);
    let first = domain.slot();
    let slots: Vec<Slot> = (0..SLOTS).map(|number| Slot(first.0 + if is_alone { 0 } else { number })).collect();
    let (mut events, mut truth) = (Vec::new(), Vec::new());
    for number in 0..NODES {
        let behaviour = Behaviour::of(number);
        let subscription = {
            let mut node = domain.node();
            domain.enrol(&mut node, behaviour.scope(), 100)
        };
        let mut wallet = Wallet::default();
        let pseudonyms = domain.authorize(&subscription, &slots, behaviour.scope());
        let held = slots.iter().zip(pseudonyms);
        wallet.put(held.map(|(slot, item)| Held { service: behaviour.service, slot: *slot, item }));
        let surroundings = Surroundings { domain: &domain, slots: &slots, slot_seconds, fault };
        let node = Node::new(&surroundings, behaviour, wallet, Chance::new(&format!("{word} node {number}")));
        let (seen, digests) = node.live();
        events.extend(seen);
        truth.push(serde_json::json!({ "event": "truth", "node": number, "pseudonyms": digests }));
    }
    (events, truth)
}
