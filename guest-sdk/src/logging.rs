//! Lines for the node's log (`wasi:logging` in the WIT): [`trace!`](crate::trace) to [`critical!`](crate::critical), which
//! take what `format!` takes and name the module they stand in.

use std::fmt;

use crate::wit::wasi::logging::logging;

pub use crate::wit::wasi::logging::logging::Level;

/// One line at `level`; `context` is the place in the entity it comes from. Lines beyond the granted rate are dropped.
pub fn log(level: Level, context: &str, message: fmt::Arguments<'_>) {
    match message.as_str() {
        Some(text) => logging::log(level, context, text),
        None => logging::log(level, context, &message.to_string()),
    }
}

/// From now on a panic leaves a line at `critical`, with its place, before it ends the instance.
pub fn log_panics() {
    std::panic::set_hook(Box::new(|panic| {
        log(Level::Critical, "panic", format_args!("{panic}"));
    }));
}

macro_rules! levels {
    ($($name:ident $level:ident,)*) => {
        levels!(($) $($name $level,)*);
    };
    (($dollar:tt) $($name:ident $level:ident,)*) => {$(
        #[doc = concat!("A line at `", stringify!($name), "`.")]
        #[macro_export]
        macro_rules! $name {
            ($dollar($dollar argument:tt)+) => {
                $dollar crate::logging::log(
                    $dollar crate::logging::Level::$level,
                    ::std::module_path!(),
                    ::std::format_args!($dollar($dollar argument)+),
                )
            };
        }
    )*};
}

levels! {
    trace Trace,
    debug Debug,
    info Info,
    warn Warn,
    error Error,
    critical Critical,
}
