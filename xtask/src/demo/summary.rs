//! What happened: the same numbers for people and, as one object, for programs.

use std::io::Write;
use std::path::Path;

use serde::Serialize;
use serde_json::Value;

use super::node::{Attempt, Log, field};

/// The last line of `cargo xtask demo --json`.
#[derive(Debug, Serialize)]
pub(crate) struct Summary {
    /// Readings that `leak-detector` was handed, each once.
    delivered: u64,
    alarms: Vec<Alarm>,
    denied: Vec<Calls>,
    allowed: Vec<Calls>,
    faults: Vec<Fault>,
    refused_to_start: Vec<Refused>,
    restarts: u64,
    attempts: Vec<Attempt>,
    median_latency_us: u64,
    audit_ok: bool,
    audit: Value,
    #[serde(skip)]
    dir: String,
}

/// As `leak-detector` logged it.
#[derive(Debug, Serialize)]
struct Alarm {
    time: String,
    kind: String,
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
    kind: String,
    text: String,
}

#[derive(Debug, Serialize)]
struct Refused {
    ae: String,
    why: String,
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
    let text = |value: &Value, key: &str| value[key].as_str().unwrap_or_default().to_owned();
    let aes = report["aes"].as_array().into_iter().flatten();
    aes.flat_map(|ae| {
        ae["calls"].as_array().into_iter().flatten().map(move |call| Calls {
            ae: text(ae, "name"),
            operation: text(call, "operation"),
            effect: text(call, "effect"),
            rule: call["rule"].as_str().map(str::to_owned),
            count: call["count"].as_u64().unwrap_or(0),
        })
    })
    .collect()
}

impl Summary {
    pub(crate) fn new(report: &Value, log: &Log, audit: &Value, dir: &Path) -> Self {
        let text = |value: &Value, key: &str| value[key].as_str().unwrap_or_default().to_owned();
        let aes = || report["aes"].as_array().into_iter().flatten();
        let (allowed, denied) = calls(report).into_iter().partition(|call| call.effect == "allow");
        let faults = aes().flat_map(|ae| {
            let faults = ae["faults"].as_array().into_iter().flatten();
            faults.map(move |fault| Fault {
                ae: text(ae, "name"),
                kind: text(fault, "kind"),
                text: text(fault, "text"),
            })
        });
        let detector = aes().find(|ae| ae["name"] == "leak-detector");
        Self {
            delivered: delivered_readings(report),
            alarms: alarms(log),
            denied,
            allowed,
            faults: faults.collect(),
            refused_to_start: aes()
                .filter(|ae| ae["life"] == "refused")
                .map(|ae| Refused { ae: text(ae, "name"), why: text(ae, "refused") })
                .collect(),
            restarts: aes().filter_map(|ae| ae["restarts"].as_u64()).sum(),
            attempts: log.attempts(),
            median_latency_us: detector.and_then(|ae| ae["latency"]["median-us"].as_u64()).unwrap_or(0),
            audit_ok: audit["result"] == "holds",
            audit: audit.clone(),
            dir: dir.display().to_string(),
        }
    }

    pub(crate) fn print(&self) {
        let mut out = anstream::stdout();
        let mut say = |line: String| drop(writeln!(out, "{line}"));
        say(format!("\n\x1b[1m{} readings delivered\x1b[0m, median {} µs", self.delivered, self.median_latency_us));
        say(format!("\n\x1b[1m{} alarms\x1b[0m", self.alarms.len()));
        for alarm in &self.alarms {
            say(format!("  \x1b[33m{}\x1b[0m  {} (score {})", alarm.time, alarm.kind, alarm.score));
        }
        say("\n\x1b[1mcalls\x1b[0m".into());
        for call in self.allowed.iter().chain(&self.denied) {
            let colour = if call.effect == "allow" { "32" } else { "31" };
            let rule = call.rule.as_deref().unwrap_or("no rule");
            say(format!(
                "  {:<14} \x1b[{colour}m{:<11}\x1b[0m {:<26} {:>7}  {rule}",
                call.ae, call.effect, call.operation, call.count
            ));
        }
        say(format!("\n\x1b[1m{} faults, {} restarts\x1b[0m", self.faults.len(), self.restarts));
        for fault in &self.faults {
            say(format!("  {:<14} \x1b[31m{}\x1b[0m: {}", fault.ae, fault.kind, fault.text));
        }
        for refused in &self.refused_to_start {
            say(format!("  {:<14} \x1b[31mnot let in\x1b[0m: {}", refused.ae, refused.why));
        }
        say(format!("\n\x1b[1m{} attempts of `rogue`\x1b[0m", self.attempts.len()));
        for attempt in &self.attempts {
            say(format!("  {:<28} {}", attempt.name, attempt.outcome));
        }
        let verdict = if self.audit_ok { "\x1b[32mholds\x1b[0m" } else { "\x1b[31mis broken\x1b[0m" };
        say(format!("\naudit {verdict}: {} lines", self.audit["lines"]));
        say(format!("the node's folder is {}: `m2m-host audit show --denied` there says more", self.dir));
    }
}

/// The meter's words, the detector's judgement: `alarm time=… kind=… score=…`.
fn alarms(log: &Log) -> Vec<Alarm> {
    let lines = log.of("leak-detector").filter(|message| message.starts_with("alarm "));
    let word = |message: &str, key| field(message, key).unwrap_or_default().to_owned();
    lines
        .map(|message| Alarm {
            time: word(message, "time"),
            kind: word(message, "kind"),
            score: word(message, "score"),
        })
        .collect()
}
