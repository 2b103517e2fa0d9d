//! A value that outlives the instance.

use crate::{Encoding, Error, Message, Result, Topic, messaging, messaging::Options};

/// A value that is kept as the last value of one of the entity's own topics, so that the next instance goes on with it.
///
/// The topic's value comes by the mailbox, behind messages that were waiting there. So the entity asks for it, works when
/// it has come, and lets messages that come before wait or pass. The capability file grants `publish` with `retain` and
/// `subscribe` of the topic, from this entity.
///
/// ```
/// # use m2m_guest_sdk::{ApplicationEntity, Memory, Message, Result, Signal, Topic};
/// const TICK: Topic<(), Signal> = Topic::signal("$timer/tick");
/// struct Counter { count: Option<u32>, memory: Memory<u32> }
///
/// impl ApplicationEntity for Counter {
///     fn init() -> Result<Self> {
///         TICK.subscribe()?;
///         Ok(Counter { count: None, memory: Memory::new(Topic::cbor("counter/count")) })
///     }
///
///     fn on_message(&mut self, message: Message) -> Result<()> {
///         if let Some(count) = self.memory.recalled(&message)? {
///             self.count = Some(count.unwrap_or(0));
///         } else if TICK.read(&message)?.is_some() {
///             match &mut self.count {
///                 None => self.memory.ask()?,
///                 Some(count) => {
///                     *count += 1;
///                     self.memory.remember(count)?;
///                 }
///             }
///         }
///         Ok(())
///     }
/// }
/// ```
#[derive(Debug)]
pub struct Memory<T, E = crate::topic::Default> {
    topic: Topic<T, E>,
    state: State<T>,
}

#[derive(Debug)]
enum State<T> {
    Unasked,
    /// The kept value, once it has come; the mark behind it has not.
    Asked(Option<T>),
    Recalled,
}

impl<T, E: Encoding<T>> Memory<T, E> {
    /// A value kept on `topic`.
    pub const fn new(topic: Topic<T, E>) -> Self {
        let state = State::Unasked;
        Memory { topic, state }
    }

    /// Asks for the value, if that has not been done. While the mailbox is full nothing happens: ask again.
    pub fn ask(&mut self) -> Result<()> {
        if !matches!(self.state, State::Unasked) {
            return Ok(());
        }
        // The value is handed over at the subscription, the mark behind it; so the mark tells that there was none.
        let asked = self.topic.subscribe().and_then(|()| self.mark());
        match asked {
            Ok(()) => self.state = State::Asked(None),
            Err(Error::Exhausted { .. }) => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Once: the value of the last instance, or that there is none. None for every other message.
    pub fn recalled(&mut self, message: &Message) -> Result<Option<Option<T>>> {
        let State::Asked(value) = &mut self.state else {
            return Ok(None);
        };
        if message.topic != self.topic.name() {
            return Ok(None);
        }
        if message.retained {
            *value = self.topic.read(message)?;
        }
        if message.retained || !message.payload.is_empty() {
            return Ok(None);
        }
        let value = value.take();
        self.state = State::Recalled;
        self.topic.unsubscribe()?;
        Ok(Some(value))
    }

    /// Keeps `value` for the next instance.
    pub fn remember(&self, value: &T) -> Result<()> {
        self.topic.retain(value)
    }

    fn mark(&self) -> Result<()> {
        messaging::publish(self.topic.name(), &[], Options::LOCAL)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Text;

    fn asked() -> Memory<String, Text> {
        Memory { topic: Topic::text("a/state"), state: State::Asked(None) }
    }

    fn kept(payload: &[u8]) -> Message {
        let mut message = Message::new("a/state", payload);
        message.retained = true;
        message
    }

    #[test]
    fn nothing_counts_before_the_mark() {
        let mut memory = asked();
        assert_eq!(memory.recalled(&Message::new("$timer/x", b"")), Ok(None));
        assert_eq!(memory.recalled(&Message::new("a/state", b"own")), Ok(None));
        assert_eq!(memory.recalled(&kept(b"7")), Ok(None));
        assert!(matches!(&memory.state, State::Asked(Some(value)) if value == "7"));
    }

    #[test]
    fn what_was_not_asked_for_is_not_taken() {
        let mut memory = Memory::<String, Text>::new(Topic::text("a/state"));
        assert_eq!(memory.recalled(&kept(b"7")), Ok(None));
        assert!(matches!(memory.state, State::Unasked));
    }
}
