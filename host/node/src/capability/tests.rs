//! What leaves the node needs the node's own right besides.

use std::collections::BTreeMap;

use cap_std::ambient_authority;
use cap_std::fs::Dir;
use m2m_provisioning::ServiceRight;

use super::operation::{Publish, SendToPeer};
use super::*;
use crate::audit::{AuditKeys, CheckpointKey, Head};

const POLICY: &str = r#"ae = "meter"
[[publish]]
topic = "metering/+/flow"
protection = "signed"
service = "metering/report"
rate = "1/h"
reason = "readings"

[[publish]]
topic = "metering/+/status"
protection = "confidential"
service = "metering/report"
reason = "answers"

[[publish]]
topic = "metering/+/flow"
reason = "for this node"

[[subscribe]]
topic = "metering/+/command"
from = ["service:metering/command"]
protection = ["confidential"]
reason = "commands"

[authorization]
services = ["metering/report"]
reason = "to know"
"#;

const CEILING: &str = r#"ceiling = true
[[publish]]
topic = "metering/#"
protection = ["local", "signed", "confidential"]
service = "metering/report"
reason = "all"

[[subscribe]]
topic = "metering/#"
from = ["service:metering/command", "service:metering/report"]
reason = "all"

[authorization]
services = ["metering/report", "metering/command"]
reason = "all"
"#;

