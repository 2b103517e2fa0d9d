//! What happened: the same numbers for people and, as one object, for programs.

#![allow(clippy::indexing_slicing, reason = "reading a JSON value by a key that is not there gives null")]

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;

use serde::Serialize;
use serde_json::Value;

use super::interceptor::Interceptor;
use super::node::{Attempt, Log, field};

/// The last line of `cargo xtask demo --json`.
#[derive(Debug, Serialize)]
pub(crate) struct Summary {
    /// Readings that `leak-detector` was handed, each once.
    delivered: u64,
    alarms: Vec<Alarm>,
    /// What was refused: attempts of `rogue` by the answer they got, and AEs that were not let in.
    denied: Vec<Denied>,
    /// What ended an instance.
    faults: Vec<Fault>,
    /// Attempts that were neither: none, if the node holds.
    survived: Vec<Attempt>,
    restarts: u64,
    allowed_calls: Vec<Calls>,
    denied_calls: Vec<Calls>,
    median_latency_us: u64,
    /// Of both nodes.
    enrolments: u64,
    /// That both nodes obtained.
    certificates: u64,
    /// Of both nodes.
    pseudonym_changes: u64,
    /// Messages from the link that a node refused, by cause.
    refused: BTreeMap<String, u64>,
    link: Link,
    audit_ok: bool,
    audits: Vec<Value>,
    #[serde(skip)]
    dir: String,
}

/// What went over the link, and what was added there.
#[derive(Debug, Serialize)]
struct Link {
    frames: u64,
    replayed: u64,
    changed: u64,
}

/// As `leak-detector` logged it.
#[derive(Debug, Serialize)]
struct Alarm {
    time: String,
    score: String,
}

/// Calls of one AE, answered alike.
#[derive(Debug, Serialize)]
struct Calls {
    ae: String,
    operation: String,
    effect: String,
    rule: Option<String>,
    count: u64,
}

#[derive(Debug, Serialize)]
struct Fault {
    ae: String,
    /// Of `rogue`: what it had attempted.
    attempt: Option<String>,
    kind: String,
    text: String,
}

/// A refusal.
#[derive(Debug, Serialize)]
struct Denied {
    ae: String,
    attempt: String,
    answer: String,
}

/// How many readings `leak-detector` was handed so far.
pub(crate) fn delivered_readings(report: &Value) -> u64 {
    let calls =
        calls(report).into_iter().filter(|call| call.ae == "leak-detector" && call.operation == "messaging.deliver");
    calls.filter(|call| call.effect == "allow" && is_flow_rule(call)).map(|call| call.count).sum()
}

/// Its capability file grants the flow first, so the rule with the most deliveries is not guessed: it is named there.
fn is_flow_rule(call: &Calls) -> bool {
    call.rule.as_deref().is_some_and(|rule| rule == flow_rule())
}

fn flow_rule() -> &'static str {
    use std::sync::OnceLock;
    static RULE: OnceLock<String> = OnceLock::new();
    RULE.get_or_init(|| {
        let text = std::fs::read_to_string(crate::root::root().join("policies/leak-detector.toml")).unwrap_or_default();
        let topic = text.lines().position(|line| line.starts_with("topic") && line.contains("/flow\"")).unwrap_or(0);
        let header = text.lines().take(topic).enumerate().filter(|(_, line)| line.starts_with("[[subscribe]]")).last();
        format!("policies/leak-detector.toml:{}", header.map_or(0, |(index, _)| index + 1))
    })
}

fn calls(report: &Value) -> Vec<Calls> {
    let of_ae = |ae: &Value| ae["calls"].as_array().cloned().unwrap_or_default();
    let all = aes(report).flat_map(|ae| of_ae(ae).into_iter().map(|call| (text(ae, "name"), call)));
    all.map(|(ae, call)| Calls {
        ae,
        operation: text(&call, "operation"),
        effect: text(&call, "effect"),
        rule: call["rule"].as_str().map(str::to_owned),
        count: call["count"].as_u64().unwrap_or(0),
    })
    .collect()
}

/// What an attempt is answered that breaks the contract of no call.
const ANSWERS: [&str; 7] = ["denied", "not-found", "invalid", "exhausted", "unavailable", "too-large", "refused"];
/// `wasi:logging` has no answer, so a flood of lines is refused without one: the audit counts it.
const FLOOD: &str = "log-flood";

impl Summary {
    /// `reports` of the meter's node and of the other, `log` of the other.
    pub(crate) fn new(
        reports: &[Value; 2],
        log: &Log,
        audits: [Value; 2],
        interceptor: &Interceptor,
        dir: &Path,
    ) -> Self {
        let [_, report] = reports;
        let (allowed_calls, denied_calls): (Vec<_>, Vec<_>) =
            calls(report).into_iter().partition(|call| call.effect == "allow");
        let (faulted, answered): (Vec<_>, Vec<_>) =
            log.attempts().into_iter().partition(|attempt| attempt.outcome.starts_with("fault: "));
        let flood_refused =
            denied_calls.iter().any(|call| call.operation == "logging.log" && call.effect == "exhausted");
        let is_refused =
            |attempt: &Attempt| ANSWERS.contains(&attempt.outcome.as_str()) || attempt.name == FLOOD && flood_refused;
        let (refused, survived): (Vec<_>, Vec<_>) = answered.into_iter().partition(is_refused);
        let detector = aes(report).find(|ae| ae["name"] == "leak-detector");
        Self {
            delivered: delivered_readings(report),
            alarms: alarms(log),
            denied: refused.into_iter().map(Denied::from).chain(not_let_in(report)).collect(),
            faults: faults(report, &faulted),
            survived,
            restarts: aes(report).filter_map(|ae| ae["restarts"].as_u64()).sum(),
            allowed_calls,
            denied_calls,
            median_latency_us: detector.and_then(|ae| ae["latency"]["median-us"].as_u64()).unwrap_or(0),
            enrolments: sum(reports, "enrolments"),
            certificates: sum(reports, "certificates"),
            pseudonym_changes: sum(reports, "pseudonym-changes"),
            refused: refused_messages(reports),
            link: Link {
                frames: interceptor.heard(),
                replayed: interceptor.replayed(),
                changed: interceptor.changed(),
            },
            audit_ok: audits.iter().all(|audit| audit["result"] == "holds"),
            audits: audits.to_vec(),
            dir: dir.display().to_string(),
        }
    }

