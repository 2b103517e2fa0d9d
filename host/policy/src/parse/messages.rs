//! `[[publish]]`, `[[request]]` and `[[subscribe]]`.

use std::ops::Range;
use std::time::Duration;

use toml::de::DeTable;

use super::keys::draft;
use super::protection::{self, Leaving};
use super::section::{Section, Text};
use super::{Draft, units};
use crate::diagnostic::Reporter;
use crate::name::{is_name, is_service};
use crate::rule::{
    Grant, PAYLOAD_BYTES_MAX, PublishGrant, REQUEST_TIMEOUT_MS_DEFAULT, REQUEST_TIMEOUT_MS_MAX, RequestGrant,
    SenderPattern, SubscribeGrant, TopicScope, WhenFull,
};
use crate::topic::TopicFilter;

const PUBLISH_KEYS: &[&str] = &["topic", "except", "max-size", "rate", "retain", "protection", "service", "reason"];
const REQUEST_KEYS: &[&str] = &["topic", "except", "max-size", "rate", "max-timeout", "reason"];
const SUBSCRIBE_KEYS: &[&str] =
    &["topic", "except", "from", "protection", "reply", "max-reply-size", "when-full", "rate", "reason"];

pub(super) fn publish(
    header: Range<usize>,
    table: &DeTable<'_>,
    is_ceiling: bool,
    errors: &mut Reporter<'_>,
) -> Option<Draft> {
    let section = Section::open("[[publish]]", header.clone(), table, PUBLISH_KEYS, errors);
    let scope = scope(&section, errors);
    refuse_reserved(&section, scope.as_ref(), errors);
    let max_bytes = max_size(&section, "max-size", errors);
    let retain = section.flag("retain", errors).unwrap_or(false);
    let Leaving { protection, service } = protection::of_publish(&section, is_ceiling, retain, errors);
    let (rate, reason) = (section.rate(errors), section.reason(errors));
    let grant = PublishGrant { scope: scope?, max_bytes, retain, protection, service };
    Some(draft(header, Grant::Publish(grant), rate, reason, errors))
}

pub(super) fn request(header: Range<usize>, table: &DeTable<'_>, errors: &mut Reporter<'_>) -> Option<Draft> {
    let section = Section::open("[[request]]", header.clone(), table, REQUEST_KEYS, errors);
    let scope = scope(&section, errors);
    refuse_reserved(&section, scope.as_ref(), errors);
    let max_bytes = max_size(&section, "max-size", errors);
    let most = Duration::from_millis(REQUEST_TIMEOUT_MS_MAX.into());
    let max_timeout = section.parsed("max-timeout", |text| units::duration(text, most), errors);
    let max_timeout_ms = max_timeout.and_then(|timeout| u32::try_from(timeout.as_millis()).ok());
    let max_timeout_ms = max_timeout_ms.unwrap_or(REQUEST_TIMEOUT_MS_DEFAULT);
    let (rate, reason) = (section.rate(errors), section.reason(errors));
    let grant = RequestGrant { scope: scope?, max_bytes, max_timeout_ms };
    Some(draft(header, Grant::Request(grant), rate, reason, errors))
}

pub(super) fn subscribe(header: Range<usize>, table: &DeTable<'_>, errors: &mut Reporter<'_>) -> Option<Draft> {
    let section = Section::open("[[subscribe]]", header.clone(), table, SUBSCRIBE_KEYS, errors);
    let scope = scope(&section, errors);
    if !section.has("from") {
        let help = "list the accepted senders: `ae:NAME`, `ae:*`, `system` or `service:SERVICE/OPERATION`";
        section.missing("from", help, errors);
    }
    let from = senders(&section, errors);
    let protection = protection::of_subscribe(&section, &from, errors);
    let from = from.into_iter().map(|(_, pattern)| pattern).collect();
    let reply = section.flag("reply", errors).unwrap_or(false);
    if !reply {
        section.idle("max-reply-size", "`reply = true`", errors);
    }
    let max_reply_bytes = max_size(&section, "max-reply-size", errors);
    let when_full = section.parsed("when-full", when_full, errors).unwrap_or(WhenFull::BackPressure);
    let (rate, reason) = (section.rate(errors), section.reason(errors));
    let grant = SubscribeGrant { scope: scope?, from, protection, reply, max_reply_bytes, when_full };
    Some(draft(header, Grant::Subscribe(grant), rate, reason, errors))
}

