//! What a permit gets done. A service takes a [`Permit`](crate::capability::Permit) and has no other way in.

pub(crate) mod authorization;
pub(crate) mod clocks;
pub(crate) mod logging;
pub(crate) mod messaging;
pub(crate) mod security;

use crate::transport::message::AeName;

/// The services of one AE. Bound to it here, so that no call says whose it is.
#[derive(Clone)]
pub(crate) struct Services {
    pub(crate) security: security::Security,
    pub(crate) messaging: messaging::Messaging,
    pub(crate) authorization: authorization::Authorization,
    pub(crate) clock: clocks::CoarseClock,
    pub(crate) log: logging::Log,
}

impl Services {
    pub(crate) fn new(
        ae: &AeName,
        security: security::Security,
        messaging: messaging::Messaging,
        authorization: authorization::Authorization,
    ) -> Self {
        Self { security, messaging, authorization, clock: clocks::CoarseClock::new(), log: logging::Log::new(ae) }
    }
}
