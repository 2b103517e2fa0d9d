//! One AE of a test's node: its component, its capability file and its entry in `node.toml`.

use std::fmt::Write;

use crate::guest;

/// What hostile guests get, so that they fail within a test's time.
const LIMITS: &str = "memory = \"4 MiB\"\ncpu-per-message = \"100 ms\"\ncpu-share = \"100 %\"\nmax-attempts = 1\n\
                      restarts = { max = 2, within = \"10 min\" }\n";

/// An AE, by default with the rights to be driven by `$timer/go` and to log.
#[derive(Debug, Clone)]
pub struct Ae {
    pub(crate) name: String,
    pub(crate) component: Vec<u8>,
    limits: String,
    logging: String,
    grants: String,
    whole_policy: Option<String>,
    entry: String,
}

impl Ae {
    /// The guest of this name, under this name.
    pub fn guest(name: &str) -> Self {
        Self::of(name, guest(name))
    }

    /// Any component under any name.
    pub fn of(name: &str, component: &[u8]) -> Self {
        Self {
            name: name.to_owned(),
            component: component.to_vec(),
            limits: LIMITS.to_owned(),
            logging: "[logging]\nreason = \"tells what it was answered\"\n".to_owned(),
            grants: String::new(),
            whole_policy: None,
            entry: String::new(),
        }
    }

    /// Other lines under `[limits]`.
    pub fn limits(mut self, lines: &str) -> Self {
        lines.clone_into(&mut self.limits);
        self
    }

    /// Another section `[logging]`; an empty one for none.
    pub fn logging(mut self, section: &str) -> Self {
        section.clone_into(&mut self.logging);
        self
    }

    /// More sections of its capability file. Grants need a `reason`.
    pub fn grants(mut self, sections: &str) -> Self {
        self.grants.push_str(sections);
        self.grants.push('\n');
        self
    }

    /// A capability file of the test's own.
    pub fn policy(mut self, text: &str) -> Self {
        self.whole_policy = Some(text.to_owned());
        self
    }

    /// A beat of `$timer/go`.
    pub fn go(self, every: &str) -> Self {
        self.entry(&format!("timers = [{{ topic = \"$timer/go\", every = \"{every}\" }}]"))
    }

    /// A line more in its entry of `node.toml`.
    pub fn entry(mut self, line: &str) -> Self {
        self.entry.push_str(line);
        self.entry.push('\n');
        self
    }

    /// The place of the rule that begins with `header` and holds `line`, as refusals name it.
    pub fn rule(&self, header: &str, line: &str) -> String {
        let text = self.policy_text();
        let lines: Vec<&str> = text.lines().collect();
        let held = lines.iter().position(|other| other.trim() == line).expect("the line of the rule");
        let at = lines.iter().take(held + 1).rposition(|other| other.trim() == header).expect("the header of the rule");
        format!("{}:{}", self.policy_file(), at + 1)
    }

    pub(crate) fn policy_file(&self) -> String {
        format!("policies/{}.toml", self.name)
    }

    pub(crate) fn component_file(&self) -> String {
        format!("components/{}.wasm", self.name)
    }

    pub(crate) fn policy_text(&self) -> String {
        if let Some(text) = &self.whole_policy {
            return text.clone();
        }
        let mut text = format!("ae = \"{}\"\n\n[limits]\n{}\n{}\n", self.name, self.limits, self.logging);
        text.push_str("[[subscribe]]\ntopic = \"$timer/go\"\nfrom = [\"system\"]\nreason = \"drives it\"\n\n");
        text.push_str(&self.grants);
        text
    }

    pub(crate) fn entry_text(&self) -> String {
        let mut text = format!("\n[[ae]]\nname = \"{}\"\n", self.name);
        let _ = writeln!(text, "component = \"{}\"\npolicy = \"{}\"", self.component_file(), self.policy_file());
        text.push_str(&self.entry);
        text
    }
}
