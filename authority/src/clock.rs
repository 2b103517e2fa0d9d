//! The time of an authority.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use m2m_trust::identity::Seconds;

/// Where an authority reads the time. Its operator keeps it right; nodes take it from here.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> Seconds + Send + Sync>);

impl Clock {
    /// The clock of the machine.
    #[must_use]
    pub fn system() -> Self {
        Self::new(|| Seconds(SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |passed| passed.as_secs())))
    }

    /// Any other clock, for tests.
    #[must_use]
    pub fn new(now: impl Fn() -> Seconds + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }

    /// Seconds since 1970.
    #[must_use]
    pub fn now(&self) -> Seconds {
        (self.0)()
    }
}

impl std::fmt::Debug for Clock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Clock({})", self.now())
    }
}
