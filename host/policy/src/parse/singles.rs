//! The sections that a file has once: `[logging]`, `[clocks]`, `[authorization]`, `[wasi]`.

use super::Draft;
use super::keys::draft;
use super::protection::service;
use super::section::{Section, each};
use crate::diagnostic::Reporter;
use crate::rule::{AuthorizationGrant, Grant};
use crate::vocabulary::LogLevel;

pub(super) fn read(file: &Section<'_>, errors: &mut Reporter<'_>) -> Vec<Draft> {
    let logging = logging(file, errors);
    let clocks = clocks(file, errors);
    let authorization = authorization(file, errors);
    [logging, clocks, authorization, wasi(file, errors)].into_iter().flatten().collect()
}

fn logging(file: &Section<'_>, errors: &mut Reporter<'_>) -> Option<Draft> {
    let (header, table) = file.table("logging", errors)?;
    let section = Section::open("[logging]", header.clone(), table, &["level", "rate", "reason"], errors);
    let level = section.parsed("level", str::parse::<LogLevel>, errors).unwrap_or(LogLevel::Info);
    let (rate, reason) = (section.rate(errors), section.reason(errors));
    Some(draft(header, Grant::Logging(level), rate, reason, errors))
}

fn clocks(file: &Section<'_>, errors: &mut Reporter<'_>) -> Option<Draft> {
    let (header, table) = file.table("clocks", errors)?;
    let section = Section::open("[clocks]", header.clone(), table, &["rate", "reason"], errors);
    let (rate, reason) = (section.rate(errors), section.reason(errors));
    Some(draft(header, Grant::Clocks, rate, reason, errors))
}

fn authorization(file: &Section<'_>, errors: &mut Reporter<'_>) -> Option<Draft> {
    let (header, table) = file.table("authorization", errors)?;
    let known = &["services", "change-pseudonym", "rate", "reason"];
    let section = Section::open("[authorization]", header.clone(), table, known, errors);
    let words = section.list("services", errors).unwrap_or_default();
    let mut services: Vec<Box<str>> = each(&words, service, errors);
    services.sort();
    let change_pseudonym = section.flag("change-pseudonym", errors).unwrap_or(false);
    if !change_pseudonym && !section.has("services") {
        section.missing("services", "name the services that may be used, or set `change-pseudonym = true`", errors);
    }
    let (rate, reason) = (section.rate(errors), section.reason(errors));
    let grant = AuthorizationGrant { services: services.into(), change_pseudonym };
    Some(draft(header, Grant::Authorization(grant), rate, reason, errors))
}

fn wasi(file: &Section<'_>, errors: &mut Reporter<'_>) -> Option<Draft> {
    let (header, table) = file.table("wasi", errors)?;
    let section = Section::open("[wasi]", header.clone(), table, &["stub", "reason"], errors);
    if section.flag("stub", errors) != Some(true) {
        let help = "write `stub = true`: WASI is there to link against and refuses every call";
        errors.error_with_help(section.key_span("stub"), "expected `stub = true` in [wasi]", help);
    }
    Some(draft(header, Grant::Wasi, None, section.reason(errors), errors))
}