/// `topic` and `except`. An exception that takes out nothing, or everything, is an error.
fn scope(section: &Section<'_>, errors: &mut Reporter<'_>) -> Option<TopicScope> {
    if !section.has("topic") {
        section.missing("topic", "write a topic filter, as in `topic = \"metering/+/reading\"`", errors);
    }
    let filter = section.parsed("topic", topic_filter, errors)?;
    let mut except = Vec::new();
    for (span, text) in section.list("except", errors).unwrap_or_default() {
        match topic_filter(text) {
            Err(message) => errors.error(span, format!("`except`: {message}")),
            Ok(taken) if taken.covers(&filter) => {
                errors.error(span, format!("`{taken}` takes out all of `{filter}`, which leaves nothing granted"));
            }
            Ok(taken) if !taken.overlaps(&filter) => {
                errors.error(span, format!("`{taken}` takes out nothing: no topic of `{filter}` matches it"));
            }
            Ok(taken) => except.push(taken),
        }
    }
    Some(TopicScope { filter, except: except.into() })
}

fn topic_filter(text: &str) -> Result<TopicFilter, String> {
    TopicFilter::new(text).map_err(|error| format!("{error}, found `{text}`"))
}

fn refuse_reserved(section: &Section<'_>, scope: Option<&TopicScope>, errors: &mut Reporter<'_>) {
    if let Some(scope) = scope.filter(|scope| scope.filter.is_reserved()) {
        let message =
            format!("`{}` belongs to the node: topics that begin with `$` can only be subscribed", scope.filter);
        let span = section.value("topic").map_or(section.header(), toml::Spanned::span);
        errors.error(span, message);
    }
}

fn max_size(section: &Section<'_>, key: &str, errors: &mut Reporter<'_>) -> u32 {
    let size = section.parsed(key, |text| units::size(text, 0..=PAYLOAD_BYTES_MAX.into()), errors);
    size.and_then(|size| u32::try_from(size).ok()).unwrap_or(PAYLOAD_BYTES_MAX)
}

/// The entries of `from` that can be read; the others are reported.
fn senders<'t>(section: &Section<'t>, errors: &mut Reporter<'_>) -> Vec<(Text<'t>, SenderPattern)> {
    let mut senders = Vec::new();
    for (span, text) in section.one_or_list("from", errors).unwrap_or_default() {
        match sender(text) {
            Ok(pattern) => senders.push(((span, text), pattern)),
            Err(message) => errors.error(span, message),
        }
    }
    senders
}

fn sender(text: &str) -> Result<SenderPattern, String> {
    let expected =
        || format!("unknown sender `{text}`, expected `ae:NAME`, `ae:*`, `system` or `service:SERVICE/OPERATION`");
    match text.split_once(':') {
        None if text == "system" => Ok(SenderPattern::System),
        None if text == "device" => {
            Err("`device` is not enforced by this node yet: it has no plain devices".to_owned())
        }
        Some(("ae", "*")) => Ok(SenderPattern::AnyAe),
        Some(("ae", name)) if is_name(name) => Ok(SenderPattern::Ae(name.into())),
        Some(("service", service)) if is_service(service) => Ok(SenderPattern::Service(service.into())),
        _ => Err(expected()),
    }
}

fn when_full(text: &str) -> Result<WhenFull, String> {
    match text {
        "back-pressure" => Ok(WhenFull::BackPressure),
        "drop-oldest" => Ok(WhenFull::DropOldest),
        _ => Err(format!("expected `back-pressure` or `drop-oldest`, found `{text}`")),
    }
}
