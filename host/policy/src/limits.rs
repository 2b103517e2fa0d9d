//! What an AE may use of the node's resources.

use std::time::Duration;

const MIB: u64 = 1024 * 1024;

/// `memory` when the file names none.
pub const MEMORY_BYTES_DEFAULT: u64 = 8 * MIB;
/// The most that `memory` may be: what a 32-bit memory can address.
pub const MEMORY_BYTES_MAX: u64 = 4096 * MIB;
/// The least that `memory` may be: one page of WebAssembly.
pub const MEMORY_BYTES_MIN: u64 = 64 * 1024;
/// `table-elements` when the file names none.
pub const TABLE_ELEMENTS_DEFAULT: u32 = 10_000;
/// The most that `table-elements` may be.
pub const TABLE_ELEMENTS_MAX: u32 = 1_000_000;
/// `cpu-per-message` when the file names none.
pub const CPU_PER_MESSAGE_DEFAULT: Duration = Duration::from_millis(50);
/// The most that `cpu-per-message` may be.
pub const CPU_PER_MESSAGE_MAX: Duration = Duration::from_secs(60);
/// `cpu-share`, in thousandths of a core, when the file names none.
pub const CPU_SHARE_PERMILLE_DEFAULT: u16 = 50;
/// The most that `cpu-share` may be: an AE does one thing at a time, so never more than one core.
pub const CPU_SHARE_PERMILLE_MAX: u16 = 1000;
/// `mailbox` when the file names none.
pub const MAILBOX_DEFAULT: usize = 256;
/// The most that `mailbox` may be.
pub const MAILBOX_MAX: usize = 65_536;
/// `handles` when the file names none.
pub const HANDLES_DEFAULT: usize = 1024;
/// The most that `handles` may be.
pub const HANDLES_MAX: usize = 65_536;
/// `max-attempts` when the file names none.
pub const ATTEMPTS_DEFAULT: u32 = 3;
/// The most that `max-attempts` may be.
pub const ATTEMPTS_MAX: u32 = 100;
/// `restarts.max` when the file names none.
pub const RESTARTS_DEFAULT: u32 = 5;
/// The most that `restarts.max` may be.
pub const RESTARTS_MAX: u32 = 1000;
/// `restarts.within` when the file names none.
pub const RESTARTS_WITHIN_DEFAULT: Duration = Duration::from_secs(600);
/// The most that `restarts.within` may be.
pub const RESTARTS_WITHIN_MAX: Duration = Duration::from_secs(24 * 3600);

/// The `[limits]` of a capability file, each within its bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Summed over all linear memories of the AE.
    pub memory_bytes: u64,
    /// Summed over all tables.
    pub table_elements: u32,
    /// CPU time for one message; past it the instance ends.
    pub cpu_per_message: Duration,
    /// Thousandths of one core, over seconds; past it the AE waits.
    pub cpu_share_permille: u16,
    /// Messages that may wait.
    pub mailbox: usize,
    /// Live resource handles.
    pub handles: usize,
    /// How often a message is tried before it goes to `$dead-letter`.
    pub max_attempts: u32,
    /// Restarts within [`Self::restarts_within`] before the AE counts as failed.
    pub restarts_max: u32,
    /// The time over which restarts are counted.
    pub restarts_within: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory_bytes: MEMORY_BYTES_DEFAULT,
            table_elements: TABLE_ELEMENTS_DEFAULT,
            cpu_per_message: CPU_PER_MESSAGE_DEFAULT,
            cpu_share_permille: CPU_SHARE_PERMILLE_DEFAULT,
            mailbox: MAILBOX_DEFAULT,
            handles: HANDLES_DEFAULT,
            max_attempts: ATTEMPTS_DEFAULT,
            restarts_max: RESTARTS_DEFAULT,
            restarts_within: RESTARTS_WITHIN_DEFAULT,
        }
    }
}
