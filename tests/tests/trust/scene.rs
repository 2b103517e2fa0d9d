//! Two nodes with the right to report and the right to command, and what an AE of either may do.

use m2m_tests::{Ae, Domain, Folder, LinkEnd, NodeReport, Running, TestNode};

/// The guest that speaks and listens, under another name.
pub(crate) fn correspondent(name: &str) -> Ae {
    Ae::of(name, m2m_tests::guest("correspondent"))
}

/// Says what it can with every beat.
const BEAT: &str = "100 ms";

pub(crate) const PUBLISH_REPORT: &str = "[[publish]]\ntopic = \"trust/+/report\"\nprotection = \"signed\"\n\
                                         service = \"metering/report\"\nreason = \"test\"\n";
pub(crate) const PUBLISH_STATUS: &str = "[[publish]]\ntopic = \"trust/+/status\"\nprotection = \"confidential\"\n\
                                         service = \"metering/report\"\nreason = \"test\"\n";
pub(crate) const PUBLISH_COMMAND: &str = "[[publish]]\ntopic = \"trust/+/command\"\nprotection = \"confidential\"\n\
                                          service = \"metering/command\"\nreason = \"test\"\n";

/// A subscription to `trust/+/WHAT`.
pub(crate) fn hear(what: &str, from: &str) -> String {
    format!("[[subscribe]]\ntopic = \"trust/+/{what}\"\nfrom = [\"{from}\"]\nreason = \"test\"\n")
}

/// Reports, and does as it is commanded.
pub(crate) fn meter() -> Ae {
    let hears = hear("command", "service:metering/command");
    correspondent("meter").grants(PUBLISH_REPORT).grants(PUBLISH_STATUS).grants(&hears).go(BEAT)
}

/// Hears reports, commands, and hears the answers.
pub(crate) fn control() -> Ae {
    let hears = hear("report", "service:metering/report") + &hear("status", "service:metering/report");
    correspondent("control").grants(PUBLISH_COMMAND).grants(&hears).go(BEAT)
}

/// The node of those that command; it listens on the link.
pub(crate) fn control_node(domain: &Domain, more: impl IntoIterator<Item = Ae>) -> Folder {
    let node = more.into_iter().fold(TestNode::new().ae(control()), TestNode::ae);
    domain.stage(node, &["metering/command"], LinkEnd::Listen)
}

/// The node of those that report.
pub(crate) fn meter_node(domain: &Domain, link: &Folder, more: impl IntoIterator<Item = Ae>) -> Folder {
    let node = more.into_iter().fold(TestNode::new().ae(meter()), TestNode::ae);
    domain.stage(node, &["metering/report"], LinkEnd::To(link))
}

/// The numbers that an AE heard on a topic, each from whom and how.
pub(crate) fn heard(node: &Running<'_>, ae: &str, topic: &str) -> Vec<(u32, String)> {
    let lines = node.log_of(ae);
    let heard = lines.iter().filter_map(|line| line.strip_prefix(&format!("heard {topic} ")));
    let parse = |line: &str| line.split_once(' ').map(|(number, rest)| (number.parse().unwrap(), rest.to_owned()));
    heard.filter_map(parse).collect()
}

/// Waits until an AE heard so many numbers on a topic.
pub(crate) fn wait_for_heard(node: &Running<'_>, ae: &str, topic: &str, count: usize) -> Vec<(u32, String)> {
    node.wait_for(&format!("{count} times `{topic}` for `{ae}`"), |node| {
        Some(heard(node, ae, topic)).filter(|all| all.len() >= count)
    })
}

/// Waits until `status` says that the node is at this stage.
pub(crate) fn wait_for_stage(node: &Running<'_>, stage: &str) -> NodeReport {
    node.wait_for(&format!("the node to be {stage}"), |node| {
        Some(node.status()).filter(|report| report.life_cycle().stage == stage)
    })
}
