//! The entity itself: what an author implements, and how it is exported.

use std::cell::Cell;

use crate::{Message, Result, wit::m2m::node::messages};

/// An application entity. The node makes one call at a time, so `&mut self` is all the locking there is.
pub trait ApplicationEntity: Sized + 'static {
    /// Once, before any message: open keys, subscribe. An error counts as a fault of this instance.
    ///
    /// Where the node runs each message in a fresh instance, this runs before each message.
    fn init() -> Result<Self>;

    /// An error is a fault of this message: the node tries it again, then sends it to `$dead-letter`.
    fn on_message(&mut self, message: Message) -> Result<()>;

    /// Before a clean end. Counts against the entity's CPU budget.
    fn stop(&mut self) {}
}

/// The one instance of an entity, for [`ae!`](crate::ae).
#[doc(hidden)]
pub struct Instance<A>(Cell<Option<A>>);

impl<A: ApplicationEntity> Instance<A> {
    pub const fn new() -> Self {
        Instance(Cell::new(None))
    }

    pub fn init(&self) -> Result<(), String> {
        self.0.set(Some(A::init().map_err(|error| error.to_string())?));
        Ok(())
    }

    pub fn on_message(&self, message: messages::Message) -> Result<(), String> {
        let handled = self.handle(message.into());
        handled.map_err(|error| error.to_string())
    }

    pub fn stop(&self) {
        if let Some(mut entity) = self.0.take() {
            entity.stop();
        }
    }

    fn handle(&self, message: Message) -> Result<()> {
        let mut entity = match self.0.take() {
            Some(entity) => entity,
            None => A::init()?,
        };
        let handled = entity.on_message(message);
        self.0.set(Some(entity));
        handled
    }
}

impl<A: ApplicationEntity> Default for Instance<A> {
    fn default() -> Self {
        Self::new()
    }
}

/// Exports an [`ApplicationEntity`] as the component's `m2m:node/app`. Once in a crate.
#[rustfmt::skip] // it breaks the indentation of the exporting line
#[macro_export]
macro_rules! ae {
    ($entity:ty) => {
        const _: () = {
            ::std::thread_local! {
                static INSTANCE: $crate::Instance<$entity> = const { $crate::Instance::new() };
            }

            struct Export;

            impl $crate::wit::exports::m2m::node::app::Guest for Export {
                fn init() -> ::std::result::Result<(), ::std::string::String> {
                    INSTANCE.with(|instance| instance.init())
                }

                fn on_message(
                    message: $crate::wit::m2m::node::messages::Message,
                ) -> ::std::result::Result<(), ::std::string::String> {
                    INSTANCE.with(|instance| instance.on_message(message))
                }

                fn stop() {
                    INSTANCE.with(|instance| instance.stop());
                }
            }

            // The export names are no symbol names that a host's linker would take; naming the functions has to do there.
            #[cfg(target_arch = "wasm32")]
            const _: () = {
                $crate::wit::export!(Export with_types_in $crate::wit);
            };
            #[cfg(not(target_arch = "wasm32"))]
            {
                use $crate::wit::exports::m2m::node::app::Guest;
                let _ = (Export, <Export as Guest>::init);
                let _ = (<Export as Guest>::on_message, <Export as Guest>::stop);
            }
        };
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Counter(u32);

    impl ApplicationEntity for Counter {
        fn init() -> Result<Self> {
            Ok(Counter(0))
        }

        fn on_message(&mut self, message: Message) -> Result<()> {
            self.0 += 1;
            match message.topic.as_str() {
                "fail" => Err(format!("failed at {}", self.0).into()),
                _ => Ok(()),
            }
        }
    }

    fn message(topic: &str) -> messages::Message {
        messages::Message {
            topic: topic.to_owned(),
            payload: Vec::new(),
            sender: messages::Sender::System,
            protection: messages::Protection::Local,
            received_at: 0,
            retained: false,
            answers: None,
            reply: None,
            peer: None,
        }
    }

    #[test]
    fn state_outlives_a_failed_message() {
        let instance = Instance::<Counter>::new();
        instance.init().unwrap();
        assert_eq!(instance.on_message(message("ok")), Ok(()));
        assert_eq!(instance.on_message(message("fail")), Err("failed at 2".to_owned()));
        assert_eq!(instance.on_message(message("fail")), Err("failed at 3".to_owned()));
    }

    #[test]
    fn a_message_to_a_fresh_instance_finds_it_initialized() {
        let instance = Instance::<Counter>::new();
        assert_eq!(instance.on_message(message("fail")), Err("failed at 1".to_owned()));
    }
}
