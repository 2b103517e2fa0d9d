//! Acts on leaks: on every alarm it tells the meter of the branch to close the valve, and after a surge to report only.

use m2m_guest_sdk::{Answer, ApplicationEntity, Error, Message, Result, ae, info, warn};
use metering::{COMMAND, COMMAND_TIMEOUT, Command, Kind, LEAKS, Status, Valve};

struct Controller;

impl ApplicationEntity for Controller {
    fn init() -> Result<Self> {
        LEAKS.subscribe()?;
        Ok(Controller)
    }

    fn on_message(&mut self, message: Message) -> Result<()> {
        if let Some(alarm) = LEAKS.read(&message)? {
            command(for_alarm(alarm.kind))?;
        } else if let Some((_, answer)) = COMMAND.answer(&message)? {
            report(&answer);
        }
        Ok(())
    }
}

fn for_alarm(kind: Kind) -> Command {
    match kind {
        Kind::Loss => Command::SetValve(Valve::Closed),
        Kind::Surge => Command::ReportStatus,
    }
}

/// Nobody who serves the topic, or a full mailbox, is no fault of the alarm.
fn command(command: Command) -> Result<()> {
    match COMMAND.request(&command, COMMAND_TIMEOUT) {
        Ok(_) => Ok(()),
        Err(error @ (Error::NotFound | Error::Exhausted { .. })) => {
            warn!("command not sent: {error}");
            Ok(())
        }
        Err(error) => Err(error),
    }
}

fn report(answer: &Answer<Status>) {
    match answer {
        Answer::Replied(status) => {
            info!("reply readings={} valve={:?}", status.readings, status.valve);
        }
        Answer::TimedOut => warn!("reply timed-out"),
        Answer::Declined => warn!("reply declined"),
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
}
