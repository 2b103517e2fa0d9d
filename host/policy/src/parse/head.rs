//! Whom the file is about, and the resources of an AE.

use std::time::Duration;

use super::section::Section;
use super::units;
use crate::diagnostic::Reporter;
use crate::limits::{
    ATTEMPTS_MAX, CPU_PER_MESSAGE_MAX, CPU_SHARE_PERMILLE_MAX, HANDLES_MAX, Limits, MAILBOX_MAX, MEMORY_BYTES_MAX,
    MEMORY_BYTES_MIN, RESTARTS_MAX, RESTARTS_WITHIN_MAX, TABLE_ELEMENTS_MAX,
};
use crate::name::is_name;
use crate::policy::Scope;

const LIMIT_KEYS: &[&str] =
    &["memory", "table-elements", "cpu-per-message", "cpu-share", "mailbox", "handles", "max-attempts", "restarts"];

/// `None` only after an error was reported.
pub(super) fn read(file: &Section<'_>, errors: &mut Reporter<'_>) -> Option<Scope> {
    if file.has("ceiling") {
        return ceiling(file, errors);
    }
    let component_digest = component(file, errors);
    let limits = limits(file, errors);
    if !file.has("ae") {
        let help =
            "name the AE that the file is for (`ae = \"meter\"`), or write `ceiling = true` for a node's ceiling";
        file.missing("ae", help, errors);
    }
    let (span, name) = file.text("ae", errors)?;
    if !is_name(name) {
        errors.error(span, format!("expected 1 to 64 of a-z, 0-9, `-`, `_` and `.` for `ae`, found `{name}`"));
    }
    Some(Scope::Ae { name: name.into(), component_digest, limits })
}

fn ceiling(file: &Section<'_>, errors: &mut Reporter<'_>) -> Option<Scope> {
    if file.flag("ceiling", errors)? {
        for key in ["ae", "component", "limits"] {
            if file.has(key) {
                let message = format!("`{key}` has no effect in a ceiling, which is about all AEs of a node");
                errors.error_with_help(file.key_span(key), message, "remove it, or `ceiling`");
            }
        }
    } else {
        errors.error(file.key_span("ceiling"), "expected `ceiling = true`, or no `ceiling` at all");
    }
    Some(Scope::Ceiling { limits: Limits::default() })
}

fn component(file: &Section<'_>, errors: &mut Reporter<'_>) -> Option<[u8; 32]> {
    let (header, table) = file.table("component", errors)?;
    let component = Section::open("`component`", header, table, &["digest"], errors);
    if !component.has("digest") {
        component.missing("digest", "write `component = { digest = \"sha256:…\" }`", errors);
    }
    component.parsed("digest", digest, errors)
}

fn digest(text: &str) -> Result<[u8; 32], String> {
    let mut digest = [0; 32];
    let hex = text.strip_prefix("sha256:").filter(|hex| hex::decode_to_slice(hex, &mut digest).is_ok());
    match hex {
        Some(_) => Ok(digest),
        None => Err("expected `sha256:` and 64 hexadecimal digits".to_owned()),
    }
}

fn limits(file: &Section<'_>, errors: &mut Reporter<'_>) -> Limits {
    let mut limits = Limits::default();
    let Some((header, table)) = file.table("limits", errors) else {
        return limits;
    };
    let section = Section::open("[limits]", header, table, LIMIT_KEYS, errors);
    let memory = |text: &str| units::size(text, MEMORY_BYTES_MIN..=MEMORY_BYTES_MAX);
    set(&mut limits.memory_bytes, section.parsed("memory", memory, errors));
    set(&mut limits.table_elements, section.integer("table-elements", 0..=TABLE_ELEMENTS_MAX, errors));
    let cpu = |text: &str| units::duration(text, CPU_PER_MESSAGE_MAX);
    set(&mut limits.cpu_per_message, section.parsed("cpu-per-message", cpu, errors));
    let share = |text: &str| units::permille(text, CPU_SHARE_PERMILLE_MAX);
    set(&mut limits.cpu_share_permille, section.parsed("cpu-share", share, errors));
    set(&mut limits.mailbox, count(&section, "mailbox", MAILBOX_MAX, errors));
    set(&mut limits.handles, count(&section, "handles", HANDLES_MAX, errors));
    set(&mut limits.max_attempts, section.integer("max-attempts", 1..=ATTEMPTS_MAX, errors));
    if let Some((max, within)) = restarts(&section, errors) {
        (limits.restarts_max, limits.restarts_within) = (max, within);
    }
    limits
}

fn restarts(limits: &Section<'_>, errors: &mut Reporter<'_>) -> Option<(u32, Duration)> {
    let (header, table) = limits.table("restarts", errors)?;
    let restarts = Section::open("`restarts`", header, table, &["max", "within"], errors);
    for key in ["max", "within"].into_iter().filter(|key| !restarts.has(key)) {
        restarts.missing(key, "write `restarts = { max = 5, within = \"10 min\" }`", errors);
    }
    let max = restarts.integer("max", 0..=RESTARTS_MAX, errors);
    let within = restarts.parsed("within", |text| units::duration(text, RESTARTS_WITHIN_MAX), errors);
    Some((max?, within?))
}

/// A count of at least one.
pub(super) fn count(section: &Section<'_>, key: &str, most: usize, errors: &mut Reporter<'_>) -> Option<usize> {
    let most = u32::try_from(most).unwrap_or(u32::MAX);
    section.integer(key, 1..=most, errors)?.try_into().ok()
}

fn set<T>(place: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *place = value;
    }
}