/// Says of every operation what it was told; of others, that all is well.
struct Told(BTreeMap<&'static str, NoRight>);

impl Rights for Told {
    fn may_send(&self, operation: &str) -> Result<(), NoRight> {
        self.0.get(operation).map_or(Ok(()), |missing| Err(missing.clone()))
    }

    fn services(&self) -> Vec<ServiceRight> {
        Vec::new()
    }
}

/// Keys of an audit that nobody verifies.
struct NoKeys;

impl AuditKeys for NoKeys {
    fn sign(&self, _message: &[u8]) -> Result<[u8; 64], String> {
        Ok([0; 64])
    }

    fn checkpoint_key(&self) -> Result<CheckpointKey, String> {
        Ok(CheckpointKey { public_key: [0; 32], signing_input: <[u8]>::to_vec })
    }

    fn record_head(&self, _head: Head) -> Result<(), String> {
        Ok(())
    }

    fn head(&self) -> Result<Option<Head>, String> {
        Ok(None)
    }
}

struct Scene {
    mediator: Mediator,
    audit: Audit,
    folder: tempfile::TempDir,
}

fn scene(rights: Option<Arc<dyn Rights>>, ceiling: &str) -> Scene {
    let folder = tempfile::tempdir().unwrap();
    let dir = Dir::open_ambient_dir(folder.path(), ambient_authority()).unwrap();
    let audit = Audit::open(&dir, Arc::new(NoKeys), audit::system_clock()).unwrap();
    let parse = |name, text| Arc::new(Policy::parse(name, text).unwrap());
    let mediator = Mediator::new(parse("meter.toml", POLICY), parse("ceiling.toml", ceiling), rights, &audit, "meter");
    Scene { mediator, audit, folder }
}

fn node_with(missing: Option<NoRight>) -> Option<Arc<dyn Rights>> {
    Some(Arc::new(Told(missing.map(|missing| ("metering/report", missing)).into_iter().collect())))
}

impl Scene {
    fn publish(&self, topic: &str, protection: Protection) -> Result<(), Refusal> {
        let publish = Publish { topic: Topic::new(topic).unwrap(), size_bytes: 1, protection, retain: false };
        self.mediator.mediate(publish).map(drop)
    }

    fn send(&self, topic: &str) -> Result<(), Refusal> {
        self.mediator.mediate(SendToPeer { topic: Topic::new(topic).unwrap(), size_bytes: 1 }).map(drop)
    }

    fn audit_text(self) -> String {
        self.audit.close().unwrap();
        std::fs::read_to_string(self.folder.path().join(audit::FILE)).unwrap()
    }
}

fn denied(operation: &'static str, subject: &str, rule: Option<&str>) -> Result<(), Refusal> {
    Err(Refusal::Denied(Denial { operation, subject: subject.to_owned(), rule: rule.map(str::to_owned) }))
}

#[tokio::test]
async fn with_the_right_of_the_node_both_files_decide() {
    let scene = scene(node_with(None), CEILING);
    assert_eq!(scene.publish("metering/7/flow", Protection::Signed), Ok(()));
    assert_eq!(scene.send("metering/7/status"), Ok(()));
    let by_no_rule = scene.send("metering/7/other");
    assert_eq!(by_no_rule, denied("messaging.send", "metering/7/other", None));
}

#[tokio::test]
async fn a_right_that_the_node_does_not_have_is_denied_by_its_name() {
    let scene = scene(node_with(Some(NoRight::NotSubscribed("metering/report".to_owned()))), CEILING);
    let flow = scene.publish("metering/7/flow", Protection::Signed);
    assert_eq!(flow, denied("messaging.publish", "metering/report", Some("meter.toml:2")));
    let status = scene.publish("metering/7/status", Protection::Confidential);
    assert_eq!(status, denied("messaging.publish", "metering/report", Some("meter.toml:9")));
    assert_eq!(scene.send("metering/7/status"), denied("messaging.send", "metering/report", Some("meter.toml:9")));
    let text = scene.audit_text();
    let lines: Vec<_> = text.lines().filter(|line| line.contains("does not cover `metering/report`")).collect();
    assert_eq!(lines.len(), 3, "{text}");
    assert!(lines[0].contains("\"effect\":\"deny\"") && lines[0].contains("metering/7/flow"), "{}", lines[0]);
}

#[tokio::test]
async fn a_right_that_can_still_come_is_unavailable_and_costs_no_rate() {
    for missing in [
        NoRight::NotEnrolled("no answer of `mef`".to_owned()),
        NoRight::NotAuthorized("no answer of `aa`".to_owned()),
        NoRight::Clock("the clock is behind".to_owned()),
    ] {
        let why = missing.to_string();
        let scene = scene(node_with(Some(missing)), CEILING);
        for _ in 0..3 {
            let flow = scene.publish("metering/7/flow", Protection::Signed);
            assert_eq!(flow, Err(Refusal::Unavailable(why.clone())));
        }
        let text = scene.audit_text();
        let counted = text.lines().find(|line| line.contains("\"effect\":\"unavailable\"")).unwrap();
        assert!(counted.contains("\"kind\":\"calls\"") && counted.contains("\"count\":3"), "{counted}");
    }
}

#[tokio::test]
async fn without_an_m2m_system_nothing_leaves_and_the_rest_goes_on() {
    let scene = scene(None, CEILING);
    let no_trust = Err(Refusal::Unavailable(NO_TRUST.to_owned()));
    assert_eq!(scene.publish("metering/7/flow", Protection::Signed), no_trust);
    assert_eq!(scene.send("metering/7/status"), no_trust);
    let ceiling = CEILING.replace("service = \"metering/report\"\n", "");
    let scene = self::scene(None, &ceiling);
    assert_eq!(scene.publish("metering/7/flow", Protection::Local), Ok(()));
}

#[tokio::test]
async fn the_ceiling_bounds_services() {
    let ceiling = CEILING.replacen("service = \"metering/report\"", "service = \"metering/command\"", 1);
    let scene = scene(node_with(None), &ceiling);
    let flow = scene.publish("metering/7/flow", Protection::Signed);
    assert_eq!(flow, denied("messaging.publish", "metering/7/flow", Some("ceiling.toml:2")));
}

#[tokio::test]
async fn who_may_speak_to_an_ae_is_decided_by_the_rights_of_the_sender() {
    let scene = scene(node_with(None), CEILING);
    let topic = Topic::new("metering/7/command").unwrap();
    let node = |right: &str| Sender::Node(Arc::from([right.to_owned()]));
    let hears = |sender: &Sender, protection| scene.mediator.would_deliver(topic, sender, protection);
    assert!(hears(&node("metering/command"), Protection::Confidential));
    assert!(!hears(&node("metering/command"), Protection::Signed), "the rule wants it confidential");
    assert!(!hears(&node("metering/report"), Protection::Confidential), "another right");
    assert!(!hears(&Sender::Ae("meter".into()), Protection::Local), "no AE of this node");
}

#[tokio::test]
async fn an_ae_knows_of_the_services_that_it_may_ask_for() {
    let scene = scene(node_with(None), CEILING);
    assert!(scene.mediator.may_know_of("metering/report"));
    assert!(!scene.mediator.may_know_of("metering/command"), "its own file does not name it");
    let ceiling = CEILING.replace("services = [\"metering/report\", ", "services = [");
    assert!(!self::scene(None, &ceiling).mediator.may_know_of("metering/report"), "the ceiling does not");
}
