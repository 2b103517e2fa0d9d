//! `m2m-host audit show`: lines as a table for people.

use std::fmt::Write as _;
use std::io::{self, Read, Write};
use std::time::SystemTime;

use super::{BOLD, EXIT_FAILED, EXIT_OK, RED, RESET, ShowArgs, YELLOW, print_error};
use crate::audit::{self, AeEvent, Effect, Entry, Event, Line, NodeEvent};

/// Which lines `audit show` prints.
#[derive(Clone, Debug, Default)]
pub(in crate::cli) struct Filter {
    /// Only lines about this AE.
    pub ae: Option<String>,
    /// Only calls that were not allowed.
    pub denied: bool,
    /// Only lines of this time or later.
    pub since: Option<SystemTime>,
}

impl Filter {
    /// What the arguments ask for, seen from `now`.
    pub(in crate::cli) fn of(args: &ShowArgs, now: SystemTime) -> Filter {
        Filter { ae: args.ae.clone(), denied: args.denied, since: args.since.map(|since| since.resolve(now)) }
    }

    fn admits(&self, line: &Line) -> bool {
        let ae = self.ae.as_deref().is_none_or(|ae| line.event.ae() == Some(ae));
        let refused = line.event.effect().is_some_and(|effect| effect != Effect::Allow);
        // The form of a time is fixed, so the order of texts is the order of times.
        let recent = self.since.is_none_or(|since| line.time >= audit::rfc3339(since));
        ae && (refused || !self.denied) && recent
    }
}

/// `audit show`. Lines are printed as they stand, unchecked; a line that cannot be read makes the exit code 1.
///
/// # Errors
/// Those of `input` and `out`.
pub(in crate::cli) fn show(input: impl Read, filter: &Filter, json: bool, out: &mut dyn Write) -> io::Result<u8> {
    let mut code = EXIT_OK;
    if !json {
        let header = row("TIME", "AE", "WHAT", "SUBJECT", "EFFECT", "RULE");
        writeln!(out, "{BOLD}{}{RESET}", header.trim_end())?;
    }
    for entry in audit::read(input) {
        let Entry { number, text, line } = entry?;
        match line {
            Some(line) if !filter.admits(&line) => {}
            Some(_) if json => {
                out.write_all(&text)?;
                out.write_all(b"\n")?;
            }
            Some(line) => print_line(&line, out)?,
            None => {
                code = EXIT_FAILED;
                print_error(&format!("line {number} is not an audit line"), json, out)?;
            }
        }
    }
    Ok(code)
}

fn row(time: &str, ae: &str, what: &str, subject: &str, effect: &str, rule: &str) -> String {
    format!("{time:<24}  {ae:<14}  {what:<22}  {subject:<28}  {effect:<11}  {rule}")
}

fn print_line(line: &Line, out: &mut dyn Write) -> io::Result<()> {
    let ae = line.event.ae().map_or("-".into(), plain);
    let time = plain(&line.time);
    let (what, subject, effect, rule) = columns(&line.event);
    let text = row(&time, &ae, &what, &subject, &effect, &rule);
    let colour = match (&line.event, line.event.effect()) {
        (_, Some(Effect::Deny)) => RED,
        (_, Some(Effect::TooLarge | Effect::Exhausted | Effect::Unavailable)) => YELLOW,
        (Event::Ae { event: AeEvent::Fault { .. } | AeEvent::Failed { .. } | AeEvent::Refused { .. }, .. }, _) => RED,
        (Event::Node { event: NodeEvent::Degraded { .. } | NodeEvent::Lost { .. } }, _) => YELLOW,
        (Event::Break { .. }, _) => RED,
        _ => "",
    };
    let reset = if colour.is_empty() { "" } else { RESET };
    writeln!(out, "{colour}{}{reset}", text.trim_end())
}

/// What happened, to what, with which effect, by which rule.
fn columns(event: &Event) -> (String, String, String, String) {
    match event {
        Event::Call { operation, subject, effect, rule, text, .. } => {
            let mut by = rule.as_deref().map_or_else(|| "no rule".to_owned(), plain);
            if let Some(text) = text {
                by = format!("{by} ({})", plain(text));
            }
            (plain(operation), plain(subject), effect.name().to_owned(), by)
        }
        Event::Calls { operation, effect, rule, count, .. } => {
            let by = rule.as_deref().map_or_else(String::new, plain);
            (plain(operation), format!("{count} calls"), effect.name().to_owned(), by)
        }
        Event::Ae { event, .. } => {
            let (what, about) = ae_columns(event);
            (what.to_owned(), about, String::new(), String::new())
        }
        Event::Node { event } => {
            let (what, about) = node_columns(event);
            (format!("node {what}"), about, String::new(), String::new())
        }
        Event::Checkpoint { .. } => ("checkpoint".to_owned(), String::new(), String::new(), String::new()),
        Event::Break { file, found, reason, .. } => {
            let file = file.as_deref().map_or_else(|| "nothing".to_owned(), plain);
            let about = format!("keeps {file}; found: {}; reason: {}", plain(found), plain(reason));
            ("break".to_owned(), about, String::new(), String::new())
        }
    }
}

fn ae_columns(event: &AeEvent) -> (&'static str, String) {
    match event {
        AeEvent::Started { component, policy } => {
            ("started", format!("component {}, policy {}", plain(component), plain(policy)))
        }
        AeEvent::Stopped => ("stopped", String::new()),
        AeEvent::Fault { fault, text } => ("fault", format!("{}: {}", plain(fault), plain(text))),
        AeEvent::Restarted { attempt } => ("restarted", format!("attempt {attempt}")),
        AeEvent::Failed { text } => ("failed", plain(text)),
        AeEvent::Refused { text } => ("refused", plain(text)),
    }
}

fn node_columns(event: &NodeEvent) -> (&'static str, String) {
    match event {
        NodeEvent::Started { version } => ("started", format!("version {}", plain(version))),
        NodeEvent::Stopped => ("stopped", String::new()),
        NodeEvent::Provisioning { step, text } => ("provisioning", format!("{}: {}", plain(step), plain(text))),
        NodeEvent::MessagesRefused { cause, count } => {
            ("messages-refused", format!("{count} messages of other nodes: {}", plain(cause)))
        }
        NodeEvent::Degraded { why } => ("degraded", plain(why)),
        NodeEvent::Recovered { lost } => ("recovered", format!("{lost} lines were not taken")),
        NodeEvent::Lost { lines } => ("lost", format!("{lines} lines were not taken")),
        NodeEvent::Torn { bytes } => ("torn", format!("{bytes} bytes of an incomplete line removed")),
    }
}

/// `text` with everything escaped that would move the cursor, colour the terminal or reorder what is shown.
fn plain(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_control() || is_invisible(character) {
            // Writing to a String cannot fail.
            let _ = write!(shown, "{}", character.escape_default());
        } else {
            shown.push(character);
        }
    }
    shown
}

/// Line separators, directional marks, zero-width characters.
fn is_invisible(character: char) -> bool {
    matches!(character, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{61c}')
}
