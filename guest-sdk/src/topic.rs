//! Topics that know the type of their payload.

use std::{marker::PhantomData, time::Duration};

use crate::{
    Encoding, Error, Message, Result, Signal,
    encoding::{Bytes, Text},
    messages::{Outcome, Protection},
    messaging::{self, Options, RequestId},
    topic_name,
};

#[cfg(feature = "cbor")]
use crate::encoding::Cbor;
#[cfg(feature = "json")]
use crate::encoding::Json;

/// The encoding that is meant when none is named.
#[cfg(feature = "cbor")]
pub(crate) type Default = Cbor;
#[cfg(not(feature = "cbor"))]
pub(crate) type Default = Bytes;

/// One topic, whose payloads are values of `T` in the encoding `E`.
///
/// ```
/// # use m2m_guest_sdk::{Result, Signal, Topic};
/// const TICK: Topic<(), Signal> = Topic::signal("$timer/reading");
/// const FLOW: Topic<f64> = Topic::cbor("metering/branch-1/flow");
///
/// # fn example() -> Result<()> {
/// TICK.subscribe()?;
/// FLOW.publish(&100.59)?;
/// # Ok(()) }
/// ```
/// A name with a wildcard does not compile:
/// ```compile_fail
/// # use m2m_guest_sdk::Topic;
/// const FLOW: Topic<f64> = Topic::cbor("metering/+/flow");
/// ```
/// Unless said otherwise, what is published stays on the node:
/// ```
/// # use m2m_guest_sdk::{Message, Result, Topic};
/// const FLOW: Topic<f64> = Topic::cbor("metering/branch-1/flow").signed();
/// const COMMAND: Topic<bool> = Topic::cbor("metering/branch-1/command").confidential();
/// const STATUS: Topic<u32> = Topic::cbor("metering/branch-1/status").confidential();
///
/// # fn example(command: Message) -> Result<()> {
/// FLOW.publish(&100.59)?; // to every node, under this node's pseudonym
/// STATUS.send_to_sender(&command, &7)?; // to the one node that the command came from
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct Topic<T, E = Default> {
    name: &'static str,
    protection: Protection,
    payload: PhantomData<fn(T) -> E>,
}

/// All topics that a filter stands for, whose payloads are values of `T` in the encoding `E`.
///
/// ```
/// # use m2m_guest_sdk::{Filter, Message, Result};
/// const FLOWS: Filter<f64> = Filter::cbor("metering/+/flow");
/// # fn example(message: Message) -> Result<()> {
/// if let Some(flow) = FLOWS.read(&message)? {
///     let branch = message.level(1);
/// }
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct Filter<T, E = Default> {
    filter: &'static str,
    payload: PhantomData<fn(T) -> E>,
}

/// A topic where a `Q` is answered by an `A`, both in the encoding `E`.
///
/// ```
/// # use m2m_guest_sdk::{Answer, Message, RequestTopic, Result};
/// # use std::time::Duration;
/// const SQUARE: RequestTopic<u32, u64> = RequestTopic::cbor("arithmetic/square");
///
/// # fn asks() -> Result<()> {
/// let id = SQUARE.request(&12, Duration::from_secs(2))?;
/// # Ok(()) }
/// # fn serves(message: Message) -> Result<()> {
/// if let Some(number) = SQUARE.read(&message)? {
///     SQUARE.reply(&message, &(u64::from(number) * u64::from(number)))?;
/// }
/// # Ok(()) }
/// # fn hears(message: Message) -> Result<()> {
/// match SQUARE.answer(&message)? {
///     Some((id, Answer::Replied(square))) => {}
///     Some((id, Answer::TimedOut | Answer::Declined)) => {}
///     None => {}
/// }
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct RequestTopic<Q, A, E = Default> {
    name: &'static str,
    payload: PhantomData<fn(Q, A) -> E>,
}

/// How a request ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer<A> {
    /// The reply.
    Replied(A),
    /// Nobody answered in time.
    TimedOut,
    /// The one that was asked dropped the request.
    Declined,
}

impl<T, E: Encoding<T>> Topic<T, E> {
    const fn named(name: &'static str) -> Self {
        assert!(topic_name::is_topic(name), "no topic name (MQTT 5, 4.7)");
        let payload = PhantomData;
        Topic { name, protection: Protection::Local, payload }
    }

    /// What is published here goes to other nodes too, signed.
    #[must_use]
    pub const fn signed(mut self) -> Self {
        self.protection = Protection::Signed;
        self
    }

