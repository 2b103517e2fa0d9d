//! Acts on leaks: on every alarm it tells the meter of the branch to close the valve, and after a surge to report only.
//!
//! Meters answer with their status, signed with a key of their own. The first one heard of a branch counts from then on.

use std::collections::BTreeMap;

use m2m_guest_sdk::{ApplicationEntity, Error, Filter, Message, Result, ae, info, keys::PublicKey, warn};
use metering::{COMMAND, Command, Kind, LEAKS, SignedStatus, Valve};

/// The statuses of all branches.
const STATUSES: Filter<SignedStatus> = Filter::cbor("metering/+/status");

/// More branches than this are none of ours.
const BRANCHES_MAX: usize = 64;

#[derive(Default)]
struct Controller {
    meters: BTreeMap<String, PublicKey>,
}

impl ApplicationEntity for Controller {
    fn init() -> Result<Self> {
        LEAKS.subscribe()?;
        STATUSES.subscribe()?;
        Ok(Controller::default())
    }

    fn on_message(&mut self, message: Message) -> Result<()> {
        if let Some(alarm) = LEAKS.read(&message)? {
            command(for_alarm(alarm.kind))?;
        } else if let Some(signed) = STATUSES.read(&message)? {
            self.hear(&message, &signed)?;
        }
        Ok(())
    }
}

impl Controller {
    fn hear(&mut self, message: &Message, signed: &SignedStatus) -> Result<()> {
        let Some(branch) = message.level(1) else { return Ok(()) };
        match signed.verify()? {
            Some(status) if self.is_meter_of(branch, signed.key()) => {
                info!("status branch={branch} readings={} valve={:?}", status.readings, status.valve);
            }
            Some(_) => warn!("status of another meter branch={branch}"),
            None => warn!("status with a false signature branch={branch}"),
        }
        Ok(())
    }

    fn is_meter_of(&mut self, branch: &str, key: PublicKey) -> bool {
        match self.meters.get(branch) {
            Some(known) => *known == key,
            None if self.meters.len() < BRANCHES_MAX => {
                self.meters.insert(branch.to_owned(), key);
                true
            }
            None => false,
        }
    }
}

fn for_alarm(kind: Kind) -> Command {
    match kind {
        Kind::Loss => Command::SetValve(Valve::Closed),
        Kind::Surge => Command::ReportStatus,
    }
}

/// That the command cannot be sent is no fault of the alarm.
fn command(command: Command) -> Result<()> {
    match COMMAND.publish(&command) {
        Ok(()) => Ok(()),
        Err(error @ (Error::Unavailable(_) | Error::Exhausted { .. })) => {
            warn!("command not sent: {error}");
            Ok(())
        }
        Err(error) => Err(error),
    }
}

ae!(Controller);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_loss_closes_the_valve() {
        assert_eq!(for_alarm(Kind::Loss), Command::SetValve(Valve::Closed));
        assert_eq!(for_alarm(Kind::Surge), Command::ReportStatus);
    }

    #[test]
    fn the_first_meter_of_a_branch_stays_its_meter() {
        let mut controller = Controller::default();
        assert!(controller.is_meter_of("branch-1", [1; 32]));
        assert!(!controller.is_meter_of("branch-1", [2; 32]));
        assert!(controller.is_meter_of("branch-1", [1; 32]));
        assert!(controller.is_meter_of("branch-2", [2; 32]));
    }
}
