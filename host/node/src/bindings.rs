//! The contract in `wit/`, as Rust: traits for what the node offers and a typed handle on what an AE gives.
//!
//! Generated; the only hand-written part is which host type stands behind each resource. Every import may trap, so that a
//! [`Fault`](crate::fault::Fault) ends the instance, and answers [`CallError`](crate::capability::CallError) otherwise.

#![allow(missing_docs, unreachable_pub)]

wasmtime::component::bindgen!({
    path: "../../wit",
    world: "ae",
    imports: { default: async | trappable },
    exports: { default: async },
    trappable_error_type: {
        "m2m:node/errors.error" => crate::capability::CallError,
    },
    with: {
        "m2m:node/keys.key": crate::services::security::Key,
        "m2m:node/messages.reply": crate::transport::message::ReplyTicket,
        "m2m:node/messages.peer": crate::transport::message::Peer,
    },
});