    /// What is published here goes to those nodes alone that take messages of the topic's service, encrypted.
    #[must_use]
    pub const fn confidential(mut self) -> Self {
        self.protection = Protection::Confidential;
        self
    }

    /// The name.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// Hands `value` to every subscriber: on this node, and on others where the topic is [signed](Self::signed) or
    /// [confidential](Self::confidential).
    pub fn publish(&self, value: &T) -> Result<()> {
        self.publish_with(value, Options { protection: self.protection, retain: false })
    }

    /// The same, and keeps it as the topic's last value for whoever subscribes later. For topics that stay on the node.
    pub fn retain(&self, value: &T) -> Result<()> {
        self.publish_with(value, Options { protection: self.protection, retain: true })
    }

    /// The same, with a choice of protection.
    pub fn publish_with(&self, value: &T, options: Options) -> Result<()> {
        messaging::publish(self.name, &E::encode(value)?, options)
    }

    /// Sends `value` confidentially to the node that `message` came from, for whoever subscribed to the topic there.
    /// [`Error::Failed`](crate::Error::Failed) where it came from this node.
    pub fn send_to_sender(&self, message: &Message, value: &T) -> Result<()> {
        message.send_to_peer(self.name, &E::encode(value)?)
    }

    /// Forgets the topic's last value.
    pub fn clear(&self) -> Result<()> {
        messaging::publish(self.name, &[], Options::RETAINED)
    }

    /// Starts the delivery of what is published here; a retained value comes first.
    pub fn subscribe(&self) -> Result<()> {
        messaging::subscribe(self.name)
    }

    /// Ends it.
    pub fn unsubscribe(&self) -> Result<()> {
        messaging::unsubscribe(self.name)
    }

    /// The value in `message`; none where it came on another topic or answers a request.
    pub fn read(&self, message: &Message) -> Result<Option<T>> {
        read::<T, E>(self.name, message)
    }
}

impl<T, E: Encoding<T>> Filter<T, E> {
    const fn named(filter: &'static str) -> Self {
        assert!(topic_name::is_filter(filter), "no topic filter (MQTT 5, 4.7)");
        let payload = PhantomData;
        Filter { filter, payload }
    }

    /// Starts the delivery of what matches; retained values come first.
    pub fn subscribe(&self) -> Result<()> {
        messaging::subscribe(self.filter)
    }

    /// Ends it.
    pub fn unsubscribe(&self) -> Result<()> {
        messaging::unsubscribe(self.filter)
    }

    /// The value in `message`; none where its topic does not match or it answers a request.
    pub fn read(&self, message: &Message) -> Result<Option<T>> {
        read::<T, E>(self.filter, message)
    }
}

impl<Q, A, E: Encoding<Q> + Encoding<A>> RequestTopic<Q, A, E> {
    const fn named(name: &'static str) -> Self {
        assert!(topic_name::is_topic(name), "no topic name (MQTT 5, 4.7)");
        let payload = PhantomData;
        RequestTopic { name, payload }
    }

    /// Asks whoever serves the topic. The answer comes as a message with this number. At most 49 days.
    pub fn request(&self, question: &Q, timeout: Duration) -> Result<RequestId> {
        messaging::request(self.name, &<E as Encoding<Q>>::encode(question)?, timeout)
    }

    /// How an earlier request ended; none where `message` answers no request on this topic.
    pub fn answer(&self, message: &Message) -> Result<Option<(RequestId, Answer<A>)>> {
        let Some(ended) = message.answers.filter(|_| message.topic == self.name) else {
            return Ok(None);
        };
        let answer = match ended.outcome {
            Outcome::Replied => Answer::Replied(<E as Encoding<A>>::decode(&message.payload)?),
            Outcome::TimedOut => Answer::TimedOut,
            Outcome::Declined => Answer::Declined,
        };
        Ok(Some((RequestId(ended.request), answer)))
    }

    /// Starts the delivery of what is asked here.
    pub fn serve(&self) -> Result<()> {
        messaging::subscribe(self.name)
    }

    /// The question in `message`; none where it came on another topic or asks for no reply.
    pub fn read(&self, message: &Message) -> Result<Option<Q>> {
        match message.asks() {
            true => read::<Q, E>(self.name, message),
            false => Ok(None),
        }
    }

    /// Answers `message`, once. Dropping it unanswered declines.
    pub fn reply(&self, message: &Message, answer: &A) -> Result<()> {
        message.reply_bytes(&<E as Encoding<A>>::encode(answer)?)
    }
}

