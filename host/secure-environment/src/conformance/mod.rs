//! One suite for every back-end of the service, compiled once for each: see [`conformance_tests!`](crate::conformance_tests).
//!
//! Every function is one test; each allowed call has its refused one beside it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

mod algorithms;
mod life;
mod noise;
mod owners;
mod provisioning;

use std::sync::Arc;

pub use {algorithms::*, life::*, noise::*, owners::*, provisioning::*};

use crate::{Algorithm, Channel, Management, Partition, PartitionType, Template, Usage};

/// A back-end under test, with an empty store of its own. Its limits are the default ones.
pub trait Backend {
    fn channel(&self) -> Arc<dyn Channel>;
    fn provisioning(&self) -> Arc<dyn Channel>;
    fn management(&self) -> Arc<dyn Management>;
    /// Ends the service without [`Management::shutdown`], as a killed process would, and starts it again on the same store.
    fn restart(&mut self);
}

/// Makes a `#[test]` of every function of the suite. The argument gives a fresh [`Backend`](crate::conformance::Backend).
#[macro_export]
macro_rules! conformance_tests {
    ($backend:expr) => {
        $crate::conformance_tests! { @each $backend;
            signatures_hold_for_their_context_only,
            encryption_is_bound_to_key_owner_and_aad,
            sealing_reaches_the_key_only,
            both_sides_agree_on_a_key,
            derived_keys_are_repeatable_and_bounded,
            tags_verify,
            rotation_keeps_old_versions_for_reading,
            destruction_is_for_good,
            an_alias_is_taken_once,
            volatile_keys_end_with_their_last_handle,
            usage_is_what_the_key_was_made_for,
            uses_end_and_a_crash_gives_none_back,
            partitions_are_separate,
            a_dropped_partition_is_gone,
            sizes_are_limited,
            handles_and_keys_are_limited,
            heads_never_go_back,
            everything_durable_survives_a_restart,
            a_channel_reaches_the_partitions_of_its_role_only,
            reserved_templates_are_for_provisioning,
            reserved_operations_are_for_provisioning,
            raw_signatures_are_plain_ed25519,
            sealed_requests_open_with_their_reply_key,
            a_batch_of_pseudonyms_hangs_on_one_key,
            what_an_ae_derived_outlives_its_root,
            counters_never_go_back,
            the_floor_is_kept_whole,
            provisioning_partitions_are_separate,
            a_handshake_works_with_the_same_protocol_elsewhere,
            a_handshake_that_is_not_authentic_is_over,
            a_session_goes_one_way,
            a_session_ends_with_its_key,
            sessions_are_limited_and_end_when_dropped,
            threads_share_the_service,
            nothing_works_after_shutdown,
        }
    };
    (@each $backend:expr; $($name:ident,)+) => {
        $(#[test] fn $name() { $crate::conformance::$name(&mut ($backend)()); })+
    };
}

fn kind(name: &str) -> PartitionType {
    PartitionType::new(name).unwrap()
}

fn partition(backend: &dyn Backend) -> Partition {
    Partition::new(backend.channel(), backend.management().create_partition(&kind("ae")).unwrap())
}

fn template(algorithm: Algorithm) -> Template {
    Template::new(algorithm, algorithm.usable_for().without(Usage::RESERVED)).persistent()
}

fn with_children(algorithm: Algorithm) -> Template {
    let usage = Usage::ENCRYPT | Usage::DECRYPT | Usage::MAC;
    template(algorithm).with_children([Algorithm::ChaCha20Poly1305, Algorithm::HmacSha256], usage)
}

fn session_template() -> Template {
    Template::new(Algorithm::ChaCha20Poly1305, Usage::ENCRYPT | Usage::DECRYPT)
}