    pub(crate) fn print(&self) {
        let mut out = anstream::stdout();
        let mut say = |line: String| drop(writeln!(out, "{line}"));
        say(format!("\n\x1b[1m{} readings delivered\x1b[0m, median {} µs", self.delivered, self.median_latency_us));
        say(format!(
            "{} enrolments, {} certificates, {} changes of pseudonym",
            self.enrolments, self.certificates, self.pseudonym_changes
        ));
        let Link { frames, replayed, changed } = self.link;
        say(format!(
            "{frames} frames over the link, {replayed} of them replayed and {changed} changed on the way; refused:"
        ));
        for (cause, count) in &self.refused {
            say(format!("  \x1b[31m{cause:<26}\x1b[0m {count}"));
        }
        say(format!("\n\x1b[1m{} alarms\x1b[0m", self.alarms.len()));
        for alarm in &self.alarms {
            say(format!("  \x1b[33m{}\x1b[0m  score {}", alarm.time, alarm.score));
        }
        say("\n\x1b[1mcalls\x1b[0m".into());
        for call in self.allowed_calls.iter().chain(&self.denied_calls) {
            let colour = if call.effect == "allow" { "32" } else { "31" };
            let rule = call.rule.as_deref().unwrap_or("no rule");
            say(format!(
                "  {:<14} \x1b[{colour}m{:<11}\x1b[0m {:<26} {:>7}  {rule}",
                call.ae, call.effect, call.operation, call.count
            ));
        }
        say(format!("\n\x1b[1m{} refusals\x1b[0m", self.denied.len()));
        for denied in &self.denied {
            say(format!("  {:<14} {:<26} \x1b[31m{}\x1b[0m", denied.ae, denied.attempt, denied.answer));
        }
        say(format!("\n\x1b[1m{} faults, {} restarts\x1b[0m", self.faults.len(), self.restarts));
        for fault in &self.faults {
            let attempt = fault.attempt.as_deref().unwrap_or("-");
            say(format!("  {:<14} {attempt:<26} \x1b[31m{}\x1b[0m: {}", fault.ae, fault.kind, fault.text));
        }
        for attempt in &self.survived {
            say(format!("  \x1b[1;31mgot through\x1b[0m: {} ({})", attempt.name, attempt.outcome));
        }
        let verdict = if self.audit_ok { "\x1b[32mholds\x1b[0m" } else { "\x1b[31mis broken\x1b[0m" };
        let lines: u64 = self.audits.iter().filter_map(|audit| audit["lines"].as_u64()).sum();
        say(format!("\naudit {verdict}: {lines} lines of two nodes"));
        say(format!("in {}/control `m2m-host audit show --denied` says more", self.dir));
    }
}

/// The detector's own words: `alarm time=… score=…`.
fn alarms(log: &Log) -> Vec<Alarm> {
    let lines = log.of("leak-detector").filter(|message| message.starts_with("alarm "));
    let word = |message: &str, key| field(message, key).unwrap_or_default().to_owned();
    lines.map(|message| Alarm { time: word(message, "time"), score: word(message, "score") }).collect()
}

/// The faults of `rogue` are in the order of its attempts.
fn faults(report: &Value, attempts: &[Attempt]) -> Vec<Fault> {
    let mut attempts = attempts.iter();
    let of_ae = |ae: &Value| ae["faults"].as_array().cloned().unwrap_or_default();
    let all = aes(report).flat_map(|ae| of_ae(ae).into_iter().map(|fault| (text(ae, "name"), fault)));
    all.map(|(ae, fault)| {
        let attempt = if ae == "rogue" { attempts.next().map(|attempt| attempt.name.clone()) } else { None };
        Fault { attempt, kind: text(&fault, "kind"), text: text(&fault, "text"), ae }
    })
    .collect()
}

fn sum(reports: &[Value], counter: &str) -> u64 {
    reports.iter().filter_map(|report| report["trust"][counter].as_u64()).sum()
}

fn refused_messages(reports: &[Value]) -> BTreeMap<String, u64> {
    let mut refused = BTreeMap::new();
    for (cause, count) in reports.iter().filter_map(|report| report["trust"]["refused"].as_object()).flatten() {
        *refused.entry(cause.clone()).or_default() += count.as_u64().unwrap_or(0);
    }
    refused
}

fn not_let_in(report: &Value) -> impl Iterator<Item = Denied> {
    aes(report).filter(|ae| ae["life"] == "refused").map(|ae| Denied {
        ae: text(ae, "name"),
        attempt: "to be let in".to_owned(),
        answer: text(ae, "refused"),
    })
}

impl From<Attempt> for Denied {
    fn from(attempt: Attempt) -> Self {
        let answer = if attempt.name == FLOOD { "exhausted".to_owned() } else { attempt.outcome };
        Self { ae: "rogue".to_owned(), attempt: attempt.name, answer }
    }
}

fn aes(report: &Value) -> impl Iterator<Item = &Value> {
    report["aes"].as_array().into_iter().flatten()
}

fn text(value: &Value, key: &str) -> String {
    value[key].as_str().unwrap_or_default().to_owned()
}
