//! The capability file that a new AE starts from.

/// A commented capability file for an AE of this name. It grants little, and parses as it stands when `ae` is a name
/// (a-z, 0-9, `-`, `_`, `.`).
///
/// ```
/// use m2m_policy::{Policy, template};
///
/// let policy = Policy::parse("meter.toml", &template("meter"))?;
/// assert_eq!(policy.ae(), Some("meter"));
/// assert_eq!(policy.rules().len(), 4);
/// # Ok::<(), m2m_policy::PolicyError>(())
/// ```
pub fn template(ae: &str) -> String {
    TEMPLATE.replace("AE-NAME", ae)
}

const TEMPLATE: &str = r#"# What this AE may do. Whatever is not granted here is denied, and every grant says what it is for.
ae = "AE-NAME"
# Ties the rights to one component; `sha256sum` of the .wasm file gives the digits.
# component = { digest = "sha256:…" }

# What it may use up. The values shown are those that hold without this section.
[limits]
memory = "8 MiB"
cpu-per-message = "50 ms"       # past it the instance ends
cpu-share = "5 %"               # of one core; past it the AE waits
mailbox = 256
restarts = { max = 5, within = "10 min" }

# Keys, by alias. They stay in the Secure Environment; the AE has handles.
[keys.identity]
algorithm = "ed25519"
allow = ["generate", "sign", "public-key"]
rate = "20/s"
reason = "signs what the AE publishes"

# Topics it may publish to. `+` stands for one level, a last `#` for the rest.
[[publish]]
topic = "AE-NAME/reading"
max-size = "4 KiB"
rate = "10/s"
# protection = "signed"         # leaves the node, readable by all; "confidential": for one peer. Without: stays here
# service = "AE-NAME/report"    # then: the right that it leaves under
reason = "what the AE has to say"

# Topics it may subscribe to, and from whom: `ae:NAME`, `ae:*`, `system` for the node itself, or `service:SERVICE/OPERATION`
# for another node with this right in its certificate.
[[subscribe]]
topic = "AE-NAME/command"
from = ["ae:controller"]
reply = true                    # may answer requests
reason = "what the AE is told"

[logging]
level = "info"
rate = "10/s"
reason = "progress and problems"

# Tests run at every load: a file that does not grant what they expect is refused.
[[test]]
call = "messaging.publish"
topic = "AE-NAME/reading"
expect = "allow"

[[test]]
call = "messaging.publish"
topic = "AE-NAME/command"
expect = "deny"

[[test]]
call = "keys.destroy"
alias = "identity"
expect = "deny"
"#;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Policy;

    #[test]
    fn it_parses_for_every_name_and_warns_of_the_component_alone() {
        for name in ["meter", "a.b_c-9", "7", &"a".repeat(64)] {
            let policy = Policy::parse("new.toml", &template(name)).unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(policy.warnings().len(), 1, "{name}");
        }
        assert!(Policy::parse("new.toml", &template("No Name")).is_err());
    }

    /// What the template shows as the limits without a section are those.
    #[test]
    fn it_shows_the_default_limits() {
        let policy = Policy::parse("new.toml", &template("meter")).unwrap();
        assert_eq!(*policy.limits(), crate::Limits::default());
    }
}
