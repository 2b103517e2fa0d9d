//! The well-behaved neighbours of a hostile AE: `counter` sends a number every 10 ms and `echo` logs it.

use crate::{Ae, Running, TestNode};

/// How many numbers have to come through after the attack.
const NUMBERS: usize = 20;

impl TestNode {
    /// With `counter` and `echo`.
    pub fn bystander(self) -> Self {
        let send = "[[publish]]\ntopic = \"bystander/count\"\nreason = \"counts aloud\"\n";
        let take = "[[subscribe]]\ntopic = \"bystander/count\"\nfrom = [\"ae:counter\"]\nreason = \"listens\"\n\n\
                    [[subscribe]]\ntopic = \"bystander/echo\"\nfrom = [\"ae:*\"]\nreply = true\nreason = \"answers\"\n";
        self.ae(Ae::guest("echo").grants(take)).ae(Ae::guest("counter").grants(send).go("10 ms"))
    }
}

/// Runs `attack` on a node that has these AEs and the bystanders. Every number comes through before, while and after it
/// happens, in order and each once; the node stops cleanly and its audit holds.
pub fn beside_bystander(aes: impl IntoIterator<Item = Ae>, attack: impl FnOnce(&Running<'_>)) {
    let node = aes.into_iter().fold(TestNode::new().bystander(), TestNode::ae);
    let folder = node.stage();
    let running = folder.start();
    wait_for_numbers(&running, 1);
    attack(&running);
    let so_far = numbers(&running).len();
    wait_for_numbers(&running, so_far + NUMBERS);
    let report = running.status();
    for name in ["echo", "counter"] {
        let ae = report.ae(name);
        assert_eq!((ae.fault_count, ae.messages_failed, &*ae.life), (0, 0, "running"), "{ae:?}");
    }
    running.stop();
    folder.assert_audit_holds();
}

fn wait_for_numbers(node: &Running<'_>, count: usize) {
    let numbers = node.wait_for("the bystander's numbers", |node| Some(numbers(node)).filter(|all| all.len() >= count));
    let expected: Vec<u64> = numbers.iter().zip(numbers[0]..).map(|(_, number)| number).collect();
    assert_eq!(numbers, expected, "out of order, lost or repeated");
}

fn numbers(node: &Running<'_>) -> Vec<u64> {
    node.log_of("echo").iter().filter_map(|line| line.strip_prefix("got ")?.parse().ok()).collect()
}
