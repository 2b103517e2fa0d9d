//! One table of the file: its keys are known beforehand, and every value has its type.

use std::fmt::Display;
use std::ops::{Range, RangeInclusive};

use toml::de::{DeTable, DeValue};

use super::Value;
use super::suggest::closest;
use crate::diagnostic::Reporter;
use crate::rule::{LIST_ENTRIES_MAX, Rate};

const REASON_BYTES_MAX: usize = 500;

pub(super) struct Section<'t> {
    /// For messages, as in `[[publish]]`.
    name: String,
    header: Range<usize>,
    table: &'t DeTable<'t>,
}

/// A text and where it stands.
pub(super) type Text<'t> = (Range<usize>, &'t str);

impl<'t> Section<'t> {
    /// Reports the keys that are not among `known`.
    pub(super) fn open(
        name: impl Into<String>,
        header: Range<usize>,
        table: &'t DeTable<'t>,
        known: &[&str],
        errors: &mut Reporter<'_>,
    ) -> Self {
        let name = name.into();
        for (key, _) in table.iter().filter(|(key, _)| !known.contains(&&**key.get_ref())) {
            let help = match closest(key.get_ref(), known) {
                Some(word) => format!("did you mean `{word}`?"),
                None => format!("known here: {}", known.join(", ")),
            };
            errors.error_with_help(key.span(), format!("unknown key `{}` in {name}", key.get_ref()), help);
        }
        Self { name, header, table }
    }

    pub(super) fn header(&self) -> Range<usize> {
        self.header.clone()
    }

    pub(super) fn has(&self, key: &str) -> bool {
        self.table.contains_key(key)
    }

    /// Where a key stands, or the header when it is absent.
    pub(super) fn key_span(&self, key: &str) -> Range<usize> {
        self.table.get_key_value(key).map_or(self.header(), |(key, _)| key.span())
    }

    pub(super) fn value(&self, key: &str) -> Option<&'t Value<'t>> {
        self.table.get(key)
    }

    pub(super) fn missing(&self, key: &str, help: &str, errors: &mut Reporter<'_>) {
        errors.error_with_help(self.header(), format!("missing `{key}` in {}", self.name), help);
    }

    /// Reports that a key has no effect because of what else is there or not.
    pub(super) fn idle(&self, key: &str, without: &str, errors: &mut Reporter<'_>) {
        if self.has(key) {
            errors.error(self.key_span(key), format!("`{key}` in {} has no effect without {without}", self.name));
        }
    }

