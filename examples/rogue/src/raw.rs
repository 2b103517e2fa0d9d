//! What the types of the SDK rule out: made-up handles and arguments that are none. All of it ends the instance.
#![allow(unsafe_code)]

use std::hint::black_box;

use m2m_guest_sdk::wit::m2m::node::{
    keys::Key,
    messages::{Protection, Reply},
    messaging::{Options, publish},
};

use crate::attempt::Attempt;

/// A number that the node has not given for a handle.
const MADE_UP: u32 = 7777;

const LOCAL: Options = Options { protection: Protection::Local, retain: false };

pub(crate) const ATTEMPTS: &[Attempt] = &[
    Attempt::fault("forged-key", || {
        // SAFETY: none is needed by the memory of this component; the node has to refuse the handle.
        let key = unsafe { Key::from_handle(MADE_UP) };
        black_box(key.public_key().is_ok());
    }),
    Attempt::fault("forged-reply", || {
        // SAFETY: as above.
        let reply = unsafe { Reply::from_handle(MADE_UP) };
        black_box(reply.send(b"x").is_ok());
    }),
    Attempt::fault("use-after-drop", || {
        let Ok(key) = m2m_guest_sdk::wit::m2m::node::keys::open("rogue-1") else {
            return;
        };
        let handle = key.handle();
        drop(key);
        // SAFETY: as above.
        let dropped = unsafe { Key::from_handle(handle) };
        black_box(dropped.public_key().is_ok());
    }),
    Attempt::fault("key-as-reply", || {
        let Ok(key) = m2m_guest_sdk::wit::m2m::node::keys::open("rogue-1") else {
            return;
        };
        // SAFETY: as above.
        let reply = unsafe { Reply::from_handle(key.handle()) };
        black_box(reply.send(b"x").is_ok());
    }),
    Attempt::fault("no-utf8", || {
        // SAFETY: the text is handed to the node and to nobody who relies on its being UTF-8.
        let topic = unsafe { str::from_utf8_unchecked(black_box(&[b'r', 0xff])) };
        black_box(publish(topic, b"x", LOCAL).is_ok());
    }),
    Attempt::fault("outside-memory", || {
        let here: *const u8 = &0;
        // SAFETY: the slice is not read here; the node has to see that it leaves the memory.
        let payload = unsafe { std::slice::from_raw_parts(here, i32::MAX as usize) };
        black_box(publish("rogue/out", payload, LOCAL).is_ok());
    }),
];