fn read<T, E: Encoding<T>>(filter: &str, message: &Message) -> Result<Option<T>> {
    if message.answers.is_some() || !topic_name::matches(filter, &message.topic) {
        return Ok(None);
    }
    match E::decode(&message.payload) {
        Ok(value) => Ok(Some(value)),
        Err(Error::Payload(why)) => Err(Error::Payload(format!("`{}`: {why}", message.topic))),
        Err(error) => Err(error),
    }
}

macro_rules! constructors {
    ($($(#[$attribute:meta])* $encoding:ident $name:ident $doc:literal $(for $value:ty)?;)*) => {$(
        $(#[$attribute])*
        const _: () = {
            constructors!(@topic Topic $encoding $name $doc $(for $value)?);
            constructors!(@topic Filter $encoding $name $doc $(for $value)?);
            constructors!(@request $encoding $name $doc $(for $value)?);
        };
    )*};
    (@topic $kind:ident $encoding:ident $name:ident $doc:literal for $value:ty) => {
        impl $kind<$value, $encoding> {
            #[doc = $doc]
            pub const fn $name(name: &'static str) -> Self {
                Self::named(name)
            }
        }
    };
    (@topic $kind:ident $encoding:ident $name:ident $doc:literal) => {
        impl<T> $kind<T, $encoding>
        where
            $encoding: Encoding<T>,
        {
            #[doc = $doc]
            pub const fn $name(name: &'static str) -> Self {
                Self::named(name)
            }
        }
    };
    (@request $encoding:ident $name:ident $doc:literal for $value:ty) => {
        impl RequestTopic<$value, $value, $encoding> {
            #[doc = $doc]
            pub const fn $name(name: &'static str) -> Self {
                Self::named(name)
            }
        }
    };
    (@request $encoding:ident $name:ident $doc:literal) => {
        impl<Q, A> RequestTopic<Q, A, $encoding>
        where
            $encoding: Encoding<Q> + Encoding<A>,
        {
            #[doc = $doc]
            pub const fn $name(name: &'static str) -> Self {
                Self::named(name)
            }
        }
    };
}

constructors! {
    #[cfg(feature = "cbor")]
    Cbor cbor "Payloads in CBOR.";
    #[cfg(feature = "json")]
    Json json "Payloads in JSON.";
    Bytes bytes "Payloads as they are." for Vec<u8>;
    Text text "Payloads in UTF-8." for String;
    Signal signal "Messages whose payload says nothing." for ();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wit::m2m::node::messages;

    const NOTE: Topic<String, Text> = Topic::text("a/note");
    const NOTES: Filter<String, Text> = Filter::text("a/#");
    const ECHO: RequestTopic<String, String, Text> = RequestTopic::text("a/echo");

    #[test]
    fn a_value_is_read_from_its_own_topic_only() {
        let mine = Message::new("a/note", b"hello");
        assert_eq!(NOTE.read(&mine), Ok(Some("hello".to_owned())));
        assert_eq!(NOTES.read(&mine), Ok(Some("hello".to_owned())));
        let other = Message::new("b/note", b"hello");
        assert_eq!(NOTE.read(&other), Ok(None));
        assert_eq!(NOTES.read(&other), Ok(None));
    }

    #[test]
    fn a_payload_of_another_type_is_an_error_that_names_the_topic() {
        let broken = Message::new("a/note", &[0xff]);
        assert_eq!(NOTE.read(&broken), Err(Error::Payload("`a/note`: expected UTF-8".to_owned())));
    }

    #[test]
    fn an_answer_is_told_from_a_question() {
        let mut message = Message::new("a/echo", b"hello");
        assert_eq!(ECHO.read(&message), Ok(None));
        assert_eq!(ECHO.answer(&message), Ok(None));

        message.answers = Some(messages::Answer { request: 7, outcome: Outcome::Replied });
        let replied = Answer::Replied("hello".to_owned());
        assert_eq!(ECHO.answer(&message), Ok(Some((RequestId(7), replied))));
        assert_eq!(NOTES.read(&message), Ok(None));

        message.topic = "a/other".to_owned();
        assert_eq!(ECHO.answer(&message), Ok(None));
    }

    #[test]
    fn a_time_out_has_no_payload_to_decode() {
        let mut message = Message::new("a/echo", &[0xff]);
        message.answers = Some(messages::Answer { request: 7, outcome: Outcome::TimedOut });
        assert_eq!(ECHO.answer(&message), Ok(Some((RequestId(7), Answer::TimedOut))));
    }
}