    pub(super) fn text(&self, key: &str, errors: &mut Reporter<'_>) -> Option<Text<'t>> {
        let value = self.value(key)?;
        match value.get_ref() {
            DeValue::String(text) => Some((value.span(), text)),
            other => {
                wrong_type(key, "a string", other, value.span(), errors);
                None
            }
        }
    }

    pub(super) fn flag(&self, key: &str, errors: &mut Reporter<'_>) -> Option<bool> {
        let value = self.value(key)?;
        match value.get_ref() {
            DeValue::Boolean(flag) => Some(*flag),
            other => {
                wrong_type(key, "`true` or `false`", other, value.span(), errors);
                None
            }
        }
    }

    pub(super) fn integer(&self, key: &str, range: RangeInclusive<u32>, errors: &mut Reporter<'_>) -> Option<u32> {
        let value = self.value(key)?;
        let DeValue::Integer(integer) = value.get_ref() else {
            wrong_type(key, "an integer", value.get_ref(), value.span(), errors);
            return None;
        };
        let number = u32::from_str_radix(integer.as_str(), integer.radix()).ok();
        let within = number.filter(|number| range.contains(number));
        if within.is_none() {
            let (least, most) = (range.start(), range.end());
            errors.error(value.span(), format!("expected {least} to {most} for `{key}`, found `{integer}`"));
        }
        within
    }

    /// A string that `read` understands; what it says otherwise is the error.
    pub(super) fn parsed<T, E: Display>(
        &self,
        key: &str,
        read: impl FnOnce(&str) -> Result<T, E>,
        errors: &mut Reporter<'_>,
    ) -> Option<T> {
        let (span, text) = self.text(key, errors)?;
        read(text).map_err(|error| errors.error(span, format!("`{key}`: {error}"))).ok()
    }

    /// The strings of an array, not empty and none twice; `None` when the key is absent or wrong.
    pub(super) fn list(&self, key: &str, errors: &mut Reporter<'_>) -> Option<Vec<Text<'t>>> {
        let value = self.value(key)?;
        let DeValue::Array(items) = value.get_ref() else {
            wrong_type(key, "an array of strings", value.get_ref(), value.span(), errors);
            return None;
        };
        if items.is_empty() {
            let message = format!("`{key}` in {} is empty, expected at least one entry", self.name);
            errors.error(value.span(), message);
            return None;
        }
        let mut list: Vec<Text<'t>> = Vec::with_capacity(items.len());
        for item in items.iter() {
            match item.get_ref() {
                DeValue::String(text) if list.iter().any(|(_, known)| *known == &**text) => {
                    errors.error(item.span(), format!("`{text}` is listed twice in `{key}`"));
                }
                DeValue::String(text) => list.push((item.span(), text)),
                other => wrong_type(key, "strings", other, item.span(), errors),
            }
            if list.len() > LIST_ENTRIES_MAX {
                errors.error(item.span(), format!("expected at most {LIST_ENTRIES_MAX} entries in `{key}`"));
                return None;
            }
        }
        Some(list)
    }

    /// Like [`Self::list`], where a single entry may stand without brackets.
    pub(super) fn one_or_list(&self, key: &str, errors: &mut Reporter<'_>) -> Option<Vec<Text<'t>>> {
        match self.value(key)?.get_ref() {
            DeValue::String(_) => Some(vec![self.text(key, errors)?]),
            _ => self.list(key, errors),
        }
    }

    /// The tables of `[[key]]`, with their headers.
    pub(super) fn tables(&self, key: &str, errors: &mut Reporter<'_>) -> Vec<(Range<usize>, &'t DeTable<'t>)> {
        let Some(value) = self.value(key) else {
            return Vec::new();
        };
        let DeValue::Array(items) = value.get_ref() else {
            let message = format!("expected `[[{key}]]`, one section for each grant");
            errors.error_with_help(value.span(), message, format!("write `[[{key}]]` with two brackets"));
            return Vec::new();
        };
        let mut tables = Vec::with_capacity(items.len());
        for item in items.iter() {
            match item.get_ref() {
                DeValue::Table(table) => tables.push((item.span(), table)),
                other => wrong_type(key, "sections", other, item.span(), errors),
            }
        }
        tables
    }

    /// The table of `[key]`, with its header.
    pub(super) fn table(&self, key: &str, errors: &mut Reporter<'_>) -> Option<(Range<usize>, &'t DeTable<'t>)> {
        let value = self.value(key)?;
        match value.get_ref() {
            DeValue::Table(table) => Some((value.span(), table)),
            other => {
                wrong_type(key, "a section", other, value.span(), errors);
                None
            }
        }
    }

    /// The `reason` that every grant has.
    pub(super) fn reason(&self, errors: &mut Reporter<'_>) -> Box<str> {
        if !self.has("reason") {
            self.missing("reason", "say in a few words what the grant is for", errors);
        }
        let Some((span, reason)) = self.text("reason", errors) else {
            return "".into();
        };
        let is_line = !reason.trim().is_empty() && !reason.chars().any(char::is_control);
        if !is_line || reason.len() > REASON_BYTES_MAX {
            errors.error(span, format!("expected one line of 1 to {REASON_BYTES_MAX} bytes for `reason`"));
        }
        reason.into()
    }

    pub(super) fn rate(&self, errors: &mut Reporter<'_>) -> Option<Rate> {
        self.parsed("rate", super::units::rate, errors)
    }
}

/// Reads every entry of a list; wrong ones are reported and left out.
pub(super) fn each<T, E: Display>(
    list: &[Text<'_>],
    mut read: impl FnMut(&str) -> Result<T, E>,
    errors: &mut Reporter<'_>,
) -> Vec<T> {
    let read =
        list.iter().filter_map(|(span, text)| read(text).map_err(|e| errors.error(span.clone(), e.to_string())).ok());
    read.collect()
}

fn wrong_type(key: &str, expected: &str, found: &DeValue<'_>, span: Range<usize>, errors: &mut Reporter<'_>) {
    errors.error(span, format!("expected {expected} for `{key}`, found {}", with_article(found.type_str())));
}

fn with_article(type_name: &str) -> String {
    let article = if type_name.starts_with(['a', 'i']) { "an" } else { "a" };
    format!("{article} {type_name}")
}
